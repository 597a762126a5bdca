//! Who there is: everybody who has logged in, with the roles of this moment and the commit identities they are known
//! by.

use std::collections::{BTreeMap, BTreeSet};

use app::account::Actor;

use crate::db::Db;
use crate::policy::Policy;

/// Everybody, and who is behind which commit identity.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Everybody who has logged in, with today's roles.
    pub known: Vec<Actor>,
    /// Ids of people by identity (`email:…`, `github:…`), lower case: by verified address, and by a person's word.
    pub by_identity: BTreeMap<String, BTreeSet<String>>,
    /// Whose word it rests on, by identity, where no verified address says it as well.
    pub told_by: BTreeMap<String, BTreeSet<String>>,
    /// Accounts with the same verified address, by account, where there are several: one human at two providers.
    same: BTreeMap<String, BTreeSet<String>>,
}

impl People {
    /// Reads them.
    ///
    /// # Errors
    /// The database does not answer, or a row makes no sense.
    pub async fn load(db: &Db, policy: &Policy) -> anyhow::Result<Self> {
        type Row = (String, String, Option<String>, i64, String);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, name, email, email_verified, groups_json FROM person ORDER BY name, id",
        )
        .fetch_all(db.read())
        .await?;
        let by_hand: Vec<(String, String, Option<String>, Option<String>)> =
            sqlx::query_as("SELECT who, role, environment, team FROM person_grant ORDER BY granted_at, id")
                .fetch_all(db.read())
                .await?;
        let mapped: Vec<(String, String, String)> =
            sqlx::query_as("SELECT identity, person_id, mapped_by FROM person_identity")
                .fetch_all(db.read())
                .await?;
        let mut people = Self::default();
        for (id, name, email, verified, groups) in rows {
            let email = email.filter(|_| verified == 1).map(|email| email.to_lowercase());
            let groups: Vec<String> = serde_json::from_str(&groups)?;
            let mut grants = policy.grants(&groups);
            for (who, role, environment, team) in &by_hand {
                if *who == id || email.as_deref() == Some(who.as_str()) {
                    let role = role.parse().map_err(anyhow::Error::msg)?;
                    grants.push(app::account::Grant {
                        role,
                        environment: environment.clone(),
                        team: team.clone(),
                    });
                }
            }
            if let Some(email) = &email {
                people.knows(format!("email:{email}"), &id);
            }
            people.known.push(Actor {
                id,
                name,
                grants,
                session: None,
            });
        }
        people.same = people
            .by_identity
            .values()
            .filter(|accounts| accounts.len() > 1)
            .flat_map(|accounts| accounts.iter().map(|one| (one.clone(), accounts.clone())))
            .collect();
        let verified: BTreeSet<String> = people.by_identity.keys().cloned().collect();
        // A person's word adds to what an address says; it never takes its place.
        for (identity, person, by) in mapped {
            let identity = identity.to_lowercase();
            if !verified.contains(&identity) {
                people.told_by.entry(identity.clone()).or_default().insert(by);
            }
            people.knows(identity, &person);
        }
        Ok(people)
    }

    /// Every account of the human behind an account.
    pub fn accounts(&self, id: &str) -> BTreeSet<String> {
        self.same
            .get(id)
            .cloned()
            .unwrap_or_else(|| BTreeSet::from([id.to_owned()]))
    }

    fn knows(&mut self, identity: String, person: &str) {
        self.by_identity
            .entry(identity)
            .or_default()
            .insert(person.to_owned());
    }
}
