//! Whose work a train carries: Git authors, committers and co-authors of everything from → to of all cars, who opened
//! the pull requests, and who started the builds. None of them may approve it. An address can be made up, so a name
//! that is matched to nobody makes the train wait until a person says who it is.

use std::collections::{BTreeMap, BTreeSet};

use super::people::People;
use crate::db::Db;
use crate::git::Commit;
use crate::policy::Environment;
use crate::pull_request;
use crate::train::{Car, History};

/// More than this between what runs and what comes is not looked through.
const COMMITS: usize = 5_000;

/// The committer of merges made on the forge's page: no person, and the author stands beside it.
const FORGES_OWN: &[&str] = &["noreply@github.com"];

/// Whose work it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors {
    /// Ids of people, with every account of theirs.
    pub people: BTreeSet<String>,
    /// Ids of people who said who one of the authors is.
    pub told_by: BTreeSet<String>,
    /// Identities matched to nobody, with the name in the commit.
    pub unmatched: Vec<(String, String)>,
    /// Why it cannot be told.
    pub unknown: Option<String>,
}

/// Identities (`email:…`, `github:…`) and the names they come with.
pub type Identities = BTreeMap<String, String>;

/// Finds the authors of everything these cars bring to an environment.
///
/// # Errors
/// The database does not answer.
pub async fn authors(
    db: &Db,
    history: &dyn History,
    people: &People,
    environment: &Environment,
    cars: &[Car],
) -> anyhow::Result<Authors> {
    let mut identities = Identities::new();
    let mut unknown = None;
    for car in cars {
        match of_car(db, history, environment, car).await? {
            Ok(found) => identities.extend(found),
            Err(why) => unknown = Some(why),
        }
    }
    Ok(matched(people, identities, unknown))
}

/// Puts people to identities.
pub fn matched(people: &People, identities: Identities, unknown: Option<String>) -> Authors {
    let mut authors = Authors {
        unknown,
        ..Authors::default()
    };
    for (identity, name) in identities {
        // GitHub's private addresses name the login: a person may be known by either.
        let login = login_of(&identity);
        let mut known = false;
        for called in login.iter().chain([&identity]) {
            for person in people.by_identity.get(called).into_iter().flatten() {
                known = true;
                authors.people.extend(people.accounts(person));
            }
            for person in people.told_by.get(called).into_iter().flatten() {
                authors.told_by.extend(people.accounts(person));
            }
        }
        if !known {
            authors.unmatched.push((identity, name));
        }
    }
    authors
}

/// `email:123+ada@users.noreply.github.com` is `github:ada`.
fn login_of(identity: &str) -> Option<String> {
    let local = identity
        .strip_prefix("email:")?
        .strip_suffix("@users.noreply.github.com")?;
    let login = local.split_once('+').map_or(local, |(_, login)| login);
    Some(format!("github:{login}"))
}

async fn of_car(
    db: &Db,
    history: &dyn History,
    environment: &Environment,
    car: &Car,
) -> anyhow::Result<Result<Identities, String>> {
    let repository: Option<Option<String>> = sqlx::query_scalar(
        "SELECT service.repository FROM slot JOIN service ON service.id = slot.service_id WHERE slot.id = $1",
    )
    .bind(&car.slot_id)
    .fetch_optional(db.read())
    .await?;
    let (Some(repository), Some(commit)) = (repository.flatten(), &car.commit) else {
        return Ok(Err(
            "the repository or the commit of an image is not known".to_owned()
        ));
    };
    let from = from(db, car).await?;
    let between = history
        .commits_between(&repository, from.as_deref(), commit, COMMITS + 1)
        .await;
    let between = match between {
        Ok(between) => between,
        Err(cause) => return Ok(Err(format!("the mirror of {repository} cannot be read: {cause}"))),
    };
    let Some(commits) = between else {
        return Ok(Err(format!(
            "the mirror of {repository} does not have {} or what runs now",
            commit.chars().take(7).collect::<String>()
        )));
    };
    if commits.len() > COMMITS {
        return Ok(Err(match from {
            Some(_) => format!(
                "there are more than {COMMITS} commits between what runs and what comes in {repository}"
            ),
            None => format!(
                "{repository} has more than {COMMITS} commits, and the commit of what runs is not known; a tag or label of that image that names it would tell"
            ),
        }));
    }
    let mut identities = of_commits(&commits);
    let proposed = pull_request::authors(db, &repository, &commits, environment).await?;
    let built = builders(db, &repository, &commits).await?;
    // By the forge's word, which cannot be made up.
    for login in proposed.into_iter().chain(built).filter(|login| !is_bot(login)) {
        identities.insert(format!("github:{}", login.to_lowercase()), login);
    }
    Ok(Ok(identities))
}

