//! One OpenID provider: discovery, the way to its log-in page, and the check of what comes back.

use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType,
    CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm,
    CoreResponseMode, CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AdditionalProviderMetadata, AuthorizationCode, Client, ClientId,
    ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndUserName, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, LocalizedClaim, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadata, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, SubjectIdentifier, UserInfoClaims,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::login::one_line;
use crate::clock::SharedClock;
use crate::config::Login;

/// Claims beside the standard ones; groups stand under a name that the configuration says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Extra(serde_json::Map<String, serde_json::Value>);
impl AdditionalClaims for Extra {}

/// What a provider says about itself beyond OpenID Connect Discovery.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Promises {
    /// It names itself in its answers (RFC 9207), against mix-ups of several providers.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}
impl AdditionalProviderMetadata for Promises {}

type Document = ProviderMetadata<
    Promises,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;
type IdFields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type Tokens = StandardTokenResponse<IdFields, CoreTokenType>;
type OidcClient = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What is kept between leaving for the provider and coming back; bound to the browser by its session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    /// The provider it belongs to: another one cannot finish it.
    pub provider: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    pub return_to: String,
    pub started_at: i64,
}

/// A person as the provider describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub issuer: String,
    pub subject: String,
    pub name: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub groups: Vec<String>,
}

/// What an ID token or a UserInfo answer tells of a person.
#[derive(Default)]
struct Told {
    issuer: String,
    subject: String,
    name: Option<String>,
    username: Option<String>,
    /// And whether the provider has verified it.
    email: Option<(String, bool)>,
    groups: Option<Vec<String>>,
}

/// Why a log-in did not work. Texts are for the log; people are told less.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    #[error("the identity provider `{0}` (login.issuer {1}) does not answer: {2}")]
    Unreachable(String, String, String),
    #[error("{0}")]
    Refused(String),
}

fn refused(text: impl Into<String>) -> LoginError {
    LoginError::Refused(text.into())
}

/// One configured provider. Discovery is done when first needed and again when keys may have changed.
pub(super) struct Provider {
    pub config: Login,
    redirect: RedirectUrl,
    http: reqwest::Client,
    clock: SharedClock,
    found: Mutex<Option<Found>>,
}

/// What discovery came to, and when. That it failed is remembered too, for a moment: else everybody who comes to the
/// log-in page would wait, one after another, for a provider that hangs.
struct Found {
    document: Result<Document, String>,
    at: i64,
}

/// How long a discovery document and its keys are believed.
const BELIEVED_MILLIS: i64 = 10 * 60_000;
/// How long a provider that did not answer is left alone.
const LEFT_ALONE_MILLIS: i64 = 15_000;
/// Signature algorithms that are accepted: asymmetric ones only, so that a client secret never makes a valid token.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 6] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

impl Found {
    fn holds(&self, now: i64, fresh: bool) -> bool {
        let age = now - self.at;
        match &self.document {
            Ok(_) => age < BELIEVED_MILLIS && !(fresh && age > 60_000),
            Err(_) => age < LEFT_ALONE_MILLIS,
        }
    }
}

