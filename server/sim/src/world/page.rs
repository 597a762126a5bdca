//! The forge's page: what was pushed and built lately, and a form to push something oneself.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::developers::Developers;
use crate::ci::Run;
use crate::ci::payload::Phase;
use crate::ci::plan::{BadRelease, End};
use crate::forge::payload::timestamp;
use crate::html::{self, escape};
use crate::persona::PERSONAS;

/// How many runs the page shows.
const SHOWN: usize = 25;

/// The routes of the forge.
pub(super) fn router(developers: Arc<Developers>) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/push", post(push_form))
        .route("/_forge/push", post(push_json))
        .route("/_forge/state", get(state))
        .with_state(developers)
}

/// What the form sends.
#[derive(Debug, Deserialize)]
struct Wanted {
    service: String,
    branch: String,
    author: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct Shown {
    pushed: Option<String>,
}

async fn show(State(developers): State<Arc<Developers>>, Query(shown): Query<Shown>) -> Html<String> {
    Html(page(&developers, shown.pushed.as_deref()))
}

async fn push_form(
    State(developers): State<Arc<Developers>>,
    headers: HeaderMap,
    Form(wanted): Form<Wanted>,
) -> Response {
    // Another site's page must not be able to push in the name of whoever looks at it.
    if headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
    {
        return refused("This form only accepts pushes from the forge’s own page.");
    }
    let title = if wanted.message.trim().is_empty() {
        format!("Improve {}", wanted.service)
    } else {
        wanted.message.trim().to_owned()
    };
    let trailer = match wanted.kind.as_str() {
        "good" | "" => String::new(),
        "ci" => "\n\nci: fail".to_owned(),
        word => format!("\n\nrelease: {word}"),
    };
    let branch = wanted.branch.trim();
    match developers
        .push(
            &wanted.service,
            branch,
            &wanted.author,
            &format!("{title}{trailer}"),
        )
        .await
    {
        Ok(pushed) => Redirect::to(&format!("/?pushed={}", pushed.sha)).into_response(),
        Err(error) => refused(&format!("{error:#}")),
    }
}

fn refused(why: &str) -> Response {
    let body = format!(
        "<h1>Nothing was pushed</h1>\n<p>{}</p>\n<p><a href=\"/\">Back to the forge</a></p>",
        escape(why)
    );
    (
        StatusCode::BAD_REQUEST,
        Html(html::page("Nothing was pushed", "", &body)),
    )
        .into_response()
}

async fn push_json(State(developers): State<Arc<Developers>>, Json(wanted): Json<Wanted>) -> Response {
    match developers
        .push(&wanted.service, &wanted.branch, &wanted.author, &wanted.message)
        .await
    {
        Ok(pushed) => Json(json!({ "sha": pushed.sha, "before": pushed.before, "branch": pushed.branch }))
            .into_response(),
        Err(error) => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "error": format!("{error:#}") })),
        )
            .into_response(),
    }
}

async fn state(State(developers): State<Arc<Developers>>) -> Json<Value> {
    let runs: Vec<Value> = developers.ci.latest(200).iter().map(run_json).collect();
    Json(json!({
        "now": developers.clock.now_millis(),
        "webhooks": developers.forge.webhooks().target(),
        "repositories": developers.forge.names(),
        "idle": developers.ci.is_idle(),
        "runs": runs,
    }))
}

fn run_json(run: &Run) -> Value {
    json!({
        "id": run.id,
        "number": run.number,
        "service": run.pushed.repository.name,
        "branch": run.pushed.branch,
        "sha": run.pushed.sha,
        "author": run.pushed.author.login,
        "message": run.pushed.message,
        "status": run.phase().status(),
        "conclusion": (run.phase() == Phase::Completed).then(|| run.end().conclusion()),
        "requested_at": run.requested,
        "ends_at": run.ends_at(),
        "digest": run.digest,
    })
}

