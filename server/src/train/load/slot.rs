//! A slot, with the images that may board it.

use std::collections::{BTreeMap, BTreeSet};

use app::text::Millis;
use sqlx::FromRow;

use super::Loader;
use super::pass::{Pass, soak};
use crate::image::{self, Image};
use crate::policy::{Environment, Source};
use crate::service::Slot;
use crate::train::facts::{Ancestry, Candidate, SlotFacts, TrainFacts};

/// How many images of a slot and lane are compared with each other.
const COMPARED: usize = 6;

#[derive(Debug, FromRow)]
pub(super) struct OfferRow {
    pub(super) service_id: String,
    pub(super) build_id: String,
    pub(super) branch: String,
    pub(super) commit_id: String,
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) pushed_at: i64,
}

impl Loader {
    /// Images of builds that succeeded and count, newest first.
    pub(super) async fn offers(&self, since: Millis) -> sqlx::Result<BTreeMap<String, Vec<OfferRow>>> {
        let rows: Vec<OfferRow> = sqlx::query_as(
            "SELECT service.id AS service_id, build.id AS build_id, build.branch, build.commit_id,
                    image.repository, image.digest, image.pushed_at
             FROM build
             JOIN repository ON repository.id = build.repository_id
             JOIN service ON service.repository = repository.name
             JOIN image ON image.commit_id = build.commit_id AND image.repository = service.image_repository
             WHERE build.status = 'succeeded' AND build.counts = 1 AND build.created_at >= $1
               AND image.gone_at IS NULL AND image.archived = 0
             ORDER BY image.pushed_at DESC, build.created_at DESC, build.id DESC",
        )
        .bind(since)
        .fetch_all(self.db.read())
        .await?;
        let mut offers: BTreeMap<String, Vec<OfferRow>> = BTreeMap::new();
        for row in rows {
            offers.entry(row.service_id.clone()).or_default().push(row);
        }
        Ok(offers)
    }

    pub(super) async fn slot(
        &self,
        pass: &Pass,
        environment: &Environment,
        slot: &Slot,
        offers: &BTreeMap<String, Vec<OfferRow>>,
    ) -> anyhow::Result<SlotFacts> {
        let running = self.running(slot).await?;
        let mut candidates = Vec::new();
        for offer in offers.get(&slot.service_id).into_iter().flatten() {
            let lanes = [
                (false, environment.boards_branch(&offer.branch)),
                (true, environment.boards_express(&offer.branch)),
            ];
            for (express, boards) in lanes {
                let so_far = candidates
                    .iter()
                    .filter(|one: &&Candidate| one.express == express);
                let twice = so_far.clone().any(|one| one.digest == offer.digest);
                if boards && !twice && so_far.count() < COMPARED {
                    candidates.push(Candidate {
                        image_repository: offer.repository.clone(),
                        digest: offer.digest.clone(),
                        commit: offer.commit_id.clone(),
                        branch: Some(offer.branch.clone()),
                        build_id: Some(offer.build_id.clone()),
                        promoted_from: None,
                        express,
                        pushed_at: offer.pushed_at,
                        allowed: false,
                        refused: None,
                    });
                }
            }
        }
        for source in environment.parsed_sources() {
            if let Source::Arrived(from) = source
                && let Some(promoted) = self.promoted(pass, slot, from).await?
            {
                candidates.push(promoted);
            }
        }
        for candidate in &mut candidates {
            candidate.allowed = environment.only_branches.is_empty()
                || self
                    .branches(slot.repository.as_deref().unwrap_or_default(), &candidate.commit)
                    .await
                    .iter()
                    .any(|branch| environment.allows_branch(branch));
            candidate.refused = pass
                .refusals
                .get(&(slot.id.clone(), candidate.digest.clone()))
                .cloned();
        }
        Ok(SlotFacts {
            slot: slot.clone(),
            running_pushed_at: running.as_ref().map(|image| image.pushed_at),
            running_commit: running.and_then(|image| image.commit_id),
            candidates,
        })
    }

    /// What arrived and soaked in another environment and still runs there.
    async fn promoted(&self, pass: &Pass, slot: &Slot, from: &str) -> anyhow::Result<Option<Candidate>> {
        let there = pass
            .slots
            .iter()
            .find(|other| other.environment == from && other.service_id == slot.service_id);
        let (Some(there), Some(repository)) = (there, &slot.image_repository) else {
            return Ok(None);
        };
        let Some((digest, arrived)) = pass.arrived.get(&there.id) else {
            return Ok(None);
        };
        let soaked = arrived + soak(&pass.revision.policy, from) <= pass.now;
        if !soaked || there.runs_now() != Some(digest.as_str()) {
            return Ok(None);
        }
        let Some(image) = image::image(&self.db, repository, digest).await? else {
            return Ok(None);
        };
        let (Some(commit), None, 0) = (image.commit_id, image.gone_at, image.archived) else {
            return Ok(None);
        };
        Ok(Some(Candidate {
            image_repository: image.repository,
            digest: image.digest,
            commit,
            branch: image.branch,
            build_id: None,
            promoted_from: Some(from.to_owned()),
            express: false,
            pushed_at: image.pushed_at,
            allowed: false,
            refused: None,
        }))
    }

    /// Asks Git about every pair that choosing among the candidates of a slot may need.
    pub(super) async fn compare(&self, slot: &SlotFacts, trains: &[TrainFacts], ancestry: &mut Ancestry) {
        let repository = slot.slot.repository.as_deref().unwrap_or_default();
        let mut commits: BTreeSet<&str> = slot
            .candidates
            .iter()
            .map(|candidate| candidate.commit.as_str())
            .collect();
        if commits.is_empty() {
            return;
        }
        commits.extend(slot.running_commit.as_deref());
        commits.extend(
            trains
                .iter()
                .flat_map(|train| &train.cars)
                .filter(|car| car.slot.id == slot.slot.id)
                .filter_map(|car| car.car.commit.as_deref()),
        );
        for one in &commits {
            for other in commits.iter().filter(|other| *other != one) {
                self.contains(repository, one, other, ancestry).await;
            }
        }
    }

    pub(super) async fn running(&self, slot: &Slot) -> sqlx::Result<Option<Image>> {
        let Some(digest) = slot.runs_now() else {
            return Ok(None);
        };
        if let Some(repository) = &slot.image_repository
            && let Some(image) = image::image(&self.db, repository, digest).await?
        {
            return Ok(Some(image));
        }
        Ok(None)
    }
}
