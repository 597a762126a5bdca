//! An OpenID provider on loopback HTTP: discovery, JWKS, authorization code flow with PKCE.
//!
//! The product logs people in through this exactly as through a company's SSO. It is strict where a real one is
//! (exact redirect addresses, S256 only, single-use codes) and lenient nowhere, but asks for no password:
//! its login page shows the [personas](crate::persona) as buttons.

mod authorize;
mod keys;
mod token;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Result, anyhow};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::http::{self, Server};
use crate::persona::Persona;
use keys::SigningKey;

/// Tells the time in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// How long a code may wait to be exchanged.
const CODE_LIFETIME_MILLIS: i64 = 60_000;
/// How long access and ID tokens are good for.
const TOKEN_LIFETIME_SECONDS: i64 = 3_600;

/// The one client that the provider knows.
#[derive(Clone)]
pub struct Client {
    /// Its identifier.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Where codes may be sent; compared as exact strings.
    pub redirect_uris: Vec<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("id", &self.id)
            .field("redirect_uris", &self.redirect_uris)
            .finish_non_exhaustive()
    }
}

/// A running provider.
#[derive(Debug)]
pub struct Identity {
    server: Server,
    provider: Arc<Provider>,
}

impl Identity {
    /// Starts a provider for one client.
    pub async fn start(address: SocketAddr, client: Client, now: Now) -> Result<Self> {
        let listener = http::bind(address).await?;
        let provider = Arc::new(Provider {
            issuer: http::url_of(&listener)?,
            client: RwLock::new(client),
            key: SigningKey::generate()?,
            now,
            grants: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(key_set))
            .route("/authorize", get(authorize::ask))
            .route("/login", post(authorize::answer))
            .route("/token", post(token::exchange))
            .route("/userinfo", get(token::userinfo).post(token::userinfo))
            .with_state(Arc::clone(&provider));
        Ok(Self {
            server: Server::start(listener, router)?,
            provider,
        })
    }

    /// The issuer, as it stands in tokens.
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// Allows codes to be sent to one more address: a product that picks its port tells us late.
    pub fn allow_redirect(&self, uri: &str) {
        let mut client = self
            .provider
            .client
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if !client.redirect_uris.iter().any(|known| known == uri) {
            client.redirect_uris.push(uri.to_owned());
        }
    }

    /// Stops listening.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// What the handlers share.
struct Provider {
    issuer: String,
    client: RwLock<Client>,
    key: SigningKey,
    now: Now,
    grants: Mutex<Grants>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Provider")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// Codes and access tokens that are out.
#[derive(Default)]
struct Grants {
    codes: HashMap<String, Grant>,
    /// Access tokens, with the code each came from so that a replayed code can revoke its token.
    tokens: HashMap<String, Access>,
}

/// A login that a code stands for.
#[derive(Clone)]
struct Grant {
    persona: &'static Persona,
    redirect_uri: String,
    challenge: String,
    nonce: Option<String>,
    expires: i64,
    used: bool,
}

/// What an access token opens.
struct Access {
    persona: &'static Persona,
    code: String,
    expires: i64,
}

impl Provider {
    fn now(&self) -> i64 {
        (self.now)()
    }

    fn client(&self) -> Client {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn grants(&self) -> std::sync::MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An unguessable string for codes and tokens.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no randomness"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": [
            "iss", "aud", "exp", "iat", "nonce", "at_hash", "sub",
            "name", "email", "email_verified", "preferred_username", "groups",
        ],
    }))
}

async fn key_set(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(provider.key.key_set())
}

/// The claims that tell who somebody is, in ID tokens and at `/userinfo`.
fn claims_of(persona: &Persona) -> Value {
    json!({
        "sub": persona.subject,
        "name": persona.name,
        "email": persona.email(),
        "email_verified": true,
        "preferred_username": persona.login,
        "groups": persona.groups,
    })
}
