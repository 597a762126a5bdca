//! Merging news of CI runs into builds: monotone, so that the order in which deliveries arrive and how often they are
//! repeated make no difference.
//!
//! What changes while a run goes on is compared by (attempt, rank of the status, time of the news); the greater wins.
//! What a run is (its commit, branch, event) does not change and is filled in by the first news that knows it. News of
//! a job that arrives before its run makes a placeholder: rank 0, event empty.

use app::build::BuildStatus;
use app::text::Millis;

use super::count;
use crate::db::Tx;
use crate::git;

/// News of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunNews {
    /// The forge's id of the run.
    pub external_id: String,
    /// Which try of it.
    pub attempt: i64,
    /// The forge's number of it.
    pub number: i64,
    /// Name of the workflow.
    pub workflow: String,
    /// What set it off.
    pub event: String,
    /// The branch it says.
    pub branch: String,
    /// Its commit.
    pub commit_id: String,
    /// The repository the commit came from; empty where that is gone.
    pub head_repository: String,
    /// Who set it off.
    pub actor_login: Option<String>,
    /// How far.
    pub status: BuildStatus,
    /// Its page; http or https only.
    pub url: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When this try began.
    pub started_at: Option<Millis>,
    /// When this try ended.
    pub ended_at: Option<Millis>,
    /// As of when this is.
    pub updated_at: Millis,
}

/// News of a job: one stage of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobNews {
    /// The forge's id of the job.
    pub external_id: String,
    /// The forge's id of its run.
    pub run_external_id: String,
    /// Which try of the run.
    pub attempt: i64,
    /// Name of the job.
    pub name: String,
    /// How far.
    pub status: BuildStatus,
    /// When it began.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// When it was asked for.
    pub created_at: Millis,
    /// Name of its workflow, where it was told.
    pub workflow: String,
    /// The branch it says, where it was told.
    pub branch: String,
    /// Its commit.
    pub commit_id: String,
}

/// What news did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The build it was about.
    pub build_id: String,
    /// Whether anything is now other than before.
    pub changed: bool,
    /// Whether the mirror must be asked before the build can count.
    pub unjudged: bool,
}

/// How far a status is; later wins over earlier. 0 is the placeholder's.
const fn rank(status: BuildStatus) -> i64 {
    match status {
        BuildStatus::Queued => 1,
        BuildStatus::Running => 2,
        BuildStatus::Succeeded | BuildStatus::Failed | BuildStatus::Cancelled | BuildStatus::Skipped => 3,
    }
}

/// Merges news of a run of a repository (its id and its name).
///
/// # Errors
/// The database does not answer.
pub async fn run(tx: &mut Tx, repository: (&str, &str), news: &RunNews) -> sqlx::Result<Merged> {
    let (repository_id, repository_name) = repository;
    let refusal = count::refusal(news, repository_name);
    let id = tx.id("bld");
    let mut changes = sqlx::query(
        "INSERT INTO build (id, repository_id, external_id, attempt, number, workflow, event, branch, commit_id,
                            head_repository, actor_login, status, rank, url, created_at, started_at, ended_at,
                            updated_at, counts, counts_why)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         ON CONFLICT (repository_id, external_id) DO NOTHING",
    )
    .bind(&id)
    .bind(repository_id)
    .bind(&news.external_id)
    .bind(news.attempt)
    .bind(news.number)
    .bind(&news.workflow)
    .bind(&news.event)
    .bind(&news.branch)
    .bind(&news.commit_id)
    .bind(&news.head_repository)
    .bind(&news.actor_login)
    .bind(news.status.as_str())
    .bind(rank(news.status))
    .bind(&news.url)
    .bind(news.created_at)
    .bind(news.started_at)
    .bind(news.ended_at)
    .bind(news.updated_at)
    .bind(refusal.as_ref().map(|_| 0_i64))
    .bind(&refusal)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if changes == 0 {
        changes += sqlx::query(
            "UPDATE build SET number = $3, workflow = $4, event = $5, branch = $6, commit_id = $7,
                              head_repository = $8, actor_login = $9, url = $10, created_at = $11, counts = $12,
                              counts_why = $13
             WHERE repository_id = $1 AND external_id = $2 AND event = ''",
        )
        .bind(repository_id)
        .bind(&news.external_id)
        .bind(news.number)
        .bind(&news.workflow)
        .bind(&news.event)
        .bind(&news.branch)
        .bind(&news.commit_id)
        .bind(&news.head_repository)
        .bind(&news.actor_login)
        .bind(&news.url)
        .bind(news.created_at)
        .bind(refusal.as_ref().map(|_| 0_i64))
        .bind(&refusal)
        .execute(tx.connection())
        .await?
        .rows_affected();
        // The last comparison settles two contrary ends of the same instant: the worse word sorts first and stays.
        changes += sqlx::query(
            "UPDATE build SET attempt = $3, status = $4, rank = $5, started_at = $6, ended_at = $7, updated_at = $8
             WHERE repository_id = $1 AND external_id = $2 AND (attempt < $3 OR (attempt = $3 AND (rank < $5
                OR (rank = $5 AND (updated_at < $8 OR (updated_at = $8 AND status > $4))))))",
        )
        .bind(repository_id)
        .bind(&news.external_id)
        .bind(news.attempt)
        .bind(news.status.as_str())
        .bind(rank(news.status))
        .bind(news.started_at)
        .bind(news.ended_at)
        .bind(news.updated_at)
        .execute(tx.connection())
        .await?
        .rows_affected();
    }
    merged(tx, repository_id, &news.external_id, changes > 0).await
}

