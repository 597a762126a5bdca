//! The train tick: reads the facts, plans, does what was planned, until there is nothing left to do. It takes no
//! input and chooses nothing, so that it may run twice, on two replicas, or again after a crash.

use std::fmt;

use super::act;
use super::facts::{CarFacts, Facts, TrainFacts};
use super::plan::{Step, plan};
use super::service::Trains;
use super::state::Phase;
use super::store::Refused;
use crate::auth;
use crate::gate;

/// A tick that is not done after so many rounds goes on at the next one.
const ROUNDS: usize = 24;

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Steps that were done.
    pub steps: usize,
    /// Steps that somebody else did first, or that the world overtook.
    pub overtaken: usize,
    /// Trains before their end.
    pub trains: usize,
    /// What could not be done.
    pub problems: Vec<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} trains, {} steps, {} overtaken",
            self.trains, self.steps, self.overtaken
        )?;
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl Trains {
    /// Brings every line up to date.
    ///
    /// # Errors
    /// The database does not answer, or a row makes no sense.
    pub async fn tick(&self) -> anyhow::Result<Status> {
        let mut status = Status::default();
        let mut known = None;
        for _ in 0..ROUNDS {
            let Some(facts) = self.loader.all().await? else {
                return Ok(status);
            };
            status.trains = facts.lines.iter().map(|line| line.trains.len()).sum();
            status.problems.clear();
            let steps = plan(&facts, self.db.now());
            let mut progress = false;
            for step in &steps {
                match self.execute(&facts, step).await {
                    Ok(()) => {
                        status.steps += 1;
                        progress = true;
                    }
                    Err(refused) if refused.expected() => {
                        status.overtaken += 1;
                        tracing::debug!(name: "train.overtaken", ?step, why = %refused, "a step was overtaken");
                    }
                    Err(Refused::Store(cause)) => return Err(cause.into()),
                    Err(refused) => status
                        .problems
                        .push(format!("{}: {refused:#}", step.train().unwrap_or("a line"))),
                }
            }
            known = Some(facts);
            if !progress {
                break;
            }
        }
        if let Some(facts) = known {
            self.keep_verdicts(&facts).await?;
        }
        Ok(status)
    }

    async fn keep_verdicts(&self, facts: &Facts) -> anyhow::Result<()> {
        for train in facts.lines.iter().flat_map(|line| &line.trains) {
            if matches!(train.train.phase, Phase::Boarding | Phase::Sealed(_)) {
                let findings = gate::judge(train, &facts.ancestry, self.db.now());
                match gate::keep(&self.db, &train.train, &findings).await {
                    Err(refused) if !refused.expected() => return Err(refused.into()),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn execute(&self, facts: &Facts, step: &Step) -> Result<(), Refused> {
        let (db, system) = (&self.db, auth::system());
        match step {
            Step::Open { environment, express } => act::open(db, &system, environment, *express).await,
            Step::Board {
                train,
                slot,
                image,
                replaces,
            } => {
                let train = find(facts, train)?;
                let slot = facts
                    .lines
                    .iter()
                    .flat_map(|line| &line.slots)
                    .find(|one| one.slot.id == *slot)
                    .ok_or_else(|| Refused::Moved("The slot".to_owned()))?;
                let replaces = match replaces {
                    Some(car) => Some(&car_of(train, car)?.car),
                    None => None,
                };
                act::board(db, &system, &train.train, &slot.slot, image, replaces).await
            }
            Step::Alight { train, car, why } => {
                let train = find(facts, train)?;
                act::alight(db, &system, &train.train, car_of(train, car)?, why).await
            }
            Step::Reopen { train, why } => act::reopen(db, &system, &find(facts, train)?.train, why).await,
            Step::Seal { train, take, leave } => {
                let train = find(facts, train)?;
                act::seal(db, &self.cipher, &system, train, take, leave)
                    .await
                    .map(|_| ())
            }
            Step::Expire { train } => act::expire(db, &system, &find(facts, train)?.train).await,
            Step::Depart { train } => {
                let train = &find(facts, train)?.train;
                let manifest = train.sealed().map_or("", |sealed| sealed.sha256.as_str());
                match act::depart(db, &self.loader, &system, &train.id, manifest).await {
                    Ok(()) => Ok(()),
                    Err(act::NotDeparted::Gates(_)) => Err(Refused::Moved(train.title())),
                    Err(act::NotDeparted::Refused(refused)) => Err(refused),
                }
            }
            Step::Deploy { train, car } => {
                let train = find(facts, train)?;
                act::deploy(db, &self.cipher, &train.train, car_of(train, car)?).await
            }
            Step::Advance { train, car, to } => {
                let train = find(facts, train)?;
                act::advance(db, &system, &train.train, car_of(train, car)?, to.clone()).await
            }
            Step::End { train, state, why } => {
                act::end(db, &system, &find(facts, train)?.train, *state, why).await
            }
        }
    }
}

fn find<'a>(facts: &'a Facts, train: &str) -> Result<&'a TrainFacts, Refused> {
    facts
        .lines
        .iter()
        .flat_map(|line| &line.trains)
        .find(|one| one.train.id == train)
        .ok_or_else(|| Refused::Moved("The train".to_owned()))
}

fn car_of<'a>(train: &'a TrainFacts, car: &str) -> Result<&'a CarFacts, Refused> {
    train
        .cars
        .iter()
        .find(|one| one.car.id == car)
        .ok_or_else(|| Refused::Moved("The car".to_owned()))
}
