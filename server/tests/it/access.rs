//! Who may ask what: the permission matrix as a golden file, every path in the table, and every role at every path
//! through the real router.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use app::account::{Actor, Permission, Role};
use axum::http::{Method, Request, header};
use server::auth;
use server::http::access::{self, Access, TABLE};
use server::http::{page_paths, register_server_functions};

use crate::support::browser::{Browser, Page};
use crate::support::house::House;
use crate::support::store::{Store, of_team, somebody};

const HOME: &str = "https://yard.example";

/// What the program routes beside pages and server functions.
static OWN: LazyLock<BTreeSet<String>> = LazyLock::new(own);

/// By its sources.
fn own() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    read_sources(&source("src"), &mut |text| {
        let routed = text.split(".route(\"").skip(1);
        found.extend(routed.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    });
    assert!(
        found.contains("/hooks/{source}"),
        "the sources are where this test looks"
    );
    found
}

/// Arguments of all server functions together; each takes those it knows.
const ARGUMENTS: &[(&str, &str)] = &[
    ("arn", "arn:aws:ecs:eu-west-1:111111111111:service/yard/checkout"),
    ("comment", "fine"),
    ("container", "checkout"),
    ("days", "30"),
    (
        "digest",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ),
    ("environment", "production"),
    ("id", "dep_1"),
    ("identity", "email:somebody@acme.example"),
    ("manifest", "5f3c"),
    ("name", "checkout"),
    ("number", "42"),
    ("reason", "for the test"),
    ("revision", "1"),
    ("service", "checkout"),
    ("session", "0123456789abcdef"),
    ("train", "trn_1"),
    ("user", "usr_nobody"),
];

#[test]
fn the_matrix_is_as_agreed() {
    insta::assert_snapshot!("permission-matrix", auth::matrix());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_table_lists_exactly_what_is_routed() {
    register_server_functions();
    let functions = server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned());
    let routed: BTreeSet<String> = page_paths()
        .into_iter()
        .chain(functions)
        .chain(OWN.iter().cloned())
        .collect();
    let listed: BTreeSet<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed.len(), TABLE.len(), "a path is listed twice");
    let (unlisted, gone): (Vec<_>, Vec<_>) = (
        routed.difference(&listed).collect(),
        listed.difference(&routed).collect(),
    );
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "not in the table: {unlisted:?}; in it, but nowhere else: {gone:?}"
    );
}

/// The linker may drop a server function that nobody names: those in the sources must be those that are registered.
#[test]
fn every_server_function_is_registered() {
    register_server_functions();
    let registered: BTreeSet<String> = server_fn::axum::server_fn_paths()
        .map(|(path, _)| path.to_owned())
        .collect();
    let mut declared = BTreeSet::new();
    read_sources(&source("../app/src"), &mut |text| {
        for attribute in text.split("#[server(").skip(1) {
            let attribute = attribute.split(")]").next().expect("an attribute ends");
            if let Some((_, endpoint)) = attribute.split_once("endpoint = \"") {
                let endpoint = endpoint.split('"').next().expect("a string ends");
                declared.insert(format!("/ui/{endpoint}"));
            }
        }
    });
    assert!(declared.len() > 25, "the sources are where this test looks");
    assert_eq!(declared, registered);
}

fn source(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

fn read_sources(folder: &Path, read: &mut dyn FnMut(&str)) {
    for entry in std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        match entry.is_dir() {
            true => read_sources(&entry, read),
            false => read(&std::fs::read_to_string(&entry).unwrap_or_default()),
        }
    }
}

#[test]
fn what_is_not_listed_is_refused_to_everybody() {
    let anybody = somebody("ada", Role::Devops);
    for path in ["/new", "/ui/train/new", "/ui/train/seal/", "/UI/train/seal", ""] {
        assert_eq!(access::access(path), None, "{path}");
    }
    assert!(access::check(None, Some(&anybody)).is_err());
    assert!(access::check(None, None).is_err());
}

