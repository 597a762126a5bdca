//! The tick: takes the lease of each deployment that is due and goes on with it, step by step, until it has to wait.
//! Each step: read what is true, plan, write the intent by entering a state, call at most once, write the result.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use app::text::Millis;
use futures::StreamExt;

use super::evidence::{self, News};
use super::failure::Failure;
use super::hooks::{DepartureCheck, ReopenTrains, TrainRow};
use super::journal::Page;
use super::lease::{CALL, Lease, Lost};
use super::observe::{TAG, Unread, back_tag, names_image, rules};
use super::plan::{self, Observed, Step, Subject};
use super::state::{Back, Facts, Registered, State, Undoing, Way};
use super::store::{self, Deployment};
use crate::aws::{Aws, AwsError, EcsService, Purpose, Scope, short_task_definition};
use crate::crypto::Cipher;
use crate::db::{Db, Inconsistent};
use crate::failpoint::failpoint;
use crate::policy::{self, Policy};
use crate::service::{Slot, slot_by_id};

/// How many deployments are worked on at a time.
const ABREAST: usize = 4;
/// Steps of one deployment in one tick; far more than there are.
const STEPS: usize = 24;

/// Is told of every point at which a process may die.
pub type Points = Arc<dyn Fn(&str) + Send + Sync>;

/// The engine, and what people ask of deployments.
#[derive(Clone)]
pub struct Deployments {
    pub(super) db: Db,
    pub(super) aws: Arc<dyn Aws>,
    pub(super) cipher: Cipher,
    pub(super) replica: String,
    pub(super) speed: i64,
    pub(super) check: Arc<dyn DepartureCheck>,
    pub(super) reopen: Option<Arc<dyn ReopenTrains>>,
    pub(super) points: Option<Points>,
    /// What this process works on now: the lease keeps others off, but not ourselves.
    busy: Arc<Mutex<BTreeSet<String>>>,
}

/// Taken off the list of what is worked on, however the work ends.
struct Busy<'a>(&'a Mutex<BTreeSet<String>>, &'a str);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(self.1);
    }
}

/// What a tick did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Deployments that were due.
    pub due: usize,
    /// Deployments another replica works on.
    pub elsewhere: usize,
    /// Steps that were journaled.
    pub steps: usize,
    /// Deployments that came to rest.
    pub ended: usize,
    /// What could not be done.
    pub problems: Vec<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} due, {} elsewhere, {} steps, {} came to rest",
            self.due, self.elsewhere, self.steps, self.ended
        )?;
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

/// What became of one deployment in a tick.
enum Worked {
    Elsewhere,
    Went { steps: usize, ended: bool },
}

/// One deployment and all that a step of it needs.
struct Work<'a> {
    lease: &'a Lease,
    deployment: Deployment,
    slot: Slot,
    subject: Subject,
    seen: Observed,
    news: News,
}

/// What a step led to.
enum Led {
    /// Another state: go on.
    On,
    /// At rest.
    Ended,
    /// Nothing to do until later.
    Waits,
}

impl Deployments {
    /// An engine. `replica` names this process among others on the same database.
    pub fn new(db: Db, aws: Arc<dyn Aws>, cipher: Cipher, replica: String) -> Self {
        Self {
            check: Arc::new(TrainRow(db.clone())),
            db,
            aws,
            cipher,
            replica,
            speed: 1,
            reopen: None,
            points: None,
            busy: Arc::default(),
        }
    }

    /// Divides the waits between two looks at ECS.
    #[must_use]
    pub fn with_speed(mut self, speed: u32) -> Self {
        self.speed = i64::from(speed.clamp(1, 1000));
        self
    }

    /// Asks this whether a car may still be deployed.
    #[must_use]
    pub fn with_check(mut self, check: Arc<dyn DepartureCheck>) -> Self {
        self.check = check;
        self
    }

    /// Has this reopen sealed trains that a person's rollback touches.
    #[must_use]
    pub fn with_reopen(mut self, reopen: Arc<dyn ReopenTrains>) -> Self {
        self.reopen = Some(reopen);
        self
    }

    /// Calls this at every point at which a process may die; for crash tests within one process.
    #[must_use]
    pub fn with_points(mut self, points: Points) -> Self {
        self.points = Some(points);
        self
    }

    /// A point at which the crash tests end the process.
    fn point(&self, state: &State, place: &str) {
        let step = state.step().map_or("rest", |(key, _)| key);
        let name = format!("deployment.{step}.{place}");
        failpoint(&name);
        if let Some(points) = &self.points {
            points(&name);
        }
    }

