//! What ECS knows that the past does not: the task definitions registered since, and what runs now.
//!
//! A simulated AWS forgets when its process ends. The demo writes this down whenever something was deployed, so that
//! after a restart the board shows what Yardmaster left behind and not what ran when the demo was made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::{ENVIRONMENTS, REGION, SERVICES};
use super::fleet::family_of;
use crate::aws::Aws;

/// How often the demo looks whether anything was deployed.
const PAUSE: Duration = Duration::from_secs(5);

/// What to remember of ECS.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    slots: BTreeMap<String, Slot>,
}

/// What to remember of one service in one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Every revision of its family, from the first, as input for registering it again.
    pub revisions: Vec<Value>,
    /// The ARN of the last one whose deployment was completed.
    pub running: String,
    /// When that deployment began, in milliseconds since 1970.
    pub since: i64,
}

impl Memory {
    /// Reads what was remembered, if anything was.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged; delete it", path.display()))
    }

    /// Asks ECS for everything.
    pub fn of(aws: &Aws) -> Result<Self> {
        let mut slots = BTreeMap::new();
        for (environment, account) in ENVIRONMENTS {
            for service in SERVICES {
                let family = family_of(service, environment);
                let asked = json!({ "cluster": environment, "services": [format!("acme-{}", service.name)] });
                let answer = aws.ecs(account, REGION, "DescribeServices", asked)?;
                let deployments = answer
                    .pointer("/services/0/deployments")
                    .and_then(Value::as_array);
                let completed = |deployment: &&Value| {
                    deployment.get("rolloutState").and_then(Value::as_str) == Some("COMPLETED")
                };
                // Nothing is completed while the very first deployment is replaced: what was known stays true.
                let Some(deployment) = deployments.into_iter().flatten().find(completed) else {
                    continue;
                };
                let text = |field: &str| deployment.get(field).and_then(Value::as_str);
                let seconds = deployment
                    .get("createdAt")
                    .and_then(Value::as_f64)
                    .unwrap_or_default();
                let slot = Slot {
                    revisions: revisions(aws, account, &family),
                    running: text("taskDefinition")
                        .context("a deployment has no task definition")?
                        .to_owned(),
                    // Milliseconds of any year that matters fit exactly.
                    since: (seconds * 1000.0) as i64,
                };
                slots.insert(family, slot);
            }
        }
        Ok(Self { slots })
    }

    /// What is remembered of a slot.
    pub fn slot(&self, family: &str) -> Option<&Slot> {
        self.slots.get(family)
    }

    /// Writes it down, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let fresh = path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_string(self)?)
            .and_then(|()| std::fs::rename(&fresh, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

fn revisions(aws: &Aws, account: &str, family: &str) -> Vec<Value> {
    let describe = |number: u32| {
        let asked = json!({ "taskDefinition": format!("{family}:{number}"), "include": ["TAGS"] });
        let answer = aws.ecs(account, REGION, "DescribeTaskDefinition", asked).ok()?;
        let mut input = answer.get("taskDefinition")?.clone();
        input
            .as_object_mut()?
            .insert("tags".to_owned(), answer.get("tags")?.clone());
        Some(input)
    };
    (1..).map_while(describe).collect()
}

/// Writes down what ECS knows whenever that has changed, for ever.
pub(super) async fn keep(aws: Arc<Aws>, path: PathBuf) {
    let mut written = Memory::default();
    loop {
        tokio::time::sleep(PAUSE).await;
        // Nobody has deployed anything, so there is nothing that the past does not know.
        if aws.ledger().entries().is_empty() {
            continue;
        }
        let memory = match Memory::of(&aws) {
            Ok(memory) if memory != written => memory,
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "ECS cannot be asked what runs");
                continue;
            }
        };
        match memory.write(&path) {
            Ok(()) => written = memory,
            Err(error) => tracing::warn!(%error, "the demo would forget what was deployed"),
        }
    }
}
