//! How far a deployment is: an enum that carries what is known there. Entering a state is the written intent of what
//! is done in it, so that whoever finds the row after a crash knows what may have happened and reads it back first.
//!
//! ```text
//! Requested ─► Preflight ─► Registering ─► Registered ─► Updating ─► Following ─► Baking ─► Succeeded
//!                  │             │              │            │            │          │
//!                  └──────┬──────┴──────────────┘            └─────┬──────┴──────────┘
//!                         ▼                                        ▼
//!                  FailedUnchanged                  Undoing ─► RolledBack | NeedsHuman
//! ```

use app::deployment::DeploymentState;
use app::text::Millis;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::db::Inconsistent;

/// What the environment's policy asks of a rollout, frozen when it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How long to watch afterwards.
    pub bake_seconds: u32,
    /// When to give up waiting for ECS.
    pub deadline_seconds: u32,
    /// Alarms that must not fire while watched.
    pub alarms: Vec<String>,
}

/// What the slot ran before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// Id of the PRIMARY deployment, `ecs-svc/1`.
    pub deployment: String,
    /// ARN.
    pub task_definition: String,
    /// Alarms that fired already: they say nothing about the new image. `None` where they could not be read; the first
    /// reading after the rollout then stands for them.
    pub firing: Option<Vec<String>>,
    /// Ids of deployments and ARNs of records that ECS showed before it was told: none of them is ours.
    #[serde(default)]
    pub older: Vec<String>,
    /// Policy's word.
    pub rules: Rules,
}

/// One rollout in ECS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Its id, `ecs-svc/2`.
    pub deployment: String,
    /// ARN of its record, where ECS keeps one.
    pub record: Option<String>,
    /// It ran already when we came: ECS was told nothing.
    pub ran_before: bool,
    /// Tasks that run.
    pub running: i64,
    /// Tasks that should.
    pub desired: i64,
}

/// How the slot is put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "way", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Way {
    /// Not decided.
    Undecided,
    /// ECS is asked to roll its own rollout back.
    Stop {
        /// ARN of the rollout's record.
        record: String,
    },
    /// The service is pointed at what ran before.
    Return {
        /// The rollout that brings it back, once ECS shows it.
        rollout: Option<Rollout>,
    },
    /// The revision that ran before cannot be used any more: its content is registered again.
    Restore,
}

/// What the slot returns to where the revision that ran before cannot be used any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    /// ARN.
    pub task_definition: String,
    /// The image, where it is not the one that ran before: that one is gone from ECR.
    pub digest: Option<String>,
}

/// The task definition is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// What ran before.
    pub before: Before,
    /// ARN of what is to run.
    pub task_definition: String,
}

/// ECS rolls out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Following {
    /// What ran before, and what is to run.
    pub registered: Registered,
    /// Our rollout.
    pub rollout: Rollout,
}

/// The slot is being put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undoing {
    /// What is undone.
    pub following: Following,
    /// Why.
    pub failure: Failure,
    /// How.
    pub way: Way,
    /// What the slot returns to, where that is not the revision that ran before.
    #[serde(default)]
    pub back: Option<Back>,
    /// When to give up and call a person.
    pub deadline_at: Millis,
    /// The deadline was set anew once, because nobody looked while it passed.
    #[serde(default)]
    pub extended: bool,
}

/// Everything a deployment can be. The first word of each is what people see ([`State::word`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", content = "with", rename_all = "kebab-case", deny_unknown_fields)]
pub enum State {
    /// Asked for.
    Requested,
    /// Checking.
    Preflight,
    /// Checked; the task definition is being looked up or registered.
    Registering(Before),
    /// The task definition is known.
    Registered(Registered),
    /// UpdateService is about to be called, or was.
    Updating(Registered),
    /// ECS shows our rollout.
    Following(Following),
    /// Rolled out; watched.
    Baking {
        /// What runs.
        following: Following,
        /// On what evidence it counts as rolled out.
        evidence: String,
        /// Until when.
        until: Millis,
    },
    /// Being put back.
    Undoing(Undoing),
    /// At rest: runs what was asked for.
    Succeeded {
        /// What runs.
        following: Following,
    },
    /// At rest: runs again what ran before.
    RolledBack {
        /// What was undone.
        following: Following,
        /// Why.
        failure: Failure,
    },
    /// At rest: nothing was changed.
    FailedUnchanged {
        /// Why.
        failure: Failure,
    },
    /// At rest: a person has to look.
    NeedsHuman {
        /// What was done, where anything was.
        following: Option<Following>,
        /// Why.
        failure: Failure,
    },
}

