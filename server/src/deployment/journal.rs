//! Writing down what was found and done: state, journal, evidence, consequences and audit in one transaction, and
//! only while the lease is held and the row is the one that was read.

use app::account::Actor;
use app::deployment::{DeploymentKind, DeploymentState, FailureClass};
use app::text::Millis;

use super::diagnose::diagnose;
use super::evidence;
use super::failure::Blame;
use super::lease::{Lease, Lost};
use super::state::{Facts, Rules, State};
use super::store::{Deployment, Row};
use crate::audit::Entry;
use crate::auth::system;
use crate::crypto::Cipher;
use crate::db::Tx;
use crate::service::{Slot, known_good_place};

/// When a deployment came to rest, the verdict, and why it failed.
type End<'a> = (Millis, &'a str, Option<&'a (FailureClass, String)>);

/// What a transition is written with.
pub(super) struct Page<'a> {
    pub cipher: &'a Cipher,
    pub lease: &'a Lease,
    pub slot: &'a Slot,
    pub before: &'a Deployment,
}

impl Page<'_> {
    /// Enters a state.
    pub async fn turn(&self, tx: &mut Tx, to: &State, detail: &str) -> anyhow::Result<()> {
        let now = tx.now();
        let facts = Facts {
            since: now,
            state: to.clone(),
        };
        let id = &self.before.row.id;
        let rest = to.at_rest();
        let told = if rest { self.diagnosed(tx, to).await? } else { None };
        self.compare_and_set(
            tx,
            &facts,
            self.deadline(to, now),
            rest.then_some((now, detail, told.as_ref())),
        )
        .await?;
        let well = !matches!(
            to.word(),
            DeploymentState::FailedUnchanged | DeploymentState::NeedsHuman
        ) && (to.failure().is_none() || self.before.facts.state.phase() == "undo");
        sqlx::query("UPDATE deployment_step SET ended_at = $1, ok = $2, detail = $3 WHERE deployment_id = $4 AND ended_at IS NULL")
            .bind(now)
            .bind(i64::from(well))
            .bind(detail)
            .bind(id)
            .execute(tx.connection())
            .await?;
        if let Some((step, title)) = to.step() {
            sqlx::query(
                "INSERT INTO deployment_step (deployment_id, position, step, title, detail, started_at)
                 SELECT $1, COALESCE(MAX(position), 0) + 1, $2, $3, '', $4 FROM deployment_step WHERE deployment_id = $1",
            )
            .bind(id)
            .bind(step)
            .bind(title)
            .bind(now)
            .execute(tx.connection())
            .await?;
        }
        if rest {
            self.consequences(tx, to, detail, told.as_ref()).await?;
        }
        tx.event("deployment", id);
        tx.event("slot", &self.before.row.slot_id);
        if let Some(train) = &self.before.row.train_id {
            tx.event("train", train);
        }
        Ok(())
    }

    /// Stays in the state and notes what is waited for.
    pub async fn note(&self, tx: &mut Tx, facts: &Facts, detail: &str) -> anyhow::Result<()> {
        let id = &self.before.row.id;
        let changed = sqlx::query(
            "UPDATE deployment_step SET detail = $1 WHERE deployment_id = $2 AND ended_at IS NULL AND detail <> $1",
        )
        .bind(detail)
        .bind(id)
        .execute(tx.connection())
        .await?
        .rows_affected()
            > 0;
        if *facts != self.before.facts {
            self.compare_and_set(tx, facts, self.before.row.deadline_at, None)
                .await?;
        }
        if changed || *facts != self.before.facts {
            tx.event("deployment", id);
        }
        Ok(())
    }

    /// The deadline in the state that is entered: the time ECS has begins when it is told.
    fn deadline(&self, to: &State, now: Millis) -> Option<Millis> {
        let seconds = |rules: &Rules| i64::from(rules.deadline_seconds) * 1000;
        match to {
            State::Updating(registered) => Some(now + seconds(&registered.before.rules)),
            State::Baking { until, following, .. } => {
                Some(until + seconds(&following.registered.before.rules))
            }
            State::Undoing(undoing) => Some(undoing.deadline_at),
            _ => self.before.row.deadline_at,
        }
    }

    async fn compare_and_set(
        &self,
        tx: &mut Tx,
        facts: &Facts,
        deadline_at: Option<Millis>,
        end: Option<End<'_>>,
    ) -> anyhow::Result<()> {
        let told = end.and_then(|(_, _, told)| told);
        let rows = sqlx::query(
            "UPDATE deployment SET state = $1, phase = $2, facts = $3, deadline_at = $4, version = version + 1,
                    ended_at = $5, verdict = $6, failure_class = $7, failure_text = $8
             WHERE id = $9 AND version = $10 AND fence = $11 AND lease_owner = $12 AND ended_at IS NULL",
        )
        .bind(facts.state.word().as_str())
        .bind(facts.state.phase())
        .bind(facts.encode())
        .bind(deadline_at)
        .bind(end.map(|(at, _, _)| at))
        .bind(end.map(|(_, verdict, _)| verdict))
        .bind(told.map(|(class, _)| class.as_str()))
        .bind(told.map(|(_, text)| text.as_str()))
        .bind(&self.before.row.id)
        .bind(self.before.row.version)
        .bind(self.lease.fence)
        .bind(&self.lease.owner)
        .execute(tx.connection())
        .await?
        .rows_affected();
        anyhow::ensure!(rows == 1, Lost);
        Ok(())
    }

    /// Why it failed: by what is certain, else by the texts that were kept.
    async fn diagnosed(&self, tx: &mut Tx, to: &State) -> anyhow::Result<Option<(FailureClass, String)>> {
        let Some(failure) = to.failure() else {
            return Ok(None);
        };
        if let Some(class) = failure.class {
            return Ok(Some((class, failure.sentence.clone())));
        }
        let kept = evidence::kept_in(tx, &self.before.row.id).await?;
        let blameless = matches!(failure.blame, Blame::Outside | Blame::Sealing);
        if blameless && kept.tasks.is_empty() {
            return Ok(None);
        }
        let found = diagnose(&kept.tasks, &kept.events, &failure.sentence);
        if blameless && found.class == FailureClass::Unknown {
            return Ok(None);
        }
        Ok(Some((
            found.class,
            found.evidence.unwrap_or_else(|| failure.sentence.clone()),
        )))
    }

    async fn consequences(
        &self,
        tx: &mut Tx,
        to: &State,
        verdict: &str,
        told: Option<&(FailureClass, String)>,
    ) -> anyhow::Result<()> {
        let row = &self.before.row;
        if let State::Succeeded { following } = to {
            runs_well(tx, self.cipher, row, &following.registered.task_definition).await?;
        }
        if let Some(failure) = to.failure() {
            let sealing = failure.blame == Blame::Sealing && to.word() != DeploymentState::NeedsHuman;
            if !sealing {
                refuse(tx, &row.slot_id, &row.digest, &row.id, verdict).await?;
            }
            if to.following().is_some() && failure.marks_bad(told.map(|(class, _)| *class)) {
                mark_bad(tx, &row.slot_id, &row.digest, &row.id, verdict).await?;
            }
        }
        // The image that a person left behind ran here until now; only now does another run in its place.
        if let (State::Succeeded { .. }, DeploymentKind::Rollback, Some(from)) =
            (to, self.before.kind, &row.from_digest)
            && *from != row.digest
        {
            let reason = row.reason.as_deref().unwrap_or_default();
            let why = format!("rolled back by {}: {reason}", row.requested_by_name);
            mark_bad(tx, &row.slot_id, from, &row.id, &why).await?;
        }
        if to.word() != DeploymentState::Succeeded {
            // What a train planned on is not so: its gates are to be asked anew.
            tx.changes_verdicts();
        }
        let mut entry = self
            .entry(&system(), &format!("deployment.{}", to.word()))
            .with("verdict", verdict);
        if let Some((class, _)) = told {
            entry = entry.with("class", class.as_str());
        }
        tx.audit(entry);
        Ok(())
    }

    /// An audit entry about this deployment.
    fn entry(&self, actor: &Actor, action: &str) -> Entry {
        entry(actor, action, self.before, self.slot)
    }
}