#[test]
fn a_role_in_one_environment_opens_no_other() {
    let mut lead = somebody("lee", Role::Lead);
    lead.grants[0].environment = Some("staging".to_owned());
    let place = |environment, protected| auth::Place::In {
        environment,
        protected,
        team: Some("shop"),
    };
    assert!(auth::may(&lead, Permission::Deploy, place("staging", false)));
    assert!(!auth::may(&lead, Permission::Deploy, place("production", true)));
    assert!(!auth::may(&lead, Permission::Deploy, auth::Place::Anywhere));
    assert!(!auth::may(&lead, Permission::Configure, auth::Place::Anywhere));
    assert!(auth::may(&lead, Permission::View, auth::Place::Anywhere));
}

#[test]
fn a_role_for_one_team_acts_on_that_team_s_services_only() {
    let mut senior = of_team("sena", Role::Senior, "shop");
    let place = |environment, team| auth::Place::In {
        environment,
        protected: false,
        team,
    };
    for permission in [Permission::Deploy, Permission::Configure] {
        assert!(auth::may(&senior, permission, place("staging", Some("shop"))));
        assert!(!auth::may(&senior, permission, place("staging", Some("orders"))));
        assert!(!auth::may(&senior, permission, place("staging", None)));
        assert!(!auth::may(&senior, permission, auth::Place::Anywhere));
    }
    assert!(auth::may(&senior, Permission::View, auth::Place::Anywhere));
    let refusal = auth::require(&senior, Permission::Configure, place("staging", Some("orders")));
    let said = refusal.unwrap_err().to_string();
    assert!(said.contains("Senior developer of team orders"), "{said}");

    senior.grants[0].environment = Some("staging".to_owned());
    assert!(auth::may(
        &senior,
        Permission::Deploy,
        place("staging", Some("shop"))
    ));
    assert!(!auth::may(
        &senior,
        Permission::Deploy,
        place("development", Some("shop"))
    ));
    // A team's services have to be all of what is acted on.
    assert_eq!(auth::one_team(["shop", "shop"]), Some("shop"));
    assert_eq!(auth::one_team(["shop", "orders"]), None);
    assert_eq!(auth::one_team([""]), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_gets_further_than_the_login_page() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    for (path, access) in TABLE.iter().filter(|(_, access)| *access != Access::Public) {
        let page = ask(&mut house.browser(), path).await;
        if is_page(path) {
            let target: String = url::form_urlencoded::byte_serialize(address(path).as_bytes()).collect();
            assert_eq!(
                (page.status, page.location()),
                (303, format!("/login?return_to={target}").as_str()),
                "{path}"
            );
        } else {
            assert_eq!(page.status, 401, "{path} {access:?}: {}", page.body);
        }
    }
    assert_eq!(house.nothing.done(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_role_at_every_path() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut browser = house.logged_in("vera").await;
    let roles = std::iter::once(None).chain(Role::ALL.iter().copied().map(Some));
    for role in roles {
        house.role("vera", role).await;
        let actor = role.map(|role| somebody("vera", role));
        for (path, access) in TABLE.iter().filter(|(path, _)| *path != "/auth/logout") {
            let allowed = match access {
                Access::Public | Access::LoggedIn => true,
                Access::Somewhere(permission) => may(actor.as_ref(), *permission),
            };
            let page = ask(&mut browser, path).await;
            let done = house.nothing.done();
            let of = format!("{role:?} at {path}: {} {} {done:?}", page.status, page.body);
            if !allowed {
                assert_eq!((page.status, done.len()), (403, 0), "{of}");
            } else if is_page(path) {
                // Without a role, some pages say so themselves.
                assert!(
                    ![401, 405, 500].contains(&page.status) && (role.is_none() || page.status != 403),
                    "{of}"
                );
            } else if !path.starts_with("/auth/") && !path.starts_with("/hooks/") {
                assert!(![401, 403, 405, 415, 422, 500].contains(&page.status), "{of}");
            }
            if allowed && changes(path, *access) {
                assert_eq!(done.len(), 1, "{of}");
            }
        }
    }
}

/// Cookies are sent along from other sites too: a request that changes something must show that it is from our pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn other_sites_change_nothing() {
    let (house, _acme) = House::with_acme(Store::sqlite().await, HOME).await;
    let mut browser = house.logged_in("vera").await;
    house.role("vera", Some(Role::Devops)).await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("origin", HOME)],
        &[("origin", "https://evil.example")],
        &[("origin", "https://yard.example.evil.example")],
        &[("origin", "http://yard.example")],
        &[("origin", "null")],
    ];
    let posts = TABLE
        .iter()
        .map(|(path, _)| *path)
        .filter(|path| method(path) == Method::POST);
    for path in posts {
        for proof in foreign {
            let mut request = form(path);
            for (name, value) in proof {
                request = request.header(*name, *value);
            }
            let page = browser.send(request, body(path)).await;
            assert_eq!(page.status, 403, "{path} {proof:?}");
            assert_eq!(page.header("set-cookie"), "", "{path} {proof:?}");
        }
        // Nor by a link or an image.
        let page = browser.get(path).await;
        assert!([404, 405].contains(&page.status), "GET {path}: {}", page.status);
    }
    assert_eq!(house.nothing.done(), [""; 0]);
    assert!(browser.is_logged_in().await, "not even logged out");

    // With the origin alone, as browsers without `Sec-Fetch-Site` send it, our own pages work.
    let page = browser
        .send(
            form("/ui/train/hold").header("origin", HOME),
            body("/ui/train/hold"),
        )
        .await;
    assert_eq!(
        (page.status, house.nothing.done()),
        (200, vec!["hold"]),
        "{}",
        page.body
    );
}

