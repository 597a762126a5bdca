//! A fresh database of each kind for a test. A kind that cannot be had fails the test instead of being left out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use app::account::{Actor, Grant, Role};
use secrecy::SecretString;
use server::audit::AuditKey;
use server::clock::{Ids, ManualClock};
use server::db::{Context, Db};

/// 2026-03-02 10:00 UTC, a Monday.
pub const MONDAY: i64 = 1_772_445_600_000;

/// A database with a clock that is driven.
pub struct Store {
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

impl Store {
    /// A fresh SQLite file.
    pub async fn sqlite() -> Self {
        Self::open(Blank::sqlite()).await
    }

    /// A fresh database in the PostgreSQL cluster that `TEST_POSTGRES_URL` names (`end2end/postgres.sh` starts one).
    pub async fn postgres() -> Self {
        Self::open(Blank::postgres().await).await
    }

    /// One of each kind.
    pub async fn each() -> Vec<Self> {
        vec![Self::sqlite().await, Self::postgres().await]
    }

    async fn open(blank: Blank) -> Self {
        let clock = ManualClock::at(MONDAY);
        let context = Context {
            clock: clock.clone(),
            ids: Ids::seeded(1),
            audit_key: AuditKey::new(SecretString::from("a key for tests")),
        };
        let db = Db::open(&blank.url, context).await.expect("the database opens");
        Self {
            db,
            clock,
            url: blank.url,
            _folder: blank.folder,
        }
    }
}

/// A database in which there is nothing yet.
pub struct Blank {
    pub url: String,
    folder: Option<tempfile::TempDir>,
}

impl Blank {
    /// One of each kind.
    pub async fn each() -> Vec<Self> {
        vec![Self::sqlite(), Self::postgres().await]
    }

    fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            url: format!("sqlite:{}/test.db", folder.path().display()),
            folder: Some(folder),
        }
    }

    async fn postgres() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(cluster) = std::env::var("TEST_POSTGRES_URL") else {
            panic!(
                "TEST_POSTGRES_URL is not set, so PostgreSQL would go untested: `make test` sets it, or see end2end/postgres.sh"
            );
        };
        sqlx::any::install_default_drivers();
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::SeqCst)
        );
        let admin = sqlx::AnyPool::connect(&cluster)
            .await
            .expect("the test cluster answers");
        sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&admin)
            .await
            .expect("a fresh database");
        admin.close().await;
        let (base, _) = cluster.rsplit_once('/').expect("an address with a database");
        Self {
            url: format!("{base}/{name}"),
            folder: None,
        }
    }
}

/// Somebody with one role everywhere.
pub fn somebody(name: &str, role: Role) -> Actor {
    Actor {
        id: format!("usr_{name}"),
        name: name.to_owned(),
        grants: vec![Grant {
            role,
            environment: None,
            team: None,
        }],
        session: None,
    }
}

/// Somebody with one role, for one team's services.
pub fn of_team(name: &str, role: Role, team: &str) -> Actor {
    let mut actor = somebody(name, role);
    actor.grants[0].team = Some(team.to_owned());
    actor
}
