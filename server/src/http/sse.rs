//! `/events`: tells the browser what changed, so that the page asks again. The numbers are those of the `events`
//! table, so a browser that was cut off goes on where it was, also on another replica.

use std::convert::Infallible;
use std::time::Duration;

use app::account::Actor;
use app::text::Millis;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use futures::stream::unfold;
use serde::Deserialize;
use serde_json::json;

use super::{Edge, session};
use crate::db::Db;

/// How many events are sent to a browser that was away before it is told to ask everything again.
const CATCH_UP: i64 = 500;
/// Replicas tell each other through the table only; how often it is read without a hint.
const POLL: Duration = Duration::from_secs(2);

/// Where a browser that has heard nothing yet wants to begin: at what its page was rendered from.
#[derive(Deserialize)]
pub struct Asked {
    after: Option<i64>,
}

struct Cursor {
    edge: Edge,
    actor: Actor,
    seen: i64,
    hint: tokio::sync::watch::Receiver<i64>,
    waiting: std::collections::VecDeque<Event>,
}

/// The stream of one browser.
pub async fn stream(
    State(edge): State<Edge>,
    Extension(actor): Extension<Actor>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let newest = edge.db.last_seq().await.unwrap_or(0);
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .and_then(|id| id.parse::<i64>().ok())
        .or(asked.after);
    let hint = edge.db.subscribe();
    let mut waiting = std::collections::VecDeque::new();
    let seen = match last {
        Some(last) if last <= newest && newest - last <= CATCH_UP => last,
        Some(_) => {
            waiting.push_back(
                Event::default()
                    .id(newest.to_string())
                    .event("change")
                    .data(json!({"topic": "everything", "id": ""}).to_string()),
            );
            newest
        }
        None => {
            waiting.push_back(Event::default().id(newest.to_string()).event("hello").data("{}"));
            newest
        }
    };
    let stream = unfold(
        Cursor {
            edge,
            actor,
            seen,
            hint,
            waiting,
        },
        next,
    );
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

async fn next(mut cursor: Cursor) -> Option<(Result<Event, Infallible>, Cursor)> {
    loop {
        if let Some(event) = cursor.waiting.pop_front() {
            return Some((Ok(event), cursor));
        }
        if *cursor.edge.stopping.borrow() {
            return None;
        }
        match cursor.look().await {
            Ok(Look::News) => continue,
            Ok(Look::Nothing) => {}
            Ok(Look::NotTheirs) => return None,
            // A database that does not answer now is asked again after the next hint or poll.
            Err(cause) => {
                tracing::debug!(name: "events.unread", cause = format!("{cause:#}"), "events cannot be read");
            }
        }
        tokio::select! {
            _ = cursor.hint.changed() => {}
            _ = cursor.edge.stopping.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

enum Look {
    News,
    Nothing,
    /// The session has ended: who logs out or is sent away is told nothing more.
    NotTheirs,
}

impl Cursor {
    /// Reads what is new, for as long as the session lives.
    async fn look(&mut self) -> anyhow::Result<Look> {
        if !session::lives(&self.edge.db, &self.actor).await? {
            return Ok(Look::NotTheirs);
        }
        let rows = after(&self.edge.db, self.seen).await?;
        let Some((newest, ..)) = rows.last() else {
            return Ok(Look::Nothing);
        };
        self.seen = *newest;
        for (seq, topic, subject, _) in &rows {
            let data = json!({"topic": topic, "id": subject}).to_string();
            self.waiting
                .push_back(Event::default().id(seq.to_string()).event("change").data(data));
        }
        Ok(Look::News)
    }
}

async fn after(db: &Db, seen: i64) -> sqlx::Result<Vec<(i64, String, String, Millis)>> {
    sqlx::query_as("SELECT seq, topic, subject, at FROM events WHERE seq > $1 ORDER BY seq LIMIT 500")
        .bind(seen)
        .fetch_all(db.read())
        .await
}