impl State {
    /// A person's word that what it brought runs well; where it brought something.
    pub fn vouched(self) -> Option<Self> {
        match self {
            Self::NeedsHuman {
                following: Some(following),
                ..
            } => Some(Self::Succeeded { following }),
            _ => None,
        }
    }

    /// The word people see.
    pub const fn word(&self) -> DeploymentState {
        match self {
            Self::Requested => DeploymentState::Requested,
            Self::Preflight | Self::Registering(_) => DeploymentState::Preflight,
            Self::Registered(_) => DeploymentState::Registered,
            Self::Updating(_) | Self::Following(_) => DeploymentState::Updating,
            Self::Baking { .. } => DeploymentState::Baking,
            Self::Undoing(_) => DeploymentState::Undoing,
            Self::Succeeded { .. } => DeploymentState::Succeeded,
            Self::RolledBack { .. } => DeploymentState::RolledBack,
            Self::FailedUnchanged { .. } => DeploymentState::FailedUnchanged,
            Self::NeedsHuman { .. } => DeploymentState::NeedsHuman,
        }
    }

    /// Which way it goes: `forward`, `undo`, or `rest`.
    pub const fn phase(&self) -> &'static str {
        match self {
            Self::Undoing(_) => "undo",
            state if state.at_rest() => "rest",
            _ => "forward",
        }
    }

    /// Nothing more happens by itself.
    pub const fn at_rest(&self) -> bool {
        self.word().at_rest()
    }

    /// The rollout in ECS, where there is one.
    pub const fn following(&self) -> Option<&Following> {
        match self {
            Self::Following(following)
            | Self::Baking { following, .. }
            | Self::Succeeded { following }
            | Self::RolledBack { following, .. }
            | Self::NeedsHuman {
                following: Some(following),
                ..
            } => Some(following),
            Self::Undoing(undoing) => Some(&undoing.following),
            _ => None,
        }
    }

    /// The task definition that is to run, and what ran before, once known.
    pub const fn registered(&self) -> Option<&Registered> {
        match self {
            Self::Registered(registered) | Self::Updating(registered) => Some(registered),
            _ => match self.following() {
                Some(following) => Some(&following.registered),
                None => None,
            },
        }
    }

    /// Running of desired tasks of the rollout, 0–100.
    pub fn percent(&self) -> Option<u32> {
        let rollout = match self {
            Self::Undoing(Undoing {
                way: Way::Return {
                    rollout: Some(rollout),
                },
                ..
            }) => rollout,
            _ => &self.following()?.rollout,
        };
        if rollout.desired <= 0 {
            return None;
        }
        u32::try_from((rollout.running * 100 / rollout.desired).clamp(0, 100)).ok()
    }

    /// Why it failed or is being put back.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::RolledBack { failure, .. }
            | Self::FailedUnchanged { failure }
            | Self::NeedsHuman { failure, .. } => Some(failure),
            Self::Undoing(undoing) => Some(&undoing.failure),
            _ => None,
        }
    }

    /// The journal's step while it is here: a key and a title; none at rest.
    pub const fn step(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Requested => ("request", "Take up the request"),
            Self::Preflight => ("preflight", "Check image, service and approvals"),
            Self::Registering(_) => ("register", "Register the task definition"),
            Self::Registered(_) => ("prepare", "Check once more that nothing moved"),
            Self::Updating(_) => ("update", "Tell ECS to run it"),
            Self::Following(_) => ("follow", "Follow the rollout"),
            Self::Baking { .. } => ("bake", "Watch it run"),
            Self::Undoing(Undoing { way, .. }) => match way {
                Way::Undecided => ("undo", "Decide how to put the slot back"),
                Way::Stop { .. } => ("stop", "Have ECS roll back"),
                Way::Return { rollout: None } => ("return", "Tell ECS to run what ran before"),
                Way::Return { rollout: Some(_) } => ("return-follow", "Follow the way back"),
                Way::Restore => ("restore", "Register again what ran before"),
            },
            _ => return None,
        })
    }
}

impl Registered {
    /// Follows the rollout that ECS shows.
    pub const fn follow(self, rollout: Rollout) -> State {
        State::Following(Following {
            registered: self,
            rollout,
        })
    }
}

impl Following {
    /// Watches it.
    pub fn bake(self, evidence: impl Into<String>, now: Millis) -> State {
        let seconds = self.registered.before.rules.bake_seconds;
        State::Baking {
            following: self,
            evidence: evidence.into(),
            until: now + i64::from(seconds) * 1000,
        }
    }