/// The commit that ran when the car was sealed; where that is not known, the last one that was deployed there well:
/// the authors before it had their approvals then.
async fn from(db: &Db, car: &Car) -> sqlx::Result<Option<String>> {
    let ran: Option<Option<String>> =
        sqlx::query_scalar("SELECT MAX(commit_id) FROM image WHERE digest = $1")
            .bind(&car.from_digest)
            .fetch_optional(db.read())
            .await?;
    if let Some(commit) = ran.flatten() {
        return Ok(Some(commit));
    }
    sqlx::query_scalar(
        "SELECT commit_id FROM deployment
         WHERE slot_id = $1 AND state = 'succeeded' AND commit_id IS NOT NULL AND (car_id IS NULL OR car_id <> $2)
         ORDER BY ended_at DESC LIMIT 1",
    )
    .bind(&car.slot_id)
    .bind(&car.id)
    .fetch_optional(db.read())
    .await
}

/// Whoever started a build of one of the commits.
async fn builders(db: &Db, repository: &str, commits: &[Commit]) -> sqlx::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for eight in commits.chunks(8) {
        let mut query = sqlx::query_scalar(
            "SELECT DISTINCT build.actor_login FROM build JOIN repository ON repository.id = build.repository_id
             WHERE repository.name = $1 AND build.counts = 1 AND build.actor_login IS NOT NULL
               AND build.commit_id IN ($2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(repository);
        for place in 0..8 {
            query = query.bind(eight.get(place).map(|commit| commit.id.as_str()));
        }
        let logins: Vec<String> = query.fetch_all(db.read()).await?;
        found.extend(logins);
    }
    Ok(found)
}

/// The people named in commits.
pub fn of_commits(commits: &[Commit]) -> Identities {
    let mut identities = Identities::new();
    for commit in commits {
        let mut add = |name: &str, email: &str| {
            // Machines' addresses too: anybody can write one into a commit.
            let email = email.trim().to_lowercase();
            identities.insert(format!("email:{email}"), name.to_owned());
        };
        add(&commit.author_name, &commit.author_email);
        if !FORGES_OWN.contains(&commit.committer_email.as_str()) {
            add(&commit.committer_name, &commit.committer_email);
        }
        for (name, email) in &commit.co_authors {
            add(name, email);
        }
    }
    identities
}

/// Logins of machines, as the forge tells them: nobody logs in with them, so they approve nothing.
fn is_bot(login: &str) -> bool {
    login.ends_with("[bot]") || login == "web-flow"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(author: &str, committer: &str, co_authors: &[&str]) -> Commit {
        Commit {
            id: "c".to_owned(),
            parents: Vec::new(),
            author_name: author.to_owned(),
            author_email: format!("{author}@acme.example"),
            committer_name: committer.to_owned(),
            committer_email: if committer == "GitHub" {
                "noreply@github.com".to_owned()
            } else {
                format!("{committer}@acme.example")
            },
            co_authors: co_authors
                .iter()
                .map(|name| ((*name).to_owned(), format!("{name}@ACME.example")))
                .collect(),
            subject: String::new(),
            committed_at: 0,
        }
    }

    #[test]
    fn authors_committers_and_co_authors_are_named_but_not_the_forge() {
        let found = of_commits(&[
            commit("ada", "GitHub", &["lin"]),
            commit("sam", "kim", &[]),
            commit("dependabot", "GitHub", &[]),
        ]);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            [
                "email:ada@acme.example",
                "email:dependabot@acme.example",
                "email:kim@acme.example",
                "email:lin@acme.example",
                "email:sam@acme.example"
            ]
        );
    }

    #[test]
    fn a_private_address_is_matched_by_its_login() {
        let mut people = People::default();
        people
            .by_identity
            .insert("github:ada".to_owned(), BTreeSet::from(["usr_ada".to_owned()]));
        let identities = Identities::from([
            (
                "email:12+ada@users.noreply.github.com".to_owned(),
                "Ada".to_owned(),
            ),
            ("email:who@acme.example".to_owned(), "Who".to_owned()),
        ]);
        let authors = matched(&people, identities, None);
        assert_eq!(authors.people, BTreeSet::from(["usr_ada".to_owned()]));
        assert_eq!(authors.unmatched.len(), 1);
    }
}