fn may(actor: Option<&Actor>, permission: Permission) -> bool {
    actor.is_some_and(|actor| auth::may_somewhere(actor, permission))
}

/// Whether a port that does things is behind it. `map-author` and `revoke-session` reach the real accounts.
fn changes(path: &str, access: Access) -> bool {
    let acts = matches!(
        access,
        Access::Somewhere(
            Permission::Approve | Permission::Deploy | Permission::RollBack | Permission::Configure
        )
    );
    acts && path != "/ui/account/map-author"
}

fn is_page(path: &str) -> bool {
    !path.starts_with("/ui/") && !OWN.contains(path)
}

fn method(path: &str) -> Method {
    if path.starts_with("/ui/") || ["/auth/logout", "/theme"].contains(&path) {
        Method::POST
    } else {
        Method::GET
    }
}

/// The path with something in each of its places.
fn address(path: &str) -> String {
    path.replace("{name}", "checkout")
        .replace("{environment}", "production")
        .replace("{number}", "42")
        .replace("{id}", "dep_1")
        .replace("{service}", "checkout")
        .replace("{provider}", "acme")
}

fn form(path: &str) -> axum::http::request::Builder {
    Request::post(address(path)).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn body(path: &str) -> String {
    match path {
        "/theme" => "theme=dark".to_owned(),
        _ => url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(ARGUMENTS)
            .finish(),
    }
}

/// Asks as our own pages do.
async fn ask(browser: &mut Browser, path: &str) -> Page {
    if path == "/events" {
        // Its answer never ends.
        let answer = browser
            .begin(
                Request::get(path).header(header::ACCEPT, "text/event-stream"),
                String::new(),
            )
            .await;
        return Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: String::new(),
        };
    }
    match method(path) {
        Method::GET => browser.get(&address(path)).await,
        _ => {
            browser
                .send(form(path).header("sec-fetch-site", "same-origin"), body(path))
                .await
        }
    }
}
