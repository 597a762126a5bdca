//! The shapes of GitHub's webhook bodies, as far as their documented fields reach.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use super::{Pushed, Repository};
use crate::persona::{PERSONAS, Persona};

/// The organization that owns every repository.
pub const ORGANIZATION: &str = "acme";
const ORGANIZATION_ID: u64 = 9001;

/// Milliseconds since 1970 as GitHub writes times.
pub fn timestamp(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A whole `repository` object, as it stands at the top of a body.
pub fn repository(repository: &Repository, forge_url: &str) -> Value {
    let mut whole = short_repository(repository, forge_url);
    if let Value::Object(fields) = &mut whole {
        for address in ["clone_url", "git_url", "ssh_url"] {
            fields.insert(address.to_owned(), json!(repository.clone_url()));
        }
        fields.insert("default_branch".to_owned(), json!("main"));
        fields.insert("visibility".to_owned(), json!("private"));
        fields.insert("archived".to_owned(), json!(false));
        fields.insert("disabled".to_owned(), json!(false));
    }
    whole
}

/// A `repository` as it stands inside of a run: GitHub leaves out where to clone it and what its default branch is.
pub fn short_repository(repository: &Repository, forge_url: &str) -> Value {
    let full_name = format!("{ORGANIZATION}/{}", repository.name);
    let api = format!("{forge_url}/api/repos/{full_name}");
    json!({
        "id": repository.id,
        "node_id": format!("R_{:08}", repository.id),
        "name": repository.name,
        "full_name": full_name,
        "private": true,
        "owner": {
            "login": ORGANIZATION,
            "id": ORGANIZATION_ID,
            "node_id": "O_00009001",
            "url": format!("{forge_url}/api/users/{ORGANIZATION}"),
            "html_url": format!("{forge_url}/{ORGANIZATION}"),
            "type": "Organization",
            "site_admin": false,
        },
        "html_url": format!("{forge_url}/{full_name}"),
        "description": null,
        "fork": false,
        "url": api,
        "commits_url": format!("{api}/commits{{/sha}}"),
        "branches_url": format!("{api}/branches{{/branch}}"),
    })
}

/// The `organization` object.
pub fn organization(forge_url: &str) -> Value {
    json!({
        "login": ORGANIZATION,
        "id": ORGANIZATION_ID,
        "node_id": "O_00009001",
        "url": format!("{forge_url}/api/orgs/{ORGANIZATION}"),
        "description": "",
    })
}

/// A person as `sender` or `actor`.
pub fn user(persona: &Persona, forge_url: &str) -> Value {
    let id = PERSONAS
        .iter()
        .position(|known| known == persona)
        .map_or(0, |position| 101 + position);
    json!({
        "login": persona.login,
        "id": id,
        "node_id": format!("U_{id:08}"),
        "url": format!("{forge_url}/api/users/{}", persona.login),
        "html_url": format!("{forge_url}/{}", persona.login),
        "type": "User",
        "site_admin": false,
    })
}

/// The body of a `push` event.
pub fn push(pushed: &Pushed, forge_url: &str) -> Value {
    const NOTHING: &str = "0000000000000000000000000000000000000000";
    let before = pushed.before.as_deref().unwrap_or(NOTHING);
    let name = format!("{ORGANIZATION}/{}", pushed.repository.name);
    let person = json!({
        "name": pushed.author.name,
        "email": pushed.author.email(),
        "username": pushed.author.login,
    });
    let commit = json!({
        "id": pushed.sha,
        "tree_id": pushed.tree,
        "distinct": true,
        "message": pushed.message,
        "timestamp": timestamp(pushed.at),
        "url": format!("{forge_url}/{name}/commit/{}", pushed.sha),
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": pushed.files,
    });
    json!({
        "ref": format!("refs/heads/{}", pushed.branch),
        "before": before,
        "after": pushed.sha,
        "created": pushed.before.is_none(),
        "deleted": false,
        "forced": false,
        "base_ref": null,
        "compare": format!("{forge_url}/{name}/compare/{before}...{}", pushed.sha),
        "commits": [commit],
        "head_commit": commit,
        "repository": repository(&pushed.repository, forge_url),
        "pusher": { "name": pushed.author.login, "email": pushed.author.email() },
        "organization": organization(forge_url),
        "sender": user(pushed.author, forge_url),
    })
}

/// The body of a `pull_request` event: the author's own, of one commit, merged by pushing that commit.
pub fn merged(pushed: &Pushed, number: u64, forge_url: &str) -> Value {
    json!({
        "action": "closed",
        "number": number,
        "pull_request": pull_request(pushed, number, forge_url),
        "repository": repository(&pushed.repository, forge_url),
        "organization": organization(forge_url),
        "sender": user(pushed.author, forge_url),
    })
}

/// A whole `pull_request` object that was merged.
fn pull_request(pushed: &Pushed, number: u64, forge_url: &str) -> Value {
    let name = format!("{ORGANIZATION}/{}", pushed.repository.name);
    let (page, api) = (
        format!("{forge_url}/{name}/pull/{number}"),
        format!("{forge_url}/api/repos/{name}"),
    );
    let author = user(pushed.author, forge_url);
    let at = timestamp(pushed.at);
    let (title, body) = pushed.message.split_once('\n').unwrap_or((&pushed.message, ""));
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("{ORGANIZATION}:{branch}"),
            "ref": branch,
            "sha": sha,
            "user": organization(forge_url),
            "repo": repository(&pushed.repository, forge_url),
        })
    };
    let head = format!("{}-{number}", pushed.author.login);
    let mut whole = json!({
        "url": format!("{api}/pulls/{number}"),
        "id": pushed.repository.id * 1_000_000 + number,
        "node_id": format!("PR_{:08}_{number}", pushed.repository.id),
        "html_url": page,
        "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"),
        "issue_url": format!("{api}/issues/{number}"),
        "commits_url": format!("{api}/pulls/{number}/commits"),
        "statuses_url": format!("{api}/statuses/{}", pushed.sha),
        "number": number,
        "state": "closed",
        "locked": false,
        "draft": false,
        "title": title,
        "user": author,
        "body": body.trim(),
        "head": side(&head, &pushed.sha),
        "base": side(&pushed.branch, pushed.before.as_deref().unwrap_or(&pushed.sha)),
    });
    let merge = json!({
        "created_at": at,
        "updated_at": at,
        "closed_at": at,
        "merged_at": at,
        "merge_commit_sha": pushed.sha,
        "merged": true,
        "mergeable": null,
        "mergeable_state": "unknown",
        "merged_by": author,
        "auto_merge": null,
        "author_association": "MEMBER",
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "labels": [],
        "milestone": null,
        "comments": 0,
        "review_comments": 0,
        "commits": 1,
        "changed_files": pushed.files.len(),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut whole, merge) {
        fields.extend(more);
    }
    whole
}
