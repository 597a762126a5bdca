//! The TOML document.

use std::collections::BTreeMap;

use app::account::Role;
use serde::{Deserialize, Serialize};

use super::groups::{self, GroupRole};

/// A policy document that cannot be applied: where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("policy: {0}")]
pub struct PolicyError(pub String);

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Environments in order, the first is deployed to first.
    #[serde(rename = "environment", default)]
    pub environments: Vec<Environment>,
    /// Services that are known beforehand.
    #[serde(rename = "service", default)]
    pub services: Vec<Service>,
    /// How an ECS service says which service it is.
    #[serde(default)]
    pub mapping: Mapping,
    /// Groups of the identity provider and the roles they give.
    #[serde(default, deserialize_with = "groups::read")]
    pub groups: BTreeMap<String, Vec<GroupRole>>,
}

/// One environment and its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// AWS account id.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// ECS cluster's name.
    pub cluster: String,
    /// What boards here: branch patterns, or `arrived:<environment>`.
    pub sources: Vec<String>,
    /// Branch patterns that board an express train here.
    #[serde(default)]
    pub express: Vec<String>,
    /// Branches an image's commit must be on to be deployed here, however it came; empty allows any.
    #[serde(default)]
    pub only_branches: Vec<String>,
    /// Asks for more: who may deploy here is decided by the stricter column of the permission matrix.
    #[serde(default)]
    pub protected: bool,
    /// Seals and departs by itself once its gates pass.
    #[serde(default)]
    pub automatic: bool,
    /// Seals the boarding train so many seconds after its first car boarded; 0 leaves it to people.
    #[serde(default)]
    pub cutoff_seconds: u32,
    /// Stages of the build that must have succeeded.
    #[serde(default)]
    pub required_stages: Vec<String>,
    /// Stages an express train must have passed instead.
    #[serde(default)]
    pub express_stages: Vec<String>,
    /// Refuse what does not contain what runs now.
    #[serde(default = "yes")]
    pub no_regress: bool,
    /// How long an image must have run here before it counts as soaked, in seconds.
    #[serde(default)]
    pub soak_seconds: u32,
    /// How long to watch after ECS says it is done, in seconds.
    #[serde(default)]
    pub bake_seconds: u32,
    /// When to give up waiting for ECS, in seconds.
    #[serde(default = "default_deadline")]
    pub deadline_seconds: u32,
    /// How many cars of a train are deployed at a time.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// CloudWatch alarms that must be OK, by service; `{service}` stands for the service's name.
    #[serde(default)]
    pub alarms: Vec<String>,
    /// Who must agree.
    #[serde(default)]
    pub approvals: Approvals,
}

/// Who must agree before a train departs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// How many people; 0 asks nobody.
    #[serde(default)]
    pub count: u32,
    /// Roles of which each approver must hold one.
    #[serde(default, deserialize_with = "groups::read_roles")]
    pub roles: Vec<Role>,
    /// For how many hours an approval counts.
    #[serde(default = "default_expiry")]
    pub expire_hours: u32,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The team that owns it.
    #[serde(default)]
    pub team: String,
    /// Its Git repository, `owner/name` as the forge calls it.
    #[serde(default)]
    pub repository: Option<String>,
    /// Its image repository with the registry, `111122223333.dkr.ecr.eu-west-1.amazonaws.com/acme/checkout`.
    #[serde(default)]
    pub image_repository: Option<String>,
    /// The container that carries the image; not needed where the task definition has one only.
    #[serde(default)]
    pub container: Option<String>,
}

/// How an ECS service says which service it is. Never which environment: that comes from account, region and cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// A tag whose value is the service's name.
    #[serde(default = "default_tag")]
    pub tag: Option<String>,
    /// A pattern of ECS service names with one `{service}` in it.
    #[serde(default)]
    pub name: Option<String>,
}

/// What boards an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// Builds of branches that match.
    Branch(&'a str),
    /// Images that arrived and soaked in another environment.
    Arrived(&'a str),
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            tag: default_tag(),
            name: None,
        }
    }
}

const fn yes() -> bool {
    true
}
const fn default_deadline() -> u32 {
    1800
}
const fn default_parallel() -> u32 {
    2
}
const fn default_expiry() -> u32 {
    24
}
#[expect(clippy::unnecessary_wraps, reason = "serde wants the field's type")]
fn default_tag() -> Option<String> {
    Some("yardmaster:service".to_owned())
}

impl Approvals {
    /// "1 of 2 approvals by a lead"
    pub fn progress(&self, given: usize) -> String {
        let approvals = if self.count == 1 { "approval" } else { "approvals" };
        format!("{given} of {} {approvals} by {}", self.count, self.who())
    }

    /// "a senior developer or an architect"
    pub fn who(&self) -> String {
        if self.roles.is_empty() {
            return "anybody with the right to approve".to_owned();
        }
        self.roles
            .iter()
            .map(|role| match role.word().to_lowercase() {
                word if word.starts_with(['a', 'e', 'i', 'o']) => format!("an {word}"),
                word => format!("a {word}"),
            })
            .collect::<Vec<_>>()
            .join(" or ")
    }
}

impl Environment {
    /// The sources, parsed.
    pub fn parsed_sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.sources.iter().map(|source| {
            source
                .strip_prefix("arrived:")
                .map_or(Source::Branch(source), Source::Arrived)
        })
    }

    /// Whether a branch boards here directly.
    pub fn boards_branch(&self, branch: &str) -> bool {
        self.parsed_sources()
            .any(|source| matches!(source, Source::Branch(pattern) if matches(pattern, branch)))
    }

    /// Whether a branch boards an express train here.
    pub fn boards_express(&self, branch: &str) -> bool {
        self.express.iter().any(|pattern| matches(pattern, branch))
    }

    /// Whether images of a branch may be deployed here at all.
    pub fn allows_branch(&self, branch: &str) -> bool {
        self.only_branches.is_empty() || self.only_branches.iter().any(|pattern| matches(pattern, branch))
    }
}

/// `*` stands for anything, also with `/` in it.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .any(|(at, _)| matches(after, rest.get(at..).unwrap_or("")))
                || matches(after, "")
        }),
    }
}

impl Policy {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Says which part is wrong and what to do.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(document).map_err(|cause| PolicyError(cause.to_string()))?;
        policy.check()?;
        Ok(policy)
    }

    /// An environment by name.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name == name)
    }

    /// The environment a cluster belongs to.
    pub fn environment_of(&self, account: &str, region: &str, cluster: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| {
            environment.account == account && environment.region == region && environment.cluster == cluster
        })
    }

    /// A service by name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert!(matches("feature/*", "feature/login/two"));
        assert!(matches("main", "main"));
        assert!(!matches("main", "mainline"));
        assert!(matches("*", ""));
        assert!(!matches("release-*-x", "release-1"));
    }
}