/// Merges news of a job into a stage, and makes a placeholder of its run where that is not known yet.
///
/// # Errors
/// The database does not answer.
pub async fn job(tx: &mut Tx, repository_id: &str, news: &JobNews) -> sqlx::Result<Merged> {
    let id = tx.id("bld");
    let mut changes = sqlx::query(
        "INSERT INTO build (id, repository_id, external_id, attempt, number, workflow, event, branch, commit_id,
                            head_repository, status, rank, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 0, $5, '', $6, $7, '', 'queued', 0, $8, 0)
         ON CONFLICT (repository_id, external_id) DO NOTHING",
    )
    .bind(&id)
    .bind(repository_id)
    .bind(&news.run_external_id)
    .bind(news.attempt)
    .bind(&news.workflow)
    .bind(&news.branch)
    .bind(&news.commit_id)
    .bind(news.created_at)
    .execute(tx.connection())
    .await?
    .rows_affected();
    if changes == 0 {
        // A new try has begun: how the one before ended no longer stands for this run.
        changes += sqlx::query(
            "UPDATE build SET attempt = $3, status = 'queued', rank = 0, started_at = NULL, ended_at = NULL,
                              updated_at = 0
             WHERE repository_id = $1 AND external_id = $2 AND attempt < $3",
        )
        .bind(repository_id)
        .bind(&news.run_external_id)
        .bind(news.attempt)
        .execute(tx.connection())
        .await?
        .rows_affected();
        sqlx::query(
            "UPDATE build SET created_at = CASE WHEN created_at > $3 THEN $3 ELSE created_at END,
                              workflow = CASE WHEN workflow = '' THEN $4 ELSE workflow END,
                              branch = CASE WHEN branch = '' THEN $5 ELSE branch END
             WHERE repository_id = $1 AND external_id = $2 AND event = ''",
        )
        .bind(repository_id)
        .bind(&news.run_external_id)
        .bind(news.created_at)
        .bind(&news.workflow)
        .bind(&news.branch)
        .execute(tx.connection())
        .await?;
    }
    let build_id: String =
        sqlx::query_scalar("SELECT id FROM build WHERE repository_id = $1 AND external_id = $2")
            .bind(repository_id)
            .bind(&news.run_external_id)
            .fetch_one(tx.connection())
            .await?;
    changes += sqlx::query(
        "INSERT INTO build_stage (build_id, external_id, attempt, name, status, rank, started_at, ended_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (build_id, external_id) DO UPDATE
         SET attempt = excluded.attempt, name = excluded.name, status = excluded.status, rank = excluded.rank,
             started_at = excluded.started_at, ended_at = excluded.ended_at
         WHERE build_stage.attempt < excluded.attempt OR (build_stage.attempt = excluded.attempt
           AND (build_stage.rank < excluded.rank OR (build_stage.rank = excluded.rank
           AND (COALESCE(build_stage.ended_at, build_stage.started_at, 0)
                    < COALESCE(excluded.ended_at, excluded.started_at, 0)
             OR (COALESCE(build_stage.ended_at, build_stage.started_at, 0)
                    = COALESCE(excluded.ended_at, excluded.started_at, 0)
                 AND build_stage.status > excluded.status)))))",
    )
    .bind(&build_id)
    .bind(&news.external_id)
    .bind(news.attempt)
    .bind(&news.name)
    .bind(news.status.as_str())
    .bind(rank(news.status))
    .bind(news.started_at)
    .bind(news.ended_at)
    .execute(tx.connection())
    .await?
    .rows_affected();
    merged(tx, repository_id, &news.run_external_id, changes > 0).await
}

async fn merged(tx: &mut Tx, repository_id: &str, external_id: &str, changed: bool) -> sqlx::Result<Merged> {
    let (build_id, counts, event): (String, Option<i64>, String) =
        sqlx::query_as("SELECT id, counts, event FROM build WHERE repository_id = $1 AND external_id = $2")
            .bind(repository_id)
            .bind(external_id)
            .fetch_one(tx.connection())
            .await?;
    if changed {
        tx.event("build", build_id.as_str());
    }
    let unjudged = changed && counts != Some(1) && event == "push";
    if unjudged {
        git::store::want(tx, repository_id).await?;
    }
    Ok(Merged {
        build_id,
        changed,
        unjudged,
    })
}
