//! GitHub's webhook payloads: the fields we use, leniently; what GitHub adds is ignored.

mod pull_request;

use app::build::BuildStatus;
use app::text::Millis;
use chrono::DateTime;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::{Fact, News, NoNews, RepositoryNews, clean};
use crate::build::merge::{JobNews, RunNews};
use crate::git::{is_branch_name, is_commit_id, is_repository_name};

#[derive(Deserialize)]
struct Envelope<T> {
    action: Option<String>,
    repository: Repository,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
    clone_url: Option<String>,
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    reference: String,
    after: String,
}

#[derive(Deserialize)]
struct WorkflowRun {
    workflow_run: Run,
    workflow: Option<Named>,
}

#[derive(Deserialize)]
struct WorkflowJob {
    workflow_job: Job,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    login: Option<String>,
}

/// A repository inside of a run or a pull request.
#[derive(Deserialize)]
struct HeadRepository {
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct Run {
    id: i64,
    run_attempt: Option<i64>,
    run_number: Option<i64>,
    name: Option<String>,
    event: Option<String>,
    head_branch: Option<String>,
    head_sha: String,
    head_repository: Option<HeadRepository>,
    actor: Option<Login>,
    status: Option<String>,
    conclusion: Option<String>,
    html_url: Option<String>,
    created_at: Option<String>,
    run_started_at: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    id: i64,
    run_id: i64,
    run_attempt: Option<i64>,
    name: String,
    workflow_name: Option<String>,
    head_branch: Option<String>,
    head_sha: String,
    status: Option<String>,
    conclusion: Option<String>,
    created_at: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
}

/// Understands a delivery.
///
/// # Errors
/// Why there is nothing to take from it.
pub fn read(event: &str, body: &str) -> Result<News, NoNews> {
    match event {
        "ping" => Err(NoNews::Ignored(
            "a ping: the webhook is set up and its secret is right".to_owned(),
        )),
        "push" => push(parse(event, body)?),
        "pull_request" => pull_request::read(parse(event, body)?),
        "workflow_run" => workflow_run(parse(event, body)?),
        "workflow_job" => workflow_job(parse(event, body)?),
        other => Err(NoNews::Ignored(format!("event {} is not used", clean(other)))),
    }
}

fn parse<T: DeserializeOwned>(event: &str, body: &str) -> Result<Envelope<T>, NoNews> {
    // Webhooks set to the form content type carry the same JSON in a field.
    let field = body
        .starts_with("payload=")
        .then(|| url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "payload"))
        .flatten()
        .map(|(_, payload)| payload.into_owned());
    serde_json::from_str(field.as_deref().unwrap_or(body))
        .map_err(|cause| unreadable(format!("not a {event} event: {}", clean(&cause.to_string()))))
}

fn push(envelope: Envelope<Push>) -> Result<News, NoNews> {
    let Push { reference, after } = envelope.content;
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        return Err(NoNews::Ignored(format!(
            "{} is not a branch; only branches are mirrored",
            clean(&reference)
        )));
    };
    if !is_branch_name(branch) {
        return Err(unreadable(format!("`{}` is not a branch's name", clean(branch))));
    }
    if !is_commit_id(&after) {
        return Err(unreadable(format!("`{}` is not a commit id", clean(&after))));
    }
    let deleted = after.chars().all(|digit| digit == '0');
    Ok(News {
        event: "push".to_owned(),
        repository: repository(envelope.repository)?,
        fact: Fact::Push {
            branch: branch.to_owned(),
            head: (!deleted).then(|| after.to_ascii_lowercase()),
        },
    })
}

fn workflow_run(envelope: Envelope<WorkflowRun>) -> Result<News, NoNews> {
    let WorkflowRun {
        workflow_run: run,
        workflow,
    } = envelope.content;
    let status = status(run.status.as_deref(), run.conclusion.as_deref());
    let created_at = run.created_at.as_deref().and_then(time).unwrap_or(0);
    let updated_at = run.updated_at.as_deref().and_then(time).unwrap_or(created_at);
    let news = RunNews {
        external_id: run.id.to_string(),
        attempt: run.run_attempt.unwrap_or(1).max(1),
        number: run.run_number.unwrap_or(0),
        workflow: [run.name, workflow.and_then(|workflow| workflow.name)]
            .into_iter()
            .flatten()
            .map(|name| clean(&name))
            .find(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "workflow".to_owned()),
        event: run
            .event
            .map(|event| clean(&event))
            .filter(|event| !event.is_empty())
            .unwrap_or_else(|| "an unknown event".to_owned()),
        branch: clean(&run.head_branch.unwrap_or_default()),
        commit_id: commit(&run.head_sha)?,
        head_repository: run
            .head_repository
            .and_then(|repository| repository.full_name)
            .map(|name| clean(&name))
            .unwrap_or_default(),
        actor_login: run.actor.and_then(|actor| actor.login).map(|login| clean(&login)),
        status,
        url: run.html_url.as_deref().and_then(web_address),
        created_at,
        started_at: run.run_started_at.as_deref().and_then(time),
        // GitHub does not say when a run ended; the news that it has is from that moment.
        ended_at: is_end(status).then_some(updated_at),
        updated_at,
    };
    Ok(News {
        event: with_action("workflow_run", envelope.action.as_deref()),
        repository: repository(envelope.repository)?,
        fact: Fact::Run(Box::new(news)),
    })
}

