//! Why a deployment did not reach its end, and what that says of its image.

use app::deployment::FailureClass;
use serde::{Deserialize, Serialize};

/// Why a deployment did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// A sentence for people.
    pub sentence: String,
    /// Its class where it is certain without reading texts.
    pub class: Option<FailureClass>,
    /// What it says of the image.
    pub blame: Blame,
}

/// What a failure says of the image. Whatever failed does not board the slot again until a person allows it, unless a
/// new sealing cures it; only what the image brought about takes it off the list of known-good images too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Nothing: what was sealed does not fit any more. Sealed anew, the image may board at once.
    Sealing,
    /// Nothing: a person's word, an outage, a setting.
    Outside,
    /// Its rollout failed; what ECS says of its tasks decides.
    Rollout,
    /// It is bad.
    Image,
}

impl Failure {
    const fn new(sentence: String, blame: Blame) -> Self {
        Self {
            sentence,
            class: None,
            blame,
        }
    }

    /// What was sealed does not fit any more; a new sealing cures it.
    pub fn of_sealing(sentence: impl Into<String>) -> Self {
        Self::new(sentence.into(), Blame::Sealing)
    }

    /// Something that says nothing about the image.
    pub fn outside(sentence: impl Into<String>) -> Self {
        Self::new(sentence.into(), Blame::Outside)
    }

    /// A rollout that failed: the texts of ECS tell what it says about the image.
    pub fn of_rollout(sentence: impl Into<String>) -> Self {
        Self::new(sentence.into(), Blame::Rollout)
    }

    /// Something that the image brought about.
    pub fn of_image(sentence: impl Into<String>) -> Self {
        Self::new(sentence.into(), Blame::Image)
    }

    /// With a class that is certain.
    #[must_use]
    pub const fn classed(mut self, class: FailureClass) -> Self {
        self.class = Some(class);
        self
    }

    /// Whether the image is bad, given the class that was found.
    pub const fn marks_bad(&self, class: Option<FailureClass>) -> bool {
        match self.blame {
            Blame::Image => true,
            Blame::Rollout => matches!(
                class,
                Some(FailureClass::ImagePull | FailureClass::ApplicationExit | FailureClass::HealthCheck)
            ),
            Blame::Outside | Blame::Sealing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_image_brought_about_marks_it_bad() {
        let bad = |failure: Failure| {
            FailureClass::ALL
                .iter()
                .filter(|class| failure.marks_bad(Some(**class)))
                .map(|class| class.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            bad(Failure::of_rollout("The circuit breaker.")),
            ["image-pull", "health-check", "application-exit"]
        );
        assert_eq!(bad(Failure::of_image("An alarm.")).len(), FailureClass::ALL.len());
        assert!(Failure::of_image("An alarm.").marks_bad(None));
        assert!(!Failure::of_rollout("Nobody knows.").marks_bad(None));
        for failure in [
            Failure::outside("Cancelled."),
            Failure::of_sealing("Sealed on another base."),
        ] {
            assert_eq!(bad(failure), Vec::<&str>::new());
        }
    }
}
