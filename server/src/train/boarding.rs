//! Who gets on and off. Pure, a part of the planner.
//!
//! The newest image wins, where newer means *contains*: an image whose commit is contained in what runs, or in what is
//! on its way, never boards. Where two commits contain neither the other, a line that takes any commit (development)
//! goes by the time of the push, and a line without regress keeps to what contains what runs.

use super::car::CarPhase;
use super::facts::{Ancestry, Candidate, CarFacts, Line, SlotFacts, TrainFacts};
use super::plan::Step;
use super::state::Phase;

/// Boarding and alighting on both lanes of a line.
pub fn plan(line: &Line, ancestry: &Ancestry) -> Vec<Step> {
    let mut steps = Vec::new();
    for express in [false, true] {
        let train = line
            .trains
            .iter()
            .find(|train| train.train.express == express && matches!(train.train.phase, Phase::Boarding));
        let mut open = false;
        for slot in &line.slots {
            let car = train.and_then(|train| {
                train
                    .cars
                    .iter()
                    .find(|car| car.slot.id == slot.slot.id && matches!(car.car.phase, CarPhase::Waiting(_)))
            });
            let off = car.and_then(|car| gets_off(line, car, ancestry).map(|why| (car, why)));
            let on = best(line, slot, express, ancestry).filter(|image| {
                off.is_some() || car.is_none_or(|car| supersedes(line, slot, car, image, ancestry))
            });
            match (train, off, on) {
                (None, _, Some(_)) => open = true,
                (Some(train), _, Some(image)) => steps.push(Step::Board {
                    train: train.train.id.clone(),
                    slot: slot.slot.id.clone(),
                    image: image.clone(),
                    replaces: car.map(|car| car.car.id.clone()),
                }),
                (Some(train), Some((car, why)), None) => steps.push(Step::Alight {
                    train: train.train.id.clone(),
                    car: car.car.id.clone(),
                    why,
                }),
                _ => {}
            }
        }
        steps.extend(train.into_iter().flat_map(stranded));
        if open {
            steps.push(Step::Open {
                environment: line.environment.name.clone(),
                express,
            });
        }
    }
    steps
}

/// Cars whose slot is not among the line's any more: nothing can be deployed there.
fn stranded(train: &TrainFacts) -> impl Iterator<Item = Step> {
    train
        .cars
        .iter()
        .filter(|car| car.slot.live == 0)
        .map(|car| Step::Alight {
            train: train.train.id.clone(),
            car: car.car.id.clone(),
            why: "its ECS service is gone, or mapped to something else".to_owned(),
        })
}

/// Why a waiting car cannot stay on its boarding train.
fn gets_off(line: &Line, car: &CarFacts, ancestry: &Ancestry) -> Option<String> {
    if car.runs_already() {
        return Some("it runs there already".to_owned());
    }
    if let Some(why) = &car.refused {
        return Some(format!("it may not board there again: {why}"));
    }
    if car
        .image
        .as_ref()
        .is_some_and(|image| image.gone_at.is_some() || image.archived != 0)
    {
        return Some("its image is gone from ECR or archived".to_owned());
    }
    if let (Some(from), Some(upstream)) = (&car.car.promoted_from, &car.upstream)
        && !upstream.soaked
        && upstream.running.as_deref() != Some(car.car.digest.as_str())
    {
        return Some(format!("it was replaced in {from} before it had soaked"));
    }
    if line.environment.no_regress
        && let (Some(running), Some(commit)) = (&car.running_commit, &car.car.commit)
        && ancestry.contains(car.repository(), running, commit) == Some(false)
    {
        return Some("it does not contain what runs there now".to_owned());
    }
    None
}

/// The image that should board a slot on a lane; the one that contains the others, else the last one pushed.
fn best<'a>(line: &Line, slot: &'a SlotFacts, express: bool, ancestry: &Ancestry) -> Option<&'a Candidate> {
    let repository = slot.slot.repository.as_deref().unwrap_or_default();
    let mut best: Option<&Candidate> = None;
    let may = slot
        .candidates
        .iter()
        .filter(|image| image.express == express && may_board(line, slot, image, ancestry));
    for image in may {
        let newer = match best {
            None => true,
            Some(best) => {
                image.commit != best.commit
                    && ancestry.contains(repository, &best.commit, &image.commit) == Some(true)
                    || (ancestry.contains(repository, &image.commit, &best.commit) != Some(true)
                        && image.pushed_at > best.pushed_at)
            }
        };
        if newer {
            best = Some(image);
        }
    }
    best
}

fn may_board(line: &Line, slot: &SlotFacts, image: &Candidate, ancestry: &Ancestry) -> bool {
    let runs = slot.slot.runs_now() == Some(image.digest.as_str());
    if runs || !image.allowed || image.refused.is_some() {
        return false;
    }
    let repository = slot.slot.repository.as_deref().unwrap_or_default();
    let after = |commit: &Option<String>, pushed_at: Option<i64>| match commit {
        None => true,
        Some(commit) => goes_after(line, repository, commit, pushed_at, image, ancestry),
    };
    // Neither what runs nor what is on its way there may be newer.
    after(&slot.running_commit, slot.running_pushed_at)
        && on_their_way(line, slot).all(|car| {
            car.car.digest != image.digest
                && after(&car.car.commit, car.image.as_ref().map(|image| image.pushed_at))
        })
}

/// Cars of sealed and departing trains for a slot that are not at their end.
fn on_their_way<'a>(line: &'a Line, slot: &'a SlotFacts) -> impl Iterator<Item = &'a CarFacts> {
    let under_way =
        |train: &&TrainFacts| matches!(train.train.phase, Phase::Sealed(_) | Phase::Departing(..));
    line.trains
        .iter()
        .filter(under_way)
        .flat_map(|train| &train.cars)
        .filter(|car| car.slot.id == slot.slot.id && !car.car.phase.is_end())
}

/// Whether an image may follow a commit in a slot.
fn goes_after(
    line: &Line,
    repository: &str,
    commit: &str,
    pushed_at: Option<i64>,
    image: &Candidate,
    ancestry: &Ancestry,
) -> bool {
    let pushed_later = pushed_at.is_none_or(|pushed_at| image.pushed_at > pushed_at);
    if commit == image.commit {
        return pushed_later;
    }
    if ancestry.contains(repository, &image.commit, commit) == Some(true) {
        return false;
    }
    match ancestry.contains(repository, commit, &image.commit) {
        Some(true) => true,
        Some(false) => !line.environment.no_regress && pushed_later,
        // Not proven: it boards, and its gate waits.
        None => true,
    }
}

/// Whether an image takes the place of a waiting car.
fn supersedes(line: &Line, slot: &SlotFacts, car: &CarFacts, image: &Candidate, ancestry: &Ancestry) -> bool {
    let repository = slot.slot.repository.as_deref().unwrap_or_default();
    let pushed_later = car
        .image
        .as_ref()
        .is_none_or(|theirs| image.pushed_at > theirs.pushed_at);
    let Some(commit) = &car.car.commit else {
        return false;
    };
    if car.car.digest == image.digest || ancestry.contains(repository, &image.commit, commit) == Some(true) {
        // The same again, or a rebuild of the same commit.
        return car.car.digest != image.digest && *commit == image.commit && pushed_later;
    }
    match ancestry.contains(repository, commit, &image.commit) {
        Some(contains) => contains || (!line.environment.no_regress && pushed_later),
        None => false,
    }
}
