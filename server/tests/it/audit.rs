//! The audit against somebody who can write to the database, and against somebody who has the key as well.

use app::account::Role;
use app::audit::{AuditFilter, AuditPort};
use server::audit::{Audits, Entry, Report, export_head, verify};

use crate::support::store::{Store, somebody};

/// Twelve entries, with exported heads after the sixth and the last.
async fn with_entries(store: &Store) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let heads = folder.path().join("audit-heads.jsonl");
    let ada = somebody("ada", Role::Devops);
    for number in 1..=12 {
        let mut tx = store.db.begin().await.unwrap();
        tx.audit(
            Entry::new(
                &ada,
                "train.hold",
                format!("trn_{number}"),
                format!("production #{number}"),
            )
            .with("reason", "rain"),
        );
        tx.event("train", format!("trn_{number}"));
        tx.commit().await.unwrap();
        if number % 6 == 0 {
            export_head(&store.db, &heads).await.unwrap();
            export_head(&store.db, &heads).await.unwrap();
        }
    }
    (folder, heads)
}

async fn tamper(store: &Store, statements: &[&'static str]) -> Report {
    let (_folder, heads) = with_entries(store).await;
    let sound = verify(&store.db, Some(&heads)).await.unwrap();
    assert!(
        sound.sound() && sound.heads == 2 && sound.entries == 12,
        "{sound}"
    );
    let mut tx = store.db.begin().await.unwrap();
    for statement in statements {
        sqlx::query(*statement).execute(tx.connection()).await.unwrap();
    }
    tx.commit().await.unwrap();
    verify(&store.db, Some(&heads)).await.unwrap()
}

#[tokio::test]
async fn whatever_is_done_to_the_table_is_found_and_located() {
    // Each commit takes three places: the entry, the event, and the event that tells of the entry.
    for (what, statements, place) in [
        (
            "a flipped byte",
            &["UPDATE audit SET subject = 'production #9' WHERE seq = 10"][..],
            "entry 10:",
        ),
        (
            "changed details",
            &["UPDATE audit SET details = '[[\"reason\", \"rain\"]]' WHERE seq = 10"],
            "entry 10:",
        ),
        ("a deletion", &["DELETE FROM audit WHERE seq = 10"], "entry 13:"),
        (
            "the deletion of the first",
            &["DELETE FROM audit WHERE seq = 1"],
            "entry 4:",
        ),
        (
            "an insertion",
            &[
                "INSERT INTO audit SELECT 11, at, actor_id, actor, action, subject_id, subject, href, details, seal FROM audit WHERE seq = 10",
            ],
            "entry 11:",
        ),
        (
            "a swap",
            &[
                "UPDATE audit SET seq = 9999 WHERE seq = 10",
                "UPDATE audit SET seq = 10 WHERE seq = 13",
                "UPDATE audit SET seq = 13 WHERE seq = 9999",
            ],
            "entry 10:",
        ),
        (
            "a truncation",
            &["DELETE FROM audit WHERE seq > 30"],
            "newest entries were cut off",
        ),
        (
            "a truncation with its events",
            &[
                "DELETE FROM audit WHERE seq > 30",
                "DELETE FROM events WHERE seq > 30",
            ],
            "newest entries were cut off",
        ),
        (
            "an empty table",
            &["DELETE FROM audit"],
            "newest entries were cut off",
        ),
    ] {
        for store in Store::each().await {
            let report = tamper(&store, statements).await;
            assert!(!report.sound(), "{what} was not found");
            assert!(report.to_string().contains(place), "{what}: {report}");
        }
    }
}

#[tokio::test]
async fn a_truncation_is_found_without_exported_heads_too() {
    let store = Store::sqlite().await;
    let _kept = with_entries(&store).await;
    let mut tx = store.db.begin().await.unwrap();
    sqlx::query("DELETE FROM audit WHERE seq > 30")
        .execute(tx.connection())
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let report = verify(&store.db, None).await.unwrap();
    assert!(report.to_string().contains("cut off"), "{report}");
}

#[tokio::test]
async fn a_chain_made_anew_with_the_key_is_found_by_an_exported_head() {
    let store = Store::sqlite().await;
    let (_folder, heads) = with_entries(&store).await;
    type Row = (
        i64,
        i64,
        String,
        String,
        String,
        String,
        String,
        Option<String>,
        String,
    );
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, at, actor_id, actor, action, subject_id, subject, href, details FROM audit ORDER BY seq",
    )
    .fetch_all(store.db.read())
    .await
    .unwrap();
    let mut tx = store.db.begin().await.unwrap();
    let mut previous = String::new();
    for (seq, at, actor_id, actor, action, subject_id, subject, href, details) in rows {
        let entry = Entry {
            actor_id,
            actor: if seq == 4 {
                "somebody else".to_owned()
            } else {
                actor
            },
            action,
            subject_id,
            subject,
            href,
            details: serde_json::from_str(&details).unwrap(),
        };
        previous = store.db.context.audit_key.seal(&previous, seq, at, &entry);
        sqlx::query("UPDATE audit SET actor = $1, seal = $2 WHERE seq = $3")
            .bind(&entry.actor)
            .bind(&previous)
            .bind(seq)
            .execute(tx.connection())
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    assert!(
        verify(&store.db, None).await.unwrap().sound(),
        "the chain itself verifies"
    );
    let report = verify(&store.db, Some(&heads)).await.unwrap();
    assert!(report.to_string().contains("made anew"), "{report}");
}

#[tokio::test]
async fn heads_are_exported_once_each_and_outlive_a_torn_line() {
    let store = Store::sqlite().await;
    let (_folder, heads) = with_entries(&store).await;
    let text = std::fs::read_to_string(&heads).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    std::fs::write(&heads, format!("{text}{{\"seq\": 3")).unwrap();
    export_head(&store.db, &heads).await.unwrap();
    let report = verify(&store.db, Some(&heads)).await.unwrap();
    assert!(
        report.to_string().contains("line 3: not an exported head"),
        "{report}"
    );
    assert_eq!(report.faults.len(), 1, "{report}");
}

#[tokio::test]
async fn the_page_filters_and_goes_on() {
    for store in Store::each().await {
        let ada = somebody("ada", Role::Devops);
        let bob = somebody("Bob 100%", Role::Lead);
        for number in 0..120 {
            let mut tx = store.db.begin().await.unwrap();
            let who = if number % 10 == 0 { &bob } else { &ada };
            tx.audit(Entry::new(
                who,
                "train.depart",
                "t",
                format!("production #{number}"),
            ));
            tx.commit().await.unwrap();
        }
        let audits = Audits::new(store.db.clone());
        let first = audits.entries(&ada, AuditFilter::default()).await.unwrap();
        assert_eq!(
            (first.entries.len(), first.entries[0].subject.as_str()),
            (50, "production #119")
        );
        assert!(first.chain.contains("120 entries was intact"), "{}", first.chain);
        let mut filter = AuditFilter {
            before: first.next,
            ..AuditFilter::default()
        };
        assert_eq!(
            audits.entries(&ada, filter.clone()).await.unwrap().entries[0].subject,
            "production #69"
        );
        filter = AuditFilter {
            actor: Some("0%".to_owned()),
            action: Some("train".to_owned()),
            ..AuditFilter::default()
        };
        let found = audits.entries(&ada, filter).await.unwrap();
        assert_eq!((found.entries.len(), found.next), (12, None));
        let nobody = app::account::Actor {
            grants: vec![],
            ..ada.clone()
        };
        assert!(audits.entries(&nobody, AuditFilter::default()).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_written_while_it_is_verified_is_no_truncation() {
    for store in Store::each().await {
        let (_folder, heads) = with_entries(&store).await;
        let db = store.db.clone();
        let writing = tokio::spawn(async move {
            let ada = somebody("ada", Role::Devops);
            for number in 0..200 {
                let mut tx = db.begin().await.unwrap();
                tx.audit(Entry::new(
                    &ada,
                    "train.hold",
                    "t",
                    format!("production #{number}"),
                ));
                tx.commit().await.unwrap();
            }
        });
        while !writing.is_finished() {
            let report = verify(&store.db, Some(&heads)).await.unwrap();
            assert!(report.sound(), "{report}");
            export_head(&store.db, &heads).await.unwrap();
        }
        writing.await.unwrap();
        let report = verify(&store.db, Some(&heads)).await.unwrap();
        assert!(report.sound() && report.entries == 212, "{report}");
    }
}

#[tokio::test]
async fn a_counter_that_was_set_back_hides_nothing() {
    for store in Store::each().await {
        let report = tamper(
            &store,
            &[
                "UPDATE audit SET subject = 'production #9' WHERE seq = 31",
                "UPDATE counter SET value = 12 WHERE name = 'seq'",
            ],
        )
        .await;
        let report = report.to_string();
        assert!(
            report.contains("entry 31: its seal") && report.contains("counter"),
            "{report}"
        );
    }
}

#[tokio::test]
async fn commands_are_the_operator_s_and_no_machine_s() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let config = write(
        "yardmaster.toml",
        &format!(
            "public_url = \"http://localhost:3000\"\ndata = \"{folder}\"\n[database]\nurl = \"sqlite:{folder}/test.db\"\n\
             [keys]\naudit = \"an audit key for tests\"\ndata = \"a data key for tests\"\n",
            folder = folder.path().display()
        ),
    );
    let policy = write("policy.toml", crate::support::line::POLICY);
    let policy = policy.display().to_string();
    for arguments in [
        &["policy", "apply", &policy][..],
        &["user", "grant", "ada@acme.example", "devops"],
    ] {
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_yardmaster"))
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }
    let who = std::process::Command::new("id").arg("-un").output().unwrap();
    let who = String::from_utf8(who.stdout).unwrap();
    let config = server::config::Config::load(Some(&config)).unwrap();
    let db = server::program::open(&config).await.unwrap();
    let said: Vec<(String, String)> = sqlx::query_as("SELECT action, actor FROM audit ORDER BY seq")
        .fetch_all(db.read())
        .await
        .unwrap();
    let operator = format!("{} at the command line", who.trim());
    assert_eq!(
        said,
        [
            ("policy.apply".to_owned(), operator.clone()),
            ("account.grant".to_owned(), operator)
        ]
    );
}
