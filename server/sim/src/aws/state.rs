//! What exists in the simulated AWS: accounts, and per account and region clusters, task definitions,
//! image repositories and alarms.

use super::error::AwsError;
use super::registry::Registry;
use super::service::Service;
use super::spec::AlarmState;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An account and a region: the scope of everything but accounts themselves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub account: String,
    pub region: String,
}

impl Place {
    pub fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
        }
    }

    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub accounts: BTreeMap<String, Account>,
    pub default_account: Option<String>,
    /// Sessions made by AssumeRole, by access key id.
    pub sessions: BTreeMap<String, Session>,
    pub clusters: BTreeMap<Place, BTreeMap<String, Cluster>>,
    pub families: BTreeMap<Place, BTreeMap<String, Vec<TaskDefinition>>>,
    pub registry: Registry,
    pub alarms: Alarms,
}

#[derive(Debug, Default)]
pub(crate) struct Account {
    pub alias: String,
    /// Role name to the external id it demands.
    pub roles: BTreeMap<String, Option<String>>,
    pub unreachable: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub account: String,
    pub role: String,
    pub name: String,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub name: String,
    /// Deleted ones stay known for a while.
    pub active: bool,
    pub tags: Tags,
    pub services: BTreeMap<String, Service>,
}

#[derive(Clone, Debug)]
pub(crate) struct TaskDefinition {
    pub arn: String,
    pub active: bool,
    /// The `taskDefinition` object as DescribeTaskDefinition answers it.
    pub body: Value,
    pub tags: Tags,
}

pub(crate) type Tags = BTreeMap<String, String>;

pub(crate) fn tags_json(tags: &Tags) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

/// Reads `[{"key": …, "value": …}]`.
pub(crate) fn tags_from(value: Option<&Value>) -> Tags {
    let text = |tag: &Value, field: &str| {
        tag.get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let list = value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    list.iter()
        .map(|tag| (text(tag, "key"), text(tag, "value")))
        .collect()
}

#[derive(Debug, Default)]
pub(crate) struct Alarms(BTreeMap<Place, BTreeMap<String, Alarm>>);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Alarm {
    pub state: AlarmState,
    pub since: i64,
}

impl Alarms {
    pub fn put(&mut self, place: &Place, name: &str, state: AlarmState, now: i64) {
        let alarms = self.0.entry(place.clone()).or_default();
        let alarm = alarms.entry(name.into()).or_insert(Alarm { state, since: now });
        if alarm.state != state {
            *alarm = Alarm { state, since: now };
        }
    }

    pub fn all(&self, place: &Place) -> impl Iterator<Item = (&String, &Alarm)> {
        self.0.get(place).into_iter().flatten()
    }

    /// Those of `names` that are in ALARM.
    pub fn ringing(&self, place: &Place, names: &[String]) -> Vec<String> {
        self.all(place)
            .filter(|(name, alarm)| alarm.state == AlarmState::Alarm && names.contains(name))
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl State {
    /// The cluster that a request names (name or ARN; nothing is `default`).
    pub fn cluster(&self, place: &Place, asked: Option<&str>) -> Result<&Cluster, AwsError> {
        match self.known_cluster(place, asked.unwrap_or("default")) {
            Some(cluster) if cluster.active => Ok(cluster),
            Some(_) => Err(AwsError::cluster_inactive()),
            None => Err(AwsError::cluster_not_found()),
        }
    }

    pub fn cluster_mut(&mut self, place: &Place, asked: Option<&str>) -> Result<&mut Cluster, AwsError> {
        let name = last_part(asked.unwrap_or("default"));
        match self
            .clusters
            .get_mut(place)
            .and_then(|clusters| clusters.get_mut(name))
        {
            Some(cluster) if cluster.active => Ok(cluster),
            Some(_) => Err(AwsError::cluster_inactive()),
            None => Err(AwsError::cluster_not_found()),
        }
    }

    /// A cluster by name or ARN, also one that was deleted.
    pub fn known_cluster(&self, place: &Place, asked: &str) -> Option<&Cluster> {
        self.clusters.get(place)?.get(last_part(asked))
    }

    /// The task definition that `family`, `family:revision` or an ARN means. Without a revision it is the
    /// latest active one.
    pub fn task_definition(&self, place: &Place, asked: &str) -> Option<&TaskDefinition> {
        if asked.starts_with("arn:") && !asked.starts_with(&place.arn("ecs", "task-definition/")) {
            return None;
        }
        let asked = last_part(asked);
        let families = self.families.get(place)?;
        match asked.rsplit_once(':') {
            Some((family, revision)) => {
                let revision: usize = revision.parse().ok()?;
                families.get(family)?.get(revision.checked_sub(1)?)
            }
            None => families
                .get(asked)?
                .iter()
                .rev()
                .find(|definition| definition.active),
        }
    }
}

/// `arn:…:service/cluster/name` and `name` both mean `name`.
pub(crate) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
