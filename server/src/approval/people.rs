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
    /// Ids of people by identity (`email:…`, `github:…`), lower case.
    pub by_identity: BTreeMap<String, BTreeSet<String>>,
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
        let by_hand: Vec<(String, String, Option<String>)> =
            sqlx::query_as("SELECT who, role, environment FROM person_grant ORDER BY granted_at, id")
                .fetch_all(db.read())
                .await?;
        let mapped: Vec<(String, String)> = sqlx::query_as("SELECT identity, person_id FROM person_identity")
            .fetch_all(db.read())
            .await?;
        let mut people = Self::default();
        for (id, name, email, verified, groups) in rows {
            let email = email.filter(|_| verified == 1).map(|email| email.to_lowercase());
            let groups: Vec<String> = serde_json::from_str(&groups)?;
            let mut grants = policy.grants(&groups);
            for (who, role, environment) in &by_hand {
                if *who == id || email.as_deref() == Some(who.as_str()) {
                    let role = role.parse().map_err(anyhow::Error::msg)?;
                    grants.push(app::account::Grant {
                        role,
                        environment: environment.clone(),
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
        // A person's word comes before what an address says.
        for (identity, person) in mapped {
            let identity = identity.to_lowercase();
            people.by_identity.insert(identity.clone(), BTreeSet::new());
            people.knows(identity, &person);
        }
        Ok(people)
    }

    fn knows(&mut self, identity: String, person: &str) {
        self.by_identity
            .entry(identity)
            .or_default()
            .insert(person.to_owned());
    }
}
