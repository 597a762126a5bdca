//! What is done to trains, by the tick and by people alike: each a transaction that compares what it was decided upon,
//! with its audit entry and its event. Deciding happens before, in the planner or in a person's head.

use app::account::Actor;
use app::deployment::DeploymentKind;
use app::train::TrainState;

use super::car::{CarPhase, Content};
use super::facts::{Candidate, CarFacts, TrainFacts};
use super::load::Loader;
use super::manifest::{Manifest, ManifestCar};
use super::state::{Departure, Phase, Sealed, Train};
use super::store::{self, Refused};
use super::{car::Car, reopen};
use crate::audit::Entry;
use crate::aws::with_image;
use crate::crypto::{Cipher, canonical_json, sha256_hex};
use crate::db::{Db, Inconsistent, Tx};
use crate::deployment::{self, NewDeployment, RequestError};
use crate::gate;

/// An audit entry about a train.
pub fn entry(actor: &Actor, action: &str, train: &Train) -> Entry {
    Entry::new(actor, action, &train.id, train.title()).at(train.href())
}

/// Makes a line's next boarding train.
///
/// # Errors
/// The line has one.
pub async fn open(db: &Db, actor: &Actor, environment: &str, express: bool) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    let (id, number) = store::insert_train(&mut tx, environment, express).await?;
    tx.audit(
        Entry::new(actor, "train.open", &id, format!("{environment} #{number}"))
            .at(format!("/trains/{environment}/{number}")),
    );
    tx.event("train", &id);
    tx.commit().await?;
    Ok(())
}

/// Lets an image board, in place of the slot's waiting car where it has one.
///
/// # Errors
/// The train or the car moved on.
pub async fn board(
    db: &Db,
    actor: &Actor,
    train: &Train,
    slot: &crate::service::Slot,
    image: &Candidate,
    replaces: Option<&Car>,
) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    store::unchanged(&mut tx, train).await?;
    if let Some(car) = replaces {
        store::remove_car(&mut tx, car).await?;
    }
    let id = tx.id("car");
    store::insert_car(&mut tx, &id, &train.id, slot, image).await?;
    let mut said = entry(actor, "train.board", train)
        .with("service", &slot.service)
        .with("image", &image.digest)
        .with("commit", &image.commit);
    if let Some(branch) = &image.branch {
        said = said.with("branch", branch);
    }
    if let Some(from) = &image.promoted_from {
        said = said.with("promoted from", from);
    }
    if let Some(car) = replaces {
        said = said.with("in place of", &car.digest);
    }
    tx.audit(said);
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Takes a waiting car off.
///
/// # Errors
/// The train or the car moved on.
pub async fn alight(db: &Db, actor: &Actor, train: &Train, car: &CarFacts, why: &str) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    store::unchanged(&mut tx, train).await?;
    take_off(&mut tx, actor, train, car, why).await?;
    tx.commit().await?;
    Ok(())
}

async fn take_off(
    tx: &mut Tx,
    actor: &Actor,
    train: &Train,
    car: &CarFacts,
    why: &str,
) -> Result<(), Refused> {
    store::remove_car(tx, &car.car).await?;
    tx.audit(
        entry(actor, "train.alight", train)
            .with("service", &car.slot.service)
            .with("image", &car.car.digest)
            .with("reason", why),
    );
    tx.event("train", &train.id);
    Ok(())
}

