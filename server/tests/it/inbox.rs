//! The webhook inbox: who is let in, what is kept, and what becomes of it.

use app::build::{DeliveryState, DeliveryView};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::db::Db;
use server::inbox::store::page;

use crate::support::store::Store;
use crate::support::webhook::{Door, SECRET, examples, push, signature, signed, source};

/// Every delivery there is, oldest first.
async fn deliveries(db: &Db) -> Vec<DeliveryView> {
    let mut all = Vec::new();
    let mut before = None;
    loop {
        let one = page(db, before.as_deref()).await.unwrap();
        all.extend(one.deliveries);
        before = one.next;
        if before.is_none() {
            all.reverse();
            return all;
        }
    }
}

async fn only(db: &Db) -> DeliveryView {
    let mut all = deliveries(db).await;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[tokio::test]
async fn only_a_right_signature_is_let_in_and_a_stranger_learns_nothing() {
    let store = Store::sqlite().await;
    let mut rotating = source();
    rotating.previous_secret = Some(SecretString::from("the secret before"));
    let door = Door::with(&store.db, &rotating);
    let body = br#"{"zen":"Design for failure."}"#;
    let request = |path: &str, signature: Option<String>| {
        let mut request = Request::post(path)
            .header("X-GitHub-Delivery", "d1")
            .header("X-GitHub-Event", "ping");
        if let Some(signature) = signature {
            request = request.header("X-Hub-Signature-256", signature);
        }
        request.body(Body::from(body.to_vec())).unwrap()
    };
    let right = signature(SECRET, body);
    let mut answers = Vec::new();
    for refused in [
        request("/hooks/github", None),
        request("/hooks/github", Some(String::new())),
        request("/hooks/github", Some(signature("another secret", body))),
        request("/hooks/github", Some(signature(SECRET, b"another body"))),
        request("/hooks/github", Some(right.replace("sha256=", "sha1="))),
        request("/hooks/github", Some(right.replace("sha256=", ""))),
        request("/hooks/github", Some(right.chars().take(40).collect())),
        request("/hooks/github", Some(format!("{right}00"))),
        request(
            "/hooks/github",
            Some(right.replace(|c: char| c.is_ascii_digit(), "é")),
        ),
        request("/hooks/github", Some(format!("sha256={}", "0".repeat(64)))),
        request("/hooks/gitlab", Some(right.clone())),
        request("/hooks/gitlab", Some(signature("nobody", body))),
    ] {
        answers.push(door.send(refused).await);
    }
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer, &answers[0], "refusals differ");
    }
    assert!(deliveries(&store.db).await.is_empty());

    for good in [
        right.clone(),
        right.to_uppercase().replace("SHA256", "sha256"),
        signature("the secret before", body),
    ] {
        let answer = door.send(request("/hooks/github", Some(good))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    assert_eq!(only(&store.db).await.repeats, 2);
}

#[tokio::test]
async fn a_delivery_that_does_not_say_which_it_is_or_is_too_large_is_refused() {
    let store = Store::sqlite().await;
    let door = Door::open(&store.db);
    let body = b"{}";
    for (header, value) in [("X-GitHub-Delivery", "d1"), ("X-GitHub-Event", "ping")] {
        let request = Request::post("/hooks/github")
            .header(header, value)
            .header("X-Hub-Signature-256", signature(SECRET, body))
            .body(Body::from(body.to_vec()))
            .unwrap();
        let answer = door.send(request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(
            answer.body["error"]
                .as_str()
                .unwrap()
                .contains("X-GitHub-Delivery")
        );
    }
    let large = vec![b' '; 25 * 1024 * 1024 + 1];
    let answer = door.deliver("large", "push", &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(deliveries(&store.db).await.is_empty());
}

#[tokio::test]
async fn the_same_delivery_is_kept_once_and_counted() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let body = push("https://github.com/acme/checkout.git", "main", &"a".repeat(40)).to_string();
        let first = door.deliver("one", "push", body.as_bytes()).await;
        assert_eq!(door.inbox.tick().await.unwrap().applied, 1);
        for _ in 0..3 {
            let again = door.deliver("one", "push", body.as_bytes()).await;
            assert_eq!(again, first, "a repeat is answered like the first");
        }
        assert_eq!(door.inbox.tick().await.unwrap().applied, 0);
        let kept = only(&store.db).await;
        assert_eq!(first.body["id"], json!(kept.id));
        assert_eq!((kept.repeats, kept.state), (3, DeliveryState::Applied));
        assert_eq!(
            kept.effect,
            "branch main of acme/checkout moved to aaaaaaa; a fetch was asked for"
        );
    }
}

#[tokio::test]
async fn what_was_taken_and_not_yet_applied_is_applied_by_the_process_after() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let body = push("https://github.com/acme/checkout.git", "main", &"a".repeat(40)).to_string();
        let answer = door.deliver("one", "push", body.as_bytes()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(only(&store.db).await.state, DeliveryState::Received);
        drop(door);
        let next = Door::open(&store.db);
        assert_eq!(next.inbox.tick().await.unwrap().applied, 1);
        assert_eq!(only(&store.db).await.state, DeliveryState::Applied);
        assert_eq!(next.deliver("one", "push", body.as_bytes()).await, answer);
        assert_eq!(
            next.inbox.tick().await.unwrap().applied,
            0,
            "a repeat changes nothing"
        );
    }
}

