//! What makes a document sound.

use std::collections::BTreeSet;

use super::groups::GroupRole;
use super::{Policy, PolicyError, Source};

impl Policy {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let fail = |text: String| Err(PolicyError(text));
        if self.environments.is_empty() {
            return fail("there is no [[environment]]; name at least one".to_owned());
        }
        for (place, environment) in self.environments.iter().enumerate() {
            let name = &environment.name;
            if name.is_empty()
                || !name
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
            {
                return fail(format!(
                    "environment `{name}`: a name has lower-case letters, digits and dashes only"
                ));
            }
            if self
                .environments
                .iter()
                .filter(|other| other.name == *name)
                .count()
                > 1
            {
                return fail(format!("environment `{name}` is there twice"));
            }
            if let Some(twin) = self.environments.iter().take(place).find(|other| {
                (&other.account, &other.region, &other.cluster)
                    == (&environment.account, &environment.region, &environment.cluster)
            }) {
                return fail(format!(
                    "environments `{}` and `{name}` are bound to the same account, region and cluster; a cluster belongs to one environment",
                    twin.name
                ));
            }
            if environment.account.len() != 12
                || !environment.account.chars().all(|digit| digit.is_ascii_digit())
            {
                return fail(format!(
                    "environment `{name}`: account `{}` is not a 12-digit AWS account id",
                    environment.account
                ));
            }
            for source in environment.parsed_sources() {
                if let Source::Arrived(from) = source
                    && !self
                        .environments
                        .iter()
                        .take(place)
                        .any(|other| other.name == from)
                {
                    return fail(format!(
                        "environment `{name}`: source `arrived:{from}` must name an environment before it"
                    ));
                }
            }
            if environment.approvals.count > 0 && environment.automatic {
                return fail(format!(
                    "environment `{name}`: it asks for approvals and departs automatically; choose one"
                ));
            }
        }
        if let Some(pattern) = &self.mapping.name
            && pattern.matches("{service}").count() != 1
        {
            return fail(format!(
                "mapping.name `{pattern}` must have {{service}} in it once"
            ));
        }
        for service in &self.services {
            if self
                .services
                .iter()
                .filter(|other| other.name == service.name)
                .count()
                > 1
            {
                return fail(format!("service `{}` is there twice", service.name));
            }
        }
        self.check_groups()
    }

    fn check_groups(&self) -> Result<(), PolicyError> {
        for (group, given) in &self.groups {
            for role in given {
                let GroupRole::Within {
                    environment, team, ..
                } = role
                else {
                    continue;
                };
                if let Some(environment) = environment
                    && self.environment(environment).is_none()
                {
                    let known: Vec<&str> = self.environments.iter().map(|one| one.name.as_str()).collect();
                    return Err(PolicyError(format!(
                        "group `{group}`: there is no environment `{environment}`; the environments are {}",
                        known.join(", ")
                    )));
                }
                if let Some(team) = team
                    && (team.is_empty() || !self.services.iter().any(|service| service.team == *team))
                {
                    let known: BTreeSet<&str> = self.services.iter().map(|one| one.team.as_str()).collect();
                    let known: Vec<&str> = known.into_iter().filter(|team| !team.is_empty()).collect();
                    return Err(PolicyError(format!(
                        "group `{group}`: no [[service]] belongs to a team `{team}`; the teams are {}",
                        known.join(", ")
                    )));
                }
            }
        }
        Ok(())
    }
}
