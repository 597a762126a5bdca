//! Builds and their stages in the database.

use std::str::FromStr;

use app::build::BuildStatus;
use app::text::Millis;
use sqlx::FromRow;

use crate::db::{Db, Inconsistent};

/// One CI run of one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// `bld_…`
    pub id: String,
    /// `acme/checkout`
    pub repository: String,
    /// The CI's own number.
    pub number: i64,
    /// Which try of it.
    pub attempt: i64,
    /// Name of the workflow.
    pub workflow: String,
    /// What set it off: `push`, `pull_request`; empty until the run itself was told of.
    pub event: String,
    /// The branch the CI says.
    pub branch: String,
    /// Full id of its commit.
    pub commit_id: String,
    /// The repository its commit came from: a fork's is another.
    pub head_repository: String,
    /// Who set it off, by the forge's name.
    pub actor_login: Option<String>,
    /// How far.
    pub status: BuildStatus,
    /// Page at the CI.
    pub url: Option<String>,
    /// When it was asked for.
    pub created_at: Millis,
    /// When this try began.
    pub started_at: Option<Millis>,
    /// When this try ended.
    pub ended_at: Option<Millis>,
    /// Whether it counts for its branch; nothing until the mirror was asked.
    pub counts: Option<bool>,
    /// Why it does not, in words.
    pub counts_why: Option<String>,
}

/// One stage of a build: the newest try of each name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// `unit tests`
    pub name: String,
    /// How far.
    pub status: BuildStatus,
    /// When it began.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
}

#[derive(FromRow)]
pub(super) struct BuildRow {
    pub(super) id: String,
    repository: String,
    number: i64,
    attempt: i64,
    workflow: String,
    event: String,
    branch: String,
    commit_id: String,
    head_repository: String,
    actor_login: Option<String>,
    status: String,
    url: Option<String>,
    pub(super) created_at: Millis,
    started_at: Option<Millis>,
    ended_at: Option<Millis>,
    counts: Option<i64>,
    counts_why: Option<String>,
}

impl TryFrom<BuildRow> for Build {
    type Error = Inconsistent;

    fn try_from(row: BuildRow) -> Result<Self, Inconsistent> {
        let status = status("build", &row.id, &row.status)?;
        Ok(Self {
            id: row.id,
            repository: row.repository,
            number: row.number,
            attempt: row.attempt,
            workflow: row.workflow,
            event: row.event,
            branch: row.branch,
            commit_id: row.commit_id,
            head_repository: row.head_repository,
            actor_login: row.actor_login,
            status,
            url: row.url,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            counts: row.counts.map(|flag| flag == 1),
            counts_why: row.counts_why,
        })
    }
}

pub(super) fn status(table: &'static str, id: &str, word: &str) -> Result<BuildStatus, Inconsistent> {
    BuildStatus::from_str(word).map_err(|what| Inconsistent {
        table,
        id: id.to_owned(),
        what,
    })
}

/// The columns of a build, for statements that join `build` and `repository`.
macro_rules! build_columns {
    () => {
        "build.id, repository.name AS repository, build.number, build.attempt, build.workflow, build.event,
         build.branch, build.commit_id, build.head_repository, build.actor_login, build.status, build.url,
         build.created_at, build.started_at, build.ended_at, build.counts, build.counts_why"
    };
}
pub(super) use build_columns;

macro_rules! select_build {
    ($tail:literal) => {
        concat!(
            "SELECT ",
            build_columns!(),
            " FROM build JOIN repository ON repository.id = build.repository_id ",
            $tail
        )
    };
}

pub(super) fn decoded(rows: Vec<BuildRow>) -> anyhow::Result<Vec<Build>> {
    rows.into_iter()
        .map(|row| Build::try_from(row).map_err(Into::into))
        .collect()
}

/// One build.
///
/// # Errors
/// The database does not answer, or the row is not legal.
pub async fn build(db: &Db, id: &str) -> anyhow::Result<Option<Build>> {
    let row: Option<BuildRow> = sqlx::query_as(select_build!("WHERE build.id = $1"))
        .bind(id)
        .fetch_optional(db.read())
        .await?;
    Ok(row.map(Build::try_from).transpose()?)
}

/// The builds of a commit that succeeded, newest first, whether they count or not.
///
/// # Errors
/// The database does not answer, or a row is not legal.
pub async fn succeeded_of_commit(db: &Db, repository: &str, commit: &str) -> anyhow::Result<Vec<Build>> {
    decoded(
        sqlx::query_as(select_build!(
            "WHERE repository.name = $1 AND build.commit_id = $2 AND build.status = 'succeeded'
             ORDER BY build.created_at DESC, build.id DESC"
        ))
        .bind(repository)
        .bind(commit)
        .fetch_all(db.read())
        .await?,
    )
}

/// Every build of a commit, newest first.
///
/// # Errors
/// The database does not answer, or a row is not legal.
pub async fn of_commit(db: &Db, repository: &str, commit: &str) -> anyhow::Result<Vec<Build>> {
    decoded(
        sqlx::query_as(select_build!(
            "WHERE repository.name = $1 AND build.commit_id = $2
             ORDER BY build.created_at DESC, build.id DESC"
        ))
        .bind(repository)
        .bind(commit)
        .fetch_all(db.read())
        .await?,
    )
}

/// Builds that succeeded since an instant and count for their branch, oldest first: what may board.
///
/// # Errors
/// The database does not answer, or a row is not legal.
pub async fn counted_successes_since(db: &Db, since: Millis) -> anyhow::Result<Vec<Build>> {
    decoded(
        sqlx::query_as(select_build!(
            "WHERE build.status = 'succeeded' AND build.counts = 1 AND build.ended_at >= $1
             ORDER BY build.ended_at, build.id"
        ))
        .bind(since)
        .fetch_all(db.read())
        .await?,
    )
}

/// The stages of a build in order of start: of each name the newest try, since a partial re-run tells only of the jobs
/// it ran again.
///
/// # Errors
/// The database does not answer, or a row is not legal.
pub async fn stages(db: &Db, build_id: &str) -> anyhow::Result<Vec<Stage>> {
    let rows: Vec<StageRow> = sqlx::query_as(
        "SELECT build_id, name, status, started_at, ended_at FROM build_stage
         WHERE build_id = $1 AND NOT EXISTS (
             SELECT 1 FROM build_stage AS newer
             WHERE newer.build_id = build_stage.build_id AND newer.name = build_stage.name
               AND newer.attempt > build_stage.attempt)
         ORDER BY COALESCE(started_at, ended_at, 9223372036854775807), name, external_id",
    )
    .bind(build_id)
    .fetch_all(db.read())
    .await?;
    rows.into_iter()
        .map(|row| Stage::try_from(row).map_err(Into::into))
        .collect()
}

#[derive(FromRow)]
pub(super) struct StageRow {
    pub(super) build_id: String,
    name: String,
    status: String,
    started_at: Option<Millis>,
    ended_at: Option<Millis>,
}

impl TryFrom<StageRow> for Stage {
    type Error = Inconsistent;

    fn try_from(row: StageRow) -> Result<Self, Inconsistent> {
        Ok(Self {
            status: status("build_stage", &row.build_id, &row.status)?,
            name: row.name,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    }
}