impl Provider {
    pub fn new(config: Login, public_url: &Url, clock: SharedClock) -> anyhow::Result<Self> {
        let redirect = public_url.join(&format!("/auth/callback/{}", config.name))?;
        let http = reqwest::Client::builder()
            // A provider that redirects our server elsewhere is not followed.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self {
            config,
            redirect: RedirectUrl::from_url(redirect),
            http,
            clock,
            found: Mutex::new(None),
        })
    }

    async fn client(&self, fresh: bool) -> Result<(OidcClient, Document), LoginError> {
        let mut found = self.found.lock().await;
        let now = self.clock.now();
        let document = match found.as_ref().filter(|found| found.holds(now, fresh)) {
            Some(found) => found.document.clone(),
            None => {
                let document = self.discover().await;
                let before = found.as_ref().and_then(|found| found.document.as_ref().err());
                if let Err(problem) = &document
                    && before != Some(problem)
                {
                    tracing::warn!(name: "login.unreachable", provider = self.config.name, issuer = %self.config.issuer, problem = one_line(problem), "an identity provider (login.issuer) cannot be used");
                }
                *found = Some(Found {
                    document: document.clone(),
                    at: now,
                });
                document
            }
        };
        drop(found);
        let document = document.map_err(|cause| {
            LoginError::Unreachable(
                self.config.name.clone(),
                self.config.issuer.as_str().to_owned(),
                cause,
            )
        })?;
        let secret = self
            .config
            .client_secret
            .as_ref()
            .map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let client = Client::from_provider_metadata(
            document.clone(),
            ClientId::new(self.config.client_id.clone()),
            secret,
        )
        .set_redirect_uri(self.redirect.clone());
        Ok((client, document))
    }

    /// Reads what the provider says about itself. The crate compares issuers as text, and a URL type adds a slash that
    /// many providers do not say: the address is tried without it, and with it where the provider answered otherwise.
    async fn discover(&self) -> Result<Document, String> {
        let plain = self.config.issuer.as_str().trim_end_matches('/').to_owned();
        let send = sender(&self.http);
        let ask = async |issuer: String| {
            let issuer = IssuerUrl::new(issuer).map_err(|cause| (chain(&cause), false))?;
            Document::discover_async(issuer, &send)
                .await
                .map_err(|cause| (chain(&cause), !matches!(cause, DiscoveryError::Request(_))))
        };
        match ask(plain.clone()).await {
            Err((first, true)) => ask(format!("{plain}/")).await.map_err(|_| first),
            answer => answer.map_err(|(cause, _)| cause),
        }
    }

    /// Whether it answers, in words where it does not.
    pub async fn problem(&self) -> Option<String> {
        self.client(false).await.err().map(|cause| cause.to_string())
    }

    /// The address to send the browser to, and what to keep meanwhile.
    pub async fn start(&self, return_to: String) -> Result<(Url, Attempt), LoginError> {
        let (client, _) = self.client(false).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in &self.config.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let attempt = Attempt {
            provider: self.config.name.clone(),
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
            return_to,
            started_at: self.clock.now(),
        };
        Ok((url, attempt))
    }

    /// Trades the code for a token and checks everything about it.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        code: String,
        issuer: Option<&str>,
    ) -> Result<Identity, LoginError> {
        let (client, document) = self.client(false).await?;
        let expected = document.issuer().as_str();
        match issuer {
            Some(issuer) if issuer != expected => {
                return Err(refused(format!(
                    "the answer came from the issuer {issuer}, not from {expected}"
                )));
            }
            None if document
                .additional_metadata()
                .authorization_response_iss_parameter_supported =>
            {
                return Err(refused(
                    "the provider says it names itself in its answers, and this one names nobody",
                ));
            }
            _ => {}
        }
        let send = sender(&self.http);
        let tokens: Tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|_| refused("the provider has no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()))
            .request_async(&send)
            .await
            .map_err(|cause| refused(format!("the code was not accepted: {}", chain(&cause))))?;
        let told = match self.check(&client, &tokens, attempt) {
            Ok(told) => told,
            // Keys may have been changed since they were read: once more with fresh ones.
            Err(first) => {
                let (client, _) = self.client(true).await?;
                self.check(&client, &tokens, attempt).map_err(|_| first)?
            }
        };
        let more = if told.is_complete() {
            Told::default()
        } else {
            self.ask_more(&client, &tokens, &told).await?
        };
        Ok(told.with(more).identity())
    }

    /// OpenID Connect Core 5.4: a provider may keep what it knows of a person out of the ID token and tell it at its
    /// UserInfo endpoint. What it says must be of the same person; the crate compares the subject.
    async fn ask_more(&self, client: &OidcClient, tokens: &Tokens, told: &Told) -> Result<Told, LoginError> {
        let subject = SubjectIdentifier::new(told.subject.clone());
        let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject)) else {
            return Ok(Told::default());
        };
        let more: UserInfoClaims<Extra, CoreGenderClaim> = request
            .request_async(&sender(&self.http))
            .await
            .map_err(|cause| {
            refused(format!(
                "the provider's UserInfo does not hold: {}",
                chain(&cause)
            ))
        })?;
        Ok(Told {
            name: plain(more.name()),
            username: more.preferred_username().map(|name| name.as_str().to_owned()),
            email: more
                .email()
                .map(|email| (email.as_str().to_owned(), more.email_verified() == Some(true))),
            groups: self.groups(more.additional_claims()),
            ..Told::default()
        })
    }

    fn groups(&self, claims: &Extra) -> Option<Vec<String>> {
        let groups = claims.0.get(&self.config.groups_claim)?.as_array()?;
        let groups = groups
            .iter()
            .filter_map(|group| Some(format!("{}{}", self.config.group_prefix, group.as_str()?)));
        Some(groups.collect())
    }

    fn check(&self, client: &OidcClient, tokens: &Tokens, attempt: &Attempt) -> Result<Told, LoginError> {
        let now = self.clock.now();
        let token = tokens
            .extra_fields()
            .id_token()
            .ok_or_else(|| refused("the provider sent no ID token"))?;
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || chrono::DateTime::from_timestamp_millis(now - 60_000).unwrap_or_default())
            .set_issue_time_verifier_fn(move |issued| {
                let issued = issued.timestamp_millis();
                if (now - 24 * 3_600_000..=now + 60_000).contains(&issued) {
                    Ok(())
                } else {
                    Err("issued at an odd time".to_owned())
                }
            });
        let claims = token
            .claims(&verifier, &Nonce::new(attempt.nonce.clone()))
            .map_err(|cause| refused(format!("the ID token does not hold: {}", chain(&cause))))?;
        if let Some(expected) = claims.access_token_hash() {
            let algorithm = token.signing_alg().map_err(|cause| refused(cause.to_string()))?;
            let key = token
                .signing_key(&verifier)
                .map_err(|cause| refused(cause.to_string()))?;
            let actual = AccessTokenHash::from_token(tokens.access_token(), algorithm, key)
                .map_err(|cause| refused(cause.to_string()))?;
            if actual != *expected {
                return Err(refused("the access token is not the one the ID token speaks of"));
            }
        }
        // A token for other audiences beside us was refused above.
        if claims
            .authorized_party()
            .is_some_and(|party| party.as_str() != self.config.client_id)
        {
            return Err(refused("the ID token was given to another party"));
        }
        Ok(Told {
            issuer: claims.issuer().as_str().to_owned(),
            subject: claims.subject().as_str().to_owned(),
            name: plain(claims.name()),
            username: claims.preferred_username().map(|name| name.as_str().to_owned()),
            email: claims
                .email()
                .map(|email| (email.as_str().to_owned(), claims.email_verified() == Some(true))),
            groups: self.groups(claims.additional_claims()),
        })
    }
}

