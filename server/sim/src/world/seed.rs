//! Writes the story down: commits into Git, images into ECR, services ([`fleet`]) into ECS. Gives the history that
//! agrees.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};

use super::catalogue::{ENVIRONMENTS, EXTERNAL_ID, NONPROD, PROD, REGION, SERVICES};
use super::history::{Build, History, Image, Stage};
use super::memory::Memory;
use super::story::{DAY, Story, Told};
use super::{departures, fleet, story};
use crate::aws::{AlarmState, Aws, Failure, ImageSpec};
use crate::ci::plan::{self, End};
use crate::forge::git::{self, Commit, Import, Parent};
use crate::forge::{Forge, Repository};

/// Successful deployments of a slot whose images never expire.
const KNOWN_GOOD: usize = 5;

/// Opens the repositories, written first if they are not there. Gives the object id of each commit of the story.
pub(super) async fn commits(forge: &Forge, story: &Story) -> Result<Vec<String>> {
    let mut repositories = Vec::new();
    for service in SERVICES {
        let (repository, made) = forge.open(service.name).await?;
        if !made {
            bail!(
                "{} exists but {} does not; empty the data directory or choose another",
                repository.path.display(),
                super::RECORD
            );
        }
        repositories.push(repository);
    }
    let written = repositories.iter().map(|repository| write(repository, story));
    let mut ids = vec![String::new(); story.commits.len()];
    for (place, id) in futures::future::try_join_all(written)
        .await?
        .into_iter()
        .flatten()
    {
        if let Some(slot) = ids.get_mut(place) {
            *slot = id;
        }
    }
    Ok(ids)
}

async fn write(repository: &Repository, story: &Story) -> Result<Vec<(usize, String)>> {
    let mut import = Import::default();
    let mut marks = BTreeMap::new();
    for (place, commit) in story.commits.iter().enumerate() {
        if commit.service.name != repository.name {
            continue;
        }
        let parents: Option<Vec<Parent<'_>>> = commit
            .parents
            .iter()
            .map(|parent| marks.get(parent).copied().map(Parent::Mark))
            .collect();
        let mark = import.commit(&Commit {
            branch: &commit.branch,
            author: commit.author,
            at: commit.at,
            message: &commit.message,
            parents: &parents.context("a commit of the story is older than its parent")?,
            files: &commit.files,
        });
        marks.insert(place, mark);
    }
    let ids = import.write(&repository.path).await?;
    let gone = story
        .gone
        .iter()
        .filter(|(service, _)| *service == repository.name);
    let gone: Vec<&str> = gone.map(|(_, branch)| branch.as_str()).collect();
    git::delete_branches(&repository.path, &gone).await?;
    Ok(marks
        .into_iter()
        .filter_map(|(place, mark)| Some((place, ids.get(mark.index())?.clone())))
        .collect())
}

/// Fills an empty AWS so that it looks as the story ends, and gives the history.
pub(super) fn fill(
    aws: &Aws,
    seed: u64,
    until: i64,
    story: &Story,
    ids: &[String],
    memory: &Memory,
) -> Result<History> {
    for (account, alias) in [(NONPROD, "acme-nonprod"), (PROD, "acme-prod")] {
        aws.add_account(account, alias);
        for role in ["yardmaster-read", "yardmaster-deploy"] {
            aws.add_role(account, role, Some(EXTERNAL_ID));
        }
    }
    let mut history = History {
        until,
        builds: builds(aws, story, ids),
        ..History::default()
    };
    departures::depart(seed, &mut history);
    expire(aws, &mut history);
    for (environment, account) in ENVIRONMENTS {
        aws.create_cluster(account, REGION, environment);
        for service in SERVICES {
            fleet::slot(aws, service, environment, account, &mut history, memory)
                .with_context(|| format!("cannot seed {} in {environment}", service.name))?;
        }
    }
    for service in SERVICES {
        let known = service.name != "recommendations";
        let state = if known {
            AlarmState::Ok
        } else {
            AlarmState::InsufficientData
        };
        aws.put_alarm(PROD, REGION, &fleet::alarm_of(service), state);
    }
    fleet::strangers(aws, until - 300 * DAY)?;
    // Whoever sends the waiting failure out again shall see it fail again.
    if let Some(failed) = history
        .deployments
        .iter()
        .rev()
        .find(|deployment| !deployment.succeeded())
    {
        aws.script_image(&failed.digest, Failure::Exits { code: 1 });
    }
    Ok(history)
}