    /// Works on every deployment that is due.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tick(&self) -> anyhow::Result<Status> {
        let ids = store::due(&self.db).await?;
        let mut status = Status {
            due: ids.len(),
            ..Status::default()
        };
        if ids.is_empty() {
            return Ok(status);
        }
        let policy = policy::current(&self.db).await?.map(|revision| revision.policy);
        let mut work = futures::stream::iter(ids)
            .map(|id| {
                let policy = policy.clone();
                async move { (self.work(&id, policy.as_deref()).await, id) }
            })
            .buffer_unordered(ABREAST);
        while let Some((worked, id)) = work.next().await {
            match worked {
                Ok(Worked::Elsewhere) => status.elsewhere += 1,
                Ok(Worked::Went { steps, ended }) => {
                    status.steps += steps;
                    status.ended += usize::from(ended);
                }
                Err(cause) => status.problems.push(format!("{id}: {cause:#}")),
            }
        }
        Ok(status)
    }

    async fn work(&self, id: &str, policy: Option<&Policy>) -> anyhow::Result<Worked> {
        let ours = self
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned());
        if !ours {
            return Ok(Worked::Elsewhere);
        }
        let _busy = Busy(&self.busy, id);
        let Some(lease) = Lease::take(&self.db, id, &self.replica).await? else {
            return Ok(Worked::Elsewhere);
        };
        let mut steps = 0;
        match self.go_on(&lease, policy, &mut steps).await {
            Ok(ended) => Ok(Worked::Went { steps, ended }),
            Err(cause) if cause.is::<Lost>() => Ok(Worked::Elsewhere),
            Err(cause) => {
                // What the database does not answer cannot be written into it either.
                if !cause.is::<sqlx::Error>() {
                    match self.broken(&lease, policy, &cause).await {
                        Ok(()) => return Err(cause),
                        Err(further) => {
                            tracing::warn!(name: "deployment.untold", id, cause = format!("{further:#}"), "why a deployment cannot go on could not be written down")
                        }
                    }
                }
                // A row that cannot be read does not get better by being read every second.
                let pause = if cause.is::<Inconsistent>() { 60_000 } else { 5_000 };
                let mut tx = self.db.begin().await?;
                let wake_at = tx.now() + pause;
                lease.release(&mut tx, wake_at).await?;
                tx.commit().await?;
                Err(cause)
            }
        }
    }

    /// Writes down that a step failed in this program itself, and what follows from that.
    async fn broken(
        &self,
        lease: &Lease,
        policy: Option<&Policy>,
        cause: &anyhow::Error,
    ) -> anyhow::Result<()> {
        let deployment = store::load(&self.db, &lease.id).await?.context("it is gone")?;
        let slot = slot_by_id(&self.db, &deployment.row.slot_id)
            .await?
            .context("its slot is gone")?;
        let subject = subject(&deployment, &slot, rules(policy, &slot).deadline_seconds);
        let step = plan::broken(&subject, &format!("{cause:#}"), self.db.now());
        let work = Work {
            lease,
            deployment,
            slot,
            subject,
            seen: Observed::default(),
            news: News::default(),
        };
        match self.take(work, step).await? {
            Led::On => {
                let mut tx = self.db.begin().await?;
                let wake_at = tx.now() + 5_000;
                lease.release(&mut tx, wake_at).await?;
                tx.commit().await?;
                Ok(())
            }
            Led::Ended | Led::Waits => Ok(()),
        }
    }

    /// Goes on until it has to wait or is at rest.
    async fn go_on(&self, lease: &Lease, policy: Option<&Policy>, steps: &mut usize) -> anyhow::Result<bool> {
        let mut fresh = false;
        for _ in 0..STEPS {
            let deployment = store::load(&self.db, &lease.id).await?.context("it is gone")?;
            if deployment.facts.state.at_rest() {
                return Ok(true);
            }
            let slot = slot_by_id(&self.db, &deployment.row.slot_id)
                .await?
                .context("its slot is gone")?;
            let rules = rules(policy, &slot);
            let subject = subject(&deployment, &slot, rules.deadline_seconds);
            let asked_at = self.db.now();
            let (seen, step) = match self.observe(&deployment, &slot, &rules, fresh).await {
                Ok(seen) => {
                    let step = plan::next(&subject, &seen, self.db.now());
                    (seen, step)
                }
                Err(Unread::Aws(cause)) => {
                    (Observed::default(), plan::unread(&subject, &cause, self.db.now()))
                }
                Err(Unread::Ours(cause)) => return Err(cause),
            };
            let events = seen.service.as_ref().map_or(&[][..], |service| &service.events);
            let mut news = if deployment.facts.state.following().is_some() {
                evidence::news(
                    &self.db,
                    &lease.id,
                    deployment.row.requested_at - 5_000,
                    &slot.container,
                    events,
                    &seen.tasks,
                )
                .await?
            } else {
                News::default()
            };
            news.read_at = seen.service.is_some().then_some(asked_at);
            let work = Work {
                lease,
                deployment,
                slot,
                subject,
                seen,
                news,
            };
            match self.take(work, step).await? {
                Led::On => {
                    *steps += 1;
                    fresh = true;
                }
                Led::Ended => {
                    *steps += 1;
                    return Ok(true);
                }
                Led::Waits => return Ok(false),
            }
        }
        anyhow::bail!("it took {STEPS} steps at once, which no deployment needs")
    }

    /// Takes one step.
    async fn take(&self, mut work: Work<'_>, step: Step) -> anyhow::Result<Led> {
        let state = work.subject.state.clone();
        match step {
            Step::Go { to, detail } => self.turn(&work, &to, &detail).await,
            Step::Wait { state, detail } => self.wait(&work, state, &detail, work.subject.since).await,
            Step::Register => self.register(&work, state).await,
            Step::Update { task_definition } => {
                let ecs = match self.aws.ecs(&scope(&work.slot), Purpose::Deploy).await {
                    Ok(ecs) => ecs,
                    Err(cause) => return self.refused(&work, &cause).await,
                };
                let call = ecs.update_service(&work.slot.cluster, &work.slot.ecs_service, &task_definition);
                match self.call(&work, call).await? {
                    Ok(answer) => self.updated(&mut work, answer).await,
                    Err(cause) => self.refused(&work, &cause).await,
                }
            }
            Step::Stop { record } => {
                let ecs = match self.aws.ecs(&scope(&work.slot), Purpose::Deploy).await {
                    Ok(ecs) => ecs,
                    Err(cause) => return self.refused(&work, &cause).await,
                };
                match self.call(&work, ecs.stop_service_deployment(&record)).await? {
                    Ok(()) => {
                        let now = self.db.now();
                        self.wait(
                            &work,
                            work.subject.state.clone(),
                            "ECS was asked to roll back.",
                            now,
                        )
                        .await
                    }
                    Err(cause) => self.refused(&work, &cause).await,
                }
            }
        }
    }

    /// Registers what is to run, or what ran before.
    async fn register(&self, work: &Work<'_>, state: State) -> anyhow::Result<Led> {
        let subject = &work.subject;
        let (content, tag) = match (&state, &work.seen.restorable) {
            (State::Registering(_), _) => (self.content(&work.deployment)?, subject.id.clone()),
            (State::Undoing(_), Some(restorable)) => (restorable.content.clone(), back_tag(&subject.id)),
            _ => anyhow::bail!("only a checked deployment, or one that is being undone, registers"),
        };
        if matches!(state, State::Registering(_))
            && !names_image(&content, &work.slot.container, &subject.digest)
        {
            let failure = Failure::outside(format!(
                "The sealed task definition does not have the image {} in its container {}.",
                subject.digest, work.slot.container
            ));
            let detail = failure.sentence.clone();
            return self
                .turn(work, &State::FailedUnchanged { failure }, &detail)
                .await;
        }
        let ecs = match self.aws.ecs(&scope(&work.slot), Purpose::Deploy).await {
            Ok(ecs) => ecs,
            Err(cause) => return self.refused(work, &cause).await,
        };
        let tags = [(TAG.to_owned(), tag)];
        let task_definition = match self
            .call(work, ecs.register_task_definition(&content, &tags))
            .await?
        {
            Ok(task_definition) => task_definition,
            Err(cause) => return self.refused(work, &cause).await,
        };
        let detail = format!("Registered {}.", short_task_definition(&task_definition));
        let to = match state {
            State::Registering(before) => State::Registered(Registered {
                before,
                task_definition,
            }),
            State::Undoing(undoing) => {
                let digest = work.seen.restorable.as_ref().and_then(|one| one.digest.clone());
                let back = Some(Back {
                    task_definition,
                    digest,
                });
                Undoing { back, ..undoing }.by(Way::Return { rollout: None })
            }
            other => other,
        };
        self.turn(work, &to, &detail).await
    }

    /// Plans on what UpdateService answered rather than reading again: a read right after it may be older.
    async fn updated(&self, work: &mut Work<'_>, answer: EcsService) -> anyhow::Result<Led> {
        work.seen.service = Some(answer);
        work.seen.settled = false;
        match plan::next(&work.subject, &work.seen, self.db.now()) {
            Step::Go { to, detail } => self.turn(work, &to, &detail).await,
            _ => {
                let now = self.db.now();
                self.wait(work, work.subject.state.clone(), "ECS was told.", now)
                    .await
            }
        }
    }

    /// Makes a call that changes something, while the lease is certain to last.
    async fn call<T>(
        &self,
        work: &Work<'_>,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> anyhow::Result<Result<T, AwsError>> {
        work.lease.renew(&self.db).await?;
        self.point(&work.subject.state, "call.before");
        let limit = Duration::from_millis(u64::try_from(CALL).unwrap_or(5_000));
        let outcome = tokio::time::timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(AwsError::Unreachable("no answer within 5 seconds".to_owned())));
        self.point(&work.subject.state, "call.after");
        Ok(outcome)
    }

    async fn refused(&self, work: &Work<'_>, cause: &AwsError) -> anyhow::Result<Led> {
        match plan::refused(&work.subject, cause) {
            Step::Go { to, detail } => self.turn(work, &to, &detail).await,
            Step::Wait { state, detail } => {
                let in_doubt = cause.may_have_happened();
                let since = if in_doubt {
                    self.db.now()
                } else {
                    work.subject.since
                };
                self.wait(work, state, &detail, since).await
            }
            Step::Register | Step::Update { .. } | Step::Stop { .. } => {
                anyhow::bail!("a refusal is never answered with a call")
            }
        }
    }

    /// Enters a state.
    async fn turn(&self, work: &Work<'_>, to: &State, detail: &str) -> anyhow::Result<Led> {
        let made = match (to, &work.deployment.row.content) {
            (State::Registering(before), None) => {
                match self
                    .make_content(&work.deployment, &work.slot, &before.task_definition)
                    .await?
                {
                    Ok(content) => Some(content),
                    Err(cause) => {
                        return self
                            .wait(
                                work,
                                work.subject.state.clone(),
                                &cause.to_string(),
                                work.subject.since,
                            )
                            .await;
                    }
                }
            }
            _ => None,
        };
        self.point(&work.subject.state, "journal.before");
        let page = Page {
            cipher: &self.cipher,
            lease: work.lease,
            slot: &work.slot,
            before: &work.deployment,
        };
        let mut tx = self.db.begin().await?;
        work.news.keep(&mut tx, &work.subject.id).await?;
        if let Some(content) = made {
            self.keep_content(&mut tx, &work.subject.id, &content).await?;
        }
        page.turn(&mut tx, to, detail).await?;
        if to.at_rest() {
            let now = tx.now();
            work.lease.release(&mut tx, now).await?;
        }
        tx.commit().await?;
        self.point(&work.subject.state, "journal.after");
        tracing::info!(name: "deployment.step", id = work.subject.id, state = to.word().as_str(), detail, "{}", to.word());
        Ok(if to.at_rest() { Led::Ended } else { Led::On })
    }

    /// Stays where it is until later.
    async fn wait(&self, work: &Work<'_>, state: State, detail: &str, since: Millis) -> anyhow::Result<Led> {
        let facts = Facts { since, state };
        let page = Page {
            cipher: &self.cipher,
            lease: work.lease,
            slot: &work.slot,
            before: &work.deployment,
        };
        let mut tx = self.db.begin().await?;
        work.news.keep(&mut tx, &work.subject.id).await?;
        page.note(&mut tx, &facts, detail).await?;
        let now = tx.now();
        let wake_at = now + (pause(&facts, now) / self.speed).max(50);
        anyhow::ensure!(work.lease.release(&mut tx, wake_at).await?, Lost);
        tx.commit().await?;
        Ok(Led::Waits)
    }
}

pub(super) fn scope(slot: &Slot) -> Scope {
    Scope {
        account: slot.account.clone(),
        region: slot.region.clone(),
    }
}

fn subject(deployment: &Deployment, slot: &Slot, deadline_seconds: u32) -> Subject {
    let row = &deployment.row;
    Subject {
        id: row.id.clone(),
        kind: deployment.kind,
        container: slot.container.clone(),
        digest: row.digest.clone(),
        base_task_definition: row.base_task_definition.clone(),
        requested_by: row.requested_by_name.clone(),
        cancelled: row.cancel_why.clone(),
        deadline_at: row
            .deadline_at
            .unwrap_or(row.requested_at + i64::from(deadline_seconds) * 1000),
        since: deployment.facts.since,
        looked_at: row.wake_at,
        state: deployment.facts.state.clone(),
    }
}

/// How long until the next look.
fn pause(facts: &Facts, now: Millis) -> Millis {
    match &facts.state {
        State::Following(_) | State::Undoing(_) if now - facts.since < 60_000 => 2_000,
        State::Baking { until, .. } => (until - now).clamp(1_000, 5_000),
        State::Registering(_) | State::Updating(_) => CALL,
        _ => 5_000,
    }
}