/// Seals a train with the cars that are ready; the others get off.
///
/// # Errors
/// Somebody changed it meanwhile, or a car's content cannot be made.
pub async fn seal(
    db: &Db,
    cipher: &Cipher,
    actor: &Actor,
    facts: &TrainFacts,
    take: &[String],
    leave: &[(String, String)],
) -> Result<String, Refused> {
    let mut taken: Vec<&CarFacts> = facts
        .cars
        .iter()
        .filter(|car| take.contains(&car.car.id))
        .collect();
    taken.sort_by(|one, other| one.slot.service.cmp(&other.slot.service));
    let mut contents = Vec::new();
    for car in &taken {
        contents.push(content(db, cipher, car).await?);
    }
    let cars = taken
        .iter()
        .zip(&contents)
        .zip(1..)
        .map(|((car, content), position)| ManifestCar {
            position,
            service: car.slot.service.clone(),
            slot: car.slot.id.clone(),
            ecs_service: car.slot.ecs_service_arn.clone(),
            container: car.slot.container.clone(),
            image_repository: car.car.image_repository.clone(),
            digest: car.car.digest.clone(),
            commit: car.car.commit.clone(),
            from_digest: car.slot.runs_now().map(str::to_owned),
            base_task_definition: content.base.clone(),
            content_sha256: content.sha256.clone(),
        })
        .collect();
    let manifest = Manifest {
        environment: facts.train.environment.clone(),
        train: facts.train.number,
        revision: facts.train.revision,
        policy_revision: facts.policy_revision,
        express: facts.train.express,
        cars,
    };
    let (text, sha256) = manifest.sealed().map_err(anyhow::Error::from)?;

    let mut tx = db.begin().await?;
    let train = facts.train.clone().under(actor).seal(Sealed {
        at: tx.now(),
        by: actor.id.clone(),
        manifest: text,
        sha256: sha256.clone(),
        policy_revision: facts.policy_revision,
    })?;
    store::save(&mut tx, &train).await?;
    for car in &facts.cars {
        if let Some((_, why)) = leave.iter().find(|(id, _)| *id == car.car.id) {
            take_off(&mut tx, actor, &train, car, why).await?;
        }
    }
    for ((car, content), position) in taken.iter().zip(&contents).zip(1..) {
        let from = car.slot.runs_now();
        store::seal_car(&mut tx, &car.car, position, from, content).await?;
    }
    // A car that boarded since the facts were read would travel without content.
    if store::count_cars(&mut tx, &train.id).await? != taken.len() {
        return Err(Refused::Moved(train.title()));
    }
    store::remember_editor(&mut tx, &train.id, &actor.id).await?;
    tx.audit(
        entry(actor, "train.seal", &train)
            .with("manifest", &sha256)
            .with("revision", train.revision.to_string())
            .with("cars", taken.len().to_string()),
    );
    tx.changes_verdicts();
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(sha256)
}

/// What a car will run: the task definition that runs now, with the container's image set by digest.
async fn content(db: &Db, cipher: &Cipher, car: &CarFacts) -> Result<Content, Refused> {
    let unknown = |what: &str| {
        Refused::Illegal(super::state::Illegal(format!(
            "{} cannot be sealed in: {what}.",
            car.slot.service
        )))
    };
    let base = car
        .slot
        .running_task_definition
        .clone()
        .ok_or_else(|| unknown("what its service runs has not been read yet"))?;
    let running = crate::service::task_definition_content(db, cipher, &base)
        .await?
        .ok_or_else(|| unknown("its task definition has not been read yet"))?;
    let image = format!("{}@{}", car.car.image_repository, car.car.digest);
    let content = with_image(&running, &car.slot.container, &image)
        .ok_or_else(|| unknown("its task definition does not have the container"))?;
    let plain = canonical_json(&content);
    Ok(Content {
        base,
        sha256: sha256_hex(plain.as_bytes()),
        sealed: cipher.seal(&db.context.ids, &place(&car.car.id), &plain),
    })
}

fn place(car: &str) -> String {
    format!("car/{car}")
}

