//! Sessions: what their cookie says, what the table keeps of them, and everything that ends them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use app::account::Role;
use axum::body::Body;
use axum::http::{Request, header};
use axum::routing::get;
use axum::{Json, Router};
use http_body_util::BodyExt as _;
use serde_json::json;
use server::http::{IDLE_MILLIS, LIFE_MILLIS};
use tokio::sync::Notify;

use crate::support::browser::{Browser, at_the_provider};
use crate::support::house::{House, Sso, acme, path_of};
use crate::support::store::Store;

const HOME: &str = "https://yard.example";
const COOKIE: &str = "__Host-yardmaster";

async fn houses() -> Vec<(House, sim::identity::Identity)> {
    let mut houses = Vec::new();
    for store in Store::each().await {
        houses.push(House::with_acme(store, HOME).await);
    }
    houses
}

async fn rows(house: &House) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM session")
        .fetch_one(house.store.db.read())
        .await
        .expect("counts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_cookie_stays_with_us() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let page = house.browser().get("/auth/login/acme").await;
    let cookie = page.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-yardmaster="), "{cookie}");
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    for wanted in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(attributes.contains(&wanted), "{wanted}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");

    // On loopback without TLS, where browsers refuse the prefix.
    let home = "http://127.0.0.1:3000";
    let (house, _acme) = House::with_acme(Store::sqlite().await, home).await;
    let page = house.browser().get("/auth/login/acme").await;
    let cookie = page.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("yardmaster=") && !cookie.contains("Secure"),
        "{cookie}"
    );
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn looking_around_makes_no_session() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut browser = house.browser();
    for path in [
        "/",
        "/login",
        "/livez",
        "/auth/callback/acme?code=x&state=y",
        "/auth/login/unknown",
        "/pkg/yardmaster.css",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.header("set-cookie"), "", "{path}");
    }
    assert_eq!(rows(&house).await, 0);
}

