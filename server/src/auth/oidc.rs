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
    ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, ProviderMetadata, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

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

/// Why a log-in did not work. Texts are for the log; people are told less.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    #[error("the identity provider `{0}` does not answer: {1}")]
    Unreachable(String, String),
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
    found: Mutex<Option<(Document, i64)>>,
}

/// How long a discovery document and its keys are believed.
const BELIEVED_MILLIS: i64 = 10 * 60_000;
/// Signature algorithms that are accepted: asymmetric ones only, so that a client secret never makes a valid token.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 6] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

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
        let believed = found
            .as_ref()
            .is_some_and(|(_, at)| now - at < BELIEVED_MILLIS && !(fresh && now - at > 60_000));
        if !believed {
            let issuer = IssuerUrl::from_url(self.config.issuer.clone());
            // The crate compares issuers as text; a URL type would add a slash that the provider does not say.
            let issuer = IssuerUrl::new(issuer.as_str().trim_end_matches('/').to_owned()).unwrap_or(issuer);
            let send = sender(&self.http);
            let document = match Document::discover_async(issuer.clone(), &send).await {
                Ok(document) => document,
                Err(first) => {
                    let slashed = IssuerUrl::new(format!("{}/", issuer.as_str()))
                        .map_err(|_| refused("issuer is not an address"))?;
                    Document::discover_async(slashed, &send)
                        .await
                        .map_err(|_| LoginError::Unreachable(self.config.name.clone(), chain(&first)))?
                }
            };
            *found = Some((document, now));
        }
        let document = found
            .as_ref()
            .map(|(document, _)| document.clone())
            .ok_or_else(|| refused("no discovery"))?;
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
        match self.check(&client, &tokens, attempt) {
            Ok(identity) => Ok(identity),
            // Keys may have been changed since they were read: once more with fresh ones.
            Err(first) => {
                let (client, _) = self.client(true).await?;
                self.check(&client, &tokens, attempt).map_err(|_| first)
            }
        }
    }

    fn check(&self, client: &OidcClient, tokens: &Tokens, attempt: &Attempt) -> Result<Identity, LoginError> {
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
        let groups = claims.additional_claims().0.get(&self.config.groups_claim);
        let groups = groups.and_then(|groups| groups.as_array()).into_iter().flatten();
        let name = claims
            .name()
            .and_then(|name| name.get(None))
            .map(|name| name.as_str().to_owned());
        let fallback = || {
            claims
                .preferred_username()
                .map(|name| name.as_str().to_owned())
                .unwrap_or_else(|| claims.subject().as_str().to_owned())
        };
        Ok(Identity {
            issuer: claims.issuer().as_str().to_owned(),
            subject: claims.subject().as_str().to_owned(),
            name: name
                .filter(|name| !name.trim().is_empty())
                .unwrap_or_else(fallback),
            email: claims.email().map(|email| email.as_str().to_lowercase()),
            email_verified: claims.email_verified().unwrap_or(false),
            groups: groups
                .filter_map(|group| group.as_str().map(str::to_owned))
                .collect(),
        })
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
