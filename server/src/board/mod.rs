//! The board: every service in every environment, and what needs the reader.
//!
//! ```text
//! store ─► Sight (a handful of queries) ─► cell, needs (pure) ─► Board
//! mirrors ─► Behind (counts, kept) ────────┘
//! ```

mod behind;
mod cell;
mod needs;
mod sight;

use std::collections::BTreeMap;
use std::sync::Arc;

use app::account::Actor;
use app::board::{
    Board, BoardCell, BoardEnvironment, BoardFilter, BoardPort, BoardRow, DRIFT, ScopeFreshness,
};
use app::error::ApiError;
use app::train::TrainState;
use async_trait::async_trait;

pub use cell::freshness;
pub use sight::Sight;

use self::behind::Behind;
use crate::auth::require_view;
use crate::config::Config;
use crate::db::Db;
use crate::error::OrInternal;
use crate::git::Mirrors;
use crate::service::Slot;
use crate::sync;

/// The board.
#[derive(Clone)]
pub struct Boards {
    db: Db,
    mirrors: Mirrors,
    behind: Behind,
    aliases: Arc<BTreeMap<String, String>>,
}

impl Boards {
    /// Over the store, with commits counted in the mirrors.
    pub fn new(db: Db, mirrors: Mirrors) -> Self {
        Self {
            db,
            behind: Behind::new(mirrors.clone()),
            mirrors,
            aliases: Arc::default(),
        }
    }

    /// The same, with accounts called as the configuration calls them.
    #[must_use]
    pub fn with_names_of(mut self, config: &Config) -> Self {
        let named = config.aws.accounts.iter();
        let aliases = named.filter_map(|account| Some((account.id.clone(), account.alias.clone()?)));
        self.aliases = Arc::new(aliases.collect());
        self
    }

    /// The sources of everything, as pages show them, with what policy expects there and is not.
    pub fn scopes(&self, sight: &Sight) -> Vec<ScopeFreshness> {
        let mut shown = sync::shown(&sight.scopes, &self.aliases);
        for (scope, source) in sight.scopes.keys().zip(&mut shown) {
            let astray = sight.astray.iter().filter(|one| one.scope == *scope);
            let problems = source.freshness.problem.take().into_iter();
            let problems: Vec<String> = problems
                .chain(astray.map(|one| format!("{}.", one.sentence)))
                .collect();
            source.freshness.problem = (!problems.is_empty()).then(|| problems.join(" "));
        }
        shown
    }

    /// The cells of slots, in their order.
    pub async fn cells(&self, sight: &Sight, slots: &[&Slot]) -> Vec<BoardCell> {
        let spans: Vec<_> = slots.iter().map(|slot| cell::span(sight, slot)).collect();
        let counts = self
            .behind
            .counts(spans.iter().flatten().cloned().collect())
            .await;
        slots
            .iter()
            .zip(&spans)
            .map(|(slot, span)| {
                let behind = span.as_ref().and_then(|span| counts.get(span).copied());
                cell::cell(sight, slot, behind)
            })
            .collect()
    }
}

#[async_trait]
impl BoardPort for Boards {
    async fn board(&self, actor: &Actor, filter: BoardFilter) -> Result<Board, ApiError> {
        require_view(actor)?;
        let sight = Sight::of(&self.db).await.or_internal()?;
        let unmapped: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM ecs_service WHERE gone_at IS NULL AND slot_id IS NULL")
                .fetch_one(self.db.read())
                .await
                .or_internal()?;
        let needs = needs::needs(&self.db, &self.mirrors, &sight, actor).await?;
        let environments = environments(&sight);
        let all = sight.slots.iter().collect::<Vec<_>>();
        let mut rows: BTreeMap<&str, BoardRow> = BTreeMap::new();
        for (slot, cell) in all.iter().zip(self.cells(&sight, &all).await) {
            let row = rows.entry(&slot.service).or_insert_with(|| BoardRow {
                service: slot.service.clone(),
                team: slot.team.clone(),
                cells: vec![None; environments.len()],
            });
            let column = environments
                .iter()
                .position(|environment| environment.name == slot.environment);
            if let Some(place) = column.and_then(|column| row.cells.get_mut(column)) {
                *place = Some(cell);
            }
        }
        let total = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let mut teams: Vec<String> = rows
            .values()
            .map(|row| row.team.clone())
            .filter(|team| !team.is_empty())
            .collect();
        teams.sort_unstable();
        teams.dedup();
        Ok(Board {
            now: sight.now,
            environments,
            rows: rows.into_values().filter(|row| fits(row, &filter)).collect(),
            total,
            needs,
            scopes: self.scopes(&sight),
            teams,
            unmapped: u32::try_from(unmapped).unwrap_or(u32::MAX),
        })
    }
}

fn environments(sight: &Sight) -> Vec<BoardEnvironment> {
    let environments = sight.policy.iter().flat_map(|policy| &policy.environments);
    environments
        .map(|environment| {
            let here = sight
                .trains
                .iter()
                .filter(|train| train.environment == environment.name);
            // The one that is furthest is the one people ask about.
            let train = here.max_by_key(|train| match train.state {
                TrainState::Departing => 2,
                TrainState::Sealed => 1,
                _ => 0,
            });
            BoardEnvironment {
                name: environment.name.clone(),
                train: train.map(|train| (train.number, train.state.word().to_owned())),
            }
        })
        .collect()
}

fn fits(row: &BoardRow, filter: &BoardFilter) -> bool {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let team = given(&filter.team).is_none_or(|team| row.team == team);
    let state = given(&filter.state).is_none_or(|state| {
        row.cells.iter().flatten().any(|cell| match state.as_str() {
            DRIFT => cell.drift.is_some(),
            state => cell.state.as_str() == state,
        })
    });
    let search = given(&filter.search).is_none_or(|search| {
        row.service
            .to_lowercase()
            .contains(search.trim().to_lowercase().as_str())
    });
    team && state && search
}
