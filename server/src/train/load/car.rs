//! A car, with what its gates look at.

use app::build::BuildStatus;

use super::Loader;
use super::pass::{Pass, soak, sources};
use crate::deployment;
use crate::image;
use crate::policy::Environment;
use crate::service::Slot;
use crate::train::car::Car;
use crate::train::facts::{AlarmFact, Ancestry, BuildFact, CarFacts, Upstream};
use crate::train::manifest::ManifestCar;

impl Loader {
    pub(super) async fn car(
        &self,
        pass: &Pass,
        environment: &Environment,
        car: Car,
        slot: Slot,
        sealed: Option<ManifestCar>,
        ancestry: &mut Ancestry,
    ) -> anyhow::Result<CarFacts> {
        let repository = slot.repository.clone().unwrap_or_default();
        let running = self.running(&slot).await?;
        let running_commit = running.and_then(|image| image.commit_id);
        let standing = match car.phase.deployment() {
            Some(id) => deployment::states(&self.db, &[id.to_owned()])
                .await?
                .into_values()
                .next(),
            None => None,
        };
        let (builds, branches) = match &car.commit {
            Some(commit) => (
                self.builds(&repository, commit).await?,
                self.branches(&repository, commit).await,
            ),
            None => (Vec::new(), Vec::new()),
        };
        if let (Some(running), Some(commit)) = (&running_commit, &car.commit) {
            self.contains(&repository, running, commit, ancestry).await;
        }
        let good = deployment::known_good(&self.db, &slot.id).await?;
        let verified = good.iter().filter(|good| good.verified != 0).count();
        Ok(CarFacts {
            sealed,
            busy: pass.busy.get(&slot.id).cloned(),
            rested_at: pass.rested.get(&slot.id).copied(),
            standing,
            builds,
            image: image::image(&self.db, &car.image_repository, &car.digest).await?,
            branches,
            running_commit,
            upstream: upstream(pass, &car, &slot),
            alarms: self.alarms(environment, &slot).await?,
            sources: sources(pass, environment, &slot, &car.image_repository),
            known_good: (verified, good.len() - verified),
            refused: pass.refusals.get(&(slot.id.clone(), car.digest.clone())).cloned(),
            containers: self.containers(&slot).await?,
            car,
            slot,
        })
    }

    async fn builds(&self, repository: &str, commit: &str) -> anyhow::Result<Vec<BuildFact>> {
        type Row = (String, i64, String, String, Option<i64>, Option<String>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT build.id, build.number, build.branch, build.status, build.counts, build.counts_why
             FROM build JOIN repository ON repository.id = build.repository_id
             WHERE repository.name = $1 AND build.commit_id = $2
             ORDER BY build.created_at DESC, build.id DESC",
        )
        .bind(repository)
        .bind(commit)
        .fetch_all(self.db.read())
        .await?;
        let mut builds = Vec::new();
        for (id, number, branch, status, counts, counts_why) in rows {
            let stages: Vec<(String, String)> = sqlx::query_as(
                "SELECT name, status FROM build_stage WHERE build_id = $1 ORDER BY attempt DESC, name",
            )
            .bind(&id)
            .fetch_all(self.db.read())
            .await?;
            let status_of = |text: &str| text.parse::<BuildStatus>().map_err(anyhow::Error::msg);
            builds.push(BuildFact {
                number,
                branch,
                status: status_of(&status)?,
                counts: counts.map(|counts| counts != 0),
                counts_why,
                stages: stages
                    .into_iter()
                    .map(|(name, status)| Ok((name, status_of(&status)?)))
                    .collect::<anyhow::Result<_>>()?,
                id,
            });
        }
        Ok(builds)
    }

    async fn alarms(&self, environment: &Environment, slot: &Slot) -> sqlx::Result<Vec<AlarmFact>> {
        let mut alarms = Vec::new();
        for pattern in &environment.alarms {
            let name = pattern.replace("{service}", &slot.service);
            let state = sqlx::query_as(
                "SELECT state, reason FROM alarm WHERE account = $1 AND region = $2 AND name = $3",
            )
            .bind(&slot.account)
            .bind(&slot.region)
            .bind(&name)
            .fetch_optional(self.db.read())
            .await?;
            alarms.push(AlarmFact { name, state });
        }
        Ok(alarms)
    }

    async fn containers(&self, slot: &Slot) -> anyhow::Result<Option<Vec<String>>> {
        let images: Option<String> = sqlx::query_scalar("SELECT images FROM task_definition WHERE arn = $1")
            .bind(&slot.running_task_definition)
            .fetch_optional(self.db.read())
            .await?;
        images
            .map(|images| {
                let pairs: Vec<(String, String)> = serde_json::from_str(&images)?;
                Ok(pairs.into_iter().map(|(container, _)| container).collect())
            })
            .transpose()
    }
}

fn upstream(pass: &Pass, car: &Car, slot: &Slot) -> Option<Upstream> {
    let from = car.promoted_from.as_ref()?;
    let there = pass
        .slots
        .iter()
        .find(|other| other.environment == *from && other.service_id == slot.service_id)?;
    Some(Upstream {
        environment: from.clone(),
        running: there.runs_now().map(str::to_owned),
        arrived: pass.arrived.get(&there.id).cloned(),
        soak: soak(&pass.revision.policy, from),
        soaked: pass.has_soaked(&there.id, &car.digest, soak(&pass.revision.policy, from)),
    })
}
