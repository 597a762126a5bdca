//! Trains that have ended, their cars and who agreed to them.

use std::collections::BTreeSet;

use anyhow::Result;
use app::train::{CarState, TrainState};
use sim::world::history::{self, TrainOutcome};

use super::Writer;
use super::deployment::ROLLED_BACK;
use crate::crypto::{canonical_json, sha256_hex};

impl Writer<'_> {
    pub(super) async fn train(&mut self, id: &str, train: &history::Train) -> Result<()> {
        let cars: Vec<&history::Deployment> = train
            .deployments
            .iter()
            .filter_map(|number| self.history.deployments.iter().find(|one| one.id == *number))
            .collect();
        let manifest = canonical_json(&serde_json::json!({
            "environment": train.environment,
            "train": train.number,
            "cars": cars.iter().map(|car| serde_json::json!({"service": car.service, "digest": car.digest})).collect::<Vec<_>>(),
        }));
        let state = match train.outcome {
            TrainOutcome::Arrived => TrainState::Arrived,
            TrainOutcome::PartlyArrived => TrainState::PartlyArrived,
            TrainOutcome::RolledBack => TrainState::RolledBack,
        };
        let why = match state {
            TrainState::Arrived => "Every car arrived.",
            TrainState::PartlyArrived => "Some cars arrived, the others were put back.",
            _ => "Every car was put back.",
        };
        let (captain_id, captain) = self.person(&train.captain);
        sqlx::query(
            "INSERT INTO train (id, environment, number, express, state, revision, version, captain, created_at, sealed_at,
                                sealed_by, manifest, manifest_sha256, policy_revision, departed_at, departed_by, departed_epoch, ended_at, ended_why)
             VALUES ($1, $2, $3, $4, $5, 1, 1, $7, $8, $8, $6, $9, $10, 1, $11, $6, 0, $12, $13)",
        )
        .bind(id)
        .bind(&train.environment)
        .bind(i64::try_from(train.number)?)
        .bind(i64::from(train.express))
        .bind(state.as_str())
        .bind(&captain_id)
        .bind(&captain)
        .bind(train.sealed_at)
        .bind(&manifest)
        .bind(sha256_hex(manifest.as_bytes()))
        .bind(train.departed_at)
        .bind(train.ended_at)
        .bind(why)
        .execute(self.tx.connection())
        .await?;
        for approver in &train.approvers {
            let (person, _) = self.person(approver);
            let approval = self.tx.id("apr");
            sqlx::query(
                "INSERT INTO approval (id, train_id, manifest_sha256, policy_revision, person_id, approved, comment, at, expires_at)
                 VALUES ($1, $2, $3, 1, $4, 1, NULL, $5, $6)",
            )
            .bind(approval)
            .bind(id)
            .bind(sha256_hex(manifest.as_bytes()))
            .bind(person)
            .bind(train.departed_at)
            .bind(train.departed_at + 86_400_000)
            .execute(self.tx.connection())
            .await?;
        }
        let mut seen = BTreeSet::new();
        for (position, car) in cars.into_iter().enumerate() {
            let Some(slot) = self
                .slots
                .get(&(car.service.clone(), car.environment.clone()))
                .cloned()
            else {
                continue;
            };
            if !seen.insert(slot.id.clone()) {
                continue;
            }
            let state = if car.succeeded() {
                CarState::Arrived
            } else {
                CarState::Undone
            };
            let car_id = self.tx.id("car");
            sqlx::query(
                "INSERT INTO car (id, train_id, slot_id, image_repository, digest, commit_id, from_digest, position, state, deployment_id,
                                  boarded_at, version, note)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12)",
            )
            .bind(car_id)
            .bind(id)
            .bind(&slot.id)
            .bind(slot.image_repository.clone().unwrap_or_default())
            .bind(&car.digest)
            .bind(&car.sha)
            .bind(&car.from_digest)
            .bind(i64::try_from(position)?)
            .bind(state.as_str())
            .bind(self.deployments.get(&car.id))
            .bind(train.sealed_at)
            .bind((!car.succeeded()).then_some(ROLLED_BACK))
            .execute(self.tx.connection())
            .await?;
        }
        Ok(())
    }
}