#[tokio::test]
async fn deliveries_that_come_together_share_transactions_and_none_is_lost() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let mut senders = tokio::task::JoinSet::new();
        for number in 0..300 {
            let router = door.router.clone();
            senders.spawn(async move {
                let request = signed(
                    &format!("d{number}"),
                    "ping",
                    br#"{"zen":"Keep it logically awesome."}"#,
                );
                tower::ServiceExt::oneshot(router, request)
                    .await
                    .unwrap()
                    .status()
            });
        }
        while let Some(status) = senders.join_next().await {
            assert_eq!(status.unwrap(), StatusCode::ACCEPTED);
        }
        assert_eq!(deliveries(&store.db).await.len(), 300);
        // Each transaction leaves one event behind.
        let transactions: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM events WHERE topic = 'delivery'")
            .fetch_one(store.db.read())
            .await
            .unwrap();
        assert!(
            transactions < 150,
            "{transactions} transactions for 300 deliveries"
        );
    }
}

#[tokio::test]
async fn without_a_database_the_sender_is_asked_to_come_again() {
    let store = Store::sqlite().await;
    let door = Door::open(&store.db);
    store.db.close().await;
    let answer = door.deliver("one", "ping", b"{}").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.retry_after.as_deref(), Some("10"));
}

#[tokio::test]
async fn every_real_payload_is_taken_and_ends_applied_or_ignored() {
    let examples = examples();
    assert_eq!(examples.len(), 329, "the pinned package has 329 payloads");
    for store in Store::each().await {
        let door = Door::open(&store.db);
        for (number, (event, payload)) in examples.iter().enumerate() {
            let answer = door
                .deliver(&format!("d{number}"), event, payload.to_string().as_bytes())
                .await;
            assert!(answer.status.is_success(), "{event}: {answer:?}");
        }
        let round = door.inbox.tick().await.unwrap();
        assert_eq!(
            (round.applied + round.ignored, round.dead, round.failed),
            (329, 0, 0)
        );
        for delivery in deliveries(&store.db).await {
            assert!(!delivery.effect.is_empty());
            let kind = delivery.event.split('.').next().unwrap();
            let expected = match kind {
                "workflow_run" | "workflow_job" | "pull_request" => DeliveryState::Applied,
                "push" if delivery.effect.starts_with("refs/tags/") => DeliveryState::Ignored,
                "push" => DeliveryState::Applied,
                _ => DeliveryState::Ignored,
            };
            assert_eq!(
                delivery.state, expected,
                "{}: {}",
                delivery.event, delivery.effect
            );
            if !matches!(
                kind,
                "ping" | "push" | "workflow_run" | "workflow_job" | "pull_request"
            ) {
                assert_eq!(delivery.effect, format!("event {kind} is not used"));
            }
        }
    }
}

