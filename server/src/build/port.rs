//! What the pages ask about builds and deliveries.

use std::collections::HashMap;

use app::account::Actor;
use app::board::ScopeFreshness;
use app::build::{BuildFilter, BuildPage, BuildPort, BuildStatus, BuildView, DeliveryPage, StageView};
use app::error::ApiError;
use app::text::{Freshness, Millis};
use async_trait::async_trait;
use sqlx::FromRow;

use super::store::{Build, BuildRow, StageRow, build_columns};
use crate::auth::require_view;
use crate::db::Db;
use crate::error::OrInternal;

/// A mirror that was not fetched for so long has missed three rounds.
const STALE: Millis = 3 * 180_000;

/// How many builds a page has.
const PAGE: usize = 50;

/// Builds and deliveries for the pages.
#[derive(Clone)]
pub struct Builds {
    db: Db,
}

/// The page of builds that everything else on it is joined to. The row comparison lets the index find the place.
macro_rules! with_page {
    ($rest:expr) => {
        concat!(
            "WITH page AS (
                 SELECT build.*, repository.name AS repository_name
                 FROM build JOIN repository ON repository.id = build.repository_id
                 WHERE (build.created_at, build.id) < ($1, $2)
                   AND ($3 IS NULL OR repository.name = $3)
                   AND ($4 IS NULL OR build.branch = $4)
                   AND ($5 IS NULL OR build.status = $5)
                 ORDER BY build.created_at DESC, build.id DESC LIMIT 51) ",
            $rest
        )
    };
}

/// Where a page begins.
#[derive(Debug, Clone)]
struct Cursor {
    created_at: Millis,
    id: String,
}

impl Builds {
    /// On a database.
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    async fn page(&self, filter: &BuildFilter) -> anyhow::Result<BuildPage> {
        let mut cursor = self.cursor(filter.before.as_deref()).await?;
        let mut rows: Vec<PageRow> = self
            .on_page(
                with_page!(concat!(
                    "SELECT ",
                    build_columns!(),
                    ", git_commit.subject, git_commit.author_name
                     FROM page AS build JOIN repository ON repository.id = build.repository_id
                     LEFT JOIN git_commit ON git_commit.repository_id = build.repository_id
                          AND git_commit.id = build.commit_id
                     ORDER BY build.created_at DESC, build.id DESC"
                )),
                filter,
                &cursor,
            )
            .await?;
        let more = rows.len() > PAGE;
        rows.truncate(PAGE);
        if let Some(first) = rows.first() {
            // A build that arrives meanwhile must not shift what the next statements see: `~` sorts after every id.
            cursor = Cursor {
                created_at: first.build.created_at,
                id: format!("{}~", first.build.id),
            };
        }
        let stages: Vec<StageRow> = self
            .on_page(
                with_page!(
                    "SELECT stage.build_id, stage.name, stage.status, stage.started_at, stage.ended_at
                     FROM page JOIN build_stage AS stage ON stage.build_id = page.id
                     WHERE NOT EXISTS (SELECT 1 FROM build_stage AS newer WHERE newer.build_id = stage.build_id
                           AND newer.name = stage.name AND newer.attempt > stage.attempt)
                     ORDER BY COALESCE(stage.started_at, stage.ended_at, 9223372036854775807), stage.name,
                              stage.external_id"
                ),
                filter,
                &cursor,
            )
            .await?;
        let images: Vec<(String, String, String)> = self
            .on_page(
                with_page!(
                    "SELECT page.id, image.repository, image.digest
                     FROM page JOIN image ON image.commit_id = page.commit_id AND image.gone_at IS NULL
                     ORDER BY image.pushed_at, image.id"
                ),
                filter,
                &cursor,
            )
            .await?;
        let trains: Vec<(String, String, i64)> = self
            .on_page(
                with_page!(
                    "SELECT DISTINCT page.id, train.environment, train.number
                     FROM page
                     JOIN car ON car.commit_id = page.commit_id
                     JOIN slot ON slot.id = car.slot_id
                     JOIN service ON service.id = slot.service_id AND service.repository = page.repository_name
                     JOIN train ON train.id = car.train_id
                     ORDER BY page.id, train.environment, train.number"
                ),
                filter,
                &cursor,
            )
            .await?;
        let mut around = Around::gather(stages, images, trains)?;
        let builds: Vec<BuildView> = rows
            .into_iter()
            .map(|row| around.view(row))
            .collect::<anyhow::Result<_>>()?;
        let repositories = sqlx::query_scalar("SELECT name FROM repository ORDER BY name")
            .fetch_all(self.db.read())
            .await?;
        Ok(BuildPage {
            now: self.db.now(),
            next: builds.last().filter(|_| more).map(|last| last.id.clone()),
            builds,
            repositories,
            unfetched: self.unfetched().await?,
        })
    }

