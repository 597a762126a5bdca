//! A car on its train's page: from what to what, how far, and the commits between.

use app::error::ApiError;
use app::train::{CarView, CommitView};

use super::car::Car;
use super::service::Trains;
use crate::deployment;
use crate::error::OrInternal;
use crate::git::Commit;
use crate::image;

/// Commits shown of a car.
const COMMITS: usize = 100;

/// The newest commits that a car brings, and how many there are in all.
async fn between(
    trains: &Trains,
    repository: &str,
    from: &str,
    to: &str,
) -> anyhow::Result<Option<(Vec<Commit>, u64)>> {
    let history = &trains.history;
    let Some(commits) = history
        .commits_between(repository, Some(from), to, COMMITS)
        .await?
    else {
        return Ok(None);
    };
    let shown = u64::try_from(commits.len()).unwrap_or(u64::MAX);
    let count = if commits.len() < COMMITS {
        shown
    } else {
        let counted = history.count_between(repository, from, to).await?;
        counted.unwrap_or(shown)
    };
    Ok(Some((commits, count)))
}

/// A car as its train's page shows it.
///
/// # Errors
/// The database does not answer.
pub async fn car_view(trains: &Trains, car: &Car) -> Result<CarView, ApiError> {
    let db = &trains.db;
    let slot = crate::service::slot_by_id(db, &car.slot_id).await.or_internal()?;
    let repository = slot.as_ref().and_then(|slot| slot.repository.clone());
    let from = match &car.from_digest {
        Some(digest) => Some(
            image::label(db, Some(&car.image_repository), digest)
                .await
                .or_internal()?,
        ),
        None => None,
    };
    let to = image::label(db, Some(&car.image_repository), &car.digest)
        .await
        .or_internal()?;
    let commits = match (&repository, &car.commit) {
        (Some(repository), Some(commit)) => {
            let from = from.as_ref().and_then(|label| label.commit.as_deref());
            // Without what runs now there is no from → to to show.
            match from {
                None => None,
                Some(from) => between(trains, repository, from, commit).await.unwrap_or(None),
            }
        }
        _ => None,
    };
    let (commits, commit_count) = match commits {
        Some((commits, count)) => (Some(commits), count),
        None => (None, 0),
    };
    let percent = match car.phase.deployment() {
        Some(id) if car.phase.in_flight() => deployment::under_way(db)
            .await
            .or_internal()?
            .remove(&car.slot_id)
            .filter(|under_way| under_way.id == id)
            .and_then(|under_way| under_way.percent),
        _ => None,
    };
    Ok(CarView {
        id: car.id.clone(),
        service: slot.map_or_else(|| car.slot_id.clone(), |slot| slot.service),
        state: car.phase.state(),
        from,
        to,
        commits: commits.map(|commits| {
            commits
                .into_iter()
                .map(|commit| CommitView {
                    id: commit.id,
                    subject: commit.subject,
                    author: commit.author_name,
                    at: commit.committed_at,
                })
                .collect()
        }),
        commit_count,
        deployment: car.phase.deployment().map(str::to_owned),
        percent,
        note: car.phase.note().map(str::to_owned),
    })
}
