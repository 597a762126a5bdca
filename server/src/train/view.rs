//! The train page: cars, gates, approvals, what happened, and what the reader may do.

use app::account::{Actor, Permission};
use app::deployment::Choice;
use app::error::ApiError;
use app::train::{ApprovalView, CarState, TrainChoices, TrainView};

use super::car::Car;
use super::facts::TrainFacts;
use super::log;
use super::service::Trains;
use super::state::{Phase, Train};
use super::store;
use super::view_car::car_view;
use crate::approval::{self, Consent};
use crate::auth::{self, Place};
use crate::error::OrInternal;
use crate::gate::{self, Finding};
use crate::policy;

/// The page of one train.
pub async fn train(trains: &Trains, actor: &Actor, train: Train) -> Result<TrainView, ApiError> {
    let db = &trains.db;
    let now = db.now();
    let before_departure = matches!(train.phase, Phase::Boarding | Phase::Sealed(_));
    let loaded = if before_departure {
        trains.loader.one(train.clone()).await.or_internal()?
    } else {
        None
    };
    let (facts, findings) = match &loaded {
        Some((facts, ancestry)) => (Some(facts), gate::judge(facts, ancestry, now)),
        None => (None, Vec::new()),
    };
    let gates = if before_departure {
        gate::views(&findings)
    } else {
        // What the gates said last, before it left.
        let kept = gate::kept(db, &train.id).await.or_internal()?;
        kept.iter().filter_map(gate::Kept::view).collect()
    };
    let cars = store::cars_of(db.read(), &train.id).await?;
    let consent = facts.and_then(|facts| facts.consent.as_ref());
    let mut views = Vec::new();
    for car in &cars {
        views.push(car_view(trains, car).await?);
    }
    Ok(TrainView {
        now,
        id: train.id.clone(),
        environment: train.environment.clone(),
        number: train.number,
        state: train.state(),
        revision: train.revision,
        express: train.express,
        held: train
            .held
            .as_ref()
            .map(|held| format!("{}: {}", held.by, held.why)),
        captain: train.captain.clone(),
        created_at: train.created_at,
        sealed_at: train.sealed().map(|sealed| sealed.at),
        departed_at: train.departure().map(|departure| departure.at),
        ended_at: match &train.phase {
            Phase::Ended { at, .. } => Some(*at),
            _ => None,
        },
        sentence: sentence(&train, &cars, &findings),
        manifest: train.sealed().map(|sealed| sealed.sha256.clone()),
        manifest_text: train.sealed().map(|sealed| sealed.manifest.clone()),
        cars: views,
        gates,
        requirement: requirement(trains, &train, consent).await?,
        approvals: approvals(trains, &train, consent).await?,
        may_approve: consent
            .map(|consent| consent.may.iter().map(|(_, name)| name.clone()).collect())
            .unwrap_or_default(),
        log: log::of_train(db, &train.id).await.or_internal()?,
        choices: choices(actor, &train, facts, &findings, trains).await?,
    })
}

/// What a train waits for, or how it ended.
pub fn sentence(train: &Train, cars: &[Car], findings: &[Finding]) -> String {
    let count = match cars.len() {
        0 => "No car yet".to_owned(),
        1 => "1 car".to_owned(),
        more => format!("{more} cars"),
    };
    match &train.phase {
        Phase::Ended { why, .. } => why.clone(),
        Phase::Boarding if cars.is_empty() => "Boards; no car yet.".to_owned(),
        Phase::Boarding => format!("{count} on board."),
        Phase::Sealed(_) => gate::first_in_the_way(findings).map_or_else(
            || "Every gate passes; it can depart.".to_owned(),
            |finding| match &finding.service {
                Some(service) => format!("{}, {service}: {}", finding.gate.name(), finding.sentence),
                None => format!("{}: {}", finding.gate.name(), finding.sentence),
            },
        ),
        Phase::Departing(..) => {
            let of = |state| cars.iter().filter(|car| car.phase.state() == state).count();
            let under_way = of(CarState::Deploying) + of(CarState::Verifying);
            format!(
                "{} of {count} arrived, {under_way} under way.",
                of(CarState::Arrived)
            )
        }
    }
}