/// Why a train does not depart.
#[derive(Debug, thiserror::Error)]
pub enum NotDeparted {
    /// Gates wait or block; what they say.
    #[error("{}", .0.join(" "))]
    Gates(Vec<String>),
    /// Its state does not allow it, or somebody changed it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Lets a sealed train depart if every gate passes, all of them asked again here. The epoch is read before the facts
/// and compared in the transaction: an approval taken back, a hold or a policy change that commits beside it makes it
/// look again. Departed already with the same manifest is fine.
///
/// # Errors
/// Which gates do not pass, or that the train moved on.
pub async fn depart(
    db: &Db,
    loader: &Loader,
    actor: &Actor,
    id: &str,
    manifest: &str,
) -> Result<(), NotDeparted> {
    let moved = || Refused::Moved("The train".to_owned());
    for _ in 0..5 {
        let epoch: i64 = sqlx::query_scalar("SELECT value FROM counter WHERE name = 'epoch'")
            .fetch_one(db.read())
            .await
            .map_err(Refused::from)?;
        let train = store::train_by_id(db.read(), id).await?.ok_or_else(moved)?;
        if train.sealed().is_none_or(|sealed| sealed.sha256 != manifest) {
            return Err(moved().into());
        }
        if matches!(train.phase, Phase::Departing(..)) {
            return Ok(());
        }
        let (facts, ancestry) = loader
            .one(train.clone())
            .await
            .map_err(Refused::from)?
            .ok_or_else(moved)?;
        let findings = gate::judge(&facts, &ancestry, db.now());
        if !gate::all_pass(&findings) {
            return Err(NotDeparted::Gates(gate::in_the_way(&findings)));
        }
        match leave(db, actor, train, epoch, &findings).await {
            Ok(true) => return Ok(()),
            // Something that gates look at was written beside it: look again.
            Ok(false) | Err(Refused::Moved(_)) => {}
            Err(refused) => return Err(refused.into()),
        }
    }
    Err(moved().into())
}

/// Writes the departure and the verdicts it rests on; `false` where the epoch is not the one the gates were asked under.
async fn leave(
    db: &Db,
    actor: &Actor,
    train: Train,
    epoch: i64,
    findings: &[gate::Finding],
) -> Result<bool, Refused> {
    let mut tx = db.begin().await?;
    let train = train.under(actor).depart(Departure {
        at: tx.now(),
        by: actor.id.clone(),
        epoch,
    })?;
    store::save(&mut tx, &train).await?;
    let same = sqlx::query("UPDATE counter SET value = value + 1 WHERE name = 'epoch' AND value = $1")
        .bind(epoch)
        .execute(tx.connection())
        .await?;
    if same.rows_affected() == 0 {
        return Ok(false);
    }
    gate::write(&mut tx, &train.id, findings).await?;
    tx.audit(
        entry(actor, "train.depart", &train)
            .with(
                "manifest",
                train.sealed().map_or("", |sealed| sealed.sha256.as_str()),
            )
            .with("epoch", epoch.to_string()),
    );
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(true)
}

/// Asks for a car's deployment.
///
/// # Errors
/// The slot is taken, or the train or car moved on.
pub async fn deploy(db: &Db, cipher: &Cipher, train: &Train, car: &CarFacts) -> Result<(), Refused> {
    let inconsistent = |what: &str| {
        Refused::Inconsistent(Inconsistent {
            table: "car",
            id: car.car.id.clone(),
            what: what.to_owned(),
        })
    };
    let content = car
        .car
        .content
        .as_ref()
        .ok_or_else(|| inconsistent("it departs without sealed content"))?;
    let plain = cipher
        .open(&place(&car.car.id), &content.sealed)
        .map_err(anyhow::Error::from)?;
    let plain: serde_json::Value = serde_json::from_str(&plain).map_err(anyhow::Error::from)?;
    let by = train
        .departure()
        .map_or("system", |departure| departure.by.as_str());
    let name: Option<String> = sqlx::query_scalar("SELECT name FROM person WHERE id = $1")
        .bind(by)
        .fetch_optional(db.read())
        .await?;
    let by = departed_by(by, name);
    let mut tx = db.begin().await?;
    store::unchanged(&mut tx, train).await?;
    let new = NewDeployment {
        slot_id: &car.car.slot_id,
        kind: DeploymentKind::Train,
        train_id: Some(&train.id),
        car_id: Some(&car.car.id),
        image_repository: &car.car.image_repository,
        digest: &car.car.digest,
        commit_id: car.car.commit.as_deref(),
        from_digest: car.car.from_digest.as_deref(),
        base_task_definition: Some(&content.base),
        content: Some(&plain),
        content_sha256: Some(&content.sha256),
        requested_by: &by,
        reason: None,
        deadline_at: None,
    };
    let deployment = match deployment::request(&mut tx, cipher, new).await {
        Ok(id) => id,
        Err(RequestError::SlotBusy { deployment_id }) => {
            return Err(Refused::Moved(format!("The slot (deployment {deployment_id})")));
        }
        Err(RequestError::ContentChanged) => return Err(inconsistent("its content is not what was sealed")),
        Err(RequestError::Store(cause)) => return Err(cause.into()),
    };
    store::advance_car(&mut tx, &car.car, CarPhase::Deploying(deployment.clone())).await?;
    tx.audit(
        entry(&by, "train.deploy", train)
            .with("service", &car.slot.service)
            .with("image", &car.car.digest)
            .with("deployment", deployment),
    );
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Moves a car on.
///
/// # Errors
/// It moved on already, or cannot.
pub async fn advance(
    db: &Db,
    actor: &Actor,
    train: &Train,
    car: &CarFacts,
    to: CarPhase,
) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    let (state, note) = (to.state(), to.note().map(str::to_owned));
    let ended = to.is_end();
    store::advance_car(&mut tx, &car.car, to).await?;
    if ended {
        let mut said = entry(actor, "train.car", train)
            .with("service", &car.slot.service)
            .with("state", state.word());
        if let Some(note) = note {
            said = said.with("reason", note);
        }
        tx.audit(said);
    }
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Ends a train.
///
/// # Errors
/// It moved on.
pub async fn end(db: &Db, actor: &Actor, train: &Train, state: TrainState, why: &str) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let train = train.clone().end(state, now, why.to_owned())?;
    store::save(&mut tx, &train).await?;
    tx.audit(
        entry(actor, "train.end", &train)
            .with("state", state.word())
            .with("reason", why),
    );
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Reopens a sealed train.
///
/// # Errors
/// It moved on.
pub async fn reopen(db: &Db, actor: &Actor, train: &Train, why: &str) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    reopen::reopen(&mut tx, train.clone(), actor, why).await?;
    store::remember_editor(&mut tx, &train.id, &actor.id).await?;
    tx.commit().await?;
    Ok(())
}

/// Marks approvals that have run out.
///
/// # Errors
/// The database does not answer.
pub async fn expire(db: &Db, actor: &Actor, train: &Train) -> Result<(), Refused> {
    let mut tx = db.begin().await?;
    let now = tx.now();
    let void = sqlx::query(
        "UPDATE approval SET void_at = $1, void_why = 'it has expired'
         WHERE train_id = $2 AND void_at IS NULL AND approved = 1 AND expires_at <= $1",
    )
    .bind(now)
    .bind(&train.id)
    .execute(tx.connection())
    .await?;
    if void.rows_affected() == 0 {
        return Err(Refused::Moved(train.title()));
    }
    tx.audit(entry(actor, "train.expire", train).with("approvals", void.rows_affected().to_string()));
    tx.changes_verdicts();
    tx.event("train", &train.id);
    tx.commit().await?;
    Ok(())
}

/// Who let a train go, from the id its row keeps.
fn departed_by(id: &str, name: Option<String>) -> Actor {
    if id == "system" {
        return crate::auth::system();
    }
    Actor {
        id: id.to_owned(),
        name: name.unwrap_or_else(|| id.to_owned()),
        grants: Vec::new(),
        session: None,
    }
}
