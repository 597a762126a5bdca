//! Pull requests: the same facts whatever the order of news, told in the ledger, and whose work commits are by them.

use serde_json::{Value, json};
use server::db::Db;
use server::git::store::{Told, know};
use server::inbox::store::page;
use server::pull_request::{PullRequestNews, record};

use crate::build::permutations;
use crate::support::store::Store;
use crate::support::webhook::{Door, pull_request};

const CHECKOUT: &str = "https://github.com/acme/checkout.git";

/// What is kept of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Kept {
    author_login: Option<String>,
    head_commit: String,
    base_branch: String,
    merge_commit: Option<String>,
    merged_at: Option<i64>,
    updated_at: i64,
}

async fn kept(db: &Db, number: i64) -> Kept {
    sqlx::query_as(
        "SELECT author_login, head_commit, base_branch, merge_commit, merged_at, updated_at FROM pull_request
         WHERE number = $1",
    )
    .bind(number)
    .fetch_one(db.read())
    .await
    .unwrap()
}

async fn epoch(db: &Db) -> i64 {
    sqlx::query_scalar("SELECT value FROM counter WHERE name = 'epoch'")
        .fetch_one(db.read())
        .await
        .unwrap()
}

fn open(number: i64, head: &str, base: &str, updated_at: i64) -> PullRequestNews {
    PullRequestNews {
        number,
        author_login: Some("sam".to_owned()),
        head_commit: head.repeat(40),
        head_repository: "acme/checkout".to_owned(),
        base_branch: base.to_owned(),
        merge_commit: None,
        merged_at: None,
        closed: false,
        updated_at,
    }
}

/// Moved on twice within one second, given another base, merged, then its author's account is deleted.
fn story(number: i64) -> [PullRequestNews; 5] {
    let merged = PullRequestNews {
        merge_commit: Some("f".repeat(40)),
        merged_at: Some(400),
        closed: true,
        ..open(number, "c", "main", 400)
    };
    let labelled = PullRequestNews {
        author_login: None,
        updated_at: 500,
        ..merged.clone()
    };
    [
        open(number, "b", "develop", 200),
        open(number, "c", "develop", 200),
        open(number, "c", "main", 300),
        merged,
        labelled,
    ]
}

#[tokio::test]
async fn any_order_of_news_and_any_repetition_ends_in_the_same_pull_request() {
    for store in Store::each().await {
        let mut tx = store.db.begin().await.unwrap();
        let repository = Told {
            name: "acme/checkout",
            forge: "github",
            clone_url: Ok(CHECKOUT),
            default_branch: None,
            configured: false,
        };
        let repository = know(&mut tx, &repository).await.unwrap();
        let orders = permutations(5);
        for (number, order) in (1..).zip(&orders) {
            let news = story(number);
            let mut anew = false;
            for place in order {
                record(&mut tx, &repository, &news[*place]).await.unwrap();
            }
            for replayed in &news {
                anew |= record(&mut tx, &repository, replayed).await.unwrap();
            }
            assert!(!anew, "a replay is news in order {order:?}");
        }
        tx.commit().await.unwrap();
        let expected = Kept {
            author_login: Some("sam".to_owned()),
            head_commit: "c".repeat(40),
            base_branch: "main".to_owned(),
            merge_commit: Some("f".repeat(40)),
            merged_at: Some(400),
            updated_at: 500,
        };
        for (number, order) in (1..).zip(&orders) {
            assert_eq!(kept(&store.db, number).await, expected, "{order:?}");
        }
    }
}

/// What a delivery did.
async fn effect(store: &Store, delivery: &str) -> String {
    let all = page(&store.db, None).await.unwrap().deliveries;
    let found = all.into_iter().find(|one| one.delivery == delivery);
    found.unwrap().effect
}