fn page(developers: &Developers, pushed: Option<&str>) -> String {
    let runs = developers.ci.latest(SHOWN);
    let notice = pushed.map_or_else(String::new, |sha| {
        let short: String = sha.chars().filter(char::is_ascii_hexdigit).take(7).collect();
        format!("<p role=\"status\" class=\"card good\">Pushed <code>{short}</code>. The build is on its way.</p>\n")
    });
    let rows: String = runs.iter().map(row).collect();
    let table = if rows.is_empty() {
        "<p class=\"dim\">Nobody has pushed since the demo began.</p>".to_owned()
    } else {
        format!(
            "<div class=\"scroll\" role=\"region\" aria-labelledby=\"runs\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">Service</th><th scope=\"col\">Branch</th>\
             <th scope=\"col\">Commit</th><th scope=\"col\">Author</th><th scope=\"col\">Build</th>\
             <th scope=\"col\">When (UTC)</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>"
        )
    };
    let body = format!(
        "<h1>Acme forge</h1>\n\
         <p class=\"dim\">The demo’s stand-in for GitHub and its CI. What is pushed here is built, and Yardmaster hears of it.</p>\n\
         {notice}<form method=\"post\" action=\"/push\" class=\"card\">\n<h2 style=\"margin-top:0\">Push a commit</h2>\n\
         <div class=\"fields\">\n{}{}{}{}{}</div>\n<button>Push a commit</button>\n</form>\n\
         <h2 id=\"runs\">Pushes and builds</h2>\n<nav aria-label=\"This page\"><a href=\"/\">Refresh</a> <a href=\"{}\">Go to Yardmaster</a></nav>\n{table}",
        select(
            "service",
            "Service",
            developers
                .forge
                .names()
                .into_iter()
                .map(|name| (name.clone(), name))
        ),
        "<label>Branch<input name=\"branch\" value=\"develop\" list=\"branches\" required autocomplete=\"off\">\
         <datalist id=\"branches\"><option value=\"main\"><option value=\"develop\">\
         <option value=\"feature/my-idea\"><option value=\"hotfix/urgent\"></datalist></label>\n",
        select(
            "author",
            "Author",
            // Those who write code come first; all others may.
            PERSONAS
                .iter()
                .rev()
                .map(|persona| (persona.login.to_owned(), persona.name.to_owned())),
        ),
        "<label>Message<input name=\"message\" placeholder=\"Improve the service\" autocomplete=\"off\"></label>\n",
        select("kind", "What comes of it", kinds()),
        escape(&developers.forge.webhooks().yardmaster()),
    );
    html::page("Acme forge", "", &body)
}

fn kinds() -> impl Iterator<Item = (String, String)> {
    let bad = BadRelease::ALL
        .iter()
        .map(|(_, word, says)| ((*word).to_owned(), format!("bad release: {says}")));
    [("good".to_owned(), "a good release".to_owned())]
        .into_iter()
        .chain(bad)
        .chain([("ci".to_owned(), "the unit tests fail".to_owned())])
}

fn select(name: &str, label: &str, choices: impl Iterator<Item = (String, String)>) -> String {
    let options: String = choices
        .map(|(value, text)| format!("<option value=\"{}\">{}</option>", escape(&value), escape(&text)))
        .collect();
    format!("<label>{label}<select name=\"{name}\">{options}</select></label>\n")
}

fn row(run: &Run) -> String {
    let (class, says) = match (run.phase(), run.end()) {
        (Phase::Queued, _) => ("busy", "queued"),
        (Phase::InProgress, _) => ("busy", "building"),
        (Phase::Completed, End::Success) => ("good", "succeeded"),
        (Phase::Completed, _) => ("bad", "failed"),
    };
    let pushed = &run.pushed;
    let short: String = pushed.sha.chars().take(7).collect();
    format!(
        "<tr><td>{}</td><td><code>{}</code></td><td><code>{short}</code> {}</td><td>{}</td>\
         <td class=\"{class}\">#{} {says}</td><td>{}</td></tr>\n",
        escape(&pushed.repository.name),
        escape(&pushed.branch),
        escape(pushed.message.lines().next().unwrap_or_default()),
        escape(pushed.author.name),
        run.number,
        timestamp(pushed.at).replace('T', " ").trim_end_matches('Z'),
    )
}
