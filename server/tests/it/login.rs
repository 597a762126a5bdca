//! Logging in through the whole edge: at the simulator's provider, at a certified one, and at hostile ones. Whatever a
//! provider or somebody with a prepared link does, nobody else is logged in, the log says why, and no secret is in it.

use axum::http::{Request, header};
use server::clock::{Clock as _, SystemClock};
use tracing::subscriber::DefaultGuard;
use url::Url;

use crate::support::browser::{Browser, Page, at_the_provider};
use crate::support::house::{CLIENT, House, SECRET, Sso, path_of};
use crate::support::log::Log;
use crate::support::node::Node;
use crate::support::store::Store;

const HOME: &str = "https://yard.example";

/// A store whose clock shows the time of the world outside: other programs' tokens are dated by it.
async fn store_of_today() -> Store {
    let store = Store::sqlite().await;
    store.clock.advance(SystemClock.now() - store.clock.now());
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_the_simulator() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut browser = house.browser();
    let page = house
        .log_in(
            &mut browser,
            "acme",
            "/trains/production/42?x=1",
            &[("persona", "archie")],
        )
        .await;
    assert_eq!((page.status, page.location()), (303, "/trains/production/42?x=1"));
    assert!(browser.is_logged_in().await);
    let (subject, name, email, groups): (String, String, String, String) =
        sqlx::query_as("SELECT subject, name, email, groups_json FROM person")
            .fetch_one(house.store.db.read())
            .await
            .expect("one person");
    assert_eq!(
        (subject.as_str(), name.as_str(), email.as_str()),
        ("acme-1006", "Archie Architect", "archie@acme.example")
    );
    assert_eq!(groups, "[\"yardmaster-seniors\",\"architect\"]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_a_certified_provider() {
    let redirect = format!("{HOME}/auth/callback/certified");
    let node = Node::start(
        "provider.mjs",
        &[("CLIENT", CLIENT), ("SECRET", SECRET), ("REDIRECT", &redirect)],
    )
    .await;
    let issuer = node.address("issuer");
    let house = House::new(
        store_of_today().await,
        HOME,
        &[Sso {
            name: "certified",
            issuer: &issuer,
        }],
    );
    let mut browser = house.browser();
    let page = house
        .log_in(
            &mut browser,
            "certified",
            "/builds",
            &[("login", "cora"), ("password", "anything")],
        )
        .await;
    assert_eq!((page.status, page.location()), (303, "/builds"));
    assert!(browser.is_logged_in().await);
    let (name, email, verified, groups): (String, String, i64, String) =
        sqlx::query_as("SELECT name, email, email_verified, groups_json FROM person WHERE subject = 'cora'")
            .fetch_one(house.store.db.read())
            .await
            .expect("one person");
    assert_eq!(
        (name.as_str(), email.as_str(), verified),
        ("Cora Certified", "cora@acme.example", 1)
    );
    assert_eq!(groups, "[\"platform\",\"on-call\"]");

    // The same person again is the same row, also with another name.
    house
        .log_in(
            &mut house.browser(),
            "certified",
            "/",
            &[("login", "cora"), ("password", "anything")],
        )
        .await;
    let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person")
        .fetch_one(house.store.db.read())
        .await
        .expect("counts");
    assert_eq!(people, 1);
}

/// A yard with two providers, both of which may be made to lie, and its log.
struct Trap {
    house: House,
    log: Log,
    _listening: DefaultGuard,
    promising: String,
    silent: String,
    _node: Node,
}

impl Trap {
    async fn set() -> Self {
        let node = Node::start("hostile.mjs", &[("CLIENT", CLIENT), ("SECRET", SECRET)]).await;
        let (promising, silent) = (node.address("promising"), node.address("silent"));
        let providers = [
            Sso {
                name: "promising",
                issuer: &promising,
            },
            Sso {
                name: "silent",
                issuer: &silent,
            },
        ];
        let house = House::new(store_of_today().await, HOME, &providers);
        let (log, listening) = Log::listen();
        Self {
            house,
            log,
            _listening: listening,
            promising,
            silent,
            _node: node,
        }
    }

    /// Goes to a provider that is wrong in one way, and comes back with its answer.
    async fn answer_of(&self, browser: &mut Browser, provider: &str, wrong: &str) -> (Url, Url) {
        let mut leave =
            Url::parse(&self.house.leave(browser, provider, "/builds").await).expect("an address");
        leave.query_pairs_mut().append_pair("wrong", wrong);
        let callback = at_the_provider(leave.as_str(), &self.house.home, &[]).await;
        (leave, callback)
    }

    /// Nobody is logged in, the log says why in one line, and holds none of these secrets.
    async fn assert_refused(
        &self,
        what: &str,
        browser: &mut Browser,
        page: &Page,
        reason: &str,
        secrets: &[String],
    ) {
        assert_eq!(page.status, 303, "{what}: {}", page.body);
        assert!(
            page.location().starts_with("/login?problem="),
            "{what}: {}",
            page.location()
        );
        assert!(!browser.is_logged_in().await, "{what}: logged in");
        let people: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM person")
            .fetch_one(self.house.store.db.read())
            .await
            .expect("counts");
        assert_eq!(people, 0, "{what}: somebody is known now");
        let said = self.log.take();
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("a log-in did not work"))
            .collect();
        assert_eq!(lines.len(), 1, "{what}: {said}");
        assert!(
            lines[0].contains("WARN") && lines[0].contains(reason),
            "{what}: {}",
            lines[0]
        );
        for secret in secrets.iter().filter(|secret| secret.len() > 3) {
            assert!(
                !said.contains(secret.as_str()),
                "{what}: the log holds {secret}: {said}"
            );
        }
    }
}