#[tokio::test]
async fn hostile_content_is_taken_and_set_aside() {
    let commit = "a".repeat(40);
    let run = |change: fn(&mut Value)| {
        let mut payload = crate::support::webhook::run(
            "https://github.com/acme/checkout.git",
            1,
            "main",
            &"a".repeat(40),
            "success",
            1,
        );
        change(&mut payload);
        payload.to_string().into_bytes()
    };
    let deep = [vec![b'['; 200_000], vec![b']'; 200_000]].concat();
    let deep_inside = format!(
        r#"{{"repository":{}1{}}}"#,
        r#"{"a":"#.repeat(50_000),
        "}".repeat(50_000)
    );
    let dead: Vec<(&str, Vec<u8>)> = vec![
        ("push", Vec::new()),
        ("push", b"null".to_vec()),
        ("push", b"[]".to_vec()),
        ("push", b"{".to_vec()),
        ("push", b"\xff\xfe\x00{}".to_vec()),
        ("push", b"payload=%ff%00".to_vec()),
        ("push", deep.clone()),
        ("workflow_run", deep),
        ("workflow_run", deep_inside.into_bytes()),
        ("workflow_run", b"{\"workflow_run\":1e999}".to_vec()),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["id"] = json!(1e300)),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["id"] = json!("one")),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["head_sha"] = json!("--upload-pack=x")),
        ),
        ("workflow_run", run(|payload| payload["workflow_run"] = json!([]))),
        (
            "workflow_run",
            run(|payload| payload["repository"]["full_name"] = json!("../../etc")),
        ),
        (
            "workflow_run",
            run(|payload| payload["repository"]["full_name"] = json!("acme/\u{0}x")),
        ),
        (
            "push",
            push("https://github.com/acme/checkout.git", "--force", &commit)
                .to_string()
                .into_bytes(),
        ),
        (
            "push",
            push("https://github.com/acme/checkout.git", "main", "HEAD")
                .to_string()
                .into_bytes(),
        ),
    ];
    let odd: Vec<(&str, Vec<u8>)> = vec![
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["head_branch"] = json!("a\u{0}b\u{1b}[2J")),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["name"] = json!("x".repeat(100_000))),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["updated_at"] = json!("yesterday")),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["html_url"] = json!("javascript:alert(1)")),
        ),
        (
            "workflow_run",
            run(|payload| payload["workflow_run"]["run_attempt"] = json!(-5)),
        ),
    ];
    for store in Store::each().await {
        let door = Door::open(&store.db);
        for (number, (event, body)) in dead.iter().chain(&odd).enumerate() {
            let answer = door.deliver(&format!("d{number}"), event, body).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{number}: {answer:?}");
        }
        let answer = door
            .deliver(&"x".repeat(5_000), "no\tsuch\u{a0}event", b"\x00")
            .await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        let round = door.inbox.tick().await.unwrap();
        let all = deliveries(&store.db).await;
        let lines: Vec<String> = all
            .iter()
            .map(|delivery| format!("{} {}: {}", delivery.delivery, delivery.state, delivery.effect))
            .collect();
        assert_eq!(
            (round.dead, round.applied, round.ignored),
            (dead.len(), odd.len(), 1),
            "{lines:#?}"
        );
        assert!(lines.iter().all(|line| line.len() < 900), "{lines:#?}");
        let links: Vec<Option<String>> = sqlx::query_scalar("SELECT url FROM build")
            .fetch_all(store.db.read())
            .await
            .unwrap();
        assert!(links.iter().flatten().all(|link| link.starts_with("https://")));
    }
}

