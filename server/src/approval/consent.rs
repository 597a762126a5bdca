//! Counting consent: which approvals of a sealed train count now, and who else could give one. [`Consent::of`] is pure,
//! [`consent`] reads what it counts from.

use std::collections::BTreeSet;

use app::account::{Actor, Permission};
use app::text::Millis;

use super::authors::{Authors, authors};
use super::people::People;
use super::store::{Approval, of_train};
use crate::auth::{self, Place};
use crate::db::Db;
use crate::policy::Environment;
use crate::train::{Car, History, Sealed};

/// What is known of a sealed train's consent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consent {
    /// People whose approval counts: id and name.
    pub counted: Vec<(String, String)>,
    /// Who rejected it and why.
    pub rejected: Option<(String, String)>,
    /// Whose work it is.
    pub authors: Authors,
    /// Who sealed or edited it: ids, with every account of theirs.
    pub editors: BTreeSet<String>,
    /// Ids of those whose approval counts, with every account of theirs.
    pub agreed: BTreeSet<String>,
    /// Who could approve now: id and name.
    pub may: Vec<(String, String)>,
    /// Approvals that do not count, by id, and why.
    pub idle: Vec<(String, String)>,
    /// When the first approval that stands runs out.
    pub expires_at: Option<Millis>,
    /// The team that owns every service on it; `None` where there is more than one.
    pub team: Option<String>,
}

/// A sealed train, and the policy and time by which its consent is counted.
pub struct Asked<'a> {
    /// `trn_…`
    pub train: &'a str,
    /// Its cars.
    pub cars: &'a [Car],
    /// What was sealed.
    pub sealed: &'a Sealed,
    /// What policy says of its line.
    pub environment: &'a Environment,
    /// That policy's revision.
    pub policy_revision: i64,
    /// Approvals that run out until then do not count.
    pub now: Millis,
}

/// Consent to a sealed train.
///
/// # Errors
/// The database does not answer.
pub async fn consent(
    db: &Db,
    history: &dyn History,
    people: &People,
    asked: Asked<'_>,
) -> anyhow::Result<Consent> {
    let editors: Vec<String> = sqlx::query_scalar("SELECT person_id FROM train_editor WHERE train_id = $1")
        .bind(asked.train)
        .fetch_all(db.read())
        .await?;
    let sealed_by = (asked.sealed.by != "system").then(|| asked.sealed.by.clone());
    Ok(Consent::of(Inputs {
        environment: asked.environment,
        team: crate::train::team(db, asked.train).await?,
        policy_revision: asked.policy_revision,
        sealed: asked.sealed,
        people,
        editors: editors.into_iter().chain(sealed_by).collect(),
        authors: authors(db, history, people, asked.environment, asked.cars).await?,
        approvals: &of_train(db.read(), asked.train).await?,
        now: asked.now,
    }))
}

/// What consent is counted from.
pub struct Inputs<'a> {
    /// What policy says.
    pub environment: &'a Environment,
    /// The team that owns every service on the train.
    pub team: Option<String>,
    /// The newest policy revision.
    pub policy_revision: i64,
    /// What was sealed.
    pub sealed: &'a Sealed,
    /// Everybody.
    pub people: &'a People,
    /// Who sealed or edited it.
    pub editors: BTreeSet<String>,
    /// Whose work it is.
    pub authors: Authors,
    /// What was said.
    pub approvals: &'a [Approval],
    /// Now.
    pub now: Millis,
}

impl Consent {
    /// Counts.
    pub fn of(inputs: Inputs<'_>) -> Self {
        let mut consent = Self {
            authors: inputs.authors,
            team: inputs.team,
            editors: inputs
                .editors
                .iter()
                .flat_map(|editor| inputs.people.accounts(editor))
                .collect(),
            ..Self::default()
        };
        let environment = inputs.environment;
        let standing: Vec<&Approval> = inputs
            .approvals
            .iter()
            .filter(|one| one.void_at.is_none() && one.manifest_sha256 == inputs.sealed.sha256)
            .collect();
        consent.rejected = standing.iter().find(|one| one.approved == 0).map(|one| {
            (
                one.person.clone(),
                one.comment
                    .clone()
                    .unwrap_or_else(|| "no reason given".to_owned()),
            )
        });
        consent.expires_at = standing
            .iter()
            .filter(|one| one.approved != 0)
            .map(|one| one.expires_at)
            .min();
        let mut said = BTreeSet::new();
        let known = &inputs.people.known;
        for one in standing.iter().rev().filter(|one| one.approved != 0) {
            let person = known.iter().find(|person| person.id == one.person_id);
            let objection = if one.policy_revision != inputs.policy_revision {
                Some("the policy was changed since".to_owned())
            } else if one.expires_at <= inputs.now {
                Some("it has expired".to_owned())
            } else {
                match person {
                    None => Some("the person is not known any more".to_owned()),
                    Some(person) => consent.objection(environment, person),
                }
            };
            match objection {
                Some(why) => consent.idle.push((one.id.clone(), why)),
                None if !said.insert(one.person_id.clone()) => {}
                None if consent.agreed.contains(&one.person_id) => {
                    let why = "the same person approved it with another account".to_owned();
                    consent.idle.push((one.id.clone(), why));
                }
                None => {
                    consent.counted.push((one.person_id.clone(), one.person.clone()));
                    consent.agreed.extend(inputs.people.accounts(&one.person_id));
                }
            }
        }
        consent.may = known
            .iter()
            .filter(|person| {
                !consent.agreed.contains(&person.id) && consent.objection(environment, person).is_none()
            })
            .map(|person| (person.id.clone(), person.name.clone()))
            .collect();
        consent
    }

    /// Why somebody may not approve this train; `None` where they may.
    pub fn objection(&self, environment: &Environment, person: &Actor) -> Option<String> {
        if let Err(refusal) = role(environment, self.team.as_deref(), person) {
            return Some(refusal);
        }
        if self.authors.people.contains(&person.id) {
            return Some(
                "You wrote, committed or built part of what this train carries, or opened its pull request."
                    .to_owned(),
            );
        }
        if self.editors.contains(&person.id) {
            return Some("You sealed or changed this train.".to_owned());
        }
        if self.authors.told_by.contains(&person.id) {
            return Some("You said who one of its authors is, so it takes somebody else.".to_owned());
        }
        None
    }

    /// Whether an approval that stands has run out.
    pub fn expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// "Lin, Sam"
    pub fn names(&self) -> String {
        names(&self.counted)
    }

    /// "Lin, Sam or Kim"
    pub fn may_names(&self) -> String {
        names(&self.may)
    }
}

fn names(people: &[(String, String)]) -> String {
    people
        .iter()
        .map(|(_, name)| name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Refuses somebody whose roles do not let them approve in an environment what is `team`'s: the right, and one of
/// policy's roles.
///
/// # Errors
/// Who may instead.
pub fn role(environment: &Environment, team: Option<&str>, person: &Actor) -> Result<(), String> {
    if !person.id.starts_with("usr_") {
        return Err("Only a person can approve.".to_owned());
    }
    let place = Place::In {
        environment: &environment.name,
        protected: environment.protected,
        team,
    };
    auth::require(person, Permission::Approve, place).map_err(|refusal| refusal.to_string())?;
    let roles = &environment.approvals.roles;
    let holds = person
        .grants
        .iter()
        .any(|grant| roles.contains(&grant.role) && auth::holds(grant, place));
    if roles.is_empty() || holds {
        Ok(())
    } else {
        Err(format!(
            "Policy asks for {} here, and you are not one.",
            environment.approvals.who()
        ))
    }
}
