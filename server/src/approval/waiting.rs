//! What waits for approval, and for whom; and the authors nobody knows.

use app::account::{Actor, UnmatchedAuthor};
use app::error::ApiError;
use app::train::ApprovalRequest;

use super::authors::authors;
use super::people::People;
use crate::db::Db;
use crate::error::OrInternal;
use crate::git::Mirrors;
use crate::policy;
use crate::train::{self, History, Loader, Phase};

/// Sealed trains that still need approvals, those that this person can give first, then the longest waiting.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn requests(db: &Db, loader: &Loader, actor: &Actor) -> Result<Vec<ApprovalRequest>, ApiError> {
    let mut requests = Vec::new();
    for train in train::open(db).await? {
        if !matches!(train.phase, Phase::Sealed(_)) {
            continue;
        }
        let Some((facts, _)) = loader.one(train).await.or_internal()? else {
            continue;
        };
        let (Some(consent), Some(sealed)) = (&facts.consent, facts.train.sealed()) else {
            continue;
        };
        let needed = usize::try_from(facts.environment.approvals.count).unwrap_or(usize::MAX);
        if consent.counted.len() >= needed || consent.rejected.is_some() {
            continue;
        }
        let given = consent.agreed.contains(&actor.id);
        let why_not = if given {
            Some("You approved it; it needs somebody else as well.".to_owned())
        } else {
            consent.objection(&facts.environment, actor)
        };
        requests.push(ApprovalRequest {
            environment: facts.train.environment.clone(),
            number: facts.train.number,
            services: facts.cars.iter().map(|car| car.slot.service.clone()).collect(),
            progress: facts.environment.approvals.progress(consent.counted.len()),
            since: sealed.at,
            mine: why_not.is_none(),
            why_not,
        });
    }
    requests.sort_by_key(|request| (!request.mine, request.since));
    Ok(requests)
}

/// How many trains wait for this person.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn waiting_for(db: &Db, mirrors: &Mirrors, actor: &Actor) -> Result<u32, ApiError> {
    let loader = Loader::new(db.clone(), std::sync::Arc::new(mirrors.clone()));
    let mine = requests(db, &loader, actor)
        .await?
        .into_iter()
        .filter(|request| request.mine);
    Ok(u32::try_from(mine.count()).unwrap_or(u32::MAX))
}

/// Authors on trains before their departure who are matched to nobody, where approvals are asked.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn unmatched_authors(db: &Db, history: &dyn History) -> anyhow::Result<Vec<UnmatchedAuthor>> {
    let Some(revision) = policy::current(db).await? else {
        return Ok(Vec::new());
    };
    let people = People::load(db, &revision.policy).await?;
    let mut unmatched: Vec<UnmatchedAuthor> = Vec::new();
    for train in train::open(db).await? {
        if matches!(train.phase, Phase::Departing(..)) {
            continue;
        }
        let environment = revision.policy.environment(&train.environment);
        let Some(environment) = environment.filter(|environment| environment.approvals.count > 0) else {
            continue;
        };
        let cars = train::cars(db, &train.id).await?;
        for (identity, name) in authors(db, history, &people, environment, &cars).await?.unmatched {
            if unmatched.iter().all(|one| one.identity != identity) {
                unmatched.push(UnmatchedAuthor {
                    identity,
                    name,
                    train: Some(format!("{}/{}", train.environment, train.number)),
                });
            }
        }
    }
    Ok(unmatched)
}
