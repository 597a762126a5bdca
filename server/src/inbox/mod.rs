//! Webhooks: verified over the raw bytes, stored once, acknowledged when they are safe, applied afterwards.
//!
//! ```text
//! POST /hooks/{source} ─► receive (HMAC, limits) ─► writer (one task, group commit) ─► delivery ─► 202
//!                                                                                          │
//!   build, build_stage, pull_request, repository.wanted_at ◄── apply (one transaction each) ┘  Inbox::tick
//! ```
//!
//! Applying decides nothing about trains: it records facts and asks for a fetch where the mirror must have the word.

mod apply;
mod receive;
mod source;
pub mod store;
mod writer;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use app::text::Millis;
use tokio::sync::mpsc;

pub use apply::Round;
pub use receive::router;

use crate::config::WebhookSource;
use crate::db::Db;
use source::Sources;
use writer::Letter;

/// The inbox of one process.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    db: Db,
    sources: Sources,
    intake: mpsc::Sender<Letter>,
    /// The repositories that the configuration names are recorded once.
    introduced: AtomicBool,
    /// When applying a delivery last failed in this process.
    failed_at: Mutex<HashMap<String, Millis>>,
    ticking: tokio::sync::Mutex<()>,
}

impl Inbox {
    /// Starts the writer. It ends when the last clone of the inbox is dropped.
    pub fn start(db: Db, sources: &[WebhookSource]) -> Self {
        let intake = writer::start(db.clone());
        Self(Arc::new(Inner {
            db,
            sources: Sources::new(sources),
            intake,
            introduced: AtomicBool::new(false),
            failed_at: Mutex::new(HashMap::new()),
            ticking: tokio::sync::Mutex::new(()),
        }))
    }
}
