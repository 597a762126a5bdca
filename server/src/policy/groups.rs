//! The roles that groups of the identity provider give.

use std::collections::BTreeMap;
use std::fmt;

use app::account::{Grant, Role};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Policy;

/// A role that a group gives: `"lead"`, or where it is held for a part only
/// `{ role = "senior", team = "storefront", environment = "staging" }`, of which the last two may each be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum GroupRole {
    /// Everywhere.
    Everywhere(Role),
    /// For a part.
    Within {
        /// The role.
        role: Role,
        /// In this environment only.
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<String>,
        /// For this team's services only.
        #[serde(skip_serializing_if = "Option::is_none")]
        team: Option<String>,
    },
}

impl Policy {
    /// The roles that groups give.
    pub fn grants(&self, groups: &[String]) -> Vec<Grant> {
        let named = groups.iter().filter_map(|group| self.groups.get(group)).flatten();
        let mut grants: Vec<Grant> = named
            .map(|given| match given {
                GroupRole::Everywhere(role) => Grant {
                    role: *role,
                    environment: None,
                    team: None,
                },
                GroupRole::Within {
                    role,
                    environment,
                    team,
                } => Grant {
                    role: *role,
                    environment: environment.clone(),
                    team: team.clone(),
                },
            })
            .collect();
        grants.dedup();
        grants
    }
}

/// Reads all groups; what is wrong with one is said with its name.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<GroupRole>>, D::Error> {
    struct Groups;

    impl<'de> Visitor<'de> for Groups {
        type Value = BTreeMap<String, Vec<GroupRole>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("groups, each with a list of roles")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut groups = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                let roles = map.next_value::<Vec<GroupRole>>().map_err(|cause| {
                    Error::custom(format!("group `{name}`: {}", cause.to_string().trim()))
                })?;
                groups.insert(name, roles);
            }
            Ok(groups)
        }
    }

    from.deserialize_map(Groups)
}

/// Reads a list of roles.
pub(super) fn read_roles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Role>, D::Error> {
    let words = Vec::<String>::deserialize(from)?;
    words.iter().map(|word| role(word)).collect()
}

fn role<E: Error>(word: &str) -> Result<Role, E> {
    word.parse().map_err(|_| {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        E::custom(format!(
            "there is no role `{word}`; the roles are {}",
            known.join(", ")
        ))
    })
}

impl<'de> Deserialize<'de> for GroupRole {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneRole;

        impl<'de> Visitor<'de> for OneRole {
            type Value = GroupRole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    r#"a role as "lead", { role = "lead", environment = "staging" } or { role = "senior", team = "storefront" }"#,
                )
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<GroupRole, E> {
                role(word).map(GroupRole::Everywhere)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GroupRole, A::Error> {
                let (mut given, mut environment, mut team) = (None, None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "role" => given = Some(role(&map.next_value::<String>()?)?),
                        "environment" => environment = Some(map.next_value()?),
                        "team" => team = Some(map.next_value()?),
                        other => return Err(Error::unknown_field(other, &["role", "environment", "team"])),
                    }
                }
                let role = given.ok_or_else(|| Error::missing_field("role"))?;
                if environment.is_none() && team.is_none() {
                    return Err(Error::missing_field("environment` or `team"));
                }
                Ok(GroupRole::Within {
                    role,
                    environment,
                    team,
                })
            }
        }

        from.deserialize_any(OneRole)
    }
}
