//! The whole edge in front of ports that do nothing, with the simulator's identity provider beside it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use app::account::{Grant, Role};
use axum::Router;
use server::account::Accounts;
use server::auth::login::Logins;
use server::clock::Clock as _;
use server::config::Config;
use server::git::Mirrors;
use server::http::{Edge, Silent};
use sim::identity::{Client, Identity};
use tempfile::TempDir;
use url::Url;

use super::backend::Nothing;
use super::browser::{Browser, Page, at_the_provider};
use super::store::Store;

/// A provider as the configuration names it.
pub struct Sso<'a> {
    pub name: &'a str,
    pub issuer: &'a str,
}

pub const CLIENT: &str = "yardmaster";
pub const SECRET: &str = "a-client-secret-that-stays-here";

/// Yardmaster's edge.
pub struct House {
    pub store: Store,
    pub nothing: Nothing,
    pub router: Router,
    pub home: Url,
    site: TempDir,
}

impl House {
    /// The edge at a public address, with these ways to log in.
    pub fn new(store: Store, home: &str, providers: &[Sso<'_>]) -> Self {
        let site = tempfile::tempdir().expect("a folder");
        write(site.path(), "pkg/yardmaster.css", "body { color: black }");
        write(
            site.path(),
            "favicon.svg",
            "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        );
        let mut document = format!(
            "public_url = \"{home}\"\n[keys]\naudit = \"an audit key for tests\"\ndata = \"a data key for tests\"\n"
        );
        for Sso { name, issuer } in providers {
            let prefix = if providers.len() > 1 {
                format!("{name}/")
            } else {
                String::new()
            };
            document.push_str(&format!(
                "[[login]]\nname = \"{name}\"\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\ngroup_prefix = \"{prefix}\"\n"
            ));
        }
        let config = Config::parse(&document).expect("a configuration");
        let logins = Logins::new(&config, &store.db.context.clock).expect("providers");
        let nothing = Nothing::default();
        let port = Arc::new(nothing.clone());
        let edge = Edge {
            db: store.db.clone(),
            public_url: config.public_url.clone(),
            logins: logins.clone(),
            backend: app::backend::Backend {
                account: Arc::new(Accounts {
                    db: store.db.clone(),
                    logins,
                    mirrors: Mirrors::new(store.db.clone(), site.path().join("mirrors")),
                    demo_forge: None,
                }),
                audit: port.clone(),
                board: port.clone(),
                build: port.clone(),
                deployment: port.clone(),
                environment: port.clone(),
                metric: port.clone(),
                service: port.clone(),
                train: port,
                reply: Arc::new(Silent),
            },
            site: site.path().to_owned(),
            stopping: tokio::sync::watch::channel(false).1,
        };
        let router = server::http::router(&edge, Router::new());
        Self {
            store,
            nothing,
            router,
            home: config.public_url,
            site,
        }
    }

    /// With the simulator's provider as `acme`.
    pub async fn with_acme(store: Store, home: &str) -> (Self, Identity) {
        let identity = acme(&store, home).await;
        let house = Self::new(
            store,
            home,
            &[Sso {
                name: "acme",
                issuer: identity.issuer(),
            }],
        );
        (house, identity)
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.router)
    }

    /// A browser in which somebody of the simulated company has logged in.
    pub async fn logged_in(&self, persona: &str) -> Browser {
        let mut browser = self.browser();
        let page = self
            .log_in(&mut browser, "acme", "/", &[("persona", persona)])
            .await;
        assert_eq!((page.status, page.location()), (303, "/"));
        browser
    }

    /// Logs in at a provider, as far as our answer to what the provider sent back.
    pub async fn log_in(
        &self,
        browser: &mut Browser,
        provider: &str,
        return_to: &str,
        fill: &[(&str, &str)],
    ) -> Page {
        let callback =
            at_the_provider(&self.leave(browser, provider, return_to).await, &self.home, fill).await;
        browser.get(path_of(&callback)).await
    }

    /// Begins to log in; answers with the address that the browser is sent to.
    pub async fn leave(&self, browser: &mut Browser, provider: &str, return_to: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", return_to)
            .finish();
        browser
            .get(&format!("/auth/login/{provider}?{query}"))
            .await
            .location()
            .to_owned()
    }

    /// Gives a persona exactly this role, or none.
    pub async fn role(&self, persona: &str, role: Option<Role>) {
        self.execute("DELETE FROM person_grant").await;
        if let Some(role) = role {
            let who = format!("{persona}@acme.example");
            let grant = Grant {
                role,
                environment: None,
                team: None,
            };
            server::account::grant(&self.store.db, &server::auth::system(), &who, &grant)
                .await
                .expect("grants");
        }
    }

    /// Changes rows behind the program's back.
    pub async fn execute(&self, sql: &'static str) {
        let mut tx = self.store.db.begin().await.expect("a transaction");
        sqlx::query(sql)
            .execute(tx.connection())
            .await
            .expect("a statement that holds");
        tx.commit().await.expect("commits");
    }

    /// Puts a file among those that browsers may load.
    pub fn write(&self, path: &str, text: &str) {
        write(self.site.path(), path, text);
    }
}

/// The simulator's provider, on the store's clock.
pub async fn acme(store: &Store, home: &str) -> Identity {
    let clock = store.clock.clone();
    let client = Client {
        id: CLIENT.to_owned(),
        secret: SECRET.to_owned(),
        redirect_uris: vec![format!("{home}/auth/callback/acme")],
    };
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Identity::start(anywhere, client, Arc::new(move || clock.now()))
        .await
        .expect("a provider")
}

/// Path and query of an address.
pub fn path_of(address: &Url) -> &str {
    &address[url::Position::BeforePath..]
}

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("makes the folder");
    std::fs::write(file, text).expect("writes the file");
}
