//! The three paths of logging in and out. The session is a fresh one after log-in and gone after log-out.

use std::sync::Arc;

use app::account::LoginProvider;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use futures::future::join_all;
use serde::Deserialize;
use tower_sessions::Session;
use url::Url;

use super::oidc::{Attempt, LoginError, Provider};
use super::safe_path;
use crate::account::{self, LoggedIn, SESSION_KEY};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::http::{Edge, public_id};

/// Where an attempt is kept in the session.
const ATTEMPT_KEY: &str = "log-in";
/// An attempt that takes longer is begun anew.
const ATTEMPT_MILLIS: i64 = 10 * 60_000;

/// Every configured provider.
pub struct Logins(Vec<Provider>);

impl Logins {
    /// From the configuration. Providers are asked only when somebody logs in: one that is down does not stop the rest.
    ///
    /// # Errors
    /// An address cannot be made.
    pub fn new(config: &Config, clock: &SharedClock) -> anyhow::Result<Arc<Self>> {
        let provider =
            |login: &crate::config::Login| Provider::new(login.clone(), &config.public_url, clock.clone());
        Ok(Arc::new(Self(
            config
                .logins
                .iter()
                .map(provider)
                .collect::<anyhow::Result<_>>()?,
        )))
    }

    fn find(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.config.name == name)
    }

    /// The buttons of the log-in page. All providers are asked at once: one that hangs does not add to the others.
    pub async fn offered(&self) -> Vec<LoginProvider> {
        join_all(self.0.iter().map(offer)).await
    }
}

async fn offer(provider: &Provider) -> LoginProvider {
    let config = &provider.config;
    let problem = provider.problem().await;
    LoginProvider {
        name: config.name.clone(),
        label: config.label.clone().unwrap_or_else(|| config.name.clone()),
        problem: problem.map(|_| "It does not answer now. The log says more.".to_owned()),
    }
}

/// Where to go after log-in.
#[derive(Deserialize)]
pub struct Wish {
    #[serde(default)]
    return_to: String,
}

/// Sends the browser to the provider.
pub async fn start(
    State(edge): State<Edge>,
    Path(name): Path<String>,
    Query(wish): Query<Wish>,
    session: Session,
) -> Response {
    let Some(provider) = edge.logins.find(&name) else {
        return (StatusCode::NOT_FOUND, "There is no such way to log in.").into_response();
    };
    match provider.start(safe_path(&wish.return_to)).await {
        Ok((url, attempt)) => match session.insert(ATTEMPT_KEY, attempt).await {
            Ok(()) => found(&url),
            Err(cause) => unavailable(&cause.to_string()),
        },
        Err(cause) => failed(&cause),
    }
}

/// What the provider sends back with the browser.
#[derive(Deserialize)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// Checks the provider's answer and logs the person in.
pub async fn callback(
    State(edge): State<Edge>,
    Path(name): Path<String>,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
    session: Session,
) -> Response {
    // Used up whatever comes of it: an attempt is good for one answer.
    let attempt = match session.remove::<Attempt>(ATTEMPT_KEY).await {
        Ok(attempt) => attempt,
        Err(cause) => return unavailable(&cause.to_string()),
    };
    if attempt.is_some()
        && let Err(cause) = session.save().await
    {
        return unavailable(&cause.to_string());
    }
    match identify(&edge, &name, &answer, attempt.as_ref()).await {
        Ok(identity) => {
            let browser = headers
                .get(header::USER_AGENT)
                .and_then(|agent| agent.to_str().ok())
                .unwrap_or("unknown");
            let login = account::log_in(&edge.db, &identity, browser).await;
            let kept = match login {
                Ok(login) => async {
                    session.clear().await;
                    session.cycle_id().await?;
                    session.insert(SESSION_KEY, login).await?;
                    session.save().await
                }
                .await
                .map_err(anyhow::Error::from),
                Err(cause) => Err(cause),
            };
            match kept {
                Ok(()) => see_other(
                    &attempt.map_or_else(|| "/".to_owned(), |attempt| safe_path(&attempt.return_to)),
                ),
                Err(cause) => unavailable(&format!("{cause:#}")),
            }
        }
        Err(cause) => failed(&cause),
    }
}

async fn identify(
    edge: &Edge,
    name: &str,
    answer: &Answer,
    attempt: Option<&Attempt>,
) -> Result<account::Identity, LoginError> {
    let refused = |text: &str| LoginError::Refused(text.to_owned());
    let provider = edge
        .logins
        .find(name)
        .ok_or_else(|| refused("no such provider"))?;
    let attempt =
        attempt.ok_or_else(|| refused("this browser began no log-in, or has finished it already"))?;
    if attempt.provider != name {
        return Err(refused("the log-in was begun with another provider"));
    }
    if edge.db.now() - attempt.started_at > ATTEMPT_MILLIS {
        return Err(refused("the log-in took longer than ten minutes"));
    }
    let state = answer.state.as_deref().unwrap_or_default();
    if !bool::from(subtle::ConstantTimeEq::ct_eq(
        state.as_bytes(),
        attempt.state.as_bytes(),
    )) {
        return Err(refused("the state is not the one that was sent"));
    }
    if let Some(error) = &answer.error {
        return Err(LoginError::Refused(format!(
            "the provider says {error}: {}",
            answer.error_description.as_deref().unwrap_or("")
        )));
    }
    let code = answer
        .code
        .clone()
        .ok_or_else(|| refused("the answer carries no code"))?;
    let found = provider.finish(attempt, code, answer.iss.as_deref()).await?;
    Ok(account::Identity {
        issuer: found.issuer,
        subject: found.subject,
        name: found.name,
        email: found.email,
        email_verified: found.email_verified,
        groups: found.groups,
    })
}

/// Ends the session, here and in the table.
pub async fn log_out(State(edge): State<Edge>, session: Session) -> Response {
    let ended = async {
        let login = session.get::<LoggedIn>(SESSION_KEY).await?;
        if let (Some(login), Some(id)) = (login, session.id()) {
            account::log_out(&edge.db, &login, &public_id(&id)).await?;
        }
        session.flush().await?;
        anyhow::Ok(())
    };
    match ended.await {
        Ok(()) => see_other("/login"),
        Err(cause) => unavailable(&format!("{cause:#}")),
    }
}

fn found(url: &Url) -> Response {
    (
        StatusCode::SEE_OTHER,
        [
            (header::LOCATION, url.to_string()),
            (header::REFERRER_POLICY, "no-referrer".to_owned()),
        ],
    )
        .into_response()
}

fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

fn failed(cause: &LoginError) -> Response {
    tracing::warn!(name: "login.failed", cause = one_line(&cause.to_string()), "a log-in did not work");
    let problem = match cause {
        LoginError::Unreachable(..) => "unreachable",
        LoginError::Refused(_) => "refused",
    };
    see_other(&format!("/login?problem={problem}"))
}

/// Texts of providers and browsers stay one line of the log.
pub(super) fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(400)
        .collect()
}

fn unavailable(cause: &str) -> Response {
    tracing::error!(name: "login.unavailable", cause, "a log-in could not be stored");
    (
        StatusCode::SERVICE_UNAVAILABLE,
        "The database does not answer. Try again in a moment.",
    )
        .into_response()
}