/// Everything about a log-in that must stay out of the log: what went through the browser, what the provider sent.
async fn secrets(leave: &Url, callback: &Url, issuer: &str) -> Vec<String> {
    let mut secrets = vec![SECRET.to_owned()];
    let through_the_browser = leave.query_pairs().chain(callback.query_pairs());
    secrets.extend(
        through_the_browser
            .filter(|(name, _)| ["state", "nonce", "code", "code_challenge"].contains(&name.as_ref()))
            .map(|(_, value)| value.into_owned()),
    );
    let issued = reqwest::get(format!("{issuer}/issued"))
        .await
        .expect("it answers")
        .json::<serde_json::Value>()
        .await;
    if let Ok(serde_json::Value::Object(issued)) = issued {
        for name in ["access_token", "id_token", "refresh_token"] {
            secrets.extend(
                issued
                    .get(name)
                    .and_then(serde_json::Value::as_str)
                    .map(str::to_owned),
            );
        }
    }
    secrets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn honest_answers_of_the_hostile_providers_are_taken() {
    let trap = Trap::set().await;
    for provider in ["promising", "silent"] {
        let mut browser = trap.house.browser();
        let (_, callback) = trap.answer_of(&mut browser, provider, "honest").await;
        assert_eq!(
            browser.get(path_of(&callback)).await.location(),
            "/builds",
            "{provider}: {}",
            trap.log.take()
        );
        assert!(browser.is_logged_in().await, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_tokens_let_nobody_in() {
    let trap = Trap::set().await;
    for (wrong, reason) in [
        ("alg-none", "ID token does not hold"),
        ("hs256-with-the-public-key", "ID token does not hold"),
        ("hs256-with-the-client-secret", "ID token does not hold"),
        ("wrong-issuer", "issuer"),
        ("issuer-with-a-slash", "issuer"),
        ("wrong-audience", "audience"),
        ("no-audience", "audience"),
        ("several-audiences", "audience"),
        ("several-audiences-given-to-another", "audience"),
        ("given-to-another", "given to another party"),
        ("expired", "expired"),
        ("never-expires", "code was not accepted"),
        ("issued-in-the-future", "issued at an odd time"),
        ("issued-long-ago", "issued at an odd time"),
        ("wrong-nonce", "nonce"),
        ("missing-nonce", "nonce"),
        ("missing-subject", "code was not accepted"),
        ("unknown-key", "ID token does not hold"),
        ("strange-key-under-a-known-name", "ID token does not hold"),
        ("key-in-the-header", "ID token does not hold"),
        ("tampered", "ID token does not hold"),
        ("no-signature", "ID token does not hold"),
        ("wrong-access-token-hash", "not the one the ID token speaks of"),
        ("no-id-token", "no ID token"),
        ("nonsense-as-id-token", "code was not accepted"),
        ("number-as-id-token", "code was not accepted"),
        ("endless-answer", "longer than 1 MiB"),
        ("error", "invalid_grant"),
        ("fault", "code was not accepted"),
    ] {
        let mut browser = trap.house.browser();
        let (leave, callback) = trap.answer_of(&mut browser, "promising", wrong).await;
        let page = browser.get(path_of(&callback)).await;
        let mut secrets = secrets(&leave, &callback, &trap.promising).await;
        secrets.extend(browser.cookies.values().cloned());
        trap.assert_refused(wrong, &mut browser, &page, reason, &secrets)
            .await;
    }
}

/// Changes, adds or (with `None`) takes away a parameter of an address.
fn with(address: &Url, name: &str, value: Option<&str>) -> Url {
    let kept: Vec<(String, String)> = address
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let mut changed = address.clone();
    changed.query_pairs_mut().clear().extend_pairs(kept);
    if let Some(value) = value {
        changed.query_pairs_mut().append_pair(name, value);
    }
    changed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hostile_callbacks_let_nobody_in() {
    let trap = Trap::set().await;
    let state_of_another = "AAAAAAAAAAAAAAAAAAAAAA";
    for (what, provider, change, reason) in [
        ("state missing", "silent", ("state", None), "state"),
        ("state empty", "silent", ("state", Some("")), "state"),
        (
            "state wrong",
            "silent",
            ("state", Some(state_of_another)),
            "state",
        ),
        ("code missing", "silent", ("code", None), "no code"),
        (
            "code invented",
            "silent",
            ("code", Some("invented-code")),
            "code was not accepted",
        ),
        (
            "issuer missing though promised",
            "promising",
            ("iss", None),
            "names nobody",
        ),
        (
            "issuer wrong",
            "promising",
            ("iss", Some("https://evil.example")),
            "evil.example",
        ),
        (
            "issuer wrong though not promised",
            "silent",
            ("iss", Some("https://evil.example")),
            "evil.example",
        ),
        (
            "issuer of the other provider",
            "promising",
            ("iss", Some(trap.silent.as_str())),
            "issuer",
        ),
        (
            "an error",
            "silent",
            ("error", Some("access_denied")),
            "access_denied",
        ),
    ] {
        let mut browser = trap.house.browser();
        let (leave, callback) = trap.answer_of(&mut browser, provider, "honest").await;
        let changed = with(&callback, change.0, change.1);
        let page = browser.get(path_of(&changed)).await;
        let mut secrets = secrets(&leave, &callback, &trap.silent).await;
        secrets.extend(
            change
                .1
                .filter(|_| ["state", "code"].contains(&change.0))
                .map(str::to_owned),
        );
        trap.assert_refused(what, &mut browser, &page, reason, &secrets)
            .await;
        // The attempt is used up: the right answer comes too late.
        let page = browser.get(path_of(&callback)).await;
        trap.assert_refused(what, &mut browser, &page, "began no log-in", &secrets)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_in_the_wrong_place_or_time_let_nobody_in() {
    let trap = Trap::set().await;
    let began_no = "began no log-in";

    // A link with somebody else's code, opened in a browser that began nothing.
    let (leave, callback) = trap
        .answer_of(&mut trap.house.browser(), "silent", "honest")
        .await;
    let kept = secrets(&leave, &callback, &trap.silent).await;
    let mut victim = trap.house.browser();
    let page = victim.get(path_of(&callback)).await;
    trap.assert_refused("no attempt", &mut victim, &page, began_no, &kept)
        .await;

    // The same, in a browser that began something of its own.
    trap.house.leave(&mut victim, "silent", "/").await;
    let page = victim.get(path_of(&callback)).await;
    trap.assert_refused("somebody else's answer", &mut victim, &page, "state", &kept)
        .await;

    // The answer of one provider at the other's address, with the right state.
    let mut browser = trap.house.browser();
    let (_, callback) = trap.answer_of(&mut browser, "silent", "honest").await;
    let mixed = Url::parse(
        &callback
            .as_str()
            .replace("/callback/silent", "/callback/promising"),
    )
    .expect("an address");
    let page = browser.get(path_of(&mixed)).await;
    trap.assert_refused("mix-up", &mut browser, &page, "another provider", &kept)
        .await;

    // A provider that nobody configured.
    let mut browser = trap.house.browser();
    let (_, callback) = trap.answer_of(&mut browser, "silent", "honest").await;
    let unknown = callback.as_str().replace("/callback/silent", "/callback/unknown");
    let page = browser
        .get(path_of(&Url::parse(&unknown).expect("an address")))
        .await;
    trap.assert_refused("unknown provider", &mut browser, &page, "no such provider", &kept)
        .await;

    // Ten minutes later, when the session of the attempt has ended too.
    let mut browser = trap.house.browser();
    let (_, callback) = trap.answer_of(&mut browser, "silent", "honest").await;
    trap.house.store.clock.advance(10 * 60_000 + 1);
    let page = browser.get(path_of(&callback)).await;
    trap.assert_refused("too late", &mut browser, &page, began_no, &kept)
        .await;
}

/// These need somebody who is logged in: what was used once is worth nothing afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_works_twice() {
    let trap = Trap::set().await;
    let mut browser = trap.house.browser();
    let (leave, callback) = trap.answer_of(&mut browser, "silent", "honest").await;
    let before = browser.clone();
    browser.get(path_of(&callback)).await;
    assert!(browser.is_logged_in().await);
    let used = secrets(&leave, &callback, &trap.silent).await;
    trap.log.take();

    // The browser's history, in the browser from before, and in one that stays logged in.
    for (mut again, logged_in) in [
        (before, false),
        (trap.house.browser(), false),
        (browser.clone(), true),
    ] {
        let page = again.get(path_of(&callback)).await;
        assert!(
            page.location().starts_with("/login?problem="),
            "{}",
            page.location()
        );
        assert_eq!(again.is_logged_in().await, logged_in);
    }
    // A code that was used, under a new attempt with its own state.
    let mut again = trap.house.browser();
    let (_, fresh) = trap.answer_of(&mut again, "silent", "honest").await;
    let code = callback
        .query_pairs()
        .find(|(name, _)| name == "code")
        .expect("a code")
        .1
        .into_owned();
    let page = again.get(path_of(&with(&fresh, "code", Some(&code)))).await;
    assert!(
        page.location().starts_with("/login?problem="),
        "{}",
        page.location()
    );
    assert!(!again.is_logged_in().await);
    // An attempt that took too long, in a session that lives on because somebody is logged in.
    let (_, late) = trap.answer_of(&mut browser, "silent", "honest").await;
    trap.house.store.clock.advance(10 * 60_000 + 1);
    trap.log.take();
    let page = browser.get(path_of(&late)).await;
    assert!(
        page.location().starts_with("/login?problem="),
        "{}",
        page.location()
    );
    let said = trap.log.take();
    assert!(said.contains("longer than ten minutes"), "{said}");
    for secret in used {
        assert!(!said.contains(&secret), "{said}");
    }
}

/// What a provider or a link says stays one line of the log, however it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_writes_lines_into_the_log() {
    let trap = Trap::set().await;
    let mut browser = trap.house.browser();
    let (_, callback) = trap.answer_of(&mut browser, "silent", "honest").await;
    let text = format!("no\r\n2026-01-01 INFO all is well\x1b[31m{}", "x".repeat(5000));
    let page = browser
        .get(path_of(&with(
            &with(&callback, "error", Some("a\nb")),
            "error_description",
            Some(&text),
        )))
        .await;
    assert!(page.location().starts_with("/login?problem="));
    let said = trap.log.take();
    let line = said
        .lines()
        .find(|line| line.contains("a log-in did not work"))
        .expect("a line");
    assert!(line.contains("all is well") && line.len() < 1000, "{line}");
    assert!(
        !said.contains('\x1b') && !said.lines().any(|line| line.starts_with("2026-01-01 INFO all")),
        "{said}"
    );
}

/// Cookies of log-in come along from other sites' links, so what a link can do must be harmless.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_that_is_down_keeps_nobody_from_another() {
    let store = Store::sqlite().await;
    let identity = crate::support::house::acme(&store, HOME).await;
    let providers = [
        Sso {
            name: "acme",
            issuer: identity.issuer(),
        },
        Sso {
            name: "down",
            issuer: "http://127.0.0.1:1",
        },
    ];
    let house = House::new(store, HOME, &providers);
    let (log, _listening) = Log::listen();
    let mut browser = house.browser();
    let page = browser.get("/login").await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("/auth/login/acme") && !page.body.contains("/auth/login/down"),
        "{}",
        page.body
    );
    assert_eq!(
        browser.get("/auth/login/down").await.location(),
        "/login?problem=unreachable"
    );
    assert!(log.take().contains("does not answer"));
    let page = browser.get("/login?problem=unreachable").await;
    assert!(
        page.body.contains("The identity provider does not answer."),
        "{}",
        page.body
    );
    assert_eq!(
        house
            .log_in(&mut browser, "acme", "/", &[("persona", "vera")])
            .await
            .location(),
        "/"
    );
    // Of several providers each one's groups carry its name, so that none can give another's roles.
    let groups: String = sqlx::query_scalar("SELECT groups_json FROM person WHERE name = 'Vera Viewer'")
        .fetch_one(house.store.db.read())
        .await
        .expect("one person");
    assert_eq!(groups, "[\"acme/yardmaster-viewers\"]");
}

/// Ways to write an address that some browser, or some step on the way, reads as another site's.
fn hostile_targets() -> Vec<String> {
    let starts = [
        "",
        "/",
        "//",
        "///",
        "////",
        "\\",
        "/\\",
        "\\/",
        "\\\\",
        "/\\/",
        "//\\",
        "/.//",
        "/..//",
        "/./\\",
        "/x/..//",
        "/x/../\\",
        "/%2f",
        "/%2F/",
        "/%5c",
        "/%252f",
        "/%25252f",
        "/%09/",
        "/%0a/",
        "\t//",
        "/\t/",
        "/\n/",
        "/\r\n/",
        " //",
        "/ /",
        "\u{a0}//",
        "/\u{200b}/",
        "/%00/",
        "\0//",
        "https:",
        "https:/",
        "https://",
        "https:\\\\",
        "HTTPS://",
        "http:",
        "http://",
        "ftp://",
        "javascript:",
        "jAvAsCrIpT:",
        "data:text/html,",
        "vbscript:",
        "blob:",
        "file:///",
        "about:",
        "//@",
        "/@",
        "//yard.example@",
        "//yard.example:x@",
        "https://yard.example@",
        "https://yard.example.",
        "//％2f",
        "/／",
        "／／",
        "/\u{2215}/",
        "?//",
        "#//",
        ";//",
        "/;//",
        "/?\\",
        "/#\\",
    ];
    let hosts = [
        "evil.example",
        "evil.example/",
        "evil.example/x?y=z#w",
        "evil.example:443",
        "user:pass@evil.example",
        "evil%2eexample",
        "ｅvil.example",
        "127.0.0.1",
        "[::1]",
        "0x7f000001",
        "yard.example.evil.example",
        "yard.example%00.evil.example",
        "evil.example\\@yard.example",
        "evil.example%2f..",
        "alert(1)",
        "evil\u{3002}example",
        "evil.example\t",
        "evil.example\r\nset-cookie: a=b",
    ];
    starts
        .iter()
        .flat_map(|start| hosts.iter().map(move |host| format!("{start}{host}")))
        .collect()
}

/// Where a browser on our page goes that is told so.
fn leads_to(location: &str) -> Option<String> {
    Some(
        Url::parse(HOME)
            .expect("ours")
            .join(location)
            .ok()?
            .origin()
            .ascii_serialization(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_target_leads_away() {
    let targets = hostile_targets();
    assert!(targets.len() >= 1000, "{}", targets.len());
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    for (number, target) in targets.iter().enumerate() {
        let safe = server::auth::safe_path(target);
        let ours = |location: &str| {
            let odd = |letter: char| letter.is_control() || letter == '\\' || !letter.is_ascii();
            location.starts_with('/')
                && !location.starts_with("//")
                && !location.contains(odd)
                && leads_to(location).as_deref() == Some(HOME)
        };
        assert!(ours(&safe), "{target:?} became {safe:?}");
        assert_eq!(server::auth::safe_path(&safe), safe, "a safe path stays as it is");
        // What is decoded once more on its way stays with us too.
        let once_more = url::form_urlencoded::parse(format!("x={safe}").replace('+', "%2B").as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default();
        assert_eq!(
            leads_to(&once_more).as_deref(),
            Some(HOME),
            "{target:?} became {safe:?}, read again {once_more:?}"
        );

        // And through the whole log-in.
        if number % 40 == 0 {
            let page = house
                .log_in(&mut house.browser(), "acme", target, &[("persona", "vera")])
                .await;
            assert_eq!(page.status, 303, "{target:?}");
            assert!(ours(page.location()), "{target:?} led to {:?}", page.location());
        }
        // The page's own link to the provider, and the way back after a choice of theme.
        if number % 97 == 0 {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("return_to", target)
                .finish();
            let page = house.browser().get(&format!("/login?{query}")).await;
            let (_, link) = page
                .body
                .split_once("href=\"/auth/login/acme")
                .expect("a link to the provider");
            assert!(link.starts_with("?return_to="), "{target:?}: {link}");
            let Ok(referer) = format!("{HOME}{target}").parse::<axum::http::HeaderValue>() else {
                continue;
            };
            let choose = Request::post("/theme")
                .header("sec-fetch-site", "same-origin")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::REFERER, referer);
            let page = house.browser().send(choose, "theme=dark").await;
            assert!(ours(page.location()), "{target:?} led to {:?}", page.location());
        }
    }
}
