//! What pages ask about people.

use std::sync::Arc;

use app::account::{
    AccountPort, Actor, Grant, LoginProvider, Me, People, Permission, SessionView, UnmatchedAuthor,
};
use app::error::ApiError;
use app::text::Millis;
use async_trait::async_trait;

use crate::audit::Entry;
use crate::auth::login::Logins;
use crate::auth::{Place, may, may_somewhere, require, require_view};
use crate::db::Db;
use crate::error::OrInternal;
use crate::git::Mirrors;
use crate::http::IDLE_MILLIS;

/// The port.
pub struct Accounts {
    /// The database.
    pub db: Db,
    /// Ways to log in.
    pub logins: Arc<Logins>,
    /// For authors of commits.
    pub mirrors: Mirrors,
    /// In the demo: the demo forge's page.
    pub demo_forge: Option<String>,
}

#[async_trait]
impl AccountPort for Accounts {
    async fn me(&self, actor: &Actor) -> Result<Me, ApiError> {
        let email: Option<Option<String>> = sqlx::query_scalar("SELECT email FROM person WHERE id = $1")
            .bind(&actor.id)
            .fetch_optional(self.db.read())
            .await
            .or_internal()?;
        let waiting = crate::approval::waiting_for(&self.db, &self.mirrors, actor)
            .await
            .or_internal()?;
        Ok(Me {
            actor: actor.clone(),
            email: email.flatten(),
            rights: rights(actor),
            waiting,
            demo_forge: self.demo_forge.clone(),
        })
    }

    async fn providers(&self) -> Result<Vec<LoginProvider>, ApiError> {
        Ok(self.logins.offered().await)
    }

    async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionView>, ApiError> {
        let now = self.db.now();
        let rows: Vec<(String, String, Millis, Millis, Millis)> = sqlx::query_as(
            "SELECT public_id, browser, created_at, seen_at, expires_at FROM session
             WHERE person_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY created_at DESC",
        )
        .bind(&actor.id)
        .bind(now)
        .bind(now - IDLE_MILLIS)
        .fetch_all(self.db.read())
        .await
        .or_internal()?;
        Ok(rows
            .into_iter()
            .map(|(id, browser, created_at, seen_at, expires_at)| SessionView {
                current: actor.session.as_ref() == Some(&id),
                expires_at: expires_at.min(seen_at + IDLE_MILLIS),
                id,
                browser,
                created_at,
                seen_at,
            })
            .collect())
    }

    async fn revoke(&self, actor: &Actor, session: &str) -> Result<(), ApiError> {
        let mut tx = self.db.begin().await.or_internal()?;
        let ended = sqlx::query("DELETE FROM session WHERE public_id = $1 AND person_id = $2")
            .bind(session)
            .bind(&actor.id)
            .execute(tx.connection())
            .await
            .or_internal()?;
        if ended.rows_affected() == 0 {
            return Err(ApiError::NotFound("That session".to_owned()));
        }
        tx.audit(Entry::new(actor, "account.end-session", &actor.id, &actor.name).with("session", session));
        tx.commit().await.or_internal()
    }

    async fn people(&self, actor: &Actor) -> Result<People, ApiError> {
        require_view(actor)?;
        let known = sqlx::query_as("SELECT id, name FROM person ORDER BY name, id")
            .fetch_all(self.db.read())
            .await
            .or_internal()?;
        let unmatched: Vec<UnmatchedAuthor> = crate::approval::unmatched_authors(&self.db, &self.mirrors)
            .await
            .or_internal()?;
        Ok(People {
            unmatched,
            known,
            may_map: may(actor, Permission::Configure, Place::Anywhere),
        })
    }

    async fn map_author(&self, actor: &Actor, identity: &str, user: &str) -> Result<(), ApiError> {
        require(actor, Permission::Configure, Place::Anywhere)?;
        let identity = identity.trim().to_lowercase();
        if !(identity.starts_with("email:") || identity.starts_with("github:")) {
            return Err(ApiError::Invalid(
                "An identity begins with `email:` or `github:`.".to_owned(),
            ));
        }
        let mut tx = self.db.begin().await.or_internal()?;
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM person WHERE id = $1")
            .bind(user)
            .fetch_optional(tx.connection())
            .await
            .or_internal()?;
        let name = name.ok_or_else(|| ApiError::NotFound("That person".to_owned()))?;
        let now = tx.now();
        // Beside whoever it is said to be already: a word that took another's place could hide an author.
        let added = sqlx::query(
            "INSERT INTO person_identity (identity, person_id, mapped_by, mapped_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT DO NOTHING",
        )
        .bind(&identity)
        .bind(user)
        .bind(&actor.id)
        .bind(now)
        .execute(tx.connection())
        .await
        .or_internal()?;
        if added.rows_affected() == 0 {
            return Ok(());
        }
        tx.audit(Entry::new(actor, "account.map-author", &identity, &identity).with("person", name));
        tx.changes_verdicts();
        tx.event("train", "");
        tx.commit().await.or_internal()
    }
}

/// "Senior developer of team storefront in staging"
pub fn described(grant: &Grant) -> String {
    let role = grant.role.word();
    match (&grant.team, &grant.environment) {
        (None, None) => format!("{role} everywhere"),
        (None, Some(environment)) => format!("{role} in {environment}"),
        (Some(team), None) => format!("{role} of team {team}"),
        (Some(team), Some(environment)) => format!("{role} of team {team} in {environment}"),
    }
}

fn rights(actor: &Actor) -> Vec<String> {
    let mut lines: Vec<String> = actor.grants.iter().map(described).collect();
    let can: Vec<&str> = Permission::ALL
        .iter()
        .filter(|right| may_somewhere(actor, **right))
        .map(|right| right.word())
        .collect();
    if !can.is_empty() {
        lines.push(format!("May {}", can.join(", ")));
    }
    lines
}
