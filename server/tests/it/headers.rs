//! What every answer carries, how large a request may be, and what a fault of ours looks like from outside.

use app::account::Role;
use axum::body::Body;
use axum::http::{Request, header};

use crate::support::browser::Page;
use crate::support::house::House;
use crate::support::log::Log;
use crate::support::store::Store;

const HOME: &str = "https://yard.example";

/// The directives of the content policy.
fn policy(page: &Page) -> Vec<String> {
    page.header("content-security-policy")
        .split(';')
        .map(|part| part.trim().to_owned())
        .collect()
}

fn nonce(page: &Page) -> String {
    let policy = page.header("content-security-policy");
    let (_, rest) = policy
        .split_once("'nonce-")
        .unwrap_or_else(|| panic!("no nonce: {policy}"));
    rest.split('\'').next().expect("a nonce ends").to_owned()
}

fn assert_safe(page: &Page, what: &str) {
    let policy = policy(page);
    for directive in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "object-src 'none'",
    ] {
        assert!(
            policy.iter().any(|part| part == directive),
            "{what}: {directive} in {policy:?}"
        );
    }
    assert!(
        !policy.iter().any(|part| part.contains("'unsafe-")),
        "{what}: {policy:?}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(page.header(name), value, "{what}: {name}");
    }
    assert!(
        page.headers.contains_key("permissions-policy") && page.headers.contains_key("referrer-policy"),
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn scripts_of_a_page_carry_its_own_nonce() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut vera = house.logged_in("vera").await;
    house.role("vera", Some(Role::Viewer)).await;
    let mut seen = Vec::new();
    for path in ["/login", "/login", "/approvals", "/sessions"] {
        let page = vera.get(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert_safe(&page, path);
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        let nonce = nonce(&page);
        assert!(nonce.len() >= 22, "{nonce}");
        assert!(!seen.contains(&nonce), "{path}: the same nonce twice");
        let scripts: Vec<&str> = page
            .body
            .split("<script")
            .skip(1)
            .filter_map(|script| script.split('>').next())
            .collect();
        assert!(!scripts.is_empty(), "{path}: hydration needs a script");
        for script in scripts {
            assert!(
                script.contains(&format!("nonce=\"{nonce}\"")),
                "{path}: <script{script}> for {nonce}"
            );
        }
        let ahead = page
            .body
            .split("<link")
            .filter_map(|link| link.split('>').next())
            .find(|link| link.contains("\"modulepreload\""))
            .expect("the bundle is loaded ahead");
        assert!(
            ahead.contains(&format!("nonce=\"{nonce}\"")) && !ahead.contains("crossorigin"),
            "{path}: <link{ahead}> for {nonce}"
        );
        assert!(!page.body.contains(&format!("crossorigin=\"{nonce}\"")), "{path}");
        // Nothing that the policy would stop.
        assert!(
            !page.body.contains(" style=\"") && !page.body.contains(" onclick="),
            "{path}: {}",
            page.body
        );
        seen.push(nonce);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refusals_and_faults_are_as_safe_as_pages() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut vera = house.logged_in("vera").await;
    let form = "application/x-www-form-urlencoded";
    let post = |path: &str| {
        Request::post(path)
            .header(header::CONTENT_TYPE, form)
            .header("sec-fetch-site", "same-origin")
    };
    for (what, page, status) in [
        ("unknown page", vera.get("/nowhere/at/all").await, 404),
        ("unknown file", vera.get("/pkg/nothing.js").await, 404),
        ("not found by a page", vera.get("/services/nothing").await, 404),
        ("nobody", house.browser().post("/ui/train/hold", &[]).await, 401),
        ("no role", vera.post("/ui/train/hold", &[]).await, 403),
        (
            "another site",
            vera.send(Request::post("/theme"), "theme=dark").await,
            403,
        ),
        (
            "another method",
            vera.send(
                Request::delete("/login").header("sec-fetch-site", "same-origin"),
                "",
            )
            .await,
            405,
        ),
        (
            "too large",
            vera.send(post("/theme"), "x".repeat(300_000)).await,
            413,
        ),
        ("unknown provider", vera.get("/auth/login/nobody").await, 404),
        ("login page", house.browser().get("/").await, 303),
    ] {
        assert_eq!(page.status, status, "{what}: {}", page.body);
        assert_safe(&page, what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn files_are_asked_again_and_lead_nowhere_else() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    house.write("../outside-of-the-site.txt", "not for browsers");
    let mut browser = house.browser();
    let style = browser.get("/pkg/yardmaster.css").await;
    assert_eq!(
        (
            style.status,
            style.header("content-type"),
            style.header("cache-control")
        ),
        (200, "text/css", "no-cache")
    );
    assert_safe(&style, "style sheet");
    let again =
        Request::get("/pkg/yardmaster.css").header(header::IF_MODIFIED_SINCE, style.header("last-modified"));
    assert_eq!(browser.send(again, "").await.status, 304);
    assert_eq!(
        browser.get("/favicon.svg").await.header("content-type"),
        "image/svg+xml"
    );
    for path in [
        "/../outside-of-the-site.txt",
        "/pkg/../../outside-of-the-site.txt",
        "/pkg/..%2f..%2foutside-of-the-site.txt",
        "/%2e%2e/outside-of-the-site.txt",
        "/pkg/..%5c..%5coutside-of-the-site.txt",
        "//etc/passwd",
        "/pkg",
        "/pkg/",
        "/mirrors",
    ] {
        let page = browser.get(path).await;
        assert!([303, 307, 404].contains(&page.status), "{path}: {}", page.status);
        assert!(
            !page.body.contains("not for browsers") && !page.body.contains("root:"),
            "{path}"
        );
        if page.status != 404 {
            assert!(
                page.location().starts_with('/') && !page.location().starts_with("//"),
                "{path}: {}",
                page.location()
            );
        }
    }
    let _ = std::fs::remove_file(std::env::temp_dir().join("outside-of-the-site.txt"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_tls_no_browser_is_told_to_insist_on_it() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, "http://127.0.0.1:3000").await;
    let page = house.browser().get("/login").await;
    assert_eq!((page.status, page.header("strict-transport-security")), (200, ""));
}

/// Also where the browser does not say beforehand how much it will send.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn long_requests_are_not_read_to_their_end() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut vera = house.logged_in("vera").await;
    house.role("vera", Some(Role::Devops)).await;
    let long = format!("train=trn_1&reason={}", "x".repeat(400_000));
    for path in ["/ui/train/hold", "/theme", "/ui/board/board"] {
        for said in [true, false] {
            let request = Request::post(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin");
            let page = if said {
                vera.send(request.header(header::CONTENT_LENGTH, long.len()), long.clone())
                    .await
            } else {
                let chunks = long
                    .clone()
                    .into_bytes()
                    .chunks(10_000)
                    .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
                    .collect::<Vec<_>>();
                vera.send(request, Body::from_stream(futures::stream::iter(chunks)))
                    .await
            };
            assert!(page.status >= 400, "{path}: {} {}", page.status, page.body);
            if said {
                assert_eq!(page.status, 413, "{path}");
            }
        }
    }
    assert_eq!(house.nothing.done(), [""; 0]);
    let page = vera
        .post(
            "/ui/train/hold",
            &[("train", "trn_1"), ("reason", &"x".repeat(100_000))],
        )
        .await;
    assert_eq!(
        (page.status, house.nothing.done()),
        (200, vec!["hold"]),
        "{}",
        page.body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_is_answered_and_logged() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut vera = house.logged_in("vera").await;
    house.role("vera", Some(Role::Viewer)).await;
    let (log, _listening) = Log::listen();
    let page = vera.get("/?search=a+fault+of+ours").await;
    assert_eq!(page.status, 500, "{}", page.body);
    assert!(
        !page.body.contains("panic") && !page.body.contains(".rs"),
        "{}",
        page.body
    );
    assert_safe(&page, "a page that panicked");
    let said = log.take();
    assert!(
        said.contains("ERROR") && said.contains("the test asked for a panic"),
        "{said}"
    );
    assert_eq!(vera.get("/approvals").await.status, 200, "and everything goes on");
}