    /// Repositories that cannot be fetched now.
    async fn unfetched(&self) -> sqlx::Result<Vec<ScopeFreshness>> {
        let rows: Vec<(String, Option<Millis>, String)> = sqlx::query_as(
            "SELECT name, fetched_at, problem FROM repository WHERE problem IS NOT NULL ORDER BY name",
        )
        .fetch_all(self.db.read())
        .await?;
        let now = self.db.now();
        Ok(rows
            .into_iter()
            .map(|(name, as_of, problem)| ScopeFreshness {
                name,
                freshness: Freshness {
                    as_of,
                    stale: as_of.is_some_and(|at| now - at > STALE),
                    problem: Some(problem),
                },
            })
            .collect())
    }

    async fn cursor(&self, before: Option<&str>) -> sqlx::Result<Cursor> {
        let top = Cursor {
            created_at: Millis::MAX,
            id: String::new(),
        };
        let Some(id) = before else { return Ok(top) };
        let created_at: Option<Millis> = sqlx::query_scalar("SELECT created_at FROM build WHERE id = $1")
            .bind(id)
            .fetch_optional(self.db.read())
            .await?;
        Ok(created_at.map_or(top, |created_at| Cursor {
            created_at,
            id: id.to_owned(),
        }))
    }

    async fn on_page<Row>(
        &self,
        statement: &'static str,
        filter: &BuildFilter,
        cursor: &Cursor,
    ) -> sqlx::Result<Vec<Row>>
    where
        Row: for<'row> FromRow<'row, sqlx::any::AnyRow> + Send + Unpin,
    {
        sqlx::query_as(statement)
            .bind(cursor.created_at)
            .bind(&cursor.id)
            .bind(&filter.repository)
            .bind(&filter.branch)
            .bind(&filter.status)
            .fetch_all(self.db.read())
            .await
    }
}

#[derive(FromRow)]
struct PageRow {
    #[sqlx(flatten)]
    build: BuildRow,
    subject: Option<String>,
    author_name: Option<String>,
}

/// What stands beside the builds of a page, by build.
#[derive(Default)]
struct Around {
    stages: HashMap<String, Vec<StageView>>,
    images: HashMap<String, String>,
    trains: HashMap<String, Vec<String>>,
}

impl Around {
    fn gather(
        stages: Vec<StageRow>,
        images: Vec<(String, String, String)>,
        trains: Vec<(String, String, i64)>,
    ) -> anyhow::Result<Self> {
        let mut around = Self::default();
        for row in stages {
            let build_id = row.build_id.clone();
            let stage = super::store::Stage::try_from(row)?;
            around.stages.entry(build_id).or_default().push(StageView {
                name: stage.name,
                status: stage.status,
                started_at: stage.started_at,
                ended_at: stage.ended_at,
            });
        }
        for (build_id, repository, digest) in images {
            around.images.insert(build_id, image_name(&repository, &digest));
        }
        for (build_id, environment, number) in trains {
            around
                .trains
                .entry(build_id)
                .or_default()
                .push(format!("{environment}/{number}"));
        }
        Ok(around)
    }

    fn view(&mut self, row: PageRow) -> anyhow::Result<BuildView> {
        let build = Build::try_from(row.build)?;
        let counts = match (build.counts, build.counts_why) {
            (Some(true), _) => Ok(()),
            (Some(false), why) => Err(why.unwrap_or_else(|| "no reason was stored".to_owned())),
            (None, _) => Err("not looked up in the repository's mirror yet".to_owned()),
        };
        Ok(BuildView {
            stages: self.stages.remove(&build.id).unwrap_or_default(),
            image: self.images.remove(&build.id),
            trains: self.trains.remove(&build.id).unwrap_or_default(),
            id: build.id,
            repository: build.repository,
            number: build.number,
            attempt: build.attempt,
            workflow: build.workflow,
            branch: build.branch,
            commit: build.commit_id,
            subject: row.subject,
            author: row.author_name,
            status: build.status,
            started_at: build.started_at,
            ended_at: build.ended_at,
            url: build.url,
            counts,
        })
    }
}

/// `acme/checkout@9f8e7d6c5b4a`: without the registry, which is the same for all, and with a short digest.
fn image_name(repository: &str, digest: &str) -> String {
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    let digest: String = digest.trim_start_matches("sha256:").chars().take(12).collect();
    format!("{name}@{digest}")
}

#[async_trait]
impl BuildPort for Builds {
    async fn builds(&self, actor: &Actor, filter: BuildFilter) -> Result<BuildPage, ApiError> {
        require_view(actor)?;
        // An empty field of a form asks for nothing.
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let filter = BuildFilter {
            repository: given(filter.repository),
            branch: given(filter.branch),
            status: given(filter.status),
            before: given(filter.before),
        };
        if let Some(word) = &filter.status {
            word.parse::<BuildStatus>().map_err(|_| {
                let words: Vec<&str> = BuildStatus::ALL.iter().map(|status| status.as_str()).collect();
                ApiError::Invalid(format!(
                    "There is no build status `{word}`; choose one of {}.",
                    words.join(", ")
                ))
            })?;
        }
        self.page(&filter).await.or_internal()
    }

    async fn deliveries(&self, actor: &Actor, before: Option<String>) -> Result<DeliveryPage, ApiError> {
        require_view(actor)?;
        crate::inbox::store::page(&self.db, before.as_deref().filter(|id| !id.is_empty()))
            .await
            .or_internal()
    }
}
