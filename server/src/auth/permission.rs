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
    },
}

/// Yardmaster itself.
pub fn system() -> Actor {
    Actor {
        id: "system".to_owned(),
        name: "Yardmaster".to_owned(),
        grants: vec![Grant {
            role: Role::Devops,
            environment: None,
        }],
        session: None,
    }
}

/// Whether a role carries a right at a place.
const fn carries(role: Role, permission: Permission, place: Place<'_>) -> bool {
    let protected = matches!(place, Place::In { protected: true, .. });
    match permission {
        Permission::View | Permission::Audit => true,
        Permission::Approve => !matches!(role, Role::Viewer | Role::Junior),
        Permission::Deploy | Permission::RollBack => match role {
            Role::Lead | Role::Devops => true,
            Role::Senior => !protected,
            _ => false,
        },
        Permission::Configure => matches!(role, Role::Lead | Role::Devops),
    }
}

/// Whether somebody may do something somewhere.
pub fn may(actor: &Actor, permission: Permission, place: Place<'_>) -> bool {
    actor.grants.iter().any(|grant| {
        let applies = match (&grant.environment, place) {
            (None, _) => true,
            (Some(only), Place::In { environment, .. }) => only == environment,
            // A role held in one environment lets its holder see pages, but act nowhere else.
            (Some(_), Place::Anywhere) => matches!(permission, Permission::View | Permission::Audit),
        };
        applies && carries(grant.role, permission, place)
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
    let roles: Vec<&str> = Role::ALL
        .iter()
        .filter(|role| carries(**role, permission, place))
        .map(|role| role.word())
        .collect();
    let at = match place {
        Place::Anywhere => String::new(),
        Place::In { environment, .. } => format!(" in {environment}"),
    };
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
        let name = grant.environment.as_deref().unwrap_or("");
        carries(
            grant.role,
            permission,
            Place::In {
                environment: name,
                protected: false,
            },
        ) || carries(
            grant.role,
            permission,
            Place::In {
                environment: name,
                protected: true,
            },
        )
    })
}

/// The whole matrix as text: one line a role, one column a right and kind of environment.
pub fn matrix() -> String {
    let places = [
        ("anywhere", Place::Anywhere),
        (
            "unprotected",
            Place::In {
                environment: "development",
                protected: false,
            },
        ),
        (
            "protected",
            Place::In {
                environment: "production",
                protected: true,
            },
        ),
    ];
    let mut text = String::new();
    for permission in Permission::ALL {
        text.push_str(&format!("{}\n", permission.as_str()));
        for role in Role::ALL {
            let cells: Vec<String> = places
                .iter()
                .map(|(name, place)| {
                    format!(
                        "{name} {}",
                        if carries(*role, *permission, *place) {
                            "✔"
                        } else {
                            "✘"
                        }
                    )
                })
                .collect();
            text.push_str(&format!("  {:<9} {}\n", role.as_str(), cells.join("  ")));
        }
    }
    text
}
