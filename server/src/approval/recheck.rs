//! What the deployment engine asks before its first call to AWS: whether what a train departed on is still so.

use std::collections::BTreeMap;

use super::consent::{Asked, Consent, consent};
use super::people::People;
use crate::crypto::sha256_hex;
use crate::db::Db;
use crate::policy;
use crate::service::slot_by_id;
use crate::train::{self, Car, Departure, History, ManifestCar, Phase, Sealed, Train};

/// Whether a car of a departed train may be deployed: the train is not held, the car carries what the manifest says and
/// goes where it says, and the consent the train departed on still counts, by the roles and the authors of now.
/// `Ok(Err(why))` means: do not begin.
///
/// # Errors
/// The database does not answer, or a row makes no sense.
pub async fn still_valid(
    db: &Db,
    history: &dyn History,
    train_id: &str,
    car_id: &str,
) -> anyhow::Result<Result<(), String>> {
    let Some(train) = train::by_id(db, train_id).await? else {
        return Ok(Err("its train is not there".to_owned()));
    };
    let title = train.title();
    let Phase::Departing(sealed, departure) = &train.phase else {
        let state = train.state().word().to_lowercase();
        return Ok(Err(format!("{title} is {state}, not departing")));
    };
    if let Some(held) = &train.held {
        return Ok(Err(format!("{} holds {title}: {}", held.by, held.why)));
    }
    let cars = train::cars(db, train_id).await?;
    if let Some(why) = altered(db, &title, sealed, &cars, car_id).await? {
        return Ok(Err(why));
    }
    consents(db, history, &train, sealed, departure, &cars).await
}

/// How what is there differs from what was sealed.
async fn altered(
    db: &Db,
    title: &str,
    sealed: &Sealed,
    cars: &[Car],
    car_id: &str,
) -> anyhow::Result<Option<String>> {
    if sha256_hex(sealed.manifest.as_bytes()) != sealed.sha256 {
        return Ok(Some(format!(
            "the manifest of {title} is not the one that was sealed"
        )));
    }
    let manifest: BTreeMap<String, ManifestCar> = train::manifest_cars(&sealed.manifest)
        .into_iter()
        .map(|car| (car.slot.clone(), car))
        .collect();
    for car in cars {
        let said = manifest.get(&car.slot_id);
        let carried = car.content.as_ref().map(|content| (&car.digest, &content.sha256));
        if carried.is_none() || said.map(|said| (&said.digest, &said.content_sha256)) != carried {
            return Ok(Some(format!(
                "a car of {title} does not carry what its manifest says"
            )));
        }
    }
    let car = cars.iter().find(|car| car.id == car_id);
    let Some(said) = car.and_then(|car| manifest.get(&car.slot_id)) else {
        return Ok(Some(format!("the car is not on {title}")));
    };
    let slot = slot_by_id(db, &said.slot).await?;
    let there =
        slot.is_some_and(|slot| slot.ecs_service_arn == said.ecs_service && slot.container == said.container);
    Ok((!there).then(|| {
        format!(
            "{} is mapped to something else than container {} of {}, for which {title} was sealed",
            said.service, said.container, said.ecs_service
        )
    }))
}

/// Counts consent as it was asked for when the train departed, with the roles and the authors of now.
async fn consents(
    db: &Db,
    history: &dyn History,
    train: &Train,
    sealed: &Sealed,
    departure: &Departure,
    cars: &[Car],
) -> anyhow::Result<Result<(), String>> {
    let title = train.title();
    let (Some(then), Some(now)) = (
        policy::at(db, sealed.policy_revision).await?,
        policy::current(db).await?,
    ) else {
        return Ok(Err("the policy it was sealed under is not there".to_owned()));
    };
    let Some(environment) = then.policy.environment(&train.environment) else {
        return Ok(Ok(()));
    };
    let needed = environment.approvals.count;
    if needed == 0 {
        return Ok(Ok(()));
    }
    let people = People::load(db, &now.policy).await?;
    let asked = Asked {
        train: &train.id,
        cars,
        sealed,
        environment,
        policy_revision: sealed.policy_revision,
        now: departure.at,
    };
    let consent: Consent = consent(db, history, &people, asked).await?;
    if let Some((person, _)) = &consent.rejected {
        return Ok(Err(format!("{person} rejected {title}")));
    }
    if let Some(why) = &consent.authors.unknown {
        return Ok(Err(format!(
            "the authors of {title} cannot be told any more: {why}"
        )));
    }
    if let Some((identity, _)) = consent.authors.unmatched.first() {
        return Ok(Err(format!(
            "nobody is known to be {identity}, an author of {title}"
        )));
    }
    if consent.counted.len() < usize::try_from(needed).unwrap_or(usize::MAX) {
        return Ok(Err(format!(
            "{} of {needed} approvals of {title} still count",
            consent.counted.len()
        )));
    }
    Ok(Ok(()))
}
