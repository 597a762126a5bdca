//! Reads the texts of ECS: which class a failure belongs to, and a sentence for people. Texts are wrapped in each
//! other and change their wording, so the rules go from what is specific to what is general, and say *unknown*
//! rather than guess.

mod rules;
mod runbook;

use app::deployment::FailureClass;

pub use runbook::runbook;

use crate::aws::TaskContainer;

/// What is known of a task that ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskEvidence {
    /// ECS's stop code.
    pub stop_code: Option<String>,
    /// ECS's stopped reason.
    pub reason: Option<String>,
    /// The container's reason.
    pub container_reason: Option<String>,
    /// The container's exit code.
    pub exit_code: Option<i64>,
}

impl TaskEvidence {
    /// Of a task's containers, `container` carries the image and matters most; another that ended in error is told where
    /// that one did not.
    pub fn of(
        stop_code: Option<&String>,
        reason: Option<&String>,
        containers: &[TaskContainer],
        container: &str,
    ) -> Self {
        let failed =
            |one: &&TaskContainer| one.exit_code.is_some_and(|code| code != 0) || one.reason.is_some();
        let ours = containers.iter().find(|one| one.name == container);
        let told = ours
            .filter(failed)
            .or_else(|| containers.iter().find(failed))
            .or(ours);
        Self {
            stop_code: stop_code.cloned(),
            reason: reason.cloned(),
            container_reason: told.and_then(|one| one.reason.clone()),
            exit_code: told.and_then(|one| one.exit_code),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The class.
    pub class: FailureClass,
    /// Plain words.
    pub sentence: String,
    /// The text it was read from.
    pub evidence: Option<String>,
}

/// The class of one text of ECS and a sentence about it; `None` for routine lines and for texts that only say that
/// something failed.
pub fn classify(text: &str) -> Option<(FailureClass, &'static str)> {
    rules::classify(text)
}

/// Why a deployment failed: tasks tell most, then events (newest first), then ECS's word about the rollout.
pub fn diagnose(tasks: &[TaskEvidence], events: &[String], said: &str) -> Found {
    let found = |(class, sentence): (FailureClass, &str), text: &str| Found {
        class,
        sentence: sentence.to_owned(),
        evidence: Some(text.to_owned()),
    };
    let texts = |task: &TaskEvidence| [task.container_reason.clone(), task.reason.clone()];
    let certain = |class| !matches!(class, FailureClass::ApplicationExit | FailureClass::Unknown);
    let mut weak = None;
    for text in tasks.iter().flat_map(texts).flatten() {
        match classify(&text) {
            Some(read) if certain(read.0) => return found(read, &text),
            Some(read) => weak = weak.or_else(|| Some(found(read, &text))),
            None => {}
        }
    }
    if let Some(exit) = tasks.iter().find_map(exited) {
        return exit;
    }
    for text in events {
        match classify(text) {
            Some(read) if certain(read.0) => return found(read, text),
            Some(read) => weak = weak.or_else(|| Some(found(read, text))),
            None => {}
        }
    }
    weak.or_else(|| classify(said).map(|read| found(read, said)))
        .unwrap_or_else(|| Found {
            class: FailureClass::Unknown,
            sentence: "The texts of ECS do not tell why.".to_owned(),
            evidence: tasks
                .iter()
                .find_map(|task| task.reason.clone())
                .or_else(|| events.first().cloned()),
        })
}

/// What an exit code tells by itself.
fn exited(task: &TaskEvidence) -> Option<Found> {
    let code = task.exit_code?;
    if task.stop_code.as_deref() != Some("EssentialContainerExited") {
        return None;
    }
    let sentence = match code {
        137 => {
            "The container was killed (exit code 137): out of memory, or it did not stop in time.".to_owned()
        }
        139 => "The container crashed with a segmentation fault (exit code 139).".to_owned(),
        143 => "The container was told to stop and did (exit code 143).".to_owned(),
        0 => "The container ended by itself with exit code 0; a service has to keep running.".to_owned(),
        code => format!("The application in the container ended by itself with exit code {code}."),
    };
    Some(Found {
        class: FailureClass::ApplicationExit,
        sentence,
        evidence: Some(format!(
            "{} · exit code {code}",
            task.reason
                .as_deref()
                .unwrap_or("Essential container in task exited")
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_right() {
        let table = include_str!("../../tests/data/failure_messages.tsv");
        let mut read = 0;
        for line in table.lines().skip(1).filter(|line| !line.is_empty()) {
            let (wanted, text) = line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}"));
            let found = classify(text).map_or("none", |(class, _)| class.as_str());
            assert_eq!(found, wanted, "{text}");
            read += 1;
        }
        assert!(read >= 40, "only {read} lines");
    }

    #[test]
    fn a_container_out_of_memory_is_no_application_fault() {
        let task = TaskEvidence {
            stop_code: Some("EssentialContainerExited".to_owned()),
            reason: Some("Essential container in task exited".to_owned()),
            container_reason: Some("OutOfMemoryError: container killed due to high memory usage".to_owned()),
            exit_code: Some(137),
        };
        assert_eq!(diagnose(&[task], &[], "").class, FailureClass::Resources);
    }

    #[test]
    fn an_exit_code_tells_where_texts_do_not() {
        let task = TaskEvidence {
            stop_code: Some("EssentialContainerExited".to_owned()),
            reason: Some("Essential container in task exited".to_owned()),
            container_reason: None,
            exit_code: Some(3),
        };
        let found = diagnose(
            &[task],
            &["(service web) has reached a steady state.".to_owned()],
            "",
        );
        assert_eq!(found.class, FailureClass::ApplicationExit);
        assert!(found.sentence.contains("exit code 3"), "{}", found.sentence);
    }

    #[test]
    fn what_is_not_known_is_called_unknown() {
        let found = diagnose(
            &[],
            &["(service web) has started 2 tasks.".to_owned()],
            "It failed.",
        );
        assert_eq!(found.class, FailureClass::Unknown);
    }

    #[test]
    fn every_class_has_a_runbook() {
        for class in FailureClass::ALL {
            assert!(runbook(*class).len() >= 2, "{class}");
        }
    }
}