fn plain(name: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    let name = name?.get(None)?.as_str();
    (!name.trim().is_empty()).then(|| name.to_owned())
}

impl Told {
    fn is_complete(&self) -> bool {
        self.name.is_some() && self.email.is_some() && self.groups.is_some()
    }

    /// With what this one does not tell from another. An address and whether it is verified come from the same hand.
    fn with(self, more: Self) -> Self {
        Self {
            name: self.name.or(more.name),
            username: self.username.or(more.username),
            email: self.email.or(more.email),
            groups: self.groups.or(more.groups),
            ..self
        }
    }

    fn identity(self) -> Identity {
        let (email, email_verified) = self.email.map_or((None, false), |(email, verified)| {
            (Some(email.to_lowercase()), verified)
        });
        Identity {
            name: self
                .name
                .or(self.username)
                .unwrap_or_else(|| self.subject.clone()),
            issuer: self.issuer,
            subject: self.subject,
            email,
            email_verified,
            groups: self.groups.unwrap_or_default(),
        }
    }
}

type SendError = openidconnect::HttpClientError<reqwest::Error>;
type Sending = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send>>;

/// Our own client in the form that the OpenID crate takes.
fn sender(http: &reqwest::Client) -> impl Fn(HttpRequest) -> Sending + Send + Sync + use<> {
    let http = http.clone();
    move |request| Box::pin(send(http.clone(), request))
}

/// Sends what the OpenID crate wants sent, and refuses very long answers.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, SendError> {
    let request = reqwest::Request::try_from(request).map_err(Box::new)?;
    let mut answer = http.execute(request).await.map_err(Box::new)?;
    let mut builder = axum::http::Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        builder = builder.header(name, value);
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(Box::new)? {
        if body.len() + chunk.len() > 1 << 20 {
            return Err(openidconnect::HttpClientError::Other(
                "the answer is longer than 1 MiB".to_owned(),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    builder.body(body).map_err(openidconnect::HttpClientError::Http)
}

/// An error with what is behind it, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
