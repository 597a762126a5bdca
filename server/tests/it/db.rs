//! The store's ground floor on both databases.

use app::account::Role;
use server::audit::Entry;
use server::db::{Db, Dialect, OpenError, migrations};

use crate::support::store::{Store, somebody};

#[tokio::test]
async fn migrations_keep_to_the_portable_subset() {
    let banned = [
        "BOOLEAN",
        "TIMESTAMP",
        "DATETIME",
        "REAL",
        "DOUBLE",
        "FLOAT",
        "NUMERIC",
        "INTEGER",
        " INT ",
        "BLOB",
        "BYTEA",
        "JSONB",
        "UUID",
        "SERIAL",
        "AUTOINCREMENT",
        "FOR UPDATE",
        "ILIKE",
        "NOW()",
        "RETURNING",
        "->>",
        "VARCHAR",
    ];
    for (number, _, text) in migrations::ALL {
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect::<Vec<_>>()
            .join("\n")
            .to_uppercase();
        for word in banned {
            assert!(
                !code.contains(word),
                "migration {number} uses {word}, which is not in migrations/README.md's subset"
            );
        }
        for line in code.lines().filter(|line| {
            line.starts_with("    ")
                && !line.trim_start().starts_with("UNIQUE")
                && !line.contains("KEY (")
                && !line.trim_start().starts_with("WHERE")
        }) {
            assert!(
                line.contains(" TEXT") || line.contains(" BIGINT"),
                "migration {number}: column is neither TEXT nor BIGINT: {line}"
            );
        }
    }
}

#[tokio::test]
async fn sqlite_keeps_what_it_acknowledged() {
    let store = Store::sqlite().await;
    assert_eq!(store.db.dialect(), Dialect::Sqlite);
    let mut tx = store.db.begin().await.unwrap();
    for (pragma, wanted) in [
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA synchronous", "2"),
        ("PRAGMA foreign_keys", "1"),
    ] {
        let row = sqlx::query(pragma).fetch_one(tx.connection()).await.unwrap();
        let value = sqlx::Row::try_get::<i64, _>(&row, 0).map_or_else(
            |_| sqlx::Row::get::<String, _>(&row, 0),
            |number| number.to_string(),
        );
        assert_eq!(value, wanted, "{pragma}");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_sqlite_file_is_refused() {
    let store = Store::sqlite().await;
    let context = server::db::Context {
        clock: store.clock.clone(),
        ids: server::clock::Ids::seeded(2),
        audit_key: server::audit::AuditKey::new(secrecy::SecretString::from("k")),
    };
    let Err(refusal) = Db::open(&store.url, context).await else {
        panic!("opened twice")
    };
    assert!(matches!(refusal, OpenError::InUse(_)));
    assert!(
        refusal.to_string().contains("another yardmaster process"),
        "{refusal}"
    );
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

/// Every migration brings sample rows, so that each later one is run on tables that are not empty.
#[tokio::test]
async fn each_migration_runs_on_the_rows_of_those_before() {
    let samples = [include_str!("../data/migrations/0001.sql")];
    assert_eq!(
        samples.len(),
        migrations::ALL.len(),
        "a migration has no sample data in server/tests/data/migrations"
    );
    for store in Store::each().await {
        let pool = sqlx::AnyPool::connect(&store.url).await.unwrap();
        for text in samples {
            for statement in text.lines().filter(|line| line.starts_with("INSERT")) {
                sqlx::query(sqlx::AssertSqlSafe(statement))
                    .execute(&pool)
                    .await
                    .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
            }
        }
        let tables: Vec<&str> = migrations::ALL
            .iter()
            .flat_map(|(_, _, text)| text.lines())
            .filter_map(|line| line.strip_prefix("CREATE TABLE "))
            .map(|line| line.trim_end_matches(" ("))
            .collect();
        for table in tables {
            let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
                .fetch_one(&pool)
                .await
                .unwrap();
            assert!(rows > 0, "the sample data leave {table} empty");
        }
    }
}