/// What a deployment brought runs well: it is what the slot is to run, and known-good there.
pub(super) async fn runs_well(
    tx: &mut Tx,
    cipher: &Cipher,
    row: &Row,
    task_definition: &str,
) -> anyhow::Result<()> {
    let now = tx.now();
    sqlx::query("UPDATE slot SET deployed_digest = $1, deployed_at = $2, drift = NULL WHERE id = $3")
        .bind(&row.digest)
        .bind(now)
        .bind(&row.slot_id)
        .execute(tx.connection())
        .await?;
    let place = known_good_place(&row.slot_id, &row.digest);
    let content = cipher.open(
        &format!("deployment/{}", row.id),
        row.content.as_deref().unwrap_or_default(),
    )?;
    let content = cipher.seal(tx.ids(), &place, &content);
    sqlx::query(
        "INSERT INTO known_good (slot_id, digest, image_repository, task_definition, content, deployment_id, verified, at)
         VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
         ON CONFLICT (slot_id, digest) DO UPDATE SET image_repository = $3, task_definition = $4, content = $5,
             deployment_id = $6, verified = 1, at = $7, bad_at = NULL, bad_why = NULL",
    )
    .bind(&row.slot_id)
    .bind(&row.digest)
    .bind(&row.image_repository)
    .bind(task_definition)
    .bind(content)
    .bind(&row.id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// An audit entry about a deployment.
pub(super) fn entry(actor: &Actor, action: &str, deployment: &Deployment, slot: &Slot) -> Entry {
    Entry::new(
        actor,
        action,
        &deployment.row.id,
        format!("{} in {}", slot.service, slot.environment),
    )
    .at(format!("/deployments/{}", deployment.row.id))
    .with("image", &deployment.row.digest)
}

/// Keeps an image off a slot until a person allows it.
pub(super) async fn refuse(
    tx: &mut Tx,
    slot_id: &str,
    digest: &str,
    deployment_id: &str,
    why: &str,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "INSERT INTO boarding_refusal (slot_id, digest, deployment_id, reason, refused_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(slot_id)
    .bind(digest)
    .bind(deployment_id)
    .bind(why)
    .bind(now)
    .execute(tx.connection())
    .await?;
    tx.changes_verdicts();
    Ok(())
}

/// An image that a deployment keeps off a slot is no rollback target there any more, unless a person allowed it again
/// meanwhile.
async fn mark_bad(
    tx: &mut Tx,
    slot_id: &str,
    digest: &str,
    deployment_id: &str,
    why: &str,
) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE known_good SET bad_at = $1, bad_why = $2
         WHERE slot_id = $3 AND digest = $4 AND bad_at IS NULL
           AND EXISTS (SELECT 1 FROM boarding_refusal
                       WHERE slot_id = $3 AND digest = $4 AND deployment_id = $5 AND allowed_at IS NULL)",
    )
    .bind(now)
    .bind(why)
    .bind(slot_id)
    .bind(digest)
    .bind(deployment_id)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A person trusts an image in a slot again: it boards, and where it ran well once, it is known-good again.
pub(super) async fn trust(tx: &mut Tx, slot_id: &str, digest: &str, person_id: &str) -> sqlx::Result<()> {
    let now = tx.now();
    sqlx::query(
        "UPDATE boarding_refusal SET allowed_by = $1, allowed_at = $2
         WHERE slot_id = $3 AND digest = $4 AND allowed_at IS NULL",
    )
    .bind(person_id)
    .bind(now)
    .bind(slot_id)
    .bind(digest)
    .execute(tx.connection())
    .await?;
    sqlx::query("UPDATE known_good SET bad_at = NULL, bad_why = NULL WHERE slot_id = $1 AND digest = $2")
        .bind(slot_id)
        .bind(digest)
        .execute(tx.connection())
        .await?;
    tx.changes_verdicts();
    Ok(())
}