fn builds(aws: &Aws, story: &Story, ids: &[String]) -> Vec<Build> {
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    let told = story.commits.iter().zip(ids).zip(20_000_001_u64..);
    told.map(|((commit, sha), run)| {
        let number = *numbers
            .entry(commit.service.name)
            .and_modify(|number| *number += 1)
            .or_insert(1);
        let stages = plan::stages(sha, commit.at, commit.failing, |millis| millis);
        let ended_at = stages.iter().map(|stage| stage.ended).max().unwrap_or(commit.at);
        let succeeded = stages.iter().all(|stage| stage.end == End::Success);
        Build {
            run,
            number,
            repository: format!("acme/{}", commit.service.name),
            service: commit.service.name.to_owned(),
            branch: commit.branch.clone(),
            sha: sha.clone(),
            author: commit.author.login.to_owned(),
            title: commit.message.clone(),
            started_at: commit.at,
            ended_at,
            succeeded,
            stages: stages
                .into_iter()
                .map(|stage| Stage {
                    name: stage.name.to_owned(),
                    started_at: stage.started,
                    ended_at: stage.ended,
                    conclusion: stage.end.conclusion().to_owned(),
                })
                .collect(),
            image: succeeded.then(|| push(aws, commit, sha, ended_at)),
        }
    })
    .collect()
}

fn push(aws: &Aws, commit: &Told, sha: &str, at: i64) -> Image {
    let tags = plan::tags(&commit.branch, sha, at);
    let specification = ImageSpec {
        tags: tags.clone(),
        pushed_at: at,
        revision_label: Some(sha.to_owned()),
        ..ImageSpec::default()
    };
    let digest = aws.push_image(
        NONPROD,
        REGION,
        &repository_of(commit.service.name),
        specification,
    );
    Image {
        digest,
        tags,
        pushed_at: at,
        present: true,
        archived: false,
    }
}

/// Does what lifecycle rules would have done: old images are gone or archived, unless something needs them.
fn expire(aws: &Aws, history: &mut History) {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    let mut kept: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for deployment in history
        .deployments
        .iter()
        .rev()
        .filter(|deployment| deployment.succeeded())
    {
        let count = kept
            .entry((&deployment.service, &deployment.environment))
            .or_default();
        *count += 1;
        if *count <= KNOWN_GOOD {
            needed.insert(deployment.digest.clone());
        }
    }
    for build in &mut history.builds {
        let Some(image) = &mut build.image else { continue };
        if needed.contains(&image.digest) {
            continue;
        }
        let age = (history.until - image.pushed_at) / DAY;
        let keep = match build.branch.as_str() {
            "main" => 90,
            "develop" => 45,
            _ => 30,
        };
        let repository = repository_of(&build.service);
        if age > keep {
            image.present = !aws.delete_image(NONPROD, REGION, &repository, &image.digest);
        } else if build.branch == "main" && age > 60 {
            image.archived = aws.archive_image(NONPROD, REGION, &repository, &image.digest, true);
        }
    }
}

/// The image repository of a service.
pub(super) fn repository_of(service: &str) -> String {
    format!("acme/{service}")
}

/// Midnight before `now`: worlds that begin on one day are the same.
pub(super) fn midnight(now: i64) -> i64 {
    now - now.rem_euclid(story::DAY)
}
