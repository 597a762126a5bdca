//! `/authorize` and the login page: checks the request, asks who it is, and sends the browser back with a code.

use std::sync::Arc;

use anyhow::Result;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use url::Url;

use super::{CODE_LIFETIME_MILLIS, Grant, Provider, secret};
use crate::html;
use crate::persona::{self, PERSONAS};

/// The parameters of an authorization request; they travel through the login form unchanged.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    scope: String,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login_hint: Option<String>,
    prompt: Option<String>,
    /// Only in the login form: the persona whose button was pressed.
    persona: Option<String>,
}

/// Why a request is refused: shown here when we do not trust the address, otherwise sent back to it.
enum Refusal {
    Here(String),
    Back {
        error: &'static str,
        description: String,
    },
}

impl Request {
    fn check(&self, provider: &Provider) -> Result<(), Refusal> {
        let client = provider.client();
        if self.client_id != client.id {
            return Err(Refusal::Here(format!(
                "No client is registered as “{}”.",
                self.client_id
            )));
        }
        if !client.redirect_uris.contains(&self.redirect_uri) {
            return Err(Refusal::Here(format!(
                "“{}” is not a registered redirect address of this client.",
                self.redirect_uri
            )));
        }
        let back = |error, description: &str| {
            Err(Refusal::Back {
                error,
                description: description.to_owned(),
            })
        };
        if self.response_type != "code" {
            return back("unsupported_response_type", "only response_type=code is offered");
        }
        if !self.scope.split(' ').any(|scope| scope == "openid") {
            return back("invalid_scope", "the scope must contain openid");
        }
        if self.code_challenge_method.as_deref() != Some("S256") {
            return back(
                "invalid_request",
                "PKCE with code_challenge_method=S256 is required",
            );
        }
        // The base64url text of a SHA-256 has 43 characters.
        if self
            .code_challenge
            .as_deref()
            .is_none_or(|challenge| challenge.len() != 43)
        {
            return back(
                "invalid_request",
                "code_challenge is not the base64url text of a SHA-256",
            );
        }
        if self.prompt.as_deref() == Some("none") {
            return back(
                "login_required",
                "nobody is logged in here; leave out prompt=none",
            );
        }
        Ok(())
    }

    /// The redirect address with the answer, our issuer (RFC 9207) and the caller's state.
    fn back(&self, provider: &Provider, answer: &[(&str, &str)]) -> Response {
        let Ok(mut address) = Url::parse(&self.redirect_uri) else {
            return refuse("The registered redirect address is not a URL.");
        };
        {
            let mut query = address.query_pairs_mut();
            query.extend_pairs(answer);
            if let Some(state) = &self.state {
                query.append_pair("state", state);
            }
            query.append_pair("iss", &provider.issuer);
        }
        let Ok(location) = HeaderValue::from_str(address.as_str()) else {
            return refuse("The redirect address cannot stand in a header.");
        };
        (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
    }

    fn hidden_fields(&self) -> String {
        let optional = |value: &Option<String>| value.clone();
        [
            ("client_id", Some(self.client_id.clone())),
            ("redirect_uri", Some(self.redirect_uri.clone())),
            ("response_type", Some(self.response_type.clone())),
            ("scope", Some(self.scope.clone())),
            ("state", optional(&self.state)),
            ("nonce", optional(&self.nonce)),
            ("code_challenge", optional(&self.code_challenge)),
            ("code_challenge_method", optional(&self.code_challenge_method)),
        ]
        .into_iter()
        .filter_map(|(name, value)| {
            value.map(|value| {
                format!(
                    "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
                    html::escape(&value)
                )
            })
        })
        .collect()
    }
}

/// `GET /authorize`: the login page, or a refusal.
pub(super) async fn ask(State(provider): State<Arc<Provider>>, Query(request): Query<Request>) -> Response {
    match request.check(&provider) {
        Ok(()) => private(Html(login_page(&request)).into_response()),
        Err(refusal) => answer_refusal(&provider, &request, refusal),
    }
}

/// `POST /login`: somebody pressed a button.
pub(super) async fn answer(State(provider): State<Arc<Provider>>, Form(request): Form<Request>) -> Response {
    // The form came through the browser, so everything is checked again.
    if let Err(refusal) = request.check(&provider) {
        return answer_refusal(&provider, &request, refusal);
    }
    let Some(persona) = request.persona.as_deref().and_then(persona::find) else {
        return refuse("Choose one of the people on the login page.");
    };
    let Ok(code) = secret() else {
        return refuse("The provider cannot make a code now.");
    };
    let now = provider.now();
    {
        let mut grants = provider.grants();
        // Used codes are remembered for a while, so that a replay is recognised as one.
        grants
            .codes
            .retain(|_, grant| grant.expires + 10 * CODE_LIFETIME_MILLIS > now);
        grants.codes.insert(
            code.clone(),
            Grant {
                persona,
                redirect_uri: request.redirect_uri.clone(),
                challenge: request.code_challenge.clone().unwrap_or_default(),
                nonce: request.nonce.clone(),
                expires: now + CODE_LIFETIME_MILLIS,
                used: false,
            },
        );
    }
    private(request.back(&provider, &[("code", &code)]))
}

fn answer_refusal(provider: &Provider, request: &Request, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Here(why) => refuse(&why),
        Refusal::Back { error, description } => {
            private(request.back(provider, &[("error", error), ("error_description", &description)]))
        }
    }
}

fn refuse(why: &str) -> Response {
    let body = format!("<h1>This login cannot go on</h1>\n<p>{}</p>", html::escape(why));
    private(
        (
            StatusCode::BAD_REQUEST,
            Html(html::page("Login refused", "", &body)),
        )
            .into_response(),
    )
}

/// Login pages and codes belong in nobody's cache, and in no `Referer`.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}

fn login_page(request: &Request) -> String {
    let hint = request.login_hint.as_deref().unwrap_or_default().to_lowercase();
    let people: String = PERSONAS
        .iter()
        .map(|persona| {
            let hinted = hint == persona.login || hint == persona.email() || hint == persona.name.to_lowercase();
            let mark = if hinted { " aria-current=\"true\" autofocus" } else { "" };
            format!(
                "<li><button name=\"persona\" value=\"{}\"{mark}><strong>{}</strong><span>{}</span></button></li>\n",
                persona.login,
                html::escape(persona.name),
                html::escape(persona.about),
            )
        })
        .collect();
    let body = format!(
        "<h1>Acme single sign-on</h1>\n\
         <p class=\"dim\">This is the demo’s identity provider. Who do you want to be?</p>\n\
         <form method=\"post\" action=\"/login\">\n{}<ul class=\"people\">\n{people}</ul>\n</form>",
        request.hidden_fields(),
    );
    html::page("Log in – Acme", "", &body)
}