/// "1 of 1 approval by a lead", as the policy in force asks, or after departure the one the train was sealed under;
/// `None` where it asks nobody.
async fn requirement(
    trains: &Trains,
    train: &Train,
    consent: Option<&Consent>,
) -> Result<Option<String>, ApiError> {
    let db = &trains.db;
    let revision = match &train.phase {
        Phase::Departing(sealed, _)
        | Phase::Ended {
            sealed: Some(sealed), ..
        } => policy::at(db, sealed.policy_revision).await,
        _ => policy::current(db).await,
    };
    let Some(revision) = revision.or_internal()? else {
        return Ok(None);
    };
    let environment = revision.policy.environment(&train.environment);
    let Some(asked) = environment
        .map(|environment| &environment.approvals)
        .filter(|asked| asked.count > 0)
    else {
        return Ok(None);
    };
    let given = match (consent, train.sealed()) {
        (Some(consent), _) => consent.counted.len(),
        (None, Some(sealed)) => {
            let all = approval::of_train(db.read(), &train.id).await.or_internal()?;
            all.iter()
                .filter(|one| {
                    one.approved != 0 && one.void_at.is_none() && one.manifest_sha256 == sealed.sha256
                })
                .count()
        }
        (None, None) => 0,
    };
    Ok(Some(asked.progress(given)))
}

async fn approvals(
    trains: &Trains,
    train: &Train,
    consent: Option<&Consent>,
) -> Result<Vec<ApprovalView>, ApiError> {
    let all = approval::of_train(trains.db.read(), &train.id)
        .await
        .or_internal()?;
    Ok(all
        .into_iter()
        .map(|one| {
            let idle = consent
                .and_then(|consent| consent.idle.iter().find(|(id, _)| *id == one.id))
                .map(|(_, why)| why.clone());
            ApprovalView {
                person: one.person,
                approved: one.approved != 0,
                comment: one.comment,
                at: one.at,
                void: one.void_why.or(idle),
            }
        })
        .collect())
}

async fn choices(
    actor: &Actor,
    train: &Train,
    facts: Option<&TrainFacts>,
    findings: &[Finding],
    trains: &Trains,
) -> Result<TrainChoices, ApiError> {
    let title = train.title();
    let protected = policy::current(&trains.db)
        .await
        .or_internal()?
        .and_then(|revision| {
            revision
                .policy
                .environment(&train.environment)
                .map(|environment| environment.protected)
        })
        .unwrap_or(true);
    let team = super::team(&trains.db, &train.id).await.or_internal()?;
    let place = Place::In {
        environment: &train.environment,
        protected,
        team: team.as_deref(),
    };
    let deploy = auth::require(actor, Permission::Deploy, place)
        .err()
        .map(|refusal| refusal.to_string());
    let choice = |verb: &str, why_not: Option<String>| {
        Some(Choice {
            label: format!("{verb} {title}"),
            why_not,
        })
    };
    let boarding = matches!(train.phase, Phase::Boarding);
    let sealed = matches!(train.phase, Phase::Sealed(_));
    let ended = matches!(train.phase, Phase::Ended { .. });
    let held = || {
        train
            .held
            .as_ref()
            .map(|held| format!("{} holds it: {}", held.by, held.why))
    };
    let consent = facts.and_then(|facts| Some((facts, facts.consent.as_ref()?)));
    let approve = consent.map(|(facts, consent)| {
        if consent.agreed.contains(&actor.id) {
            Some("You approved it already.".to_owned())
        } else {
            consent.objection(&facts.environment, actor)
        }
    });
    let reject = consent
        .map(|(facts, consent)| approval::role(&facts.environment, consent.team.as_deref(), actor).err());
    let unready = || {
        let facts = facts?;
        let ready = facts.cars.iter().any(|car| {
            findings
                .iter()
                .filter(|finding| finding.service.as_deref() == Some(car.slot.service.as_str()))
                .all(|finding| !finding.gate.of_content() || finding.verdict == app::train::Verdict::Pass)
        });
        (!ready).then(|| {
            match findings
                .iter()
                .find(|finding| finding.gate.of_content() && finding.verdict != app::train::Verdict::Pass)
            {
                Some(finding) => finding.line(),
                None => "It has no cars.".to_owned(),
            }
        })
    };
    Ok(TrainChoices {
        seal: boarding
            .then(|| choice("Seal", deploy.clone().or_else(held).or_else(unready)))
            .flatten(),
        reopen: sealed.then(|| choice("Reopen", deploy.clone())).flatten(),
        approve: approve.and_then(|why_not| choice("Approve", why_not)),
        reject: reject.and_then(|why_not| choice("Reject", why_not)),
        depart: (sealed && facts.is_some_and(|facts| !facts.environment.automatic))
            .then(|| {
                let waits = || gate::first_in_the_way(findings).map(Finding::line);
                choice("Depart", deploy.clone().or_else(waits))
            })
            .flatten(),
        hold: (!ended && train.held.is_none())
            .then(|| choice("Hold", deploy.clone()))
            .flatten(),
        release: (!ended && train.held.is_some())
            .then(|| choice("Release", deploy.clone()))
            .flatten(),
        cancel: (boarding || sealed)
            .then(|| choice("Cancel", deploy.clone()))
            .flatten(),
    })
}