    /// Puts the slot back; where ECS was told nothing, there is nothing to put back.
    pub fn undo(self, failure: Failure, now: Millis) -> State {
        if self.rollout.ran_before {
            return State::FailedUnchanged { failure };
        }
        let seconds = self.registered.before.rules.deadline_seconds;
        State::Undoing(Undoing {
            following: self,
            failure,
            way: Way::Undecided,
            back: None,
            deadline_at: now + i64::from(seconds) * 1000,
            extended: false,
        })
    }

    /// Runs again what ran before.
    pub const fn rolled_back(self, failure: Failure) -> State {
        State::RolledBack {
            following: self,
            failure,
        }
    }

    /// Calls a person.
    pub const fn needs_human(self, failure: Failure) -> State {
        State::NeedsHuman {
            following: Some(self),
            failure,
        }
    }
}

impl Undoing {
    /// Goes on another way.
    #[must_use]
    pub fn by(self, way: Way) -> State {
        State::Undoing(Self { way, ..self })
    }

    /// Goes on with a new deadline.
    #[must_use]
    pub fn extend(self, now: Millis) -> State {
        let seconds = self.following.registered.before.rules.deadline_seconds;
        State::Undoing(Self {
            deadline_at: now + i64::from(seconds) * 1000,
            extended: true,
            ..self
        })
    }

    /// The task definition that the service is to be pointed at.
    pub fn target(&self) -> &str {
        match &self.back {
            Some(back) => &back.task_definition,
            None => &self.following.registered.before.task_definition,
        }
    }

    /// Done.
    pub fn done(mut self) -> State {
        if let Some(digest) = self.back.and_then(|back| back.digest) {
            self.failure.sentence.push_str(&format!(
                " The image that ran before is gone from ECR, so the slot runs {digest}, the newest that is known to run well."
            ));
        }
        self.following.rolled_back(self.failure)
    }

    /// Cannot be done by machine: says both what failed and why it could not be undone.
    pub fn stuck(self, why: &str) -> State {
        let failure = Failure {
            sentence: format!("{} {why}", self.failure.sentence),
            ..self.failure
        };
        self.following.needs_human(failure)
    }
}

/// The `facts` column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// When the state was entered, or a call in it last ended in doubt.
    pub since: Millis,
    /// The state.
    pub state: State,
}

impl Facts {
    /// As stored.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a row's state; the columns must agree with the document.
    ///
    /// # Errors
    /// [`Inconsistent`] names the row and what is wrong with it.
    pub fn decode(id: &str, state: &str, phase: &str, facts: &str) -> Result<Self, Inconsistent> {
        let wrong = |what: String| Inconsistent {
            table: "deployment",
            id: id.to_owned(),
            what,
        };
        let decoded: Self =
            serde_json::from_str(facts).map_err(|cause| wrong(format!("facts cannot be read: {cause}")))?;
        let (word, way) = (decoded.state.word().as_str(), decoded.state.phase());
        if (word, way) != (state, phase) {
            return Err(wrong(format!(
                "state `{state}` and phase `{phase}`, but its facts are those of `{word}`, `{way}`"
            )));
        }
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_columns_disagree_is_refused() {
        let facts = Facts {
            since: 1,
            state: State::Preflight,
        };
        let text = facts.encode();
        assert_eq!(
            Facts::decode("dep_1", "preflight", "forward", &text).unwrap(),
            facts
        );
        for (state, phase, text) in [
            ("succeeded", "rest", text.as_str()),
            ("preflight", "undo", text.as_str()),
            ("preflight", "forward", "{}"),
            (
                "preflight",
                "forward",
                r#"{"since":1,"state":{"at":"preflight","with":3}}"#,
            ),
        ] {
            let refusal = Facts::decode("dep_1", state, phase, text)
                .unwrap_err()
                .to_string();
            assert!(refusal.contains("table `deployment`, row `dep_1`"), "{refusal}");
        }
    }

    #[test]
    fn undoing_what_ran_before_changes_nothing() {
        let following = Following {
            registered: Registered {
                before: Before {
                    deployment: "ecs-svc/1".to_owned(),
                    task_definition: "td:1".to_owned(),
                    firing: None,
                    older: vec![],
                    rules: Rules::default(),
                },
                task_definition: "td:1".to_owned(),
            },
            rollout: Rollout {
                deployment: "ecs-svc/1".to_owned(),
                record: None,
                ran_before: true,
                running: 1,
                desired: 1,
            },
        };
        let after = following.undo(Failure::outside("Cancelled."), 5);
        assert_eq!(after.word(), DeploymentState::FailedUnchanged);
    }
}
