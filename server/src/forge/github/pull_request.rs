//! GitHub's `pull_request` event.

use serde::Deserialize;

use super::{Envelope, HeadRepository, Login, commit, repository, time, unreadable, with_action};
use crate::forge::{Fact, News, NoNews, clean};
use crate::pull_request::PullRequestNews;

#[derive(Deserialize)]
pub(super) struct Content {
    pull_request: PullRequest,
}

#[derive(Deserialize)]
struct PullRequest {
    number: i64,
    state: Option<String>,
    user: Option<Login>,
    head: Head,
    base: Base,
    merged: Option<bool>,
    merged_at: Option<String>,
    merge_commit_sha: Option<String>,
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    sha: String,
    repo: Option<HeadRepository>,
}

#[derive(Deserialize)]
struct Base {
    #[serde(rename = "ref")]
    branch: String,
    repo: Option<HeadRepository>,
}

pub(super) fn read(envelope: Envelope<Content>) -> Result<News, NoNews> {
    let pull = envelope.content.pull_request;
    let repository = repository(envelope.repository)?;
    if pull.number < 1 {
        return Err(unreadable(format!(
            "{} is not a pull request's number",
            pull.number
        )));
    }
    let base = pull.base.repo.and_then(|repo| repo.full_name);
    if let Some(base) = base.filter(|base| !base.eq_ignore_ascii_case(&repository.name)) {
        return Err(unreadable(format!(
            "pull request #{} is into {}, not into {}",
            pull.number,
            clean(&base),
            repository.name
        )));
    }
    let updated_at = pull.updated_at.as_deref().and_then(time).unwrap_or(0);
    let merged_at = pull.merged_at.as_deref().and_then(time);
    let merged = pull.merged.unwrap_or_default() || pull.merged_at.is_some();
    // Before the merge this names a commit that GitHub made to try it out, which no branch holds.
    let merge_commit = pull.merge_commit_sha.filter(|_| merged);
    let news = PullRequestNews {
        number: pull.number,
        author_login: pull
            .user
            .and_then(|user| user.login)
            .map(|login| clean(&login))
            .filter(|login| !login.is_empty()),
        head_commit: commit(&pull.head.sha)?,
        head_repository: pull
            .head
            .repo
            .and_then(|repo| repo.full_name)
            .map(|name| clean(&name))
            .unwrap_or_default(),
        base_branch: clean(&pull.base.branch),
        merge_commit: merge_commit.as_deref().map(commit).transpose()?,
        merged_at: merged.then_some(merged_at.unwrap_or(updated_at)),
        closed: pull.state.as_deref() == Some("closed"),
        updated_at,
    };
    Ok(News {
        event: with_action("pull_request", envelope.action.as_deref()),
        repository,
        fact: Fact::PullRequest(Box::new(news)),
    })
}
