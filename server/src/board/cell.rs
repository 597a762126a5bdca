//! One cell: what runs in a slot, how it goes there and what comes next. Pure.

use app::board::{BoardCell, Health, ImageLabel, InFlight, SlotState, TrainRef};
use app::deployment::DeploymentState;
use app::text::Freshness;

use super::sight::Sight;
use crate::aws::Scope;
use crate::policy::{Policy, Source};
use crate::service::Slot;
use crate::service::mapping::image_repository;
use crate::sync::Reader;

/// Makes a slot's cell; `behind` is counted elsewhere.
pub fn cell(sight: &Sight, slot: &Slot, behind: Option<i64>) -> BoardCell {
    let (state, in_flight) = state(sight, slot);
    BoardCell {
        image: image(sight, slot),
        deployed_at: slot.running_since,
        state,
        health: health(slot, &freshness(sight, slot, Reader::Ecs)),
        running: slot.running,
        desired: slot.desired,
        behind,
        in_flight,
        drift: slot.drift.clone(),
        next: sight.next.get(&slot.id).map(|car| TrainRef {
            environment: car.environment.clone(),
            number: car.number,
            image: sight.labels.name(Some(&car.image_repository), &car.digest, None),
        }),
    }
}

/// How fresh what a reader knows of a slot is.
pub fn freshness(sight: &Sight, slot: &Slot, reader: Reader) -> Freshness {
    let scope = Scope {
        account: slot.account.clone(),
        region: slot.region.clone(),
    };
    sight
        .scopes
        .get(&scope)
        .map(|state| state.of(reader))
        .unwrap_or_default()
}

/// What runs. A digest that nothing told leaves the reference it was started with.
fn image(sight: &Sight, slot: &Slot) -> Option<ImageLabel> {
    let reference = slot.running_image.as_deref();
    match &slot.running_digest {
        Some(digest) => Some(
            sight
                .labels
                .name(reference.map(image_repository), digest, reference),
        ),
        None => reference.map(|reference| ImageLabel {
            digest: String::new(),
            name: reference.rsplit('/').next().unwrap_or(reference).to_owned(),
            commit: None,
            branch: None,
            subject: None,
        }),
    }
}

fn state(sight: &Sight, slot: &Slot) -> (SlotState, Option<InFlight>) {
    if let Some(under_way) = sight.under_way.get(&slot.id) {
        let state = match under_way.state {
            DeploymentState::NeedsHuman => SlotState::NeedsHuman,
            DeploymentState::Undoing => SlotState::Undoing,
            _ => SlotState::Deploying,
        };
        let in_flight = InFlight {
            deployment: under_way.id.clone(),
            word: under_way.state.word().to_owned(),
            image: sight
                .labels
                .name(Some(&under_way.image_repository), &under_way.digest, None),
            percent: under_way.percent.filter(|_| state != SlotState::NeedsHuman),
        };
        return (state, Some(in_flight));
    }
    let failed = sight.last.get(&slot.id).is_some_and(|last| {
        matches!(
            last.state,
            DeploymentState::RolledBack | DeploymentState::FailedUnchanged
        )
    });
    let state = match (failed, slot.running_image.is_some()) {
        (true, _) => SlotState::Failed,
        (false, true) => SlotState::Running,
        (false, false) => SlotState::Empty,
    };
    (state, None)
}

fn health(slot: &Slot, freshness: &Freshness) -> Health {
    if freshness.stale || freshness.as_of.is_none() {
        return Health::Unknown;
    }
    match (slot.desired, slot.running) {
        (0, _) => Health::Idle,
        (desired, running) if running >= desired => Health::Healthy,
        (_, 0) => Health::Down,
        _ => Health::Degraded,
    }
}

/// The commits to count for a slot: repository, what runs, head of the branch its line takes from.
pub fn span(sight: &Sight, slot: &Slot) -> Option<(String, String, String)> {
    let policy = sight.policy.as_deref()?;
    let repository = slot.repository.as_ref()?;
    let runs = image(sight, slot)?;
    let from = runs.commit.filter(|commit| crate::git::is_commit_id(commit))?;
    let branches = branches(policy, &slot.environment);
    let head = |branch: &String| sight.heads.get(&(repository.clone(), branch.clone()));
    let built_from = runs
        .branch
        .as_ref()
        .filter(|branch| branches.contains(branch))
        .and_then(head);
    let head = built_from.or_else(|| branches.iter().find_map(head))?;
    Some((repository.clone(), from, head.clone()))
}

/// Branches a line takes from, through the lines it takes from; patterns name no one branch.
fn branches(policy: &Policy, environment: &str) -> Vec<String> {
    let Some(environment) = policy.environment(environment) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for source in environment.parsed_sources() {
        match source {
            Source::Branch(branch) if !branch.contains('*') => found.push(branch.to_owned()),
            Source::Branch(_) => {}
            // Policy allows only environments before this one, so this ends.
            Source::Arrived(from) => found.extend(
                branches(policy, from)
                    .into_iter()
                    .filter(|branch| environment.allows_branch(branch)),
            ),
        }
    }
    found
}
