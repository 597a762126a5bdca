//! People in the database, and the roles of this moment.

use app::account::{Actor, Grant, Role};
use app::text::Millis;
use serde::{Deserialize, Serialize};

use crate::audit::Entry;
use crate::db::Db;
use crate::policy;

/// Where a session keeps who is logged in.
pub const SESSION_KEY: &str = "logged-in";

/// What a session keeps of a log-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// `usr_…`
    pub person: String,
    /// The person's epoch then; raised, it ends all their sessions.
    pub epoch: i64,
    /// The browser, as it calls itself.
    pub browser: String,
}

/// A person as their provider describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Issuer.
    pub issuer: String,
    /// Subject: with the issuer, who it is.
    pub subject: String,
    /// Name to show.
    pub name: String,
    /// E-mail address, lower case.
    pub email: Option<String>,
    /// The provider vouches for it.
    pub email_verified: bool,
    /// Groups.
    pub groups: Vec<String>,
}

/// Remembers somebody who has just logged in.
///
/// # Errors
/// The database does not answer.
pub async fn log_in(db: &Db, identity: &Identity, browser: &str) -> anyhow::Result<LoggedIn> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let groups = serde_json::to_string(&identity.groups)?;
    let id = tx.id("usr");
    sqlx::query(
        "INSERT INTO person (id, issuer, subject, name, email, email_verified, groups_json, session_epoch, created_at, seen_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8)
         ON CONFLICT (issuer, subject) DO UPDATE
         SET name = excluded.name, email = excluded.email, email_verified = excluded.email_verified,
             groups_json = excluded.groups_json, seen_at = excluded.seen_at",
    )
    .bind(id)
    .bind(&identity.issuer)
    .bind(&identity.subject)
    .bind(&identity.name)
    .bind(&identity.email)
    .bind(i64::from(identity.email_verified))
    .bind(groups)
    .bind(now)
    .execute(tx.connection())
    .await?;
    let (person, epoch): (String, i64) =
        sqlx::query_as("SELECT id, session_epoch FROM person WHERE issuer = $1 AND subject = $2")
            .bind(&identity.issuer)
            .bind(&identity.subject)
            .fetch_one(tx.connection())
            .await?;
    let actor = Actor {
        id: person.clone(),
        name: identity.name.clone(),
        grants: Vec::new(),
        session: None,
    };
    tx.audit(Entry::new(&actor, "account.log-in", &person, &identity.name).with("issuer", &identity.issuer));
    // Somebody new may be the author a train waits for.
    tx.changes_verdicts();
    tx.commit().await?;
    Ok(LoggedIn {
        person,
        epoch,
        browser: browser.chars().take(200).collect(),
    })
}

/// Ends the session somebody logs out of, by its public id.
///
/// # Errors
/// The database does not answer.
pub async fn log_out(db: &Db, login: &LoggedIn, session: &str) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let ended = sqlx::query("DELETE FROM session WHERE public_id = $1 AND person_id = $2")
        .bind(session)
        .bind(&login.person)
        .execute(tx.connection())
        .await?;
    let name: Option<String> = sqlx::query_scalar("SELECT name FROM person WHERE id = $1")
        .bind(&login.person)
        .fetch_optional(tx.connection())
        .await?;
    if ended.rows_affected() == 0 {
        return Ok(());
    }
    let actor = Actor {
        id: login.person.clone(),
        name: name.unwrap_or_else(|| login.person.clone()),
        grants: Vec::new(),
        session: None,
    };
    tx.audit(Entry::new(&actor, "account.log-out", &actor.id, &actor.name).with("session", session));
    tx.commit().await?;
    Ok(())
}

/// The actor behind a session; `None` where the session was ended by its epoch or the person is gone.
///
/// # Errors
/// The database does not answer.
pub async fn actor_of(db: &Db, login: &LoggedIn, session: Option<String>) -> anyhow::Result<Option<Actor>> {
    let row: Option<PersonRow> = sqlx::query_as(
        "SELECT id, name, email, email_verified, groups_json, session_epoch FROM person WHERE id = $1",
    )
    .bind(&login.person)
    .fetch_optional(db.read())
    .await?;
    let Some(person) = row.filter(|person| person.session_epoch == login.epoch) else {
        return Ok(None);
    };
    let grants = grants(db, &person).await?;
    Ok(Some(Actor {
        id: person.id,
        name: person.name,
        grants,
        session,
    }))
}

#[derive(sqlx::FromRow)]
struct PersonRow {
    id: String,
    name: String,
    email: Option<String>,
    email_verified: i64,
    groups_json: String,
    session_epoch: i64,
}

async fn grants(db: &Db, person: &PersonRow) -> anyhow::Result<Vec<Grant>> {
    let groups: Vec<String> = serde_json::from_str(&person.groups_json)?;
    let mut grants = policy::current(db)
        .await?
        .map(|revision| revision.policy.grants(&groups))
        .unwrap_or_default();
    let verified = person.email.as_deref().filter(|_| person.email_verified == 1);
    let by_hand: Vec<(String, Option<String>, Option<String>)> = sqlx::query_as(
        "SELECT role, environment, team FROM person_grant WHERE who = $1 OR who = $2 ORDER BY granted_at",
    )
    .bind(&person.id)
    .bind(verified)
    .fetch_all(db.read())
    .await?;
    for (role, environment, team) in by_hand {
        let role = role.parse::<Role>().map_err(|what| crate::db::Inconsistent {
            table: "person_grant",
            id: person.id.clone(),
            what,
        })?;
        let grant = Grant {
            role,
            environment,
            team,
        };
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(grants)
}

/// Gives a role by hand: `yardmaster user grant`. `who` is an e-mail address or a person's id.
///
/// # Errors
/// The database does not answer.
pub async fn grant(db: &Db, actor: &Actor, who: &str, grant: &Grant) -> anyhow::Result<()> {
    let mut tx = db.begin().await?;
    let (id, now) = (tx.id("grt"), tx.now());
    sqlx::query("INSERT INTO person_grant (id, who, role, environment, team, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(who.to_lowercase())
        .bind(grant.role.as_str())
        .bind(&grant.environment)
        .bind(&grant.team)
        .bind(&actor.id)
        .bind(now)
        .execute(tx.connection())
        .await?;
    tx.audit(
        Entry::new(actor, "account.grant", who, who)
            .with("role", grant.role.word())
            .with("environment", grant.environment.as_deref().unwrap_or("every one"))
            .with("team", grant.team.as_deref().unwrap_or("every one")),
    );
    tx.changes_verdicts();
    tx.commit().await?;
    Ok(())
}

/// Everybody who has logged in, with their roles of this moment: id, name, roles, and when they were last here.
///
/// # Errors
/// The database does not answer.
pub async fn people_with_rights(db: &Db) -> anyhow::Result<Vec<(Actor, Millis)>> {
    let rows: Vec<(String, i64, Millis)> =
        sqlx::query_as("SELECT id, session_epoch, seen_at FROM person ORDER BY name, id")
            .fetch_all(db.read())
            .await?;
    let mut people = Vec::with_capacity(rows.len());
    for (person, epoch, seen_at) in rows {
        let login = LoggedIn {
            person,
            epoch,
            browser: String::new(),
        };
        if let Some(actor) = actor_of(db, &login, None).await? {
            people.push((actor, seen_at));
        }
    }
    Ok(people)
}
