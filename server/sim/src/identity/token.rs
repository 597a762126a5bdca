//! `/token` and `/userinfo`: exchanges a code for tokens, once and only for the one who asked for it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Access, Client, Grant, Provider, TOKEN_LIFETIME_SECONDS, claims_of, secret};

/// The fields of a token request.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Exchange {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    code_verifier: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// A refusal in the words of RFC 6749 §5.2.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Refused {
    fn grant(description: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: "invalid_grant",
            description,
        }
    }
}

/// `POST /token`.
pub(super) async fn exchange(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(request): Form<Exchange>,
) -> Response {
    match redeem(&provider, &headers, &request) {
        Ok(tokens) => uncached(Json(tokens).into_response()),
        Err(Refused {
            status,
            error,
            description,
        }) => {
            let body = Json(json!({ "error": error, "error_description": description }));
            let mut response = uncached((status, body).into_response());
            if status == StatusCode::UNAUTHORIZED {
                let challenge = HeaderValue::from_static("Basic realm=\"acme\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

fn redeem(provider: &Provider, headers: &HeaderMap, request: &Exchange) -> Result<Value, Refused> {
    let client = provider.client();
    if !knows_secret(&client, headers, request) {
        return Err(Refused {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: "the client or its secret is wrong",
        });
    }
    if request.grant_type != "authorization_code" {
        return Err(Refused {
            status: StatusCode::BAD_REQUEST,
            error: "unsupported_grant_type",
            description: "only authorization_code is offered",
        });
    }
    let grant = take(provider, request)?;
    issue(provider, &client, &request.code, &grant).map_err(|error| {
        tracing::error!(%error, "no tokens");
        Refused {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: "server_error",
            description: "the provider cannot make tokens now",
        }
    })
}

/// Uses the code up and gives the login it stood for.
fn take(provider: &Provider, request: &Exchange) -> Result<Grant, Refused> {
    let now = provider.now();
    let mut grants = provider.grants();
    let Some(grant) = grants.codes.get_mut(&request.code) else {
        return Err(Refused::grant("the code is unknown"));
    };
    let replayed = std::mem::replace(&mut grant.used, true);
    let grant = grant.clone();
    if replayed {
        // Two holders of one code: one of them stole it, so what it opened is shut (RFC 6749 §4.1.2).
        grants.tokens.retain(|_, access| access.code != request.code);
        return Err(Refused::grant("the code was used before"));
    }
    if grant.expires <= now {
        return Err(Refused::grant("the code has expired"));
    }
    if grant.redirect_uri != request.redirect_uri {
        return Err(Refused::grant(
            "redirect_uri is not the one of the authorization request",
        ));
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(&request.code_verifier)) != grant.challenge {
        return Err(Refused::grant("code_verifier does not match code_challenge"));
    }
    Ok(grant)
}

fn issue(provider: &Provider, client: &Client, code: &str, grant: &Grant) -> anyhow::Result<Value> {
    let now = provider.now();
    let access_token = secret()?;
    let mut claims = claims_of(grant.persona);
    if let Value::Object(fields) = &mut claims {
        let hash = Sha256::digest(&access_token);
        let half = hash.get(..16).unwrap_or_default();
        fields.insert("iss".into(), json!(provider.issuer));
        fields.insert("aud".into(), json!(client.id));
        fields.insert("iat".into(), json!(now / 1000));
        fields.insert("exp".into(), json!(now / 1000 + TOKEN_LIFETIME_SECONDS));
        fields.insert("at_hash".into(), json!(URL_SAFE_NO_PAD.encode(half)));
        if let Some(nonce) = &grant.nonce {
            fields.insert("nonce".into(), json!(nonce));
        }
    }
    let id_token = provider.key.sign(&claims)?;
    let mut grants = provider.grants();
    grants.tokens.retain(|_, access| access.expires > now);
    grants.tokens.insert(
        access_token.clone(),
        Access {
            persona: grant.persona,
            code: code.to_owned(),
            expires: now + TOKEN_LIFETIME_SECONDS * 1000,
        },
    );
    Ok(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIFETIME_SECONDS,
        "scope": "openid profile email groups",
        "id_token": id_token,
    }))
}

/// Accepts the secret in the Authorization header or in the form, but not twice.
fn knows_secret(client: &Client, headers: &HeaderMap, request: &Exchange) -> bool {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let (id, secret) = match (header, &request.client_secret) {
        (Some(header), None) => {
            let Some(pair) = basic(header) else { return false };
            pair
        }
        (None, Some(secret)) => (request.client_id.clone().unwrap_or_default(), secret.clone()),
        _ => return false,
    };
    id == client.id && secret == client.secret
}

/// Reads `Basic` credentials; both halves are form-encoded (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |part: &str| {
        let whole = format!("{part}=");
        url::form_urlencoded::parse(whole.as_bytes())
            .next()
            .map(|(name, _)| name.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

/// `GET /userinfo`.
pub(super) async fn userinfo(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let now = provider.now();
    let persona = provider
        .grants()
        .tokens
        .get(token)
        .filter(|access| access.expires > now)
        .map(|access| access.persona);
    match persona {
        Some(persona) => uncached(Json(claims_of(persona)).into_response()),
        None => {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
        }
    }
}

fn uncached(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
