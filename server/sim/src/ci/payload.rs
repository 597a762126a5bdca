//! GitHub's `workflow_run` and `workflow_job` bodies for a run.

use serde_json::{Value, json};

use super::Run;
use super::plan::{End, Stage};
use crate::forge::payload::{organization, repository, short_repository, timestamp, user};

/// The name of the one workflow.
pub const WORKFLOW: &str = "build";

/// How far a run or a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Asked for.
    Queued,
    /// At work.
    InProgress,
    /// Over.
    Completed,
}

impl Phase {
    /// GitHub's `status`.
    pub fn status(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
        }
    }
}

/// A `workflow_run` event.
pub fn workflow_run(run: &Run, phase: Phase, now: i64, forge_url: &str) -> Value {
    let pushed = &run.pushed;
    let repository = repository(&pushed.repository, forge_url);
    let short = short_repository(&pushed.repository, forge_url);
    let sender = user(pushed.author, forge_url);
    let page = format!(
        "{forge_url}/acme/{}/actions/runs/{}",
        pushed.repository.name, run.id
    );
    let person = json!({ "name": pushed.author.name, "email": pushed.author.email() });
    let title = pushed.message.lines().next().unwrap_or_default();
    json!({
        "action": match phase {
            Phase::Queued => "requested",
            Phase::InProgress => "in_progress",
            Phase::Completed => "completed",
        },
        "workflow_run": {
            "id": run.id,
            "name": WORKFLOW,
            "node_id": format!("WFR_{}", run.id),
            "display_title": title,
            "head_branch": pushed.branch,
            "head_sha": pushed.sha,
            "path": ".github/workflows/build.yml",
            "run_number": run.number,
            "run_attempt": 1,
            "event": "push",
            "status": phase.status(),
            "conclusion": (phase == Phase::Completed).then(|| run.end().conclusion()),
            "workflow_id": 7001,
            "check_suite_id": run.id + 500_000_000,
            "url": format!("{forge_url}/api/repos/acme/{}/actions/runs/{}", pushed.repository.name, run.id),
            "html_url": page,
            "pull_requests": [],
            "created_at": timestamp(run.requested),
            "updated_at": timestamp(now),
            "run_started_at": timestamp(run.requested),
            "actor": sender,
            "triggering_actor": sender,
            "jobs_url": format!("{page}/jobs"),
            "logs_url": format!("{page}/logs"),
            "previous_attempt_url": null,
            "head_commit": {
                "id": pushed.sha,
                "tree_id": pushed.tree,
                "message": pushed.message,
                "timestamp": timestamp(pushed.at),
                "author": person,
                "committer": person,
            },
            "repository": short,
            "head_repository": short,
        },
        "workflow": {
            "id": 7001,
            "node_id": "W_00007001",
            "name": WORKFLOW,
            "path": ".github/workflows/build.yml",
            "state": "active",
            "html_url": format!("{forge_url}/acme/{}/blob/main/.github/workflows/build.yml", pushed.repository.name),
        },
        "repository": repository,
        "organization": organization(forge_url),
        "sender": sender,
    })
}

/// A `workflow_job` event for one stage.
pub fn workflow_job(run: &Run, index: usize, stage: &Stage, phase: Phase, forge_url: &str) -> Value {
    let pushed = &run.pushed;
    let id = run.id * 10 + index as u64;
    let page = format!(
        "{forge_url}/acme/{}/actions/runs/{}",
        pushed.repository.name, run.id
    );
    let ran = stage.end != End::Skipped;
    let started = phase != Phase::Queued;
    let conclusion = (phase == Phase::Completed).then(|| stage.end.conclusion());
    let completed = (phase == Phase::Completed).then(|| timestamp(stage.ended));
    let steps = if started && ran {
        json!([{
            "name": stage.name,
            "number": 1,
            "status": phase.status(),
            "conclusion": conclusion,
            "started_at": timestamp(stage.started),
            "completed_at": completed,
        }])
    } else {
        json!([])
    };
    json!({
        "action": phase.status(),
        "workflow_job": {
            "id": id,
            "run_id": run.id,
            "run_url": format!("{forge_url}/api/repos/acme/{}/actions/runs/{}", pushed.repository.name, run.id),
            "run_attempt": 1,
            "node_id": format!("CR_{id}"),
            "workflow_name": WORKFLOW,
            "head_branch": pushed.branch,
            "head_sha": pushed.sha,
            "url": format!("{forge_url}/api/repos/acme/{}/actions/jobs/{id}", pushed.repository.name),
            "html_url": format!("{page}/job/{id}"),
            "status": phase.status(),
            "conclusion": conclusion,
            "created_at": timestamp(stage.queued),
            "started_at": timestamp(if started { stage.started } else { stage.queued }),
            "completed_at": completed,
            "name": stage.name,
            "steps": steps,
            "check_run_url": format!("{page}/check/{id}"),
            "labels": ["ubuntu-latest"],
            "runner_id": (started && ran).then_some(5),
            "runner_name": (started && ran).then_some("acme-runner-5"),
            "runner_group_id": (started && ran).then_some(2),
            "runner_group_name": (started && ran).then_some("acme-runners"),
        },
        "repository": repository(&pushed.repository, forge_url),
        "organization": organization(forge_url),
        "sender": user(pushed.author, forge_url),
    })
}
