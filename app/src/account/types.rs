//! People, roles and sessions as pages see them.

use serde::{Deserialize, Serialize};

use crate::text::Millis;
use crate::worded;

worded! {
    /// What a person is in an environment; mapped from groups of the identity provider.
    Role {
        /// Sees everything, does nothing.
        Viewer = "viewer", "Viewer", Neutral;
        /// Sees and pulls.
        Junior = "junior", "Junior developer", Neutral;
        /// Deploys to development and staging, approves for production, configures what their own team owns.
        Senior = "senior", "Senior developer", Neutral;
        /// Deploys everywhere, configures.
        Lead = "lead", "Lead", Neutral;
        /// Everything.
        Devops = "devops", "DevOps", Neutral;
        /// Adds approval rights only.
        Architect = "architect", "Architect", Neutral;
        /// Adds approval rights only.
        Security = "security", "Security", Neutral;
    }
}

worded! {
    /// One right; which roles have it in which environment is the permission matrix.
    Permission {
        /// See pages.
        View = "view", "view", Neutral;
        /// Approve or reject a train.
        Approve = "approve", "approve", Neutral;
        /// Seal, depart, hold, reopen or cancel a train of an environment.
        Deploy = "deploy", "deploy", Neutral;
        /// Roll back a slot of an environment, resolve a deployment that needs a human.
        RollBack = "roll-back", "roll back", Neutral;
        /// Map services and people, allow a failed image again, apply policy.
        Configure = "configure", "configure", Neutral;
        /// Read the audit.
        Audit = "audit", "read the audit", Neutral;
    }
}

/// A role held: everywhere, in one environment, for what one team owns, or for that in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The one environment it is held in; `None` is every one.
    pub environment: Option<String>,
    /// The one team whose services it is held for; `None` is everybody's.
    pub team: Option<String>,
}

/// The person or machine on whose behalf something is done: the first argument of every service function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `usr_…`, or `system` for Yardmaster itself.
    pub id: String,
    /// The name to show.
    pub name: String,
    /// Roles held.
    pub grants: Vec<Grant>,
    /// The public id of the session this was asked with; `None` for machines and commands.
    #[serde(default)]
    pub session: Option<String>,
}

/// The logged-in person, for the header of every page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// Who.
    pub actor: Actor,
    /// E-mail address from the identity provider.
    pub email: Option<String>,
    /// What they may do, one sentence a line, for the account page.
    pub rights: Vec<String>,
    /// How many approvals wait for them.
    pub waiting: u32,
    /// Set in the demo world: where the demo forge's page is.
    pub demo_forge: Option<String>,
}

/// One session of the logged-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// A name for it that is not its secret.
    pub id: String,
    /// The browser, as it calls itself.
    pub browser: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last used.
    pub seen_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// The session this page was asked with.
    pub current: bool,
}

/// Somebody who wrote a commit and is matched to nobody who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedAuthor {
    /// `email:someone@example.org` or `github:login`.
    pub identity: String,
    /// The name in the commit.
    pub name: String,
    /// The train that waits for this, as `production/42`, where one does.
    pub train: Option<String>,
}

/// What the people page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// Authors matched to nobody.
    pub unmatched: Vec<UnmatchedAuthor>,
    /// People who have logged in: id and name.
    pub known: Vec<(String, String)>,
    /// Whether the reader may map them.
    pub may_map: bool,
}

/// One way to log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginProvider {
    /// Its name in the configuration, part of its callback path.
    pub name: String,
    /// What the button says.
    pub label: String,
    /// Why it cannot be used now.
    pub problem: Option<String>,
}
