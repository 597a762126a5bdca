//! The store's ground floor on both databases.

use app::account::Role;
use secrecy::SecretString;
use server::audit::{AuditKey, Entry};
use server::clock::{Ids, ManualClock};
use server::db::{Context, Db, Dialect, OpenError};

use crate::support::store::{MONDAY, Store, somebody};

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledged_and_only_one_connection_writes() {
    let store = Store::sqlite().await;
    assert_eq!(store.db.dialect(), Dialect::Sqlite);
    let mut tx = store.db.begin().await.unwrap();
    for (pragma, wanted) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA busy_timeout", "10000"),
        ("PRAGMA query_only", "0"),
    ] {
        let row = sqlx::query(pragma).fetch_one(tx.connection()).await.unwrap();
        assert_eq!(text(&row), wanted, "{pragma}");
    }
    drop(tx);
    for (pragma, wanted) in [("PRAGMA query_only", "1"), ("PRAGMA busy_timeout", "10000")] {
        let row = sqlx::query(pragma).fetch_one(store.db.read()).await.unwrap();
        assert_eq!(text(&row), wanted, "{pragma} of the readers");
    }
    let refused = sqlx::query("DELETE FROM events")
        .execute(store.db.read())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

fn text(row: &sqlx::any::AnyRow) -> String {
    sqlx::Row::try_get::<i64, _>(row, 0).map_or_else(
        |_| sqlx::Row::get::<String, _>(row, 0),
        |number| number.to_string(),
    )
}

fn context() -> Context {
    Context {
        clock: ManualClock::at(MONDAY),
        ids: Ids::seeded(2),
        audit_key: AuditKey::new(SecretString::from("k")),
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_sqlite_file_is_refused() {
    let store = Store::sqlite().await;
    let Err(refusal) = Db::open(&store.url, context()).await else {
        panic!("opened twice")
    };
    assert!(matches!(refusal, OpenError::InUse(_)));

    let second = std::process::Command::new(env!("CARGO_BIN_EXE_yardmaster"))
        .arg("migrate")
        .env("YARDMASTER__PUBLIC_URL", "http://localhost:3000")
        .env("YARDMASTER__DATABASE__URL", &store.url)
        .env("YARDMASTER__KEYS__AUDIT", "0123456789abcdef")
        .env("YARDMASTER__KEYS__DATA", "0123456789abcdef")
        .env(
            "YARDMASTER__DATA",
            store
                .url
                .trim_start_matches("sqlite:")
                .trim_end_matches("/test.db"),
        )
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success(), "it began: {said}");
    assert!(said.contains("in use by another yardmaster process"), "{said}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_said_with_its_cause_and_without_its_password() {
    // A port that nobody listens on any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("postgres://me:hunter2@127.0.0.1:{port}/yard");
    let refusal = Db::open(&url, context()).await.err().unwrap().to_string();
    assert!(
        refusal.contains("database.url")
            && refusal.contains("refused")
            && refusal.contains(&port.to_string()),
        "{refusal}"
    );
    assert!(!refusal.contains("hunter2"), "{refusal}");
    let refusal = Db::open("mysql://me:hunter2@db/yard", context())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        refusal.contains("must begin with sqlite: or postgres:"),
        "{refusal}"
    );
    assert!(!refusal.contains("hunter2"), "{refusal}");
}

#[tokio::test]
async fn audit_and_events_share_one_order_and_vanish_with_a_dropped_transaction() {
    for store in Store::each().await {
        let ada = somebody("ada", Role::Devops);
        for round in 0..3 {
            let mut tx = store.db.begin().await.unwrap();
            tx.audit(Entry::new(&ada, "test.act", "x", format!("round {round}")));
            tx.event("train", "trn_1");
            if round == 1 {
                drop(tx);
            } else {
                tx.commit().await.unwrap();
            }
        }
        let audit: Vec<(i64, String)> = sqlx::query_as("SELECT seq, subject FROM audit ORDER BY seq")
            .fetch_all(store.db.read())
            .await
            .unwrap();
        assert_eq!(audit, [(1, "round 0".to_owned()), (4, "round 2".to_owned())]);
        let events: Vec<(i64, String)> = sqlx::query_as("SELECT seq, topic FROM events ORDER BY seq")
            .fetch_all(store.db.read())
            .await
            .unwrap();
        assert_eq!(
            events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(),
            [2, 3, 5, 6]
        );
        assert_eq!(store.db.last_seq().await.unwrap(), 6);
    }
}

#[tokio::test]
async fn writers_side_by_side_lose_nothing() {
    for store in Store::each().await {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..8 {
            let db = store.db.clone();
            writers.spawn(async move {
                for _ in 0..20 {
                    let mut tx = db.begin().await.unwrap();
                    tx.event("slot", format!("writer {writer}"));
                    tx.commit().await.unwrap();
                }
            });
        }
        while let Some(done) = writers.join_next().await {
            done.unwrap();
        }
        let (count, highest): (i64, i64) = sqlx::query_as("SELECT COUNT(*), MAX(seq) FROM events")
            .fetch_one(store.db.read())
            .await
            .unwrap();
        assert_eq!((count, highest), (160, 160));
    }
}
