//! The permission matrix: roles × rights × kinds of environment. A golden file in the tests shows it whole.

use app::account::{Actor, Grant, Permission, Role};
use app::error::ApiError;

/// Where something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// Not in any one environment.
    Anywhere,
    /// In an environment. Protected ones (production) ask for more.
    In {
        /// Its name.
        environment: &'a str,
        /// As policy says.
        protected: bool,
        /// The team that owns all of what is acted on; `None` where nobody does, or more than one.
        team: Option<&'a str>,
    },
}

/// The team that owns all of several services; `None` where nobody does, or more than one.
pub fn one_team<'a>(teams: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut teams = teams.into_iter();
    let first = teams.next().filter(|first| !first.is_empty())?;
    teams.all(|other| other == first).then_some(first)
}

/// Yardmaster itself.
pub fn system() -> Actor {
    Actor {
        id: "system".to_owned(),
        name: "Yardmaster".to_owned(),
        grants: vec![Grant {
            role: Role::Devops,
            environment: None,
            team: None,
        }],
        session: None,
    }
}

/// Whether a role carries a right at a place. `own`: it is held for one team, and the place is that team's.
const fn carries(role: Role, permission: Permission, place: Place<'_>, own: bool) -> bool {
    let protected = matches!(place, Place::In { protected: true, .. });
    match permission {
        Permission::View | Permission::Audit => true,
        Permission::Approve => !matches!(role, Role::Viewer | Role::Junior),
        Permission::Deploy | Permission::RollBack => match role {
            Role::Lead | Role::Devops => true,
            Role::Senior => !protected,
            _ => false,
        },
        Permission::Configure => match role {
            Role::Lead | Role::Devops => true,
            Role::Senior => own,
            _ => false,
        },
    }
}

/// Whether a role is held at a place.
pub fn holds(grant: &Grant, place: Place<'_>) -> bool {
    let (here, owner) = match place {
        Place::Anywhere => (None, None),
        Place::In {
            environment, team, ..
        } => (Some(environment), team),
    };
    (grant.environment.is_none() || grant.environment.as_deref() == here)
        && (grant.team.is_none() || grant.team.as_deref() == owner)
}

/// Whether somebody may do something somewhere.
pub fn may(actor: &Actor, permission: Permission, place: Place<'_>) -> bool {
    // A role held for a part lets its holder see everything, and act on that part alone.
    let sees = matches!(permission, Permission::View | Permission::Audit);
    actor.grants.iter().any(|grant| {
        (sees || holds(grant, place)) && carries(grant.role, permission, place, grant.team.is_some())
    })
}

/// Refuses somebody who may not, saying what is missing and who has it.
///
/// # Errors
/// [`ApiError::Forbidden`].
pub fn require(actor: &Actor, permission: Permission, place: Place<'_>) -> Result<(), ApiError> {
    if may(actor, permission, place) {
        return Ok(());
    }
    let (at, owner) = match place {
        Place::Anywhere => (String::new(), None),
        Place::In {
            environment, team, ..
        } => (format!(" in {environment}"), team),
    };
    let roles: Vec<String> = Role::ALL
        .iter()
        .filter_map(|role| match owner {
            _ if carries(*role, permission, place, false) => Some(role.word().to_owned()),
            Some(team) if carries(*role, permission, place, true) => {
                Some(format!("{} of team {team}", role.word()))
            }
            _ => None,
        })
        .collect();
    Err(ApiError::Forbidden(format!(
        "You may not {}{at}: that takes one of the roles {}.",
        permission.word(),
        roles.join(", ")
    )))
}

/// Refuses somebody without any role.
///
/// # Errors
/// [`ApiError::Forbidden`].
pub fn require_view(actor: &Actor) -> Result<(), ApiError> {
    require(actor, Permission::View, Place::Anywhere).map_err(|_| {
        ApiError::Forbidden(
            "You have no role here yet. Ask a DevOps person to map one of your groups, or to run `yardmaster user grant`.".to_owned(),
        )
    })
}

/// Whether somebody has a right in at least one environment.
pub fn may_somewhere(actor: &Actor, permission: Permission) -> bool {
    actor.grants.iter().any(|grant| {
        [false, true].into_iter().any(|protected| {
            let place = Place::In {
                environment: grant.environment.as_deref().unwrap_or(""),
                protected,
                team: grant.team.as_deref(),
            };
            carries(grant.role, permission, place, grant.team.is_some())
        })
    })
}

/// The whole matrix as text: one line a role, one column a right and kind of environment.
pub fn matrix() -> String {
    let place = |environment, protected| Place::In {
        environment,
        protected,
        team: Some("storefront"),
    };
    let (unprotected, protected) = (place("development", false), place("production", true));
    let places = [
        ("anywhere", Place::Anywhere, false),
        ("unprotected", unprotected, false),
        ("protected", protected, false),
        ("own team's unprotected", unprotected, true),
        ("own team's protected", protected, true),
    ];
    let mut text = String::new();
    for permission in Permission::ALL {
        text.push_str(&format!("{}\n", permission.as_str()));
        for role in Role::ALL {
            let cells: Vec<String> = places
                .iter()
                .map(|(name, place, own)| {
                    let mark = match carries(*role, *permission, *place, *own) {
                        true => "✔",
                        false => "✘",
                    };
                    format!("{name} {mark}")
                })
                .collect();
            text.push_str(&format!("  {:<9} {}\n", role.as_str(), cells.join("  ")));
        }
    }
    text
}
