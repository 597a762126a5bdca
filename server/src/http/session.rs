//! Sessions in our own table. The table holds a hash of the id, so that a copy of the database lets nobody in; saving
//! never brings back a session that was ended meanwhile.

use std::collections::HashMap;

use app::account::Actor;
use app::text::Millis;
use async_trait::async_trait;
use axum::http::{HeaderValue, header};
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::session::{Id, Record};
use tower_sessions::{Expiry, SessionManagerLayer, SessionStore, session_store};

use super::Edge;
use crate::account::{LoggedIn, SESSION_KEY};
use crate::crypto::sha256_hex;
use crate::db::Db;

/// A session that is not used ends after eight hours.
pub const IDLE_MILLIS: Millis = 8 * 3_600_000;
/// Any session ends after seven days.
pub const LIFE_MILLIS: Millis = 7 * 24 * 3_600_000;
/// Before log-in a session only carries the log-in's state.
const LOGIN_MILLIS: Millis = 10 * 60_000;

/// The layer that reads and writes them.
pub fn layer(edge: &Edge) -> SessionManagerLayer<Store> {
    let secure = edge.public_url.scheme() == "https";
    SessionManagerLayer::new(Store(edge.db.clone()))
        // Browsers accept the `__Host-` prefix over https only.
        .with_name(if secure { "__Host-yardmaster" } else { "yardmaster" })
        .with_secure(secure)
        .with_http_only(true)
        .with_same_site(tower_sessions::cookie::SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(time::Duration::milliseconds(LIFE_MILLIS)))
}

/// A cookie with the `__Host-` prefix is taken back only by one that is `Secure` as well, and the layer does not say so.
pub async fn take_back<B>(mut response: axum::http::Response<B>) -> axum::http::Response<B> {
    for (name, cookie) in response.headers_mut() {
        let Some(text) = cookie.to_str().ok().filter(|_| name == header::SET_COOKIE) else {
            continue;
        };
        if text.starts_with("__Host-")
            && !text.contains("; Secure")
            && let Ok(secure) = HeaderValue::from_str(&format!("{text}; Secure"))
        {
            *cookie = secure;
        }
    }
    response
}

/// The table.
#[derive(Clone)]
pub struct Store(Db);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

/// What the table knows a session by.
fn hash(id: &Id) -> String {
    sha256_hex(format!("session {id}").as_bytes())
}

/// What a person may know a session by: tells nothing about the secret.
pub fn public_id(id: &Id) -> String {
    sha256_hex(hash(id).as_bytes()).chars().take(16).collect()
}

fn backend(cause: impl std::fmt::Display) -> session_store::Error {
    session_store::Error::Backend(cause.to_string())
}

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let now = self.0.now();
        let login = logged_in(record);
        let life = if login.is_some() {
            LIFE_MILLIS
        } else {
            LOGIN_MILLIS
        };
        let data = serde_json::to_string(&record.data).map_err(backend)?;
        let mut tx = self.0.begin().await.map_err(backend)?;
        sqlx::query("DELETE FROM session WHERE expires_at < $1")
            .bind(now)
            .execute(tx.connection())
            .await
            .map_err(backend)?;
        sqlx::query(
            "INSERT INTO session (id_hash, public_id, person_id, data, browser, created_at, seen_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
        )
        .bind(hash(&record.id))
        .bind(public_id(&record.id))
        .bind(login.as_ref().map(|login| login.person.clone()))
        .bind(data)
        .bind(login.map(|login| login.browser).unwrap_or_default())
        .bind(now)
        .bind(now + life)
        .execute(tx.connection())
        .await
        .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let data = serde_json::to_string(&record.data).map_err(backend)?;
        let mut tx = self.0.begin().await.map_err(backend)?;
        sqlx::query("UPDATE session SET data = $2 WHERE id_hash = $1")
            .bind(hash(&record.id))
            .bind(data)
            .execute(tx.connection())
            .await
            .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let now = self.0.now();
        let row: Option<(String, Millis, Millis)> = sqlx::query_as(
            "SELECT data, seen_at, expires_at FROM session WHERE id_hash = $1 AND expires_at > $2 AND seen_at > $3",
        )
        .bind(hash(id))
        .bind(now)
        .bind(now - IDLE_MILLIS)
        .fetch_optional(self.0.read())
        .await
        .map_err(backend)?;
        let Some((data, seen_at, expires_at)) = row else {
            return Ok(None);
        };
        if now - seen_at > 60_000 {
            let mut tx = self.0.begin().await.map_err(backend)?;
            sqlx::query("UPDATE session SET seen_at = $2 WHERE id_hash = $1")
                .bind(hash(id))
                .bind(now)
                .execute(tx.connection())
                .await
                .map_err(backend)?;
            tx.commit().await.map_err(backend)?;
        }
        let data =
            serde_json::from_str(&data).map_err(|cause| session_store::Error::Decode(cause.to_string()))?;
        // tower-sessions judges by the machine's clock; ours has judged already.
        let left = (expires_at - now).max(1);
        let expiry_date = OffsetDateTime::now_utc() + time::Duration::milliseconds(left);
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let mut tx = self.0.begin().await.map_err(backend)?;
        sqlx::query("DELETE FROM session WHERE id_hash = $1")
            .bind(hash(id))
            .execute(tx.connection())
            .await
            .map_err(backend)?;
        tx.commit().await.map_err(backend)
    }
}

fn logged_in(record: &Record) -> Option<LoggedIn> {
    login_in(&record.data)
}

fn login_in(data: &HashMap<String, Value>) -> Option<LoggedIn> {
    data.get(SESSION_KEY)
        .cloned()
        .and_then(|value| serde_json::from_value(value).ok())
}

/// Whether the session that somebody asked with is still there, for requests that last. Asking is no use of it.
///
/// # Errors
/// The database does not answer, or the session cannot be read.
pub async fn lives(db: &Db, actor: &Actor) -> anyhow::Result<bool> {
    let now = db.now();
    let row: Option<(String, i64)> = sqlx::query_as(
        "SELECT session.data, person.session_epoch FROM session JOIN person ON person.id = session.person_id
         WHERE session.person_id = $1 AND session.public_id = $2 AND session.expires_at > $3 AND session.seen_at > $4",
    )
    .bind(&actor.id)
    .bind(&actor.session)
    .bind(now)
    .bind(now - IDLE_MILLIS)
    .fetch_optional(db.read())
    .await?;
    let Some((data, epoch)) = row else {
        return Ok(false);
    };
    Ok(login_in(&serde_json::from_str(&data)?).is_some_and(|login| login.epoch == epoch))
}