fn workflow_job(envelope: Envelope<WorkflowJob>) -> Result<News, NoNews> {
    let job = envelope.content.workflow_job;
    let status = status(job.status.as_deref(), job.conclusion.as_deref());
    let started_at = job.started_at.as_deref().and_then(time);
    let created_at = job.created_at.as_deref().and_then(time);
    let news = JobNews {
        external_id: job.id.to_string(),
        run_external_id: job.run_id.to_string(),
        attempt: job.run_attempt.unwrap_or(1).max(1),
        name: clean(&job.name),
        status,
        // A job that waits for a runner is told with a start that is only when it was asked for.
        started_at: started_at.filter(|_| status != BuildStatus::Queued),
        ended_at: job
            .completed_at
            .as_deref()
            .and_then(time)
            .filter(|_| is_end(status)),
        created_at: created_at.or(started_at).unwrap_or(0),
        workflow: clean(&job.workflow_name.unwrap_or_default()),
        branch: clean(&job.head_branch.unwrap_or_default()),
        commit_id: commit(&job.head_sha)?,
    };
    Ok(News {
        event: with_action("workflow_job", envelope.action.as_deref()),
        repository: repository(envelope.repository)?,
        fact: Fact::Job(Box::new(news)),
    })
}

fn repository(told: Repository) -> Result<RepositoryNews, NoNews> {
    if !is_repository_name(&told.full_name) {
        return Err(unreadable(format!(
            "`{}` is not a repository's name",
            clean(&told.full_name)
        )));
    }
    Ok(RepositoryNews {
        name: told.full_name,
        clone_url: told.clone_url.map(|url| clean(&url)),
        default_branch: told.default_branch.filter(|name| is_branch_name(name)),
    })
}

/// The status in our words. An end we do not know the word for is no success.
fn status(status: Option<&str>, conclusion: Option<&str>) -> BuildStatus {
    match (status, conclusion) {
        (Some("in_progress"), _) => BuildStatus::Running,
        (Some("completed"), Some("success")) => BuildStatus::Succeeded,
        (Some("completed"), Some("cancelled" | "stale")) => BuildStatus::Cancelled,
        (Some("completed"), Some("skipped" | "neutral")) => BuildStatus::Skipped,
        // Somebody must allow it to go on: the same run will be queued again.
        (Some("completed"), Some("action_required")) => BuildStatus::Queued,
        (Some("completed"), _) => BuildStatus::Failed,
        _ => BuildStatus::Queued,
    }
}

const fn is_end(status: BuildStatus) -> bool {
    !matches!(status, BuildStatus::Queued | BuildStatus::Running)
}

fn commit(text: &str) -> Result<String, NoNews> {
    if is_commit_id(text) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(unreadable(format!("`{}` is not a commit id", clean(text))))
    }
}

fn time(text: &str) -> Option<Millis> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_millis())
}

/// An address that may stand in a link.
fn web_address(text: &str) -> Option<String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(String::from)
}

fn with_action(event: &str, action: Option<&str>) -> String {
    action.map_or_else(|| event.to_owned(), |action| format!("{event}.{}", clean(action)))
}

fn unreadable(why: String) -> NoNews {
    NoNews::Unreadable(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address("javascript:alert(1)"), None);
        assert_eq!(web_address("data:text/html,x"), None);
        assert_eq!(
            web_address("https://example.org/a b").as_deref(),
            Some("https://example.org/a%20b")
        );
    }

    #[test]
    fn an_end_without_a_known_word_is_no_success() {
        assert_eq!(status(Some("completed"), Some("success")), BuildStatus::Succeeded);
        assert_eq!(status(Some("completed"), Some("sideways")), BuildStatus::Failed);
        assert_eq!(status(Some("completed"), None), BuildStatus::Failed);
        assert_eq!(
            status(Some("completed"), Some("action_required")),
            BuildStatus::Queued
        );
        assert_eq!(status(Some("waiting"), None), BuildStatus::Queued);
    }

    #[test]
    fn a_form_is_read_like_json() {
        let body = format!(
            r#"{{"ref":"refs/heads/main","after":"{}","repository":{{"full_name":"a/b"}}}}"#,
            "a".repeat(40)
        );
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("payload", &body)
            .finish();
        assert_eq!(read("push", &form), read("push", &body));
        assert!(read("push", &body).is_ok());
    }
}