#[tokio::test]
async fn a_delivery_that_cannot_be_applied_stops_no_other_and_dies_after_five_tries() {
    for store in Store::each().await {
        let door = Door::open(&store.db);
        let payload = |name: &str| {
            let url = format!("https://github.com/{name}.git");
            let mut payload = push(&url, "main", &"a".repeat(40));
            payload["repository"]["full_name"] = json!(name);
            payload
        };
        door.tell("first", "push", &payload("acme/fine")).await;
        // From now on the database refuses a second repository.
        let mut tx = store.db.begin().await.unwrap();
        sqlx::query("CREATE UNIQUE INDEX poison ON repository (forge)")
            .execute(tx.connection())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        door.deliver("bad", "push", payload("acme/poison").to_string().as_bytes())
            .await;
        for tries in 1..=5 {
            door.deliver(
                &format!("good{tries}"),
                "push",
                payload("acme/fine").to_string().as_bytes(),
            )
            .await;
            let round = door.inbox.tick().await.unwrap();
            assert_eq!(round.applied, 1);
            assert_eq!(
                (round.failed, round.dead),
                if tries < 5 { (1, 0) } else { (0, 1) }
            );
            let at_once = door.inbox.tick().await.unwrap();
            assert_eq!(
                at_once,
                server::inbox::Round::default(),
                "it waits before it tries again"
            );
            store.clock.advance(900_000);
        }
        assert_eq!(door.inbox.tick().await.unwrap(), server::inbox::Round::default());
        let bad = deliveries(&store.db)
            .await
            .into_iter()
            .find(|delivery| delivery.delivery == "bad")
            .unwrap();
        assert_eq!(bad.state, DeliveryState::Dead);
        assert!(bad.effect.starts_with("could not be applied"), "{}", bad.effect);

        // Mended, and sent again by hand under the same number: it is taken up anew.
        let mut tx = store.db.begin().await.unwrap();
        sqlx::query("DROP INDEX poison")
            .execute(tx.connection())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        door.deliver("bad", "push", payload("acme/poison").to_string().as_bytes())
            .await;
        assert_eq!(door.inbox.tick().await.unwrap().applied, 1);
        let bad = deliveries(&store.db)
            .await
            .into_iter()
            .find(|delivery| delivery.delivery == "bad")
            .unwrap();
        assert_eq!((bad.state, bad.repeats), (DeliveryState::Applied, 1));
    }
}

#[tokio::test]
async fn a_repository_with_an_address_that_is_not_allowed_is_shown_with_its_problem() {
    let store = Store::sqlite().await;
    let door = Door::open(&store.db);
    door.tell(
        "one",
        "push",
        &push("https://evil.example/acme/checkout.git", "main", &"a".repeat(40)),
    )
    .await;
    let repository = server::git::store::repository(&store.db, "acme/checkout")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(repository.clone_url, "");
    assert!(repository.problem.unwrap().contains("source.clone_prefixes"));
    door.tell(
        "two",
        "push",
        &push("https://github.com/acme/checkout.git", "main", &"b".repeat(40)),
    )
    .await;
    door.tell(
        "three",
        "push",
        &push("https://evil.example/acme/checkout.git", "main", &"c".repeat(40)),
    )
    .await;
    // Whoever may sign for one repository cannot have another's branches taken for it.
    for (delivery, url) in [
        ("four", "https://github.com/evil/checkout.git"),
        ("five", "https://github.com/acme/checkout"),
    ] {
        door.tell(delivery, "push", &push(url, "main", &"d".repeat(40)))
            .await;
    }
    let four = deliveries(&store.db)
        .await
        .into_iter()
        .find(|delivery| delivery.delivery == "four")
        .unwrap();
    assert!(
        four.effect.contains("is not that of acme/checkout"),
        "{}",
        four.effect
    );
    let repository = server::git::store::repository(&store.db, "acme/checkout")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(repository.clone_url, "https://github.com/acme/checkout.git");
    assert_eq!(repository.problem, None);
}