/// Somebody who planted a session in the browser before must not share it afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logging_in_changes_the_id_and_the_old_one_is_dead() {
    for (house, _acme) in houses().await {
        let mut browser = house.browser();
        let provider = house.leave(&mut browser, "acme", "/").await;
        let before = browser.clone();
        let callback = at_the_provider(&provider, &house.home, &[("persona", "vera")]).await;
        browser.get(path_of(&callback)).await;
        assert_ne!(before.cookies[COOKIE], browser.cookies[COOKIE]);
        assert!(browser.is_logged_in().await);
        assert!(!before.clone().is_logged_in().await);
        assert_eq!(rows(&house).await, 1, "the old one is gone");

        // Logging in again while logged in changes it again.
        let first = browser.clone();
        house
            .log_in(&mut browser, "acme", "/", &[("persona", "ada")])
            .await;
        assert_ne!(first.cookies[COOKIE], browser.cookies[COOKIE]);
        assert!(!first.clone().is_logged_in().await);
        let header = browser.post("/ui/account/header", &[]).await.body;
        assert!(header.contains("Ada") && !header.contains("Vera"), "{header}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_table_lets_nobody_in() {
    for (house, _acme) in houses().await {
        let browser = house.logged_in("vera").await;
        let secret = browser.cookies[COOKIE].clone();
        let (id_hash, public_id, data): (String, String, String) =
            sqlx::query_as("SELECT id_hash, public_id, data FROM session")
                .fetch_one(house.store.db.read())
                .await
                .expect("one session");
        assert_eq!((id_hash.len(), public_id.len()), (64, 16));
        for kept in [&id_hash, &public_id, &data] {
            assert!(!kept.contains(&secret), "{kept}");
            let mut thief = house.browser();
            thief.cookies.insert(COOKIE.to_owned(), kept.clone());
            assert!(!thief.is_logged_in().await, "{kept}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nonsense_in_the_cookie_is_nobody() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    for nonsense in [
        "x",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "%00%ff",
        "🚂",
        "' OR 1=1 --",
        &"A".repeat(4000),
    ] {
        let mut browser = house.browser();
        let planted: String = url::form_urlencoded::byte_serialize(nonsense.as_bytes()).collect();
        browser.cookies.insert(COOKIE.to_owned(), planted.clone());
        assert!(!browser.is_logged_in().await, "{nonsense}");
        // And does not keep anybody from logging in, under an id that we choose.
        browser.cookies.insert(COOKIE.to_owned(), planted.clone());
        let page = house
            .log_in(&mut browser, "acme", "/", &[("persona", "vera")])
            .await;
        assert_eq!(page.location(), "/");
        assert_ne!(browser.cookies[COOKIE], planted);
        assert!(browser.is_logged_in().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_is_not_used_ends() {
    for (house, _acme) in houses().await {
        let mut browser = house.logged_in("vera").await;
        house.store.clock.advance(IDLE_MILLIS - 1_000);
        assert!(browser.is_logged_in().await, "a second before");
        house.store.clock.advance(IDLE_MILLIS - 1_000);
        assert!(browser.is_logged_in().await, "use prolongs it");
        house.store.clock.advance(IDLE_MILLIS + 1_000);
        assert!(!browser.is_logged_in().await, "a second after");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_is_used_ends_too() {
    for (house, _acme) in houses().await {
        let mut browser = house.logged_in("vera").await;
        let mut lived = 0;
        while browser.is_logged_in().await {
            house.store.clock.advance(3_600_000);
            lived += 3_600_000;
            assert!(lived <= LIFE_MILLIS, "it does not end");
        }
        assert_eq!(lived, LIFE_MILLIS);
        // Rows of ended sessions go when the next one is made.
        house.store.clock.advance(1);
        house.logged_in("vera").await;
        assert_eq!(rows(&house).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn people_end_their_own_sessions_only() {
    for (house, _acme) in houses().await {
        let (mut here, mut there, mut ada) = (
            house.logged_in("vera").await,
            house.logged_in("vera").await,
            house.logged_in("ada").await,
        );
        let listed: serde_json::Value =
            serde_json::from_str(&here.post("/ui/account/sessions", &[]).await.body).expect("sessions");
        let listed = listed.as_array().expect("a list");
        assert_eq!(listed.len(), 2, "{listed:?}");
        let other = listed
            .iter()
            .find(|session| session["current"] == false)
            .expect("the other one");
        let other = other["id"].as_str().expect("its id").to_owned();

        assert_eq!(
            ada.post("/ui/account/revoke-session", &[("session", &other)])
                .await
                .status,
            404
        );
        assert!(there.is_logged_in().await);
        assert_eq!(
            here.post("/ui/account/revoke-session", &[("session", &other)])
                .await
                .status,
            200
        );
        assert!(!there.is_logged_in().await);
        assert!(here.is_logged_in().await && ada.is_logged_in().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logging_out_ends_it() {
    for (house, _acme) in houses().await {
        let mut browser = house.logged_in("vera").await;
        let copy = browser.clone();
        let page = browser.post("/auth/logout", &[]).await;
        assert_eq!((page.status, page.location()), (303, "/login"));
        let cookie = page.header("set-cookie");
        assert!(
            cookie.contains("Secure") && cookie.contains("Path=/"),
            "browsers ignore a `__Host-` cookie without them: {cookie}"
        );
        assert!(!browser.cookies.contains_key(COOKIE), "the cookie is taken back");
        assert!(!copy.clone().is_logged_in().await, "and would not help");
        assert_eq!(rows(&house).await, 0);
        // Twice does no harm, and the audit has it once.
        assert_eq!(browser.post("/auth/logout", &[]).await.location(), "/login");
        let said: Vec<String> =
            sqlx::query_scalar("SELECT actor FROM audit WHERE action = 'account.log-out'")
                .fetch_all(house.store.db.read())
                .await
                .expect("the audit");
        assert_eq!(said, ["Vera Viewer"]);
    }
}

/// A request that read the session before log-out and saves it afterwards does not bring it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_late_save_brings_nothing_back() {
    for store in Store::each().await {
        let identity = acme(&store, HOME).await;
        let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = slow_provider(asked.clone(), answer.clone()).await;
        let providers = [
            Sso {
                name: "acme",
                issuer: identity.issuer(),
            },
            Sso {
                name: "slow",
                issuer: &slow,
            },
        ];
        let house = House::new(store, HOME, &providers);
        let mut browser = house.logged_in("vera").await;

        let mut late = browser.clone();
        let saving = tokio::spawn(async move {
            let page = late.get("/auth/login/slow").await;
            (page.status, late)
        });
        asked.notified().await;
        browser.post("/auth/logout", &[]).await;
        answer.notify_one();
        let (status, mut late): (u16, Browser) = saving.await.expect("it ends");
        assert_eq!(status, 303);
        assert_eq!(rows(&house).await, 0);
        assert!(!late.is_logged_in().await);
    }
}

/// A provider that answers when it is told to.
async fn slow_provider(asked: Arc<Notify>, answer: Arc<Notify>) -> String {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a port");
    let issuer = format!("http://{}", listener.local_addr().expect("an address"));
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    let discovery = move || {
        let (asked, answer, document) = (asked.clone(), answer.clone(), document.clone());
        async move {
            asked.notify_one();
            answer.notified().await;
            Json(document)
        }
    };
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(|| async { Json(json!({"keys": []})) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    issuer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_raised_epoch_ends_all_of_somebodys_sessions() {
    for (house, _acme) in houses().await {
        let (mut here, mut there, mut ada) = (
            house.logged_in("vera").await,
            house.logged_in("vera").await,
            house.logged_in("ada").await,
        );
        house
            .execute("UPDATE person SET session_epoch = session_epoch + 1 WHERE subject = 'acme-1001'")
            .await;
        assert!(!here.is_logged_in().await && !there.is_logged_in().await);
        assert!(ada.is_logged_in().await);
        assert!(
            house.logged_in("vera").await.is_logged_in().await,
            "and they may log in anew"
        );
    }
}

/// The stream of news of somebody who may see pages.
async fn events(browser: &mut Browser, address: &str) -> Body {
    let answer = browser
        .begin(
            Request::get(address).header(header::ACCEPT, "text/event-stream"),
            String::new(),
        )
        .await;
    assert_eq!(answer.status(), 200, "{address}");
    answer.into_body()
}

/// The next of what a stream tells; nothing where it has ended.
async fn told(stream: &mut Body) -> Option<String> {
    let frame = tokio::time::timeout(Duration::from_secs(30), stream.frame())
        .await
        .expect("the stream goes on or ends");
    let data = frame?.expect("it does not break").into_data().expect("text");
    Some(String::from_utf8_lossy(&data).into_owned())
}

/// Something happens of which everybody is told.
async fn happens(house: &House, subject: &str) {
    let mut tx = house.store.db.begin().await.expect("a transaction");
    tx.event("train", subject);
    tx.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_logged_out_is_told_nothing_more() {
    for (house, _acme) in houses().await {
        house.role("vera", Some(Role::Viewer)).await;
        let ways: [(&str, &'static str); 2] = [
            (
                "an epoch raised",
                "UPDATE person SET session_epoch = session_epoch + 1",
            ),
            ("a session revoked", "DELETE FROM session"),
        ];
        for (what, sql) in ways {
            let mut browser = house.logged_in("vera").await;
            let mut stream = events(&mut browser, "/events").await;
            assert!(
                told(&mut stream).await.expect("it begins").contains("hello"),
                "{what}"
            );
            happens(&house, "trn_before").await;
            assert!(
                told(&mut stream).await.expect("news").contains("trn_before"),
                "{what}"
            );
            house.execute(sql).await;
            happens(&house, "trn_secret").await;
            assert_eq!(told(&mut stream).await, None, "{what}");
        }
        let mut browser = house.logged_in("vera").await;
        let mut stream = events(&mut browser.clone(), "/events").await;
        assert!(told(&mut stream).await.is_some());
        browser.post("/auth/logout", &[]).await;
        assert_eq!(
            told(&mut stream).await,
            None,
            "a log-out, which nobody is told of"
        );

        let mut browser = house.logged_in("vera").await;
        let mut stream = events(&mut browser, "/events").await;
        assert!(told(&mut stream).await.is_some());
        house.store.clock.advance(IDLE_MILLIS + 1_000);
        happens(&house, "trn_late").await;
        assert_eq!(told(&mut stream).await, None, "listening is no use of a session");
    }
}

/// What happens between rendering a page and listening is told; what the page was rendered from is not told again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_goes_on_where_its_page_was_rendered() {
    for (house, _acme) in houses().await {
        house.role("vera", Some(Role::Viewer)).await;
        let mut browser = house.logged_in("vera").await;
        happens(&house, "trn_before").await;
        let page = browser.get("/approvals").await;
        let (_, mark) = page
            .body
            .split_once("data-seq=\"")
            .expect("the page says how far it is");
        let mark = mark.split('"').next().expect("a number ends").to_owned();
        happens(&house, "trn_between").await;
        let mut stream = events(&mut browser, &format!("/events?after={mark}")).await;
        let first = told(&mut stream).await.expect("news");
        assert!(
            first.contains("trn_between") && first.contains("\"train\""),
            "{first}"
        );

        // A browser that was cut off says what it saw last, and asks by the same address as before.
        happens(&house, "trn_cut").await;
        let newest = house.store.db.last_seq().await.expect("a number");
        let again = Request::get(format!("/events?after={mark}"))
            .header(header::ACCEPT, "text/event-stream")
            .header("last-event-id", newest - 1);
        let mut stream = browser.begin(again, String::new()).await.into_body();
        let first = told(&mut stream).await.expect("news");
        assert!(first.contains("trn_cut"), "{first}");

        // Who was away for too long asks everything again.
        let mut stream = events(&mut browser, "/events?after=999999").await;
        let first = told(&mut stream).await.expect("news");
        assert!(first.contains("everything"), "{first}");
    }
}

/// A form without scripts shows whatever is answered: never bare JSON.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_plain_form_of_somebody_logged_out_leads_to_the_login_page_and_back() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let form = |referer: Option<&str>| {
        let request = Request::post("/ui/train/hold")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-site", "same-origin");
        match referer {
            Some(referer) => request.header(header::REFERER, referer),
            None => request,
        }
    };
    let filled = "train=trn_1&reason=wait";
    for (referer, return_to) in [
        (
            Some("https://yard.example/trains/production/42?a=b&__path=%2Fui%2Ftrain%2Fhold&__err=eA"),
            "%2Ftrains%2Fproduction%2F42%3Fa%3Db",
        ),
        (
            Some("https://yard.example/trains/production/42"),
            "%2Ftrains%2Fproduction%2F42",
        ),
        (Some("https://evil.example//evil.example/x"), "%2F"),
        (Some("nonsense"), "%2F"),
        (None, "%2F"),
    ] {
        let page = house.browser().send(form(referer), filled).await;
        assert_eq!(
            (page.status, page.location()),
            (303, format!("/login?return_to={return_to}").as_str()),
            "{referer:?}"
        );
    }
    // By script it stays what a script can read.
    let page = house
        .browser()
        .post("/ui/train/hold", &[("train", "trn_1")])
        .await;
    assert_eq!((page.status, page.body.as_str()), (401, "\"Unauthenticated\""));

    // Who is logged in and may not is told so by the page.
    let mut vera = house.logged_in("vera").await;
    house.role("vera", Some(Role::Viewer)).await;
    let page = vera
        .send(form(Some("https://yard.example/trains/production/42")), filled)
        .await;
    assert!(
        page.location()
            .starts_with("/trains/production/42?__path=%2Fui%2Ftrain%2Fhold&__err="),
        "{}",
        page.location()
    );
    assert_eq!(house.nothing.done(), [""; 0]);
}