#[tokio::test]
async fn the_ledger_says_what_became_of_it_and_a_departure_beside_news_is_decided_again() {
    let (head, moved, commit) = ("a".repeat(40), "b".repeat(40), "f".repeat(40));
    let mut closed = pull_request(CHECKOUT, "sam", &moved, None, 3);
    closed["pull_request"]["state"] = json!("closed");
    let mut gone = pull_request(CHECKOUT, "sam", &moved, Some(&commit), 5);
    gone["pull_request"]["user"] = Value::Null;
    gone["pull_request"]["head"]["repo"] = Value::Null;
    gone["pull_request"]["number"] = json!(8);
    let deliveries = [
        (
            pull_request(CHECKOUT, "sam", &head, None, 1),
            "pull request #7 of acme/checkout by sam is to bring aaaaaaa into main",
        ),
        (
            pull_request(CHECKOUT, "sam", &moved, None, 2),
            "pull request #7 of acme/checkout by sam is to bring bbbbbbb into main",
        ),
        (
            pull_request(CHECKOUT, "sam", &head, None, 1),
            "pull request #7 of acme/checkout by sam is to bring aaaaaaa into main: nothing new",
        ),
        (
            closed,
            "pull request #7 of acme/checkout by sam was closed without a merge: nothing new",
        ),
        (
            pull_request(CHECKOUT, "sam", &moved, Some(&commit), 4),
            "pull request #7 of acme/checkout by sam was merged into main as fffffff",
        ),
        (
            pull_request(CHECKOUT, "mallory", &moved, Some(&commit), 9),
            "pull request #7 of acme/checkout by mallory was merged into main as fffffff: nothing new",
        ),
        (
            gone,
            "pull request #8 of acme/checkout by ghost was merged into main as fffffff",
        ),
    ];
    for store in Store::each().await {
        let door = Door::open(&store.db);
        for (number, (payload, expected)) in deliveries.iter().enumerate() {
            let before = epoch(&store.db).await;
            let delivery = format!("d{number}");
            door.tell(&delivery, "pull_request", payload).await;
            assert_eq!(effect(&store, &delivery).await, *expected);
            let is_news = !expected.ends_with("nothing new");
            assert_eq!(epoch(&store.db).await > before, is_news, "{expected}");
        }
        assert_eq!(kept(&store.db, 7).await.author_login.as_deref(), Some("sam"));
        assert_eq!(kept(&store.db, 8).await.author_login, None);
    }
}

#[tokio::test]
async fn the_commit_of_a_trial_merge_is_not_taken_for_a_merge() {
    let store = Store::sqlite().await;
    let door = Door::open(&store.db);
    door.tell(
        "d1",
        "pull_request",
        &pull_request(CHECKOUT, "sam", &"a".repeat(40), None, 1),
    )
    .await;
    let kept = kept(&store.db, 7).await;
    assert_eq!((kept.merge_commit, kept.merged_at), (None, None));
}

#[tokio::test]
async fn a_pull_request_into_another_repository_or_of_no_commit_is_set_aside() {
    let store = Store::sqlite().await;
    let door = Door::open(&store.db);
    let fine = pull_request(CHECKOUT, "sam", &"a".repeat(40), Some(&"f".repeat(40)), 1);
    let changed = |path: &str, value: Value| {
        let mut payload = fine.clone();
        *payload.pointer_mut(path).unwrap() = value;
        payload
    };
    for (number, (payload, why)) in [
        (
            changed("/pull_request/base/repo/full_name", json!("acme/payments")),
            "pull request #7 is into acme/payments, not into acme/checkout",
        ),
        (
            changed("/pull_request/head/sha", json!("--upload-pack=x")),
            "`--upload-pack=x` is not a commit id",
        ),
        (
            changed("/pull_request/merge_commit_sha", json!("HEAD")),
            "`HEAD` is not a commit id",
        ),
        (
            changed("/pull_request/number", json!(-1)),
            "-1 is not a pull request's number",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = format!("d{number}");
        door.tell(&delivery, "pull_request", &payload).await;
        assert_eq!(effect(&store, &delivery).await, why);
    }
    let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pull_request")
        .fetch_one(store.db.read())
        .await
        .unwrap();
    assert_eq!(kept, 0);
}
