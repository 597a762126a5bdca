//! The plan as a table: what is seen, and the one step that follows from it.

use app::deployment::{DeploymentKind, DeploymentState as Word};

mod trouble;

use super::*;
use crate::aws::{
    AwsError, EcsDeployment, EcsService, EcsTask, ServiceDeploymentStatus as Status, TaskContainer,
};
use crate::deployment::state::{Before, Following, Undoing, Way};

const NOW: Millis = 1_000_000;
const OLD: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1";
const NEW: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2";
const FOREIGN: &str = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:9";

fn deployment(id: &str, status: &str, task_definition: &str, rollout: Option<&str>) -> EcsDeployment {
    EcsDeployment {
        id: id.to_owned(),
        status: status.to_owned(),
        task_definition: task_definition.to_owned(),
        desired: 2,
        running: 2,
        pending: 0,
        failed: 0,
        rollout_state: rollout.map(str::to_owned),
        rollout_reason: None,
        created_at: 0,
    }
}

fn service(deployments: Vec<EcsDeployment>) -> EcsService {
    EcsService {
        arn: "arn:web".to_owned(),
        name: "web".to_owned(),
        cluster_arn: "arn:cluster/c".to_owned(),
        status: "ACTIVE".to_owned(),
        task_definition: deployments[0].task_definition.clone(),
        desired: 2,
        running: 2,
        pending: 0,
        controller: "ECS".to_owned(),
        strategy: "ROLLING".to_owned(),
        breaker: true,
        deployments,
        current_service_deployment: None,
        current_service_revision: None,
        events: vec![],
        tags: std::collections::BTreeMap::new(),
        created_at: 0,
    }
}

fn seen(deployments: Vec<EcsDeployment>) -> Observed {
    Observed {
        service: Some(service(deployments)),
        settled: true,
        ..Observed::default()
    }
}

fn ours(rollout: Option<&str>) -> Vec<EcsDeployment> {
    vec![deployment("ecs-svc/2", "PRIMARY", NEW, rollout)]
}

fn before(rollout: &str) -> Vec<EcsDeployment> {
    vec![deployment("ecs-svc/1", "PRIMARY", OLD, Some(rollout))]
}

fn registered() -> Registered {
    Registered {
        before: Before {
            deployment: "ecs-svc/1".to_owned(),
            task_definition: OLD.to_owned(),
            firing: Some(vec!["old-alarm".to_owned()]),
            older: vec![],
            rules: Rules {
                bake_seconds: 60,
                deadline_seconds: 600,
                alarms: vec!["alarm".to_owned()],
            },
        },
        task_definition: NEW.to_owned(),
    }
}

fn following() -> Following {
    Following {
        registered: registered(),
        rollout: Rollout {
            deployment: "ecs-svc/2".to_owned(),
            record: None,
            ran_before: false,
            running: 0,
            desired: 0,
        },
    }
}

fn undoing(way: Way) -> State {
    State::Undoing(Undoing {
        following: following(),
        failure: Failure::of_image("It failed."),
        way,
        back: None,
        deadline_at: NOW + 600_000,
        extended: false,
    })
}

fn subject(state: State) -> Subject {
    Subject {
        id: "dep_1".to_owned(),
        kind: DeploymentKind::Train,
        container: "web".to_owned(),
        digest: "sha256:new".to_owned(),
        base_task_definition: Some(OLD.to_owned()),
        requested_by: "Ada".to_owned(),
        cancelled: None,
        deadline_at: NOW + 600_000,
        since: NOW - 60_000,
        looked_at: NOW,
        state,
    }
}

fn record(number: &str, status: Status, digest: Option<&str>) -> Record {
    let arn = format!("arn:service-revision/c/web/{number}");
    Record::Shown {
        record: ServiceDeployment {
            arn: format!("arn:service-deployment/c/web/{number}"),
            status,
            reason: None,
            target_revision: Some(arn.clone()),
            rollback_reason: Some("circuit breaker".to_owned()),
            breaker: None,
            triggered_alarms: vec![],
            created_at: 0,
        },
        revision: Some(ServiceRevision {
            arn,
            task_definition: NEW.to_owned(),
            images: vec![("web".to_owned(), "repo:tag".to_owned(), digest.map(str::to_owned))],
        }),
    }
}

fn task(digest: Option<&str>) -> EcsTask {
    EcsTask {
        arn: "arn:task/1".to_owned(),
        task_definition: NEW.to_owned(),
        last_status: "RUNNING".to_owned(),
        desired_status: "RUNNING".to_owned(),
        started_by: Some("ecs-svc/2".to_owned()),
        group: None,
        health: None,
        stop_code: None,
        stopped_reason: None,
        containers: vec![TaskContainer {
            name: "web".to_owned(),
            image: "repo:tag".to_owned(),
            digest: digest.map(str::to_owned),
            exit_code: None,
            reason: None,
        }],
        created_at: 0,
        started_at: None,
        stopped_at: None,
    }
}

/// A step in short: where it goes, or what it calls.
fn short(step: &Step) -> String {
    match step {
        Step::Go { to, .. } => format!("go {}", to.step().map_or(to.word().as_str(), |(key, _)| key)),
        Step::Register => "register".to_owned(),
        Step::Update { task_definition } => format!("update {}", last_part(task_definition)),
        Step::Stop { .. } => "stop it".to_owned(),
        Step::Wait { .. } => "wait".to_owned(),
    }
}

fn next_of(state: State, seen: &Observed) -> String {
    short(&next(&subject(state), seen, NOW))
}

#[test]
fn preflight_lets_through_only_what_can_be_deployed() {
    let good = seen(before("COMPLETED"));
    assert_eq!(next_of(State::Preflight, &good), "go register");
    let mut table: Vec<(&str, Observed, &str)> = vec![
        ("under way", seen(before("IN_PROGRESS")), "wait"),
        (
            "gone",
            Observed {
                service: None,
                ..good.clone()
            },
            "go failed-unchanged",
        ),
        (
            "no image",
            Observed {
                image: Image::Gone,
                ..good.clone()
            },
            "go failed-unchanged",
        ),
        (
            "archived",
            Observed {
                image: Image::Archived,
                ..good.clone()
            },
            "go failed-unchanged",
        ),
        (
            "barred",
            Observed {
                barred: Some("approval void".to_owned()),
                ..good.clone()
            },
            "go failed-unchanged",
        ),
        (
            "another base",
            seen(vec![deployment(
                "ecs-svc/8",
                "PRIMARY",
                FOREIGN,
                Some("COMPLETED"),
            )]),
            "go failed-unchanged",
        ),
    ];
    type Change = fn(&mut EcsService);
    let changes: [(&str, Change); 4] = [
        ("CodeDeploy", |service| {
            service.controller = "CODE_DEPLOY".to_owned()
        }),
        ("EXTERNAL", |service| service.controller = "EXTERNAL".to_owned()),
        ("blue/green", |service| service.strategy = "BLUE_GREEN".to_owned()),
        ("draining", |service| service.status = "DRAINING".to_owned()),
    ];
    for (name, change) in changes {
        let mut refused = good.clone();
        change(refused.service.as_mut().unwrap());
        table.push((name, refused, "go failed-unchanged"));
    }
    for (name, seen, wanted) in table {
        assert_eq!(next_of(State::Preflight, &seen), wanted, "{name}");
    }
    let Step::Go { detail, .. } = next(
        &subject(State::Preflight),
        &{
            let mut refused = good;
            refused.service.as_mut().unwrap().controller = "CODE_DEPLOY".to_owned();
            refused
        },
        NOW,
    ) else {
        panic!("refused")
    };
    assert!(detail.contains("CodeDeploy"), "{detail}");
}

#[test]
fn no_call_is_made_while_an_earlier_one_may_still_show() {
    let registering = State::Registering(registered().before);
    let mut seen = seen(before("COMPLETED"));
    assert_eq!(next_of(registering.clone(), &seen), "register");
    assert_eq!(next_of(State::Updating(registered()), &seen), "update web:2");
    seen.settled = false;
    assert_eq!(next_of(registering.clone(), &seen), "wait");
    assert_eq!(next_of(State::Updating(registered()), &seen), "wait");
    seen.existing = Some(NEW.to_owned());
    assert_eq!(next_of(registering, &seen), "go prepare");
    // The effect shows: no second call, whatever else is true.
    seen.service = Some(service(ours(Some("IN_PROGRESS"))));
    assert_eq!(next_of(State::Updating(registered()), &seen), "go follow");
    // It took effect and was rolled back while nobody looked.
    seen.service = Some(service(before("COMPLETED")));
    seen.record = record("2", Status::RollbackSuccessful, None);
    assert_eq!(next_of(State::Updating(registered()), &seen), "go follow");
}

#[test]
fn a_rollout_is_believed_by_its_record_only_with_the_right_digest() {
    let follow = || State::Following(following());
    for (status, deployments, digest, wanted) in [
        (Status::Pending, ours(Some("IN_PROGRESS")), None, "wait"),
        (Status::InProgress, ours(Some("COMPLETED")), None, "wait"),
        (
            Status::Successful,
            ours(Some("COMPLETED")),
            Some("sha256:new"),
            "go bake",
        ),
        (
            Status::Successful,
            ours(Some("COMPLETED")),
            Some("sha256:other"),
            "go undo",
        ),
        (
            Status::Successful,
            ours(Some("COMPLETED")),
            None,
            "go needs-human",
        ),
        (Status::RollbackRequested, before("IN_PROGRESS"), None, "wait"),
        (Status::RollbackInProgress, before("IN_PROGRESS"), None, "wait"),
        (
            Status::RollbackSuccessful,
            before("COMPLETED"),
            None,
            "go rolled-back",
        ),
        (Status::RollbackFailed, before("FAILED"), None, "go undo"),
        (Status::StopRequested, ours(Some("FAILED")), None, "wait"),
        (Status::Stopped, ours(Some("FAILED")), None, "go undo"),
        (
            Status::Other("PAUSED".to_owned()),
            ours(Some("IN_PROGRESS")),
            None,
            "wait",
        ),
        (
            Status::InProgress,
            vec![deployment("ecs-svc/7", "PRIMARY", FOREIGN, None)],
            None,
            "go needs-human",
        ),
    ] {
        let mut seen = seen(deployments);
        seen.record = record("2", status.clone(), digest);
        assert_eq!(next_of(follow(), &seen), wanted, "{status:?}");
    }
}

#[test]
fn without_records_less_than_proof_is_a_persons() {
    let follow = || State::Following(following());
    for (what, deployments, tasks, wanted) in [
        (
            "proof",
            ours(Some("COMPLETED")),
            vec![task(Some("sha256:new"))],
            "go bake",
        ),
        (
            "another digest",
            ours(Some("COMPLETED")),
            vec![task(Some("sha256:other"))],
            "go undo",
        ),
        (
            "no digest",
            ours(Some("COMPLETED")),
            vec![task(None)],
            "go needs-human",
        ),
        ("no task", ours(Some("COMPLETED")), vec![], "go needs-human"),
        (
            "no word on the rollout",
            ours(None),
            vec![task(Some("sha256:new"))],
            "go needs-human",
        ),
        ("under way", ours(Some("IN_PROGRESS")), vec![], "wait"),
        ("failed", ours(Some("FAILED")), vec![], "go undo"),
        ("went back", before("COMPLETED"), vec![], "go rolled-back"),
        (
            "somebody else",
            vec![deployment("ecs-svc/7", "PRIMARY", FOREIGN, None)],
            vec![],
            "go needs-human",
        ),
    ] {
        let mut seen = seen(deployments);
        seen.tasks = tasks;
        assert_eq!(next_of(follow(), &seen), wanted, "{what}");
    }
}

#[test]
fn what_goes_on_is_given_up_at_the_deadline_or_on_a_persons_word() {
    let mut seen = seen(ours(Some("IN_PROGRESS")));
    seen.record = record("2", Status::InProgress, None);
    let mut late = subject(State::Following(following()));
    late.deadline_at = NOW;
    assert_eq!(short(&next(&late, &seen, NOW)), "go undo");
    let mut cancelled = subject(State::Following(following()));
    cancelled.cancelled = Some("wrong day".to_owned());
    assert_eq!(short(&next(&cancelled, &seen, NOW)), "go undo");
    cancelled.state = State::Registered(registered());
    assert_eq!(short(&next(&cancelled, &seen, NOW)), "go failed-unchanged");
}

#[test]
fn baking_ends_by_time_alarm_or_stranger() {
    let bake = |until| State::Baking {
        following: following(),
        evidence: "proof".to_owned(),
        until,
    };
    let quiet = seen(ours(Some("COMPLETED")));
    assert_eq!(next_of(bake(NOW + 1), &quiet), "wait");
    assert_eq!(next_of(bake(NOW), &quiet), "go succeeded");
    let firing = |name: &str| Observed {
        firing: Some(vec![name.to_owned()]),
        ..quiet.clone()
    };
    assert_eq!(next_of(bake(NOW + 1), &firing("alarm")), "go undo");
    assert_eq!(next_of(bake(NOW), &firing("old-alarm")), "go succeeded");
    assert_eq!(next_of(bake(NOW), &seen(before("COMPLETED"))), "go needs-human");
}

#[test]
fn the_slot_is_put_back_by_ecs_or_by_hand() {
    let stop = || Way::Stop {
        record: "arn".to_owned(),
    };
    let back = |id: &str, ran_before| Way::Return {
        rollout: Some(Rollout {
            deployment: id.to_owned(),
            record: None,
            ran_before,
            running: 0,
            desired: 0,
        }),
    };
    let returned = |rollout: &str| vec![deployment("ecs-svc/3", "PRIMARY", OLD, Some(rollout))];
    for (what, way, deployments, record, wanted) in [
        (
            "goes on",
            Way::Undecided,
            ours(Some("IN_PROGRESS")),
            record("2", Status::InProgress, None),
            "go stop",
        ),
        (
            "ended",
            Way::Undecided,
            ours(Some("FAILED")),
            record("2", Status::Stopped, None),
            "go return",
        ),
        (
            "no records",
            Way::Undecided,
            ours(Some("FAILED")),
            Record::NoneKept,
            "go return",
        ),
        (
            "ask",
            stop(),
            ours(Some("IN_PROGRESS")),
            record("2", Status::InProgress, None),
            "stop it",
        ),
        (
            "asked",
            stop(),
            ours(Some("IN_PROGRESS")),
            record("2", Status::RollbackRequested, None),
            "wait",
        ),
        (
            "back",
            stop(),
            before("COMPLETED"),
            record("2", Status::RollbackSuccessful, None),
            "go rolled-back",
        ),
        (
            "too late to stop",
            stop(),
            ours(Some("COMPLETED")),
            record("2", Status::Successful, None),
            "go return",
        ),
        (
            "point",
            Way::Return { rollout: None },
            ours(Some("FAILED")),
            Record::NotShown,
            "update web:1",
        ),
        (
            "pointed",
            Way::Return { rollout: None },
            returned("IN_PROGRESS"),
            Record::NotShown,
            "go return-follow",
        ),
        (
            "comes",
            back("ecs-svc/3", false),
            returned("IN_PROGRESS"),
            record("3", Status::InProgress, None),
            "wait",
        ),
        (
            "came",
            back("ecs-svc/3", false),
            returned("COMPLETED"),
            record("3", Status::Successful, None),
            "go rolled-back",
        ),
        (
            "fails",
            back("ecs-svc/3", false),
            returned("FAILED"),
            record("3", Status::Stopped, None),
            "go needs-human",
        ),
        (
            "an old record proves nothing",
            back("ecs-svc/1", true),
            before("FAILED"),
            record("1", Status::Successful, None),
            "go needs-human",
        ),
        (
            "stranger",
            back("ecs-svc/3", false),
            vec![deployment("ecs-svc/7", "PRIMARY", FOREIGN, None)],
            Record::NotShown,
            "go needs-human",
        ),
    ] {
        let mut seen = seen(deployments);
        seen.record = record;
        assert_eq!(next_of(undoing(way), &seen), wanted, "{what}");
    }
}

#[test]
fn an_endless_way_back_calls_a_person() {
    let mut late = subject(undoing(Way::Stop {
        record: "arn".to_owned(),
    }));
    if let State::Undoing(undoing) = &mut late.state {
        undoing.deadline_at = NOW;
    }
    let mut seen = seen(before("IN_PROGRESS"));
    seen.record = record("2", Status::RollbackInProgress, None);
    assert_eq!(short(&next(&late, &seen, NOW)), "go needs-human");
}

#[test]
fn the_same_question_has_the_same_answer_and_rest_is_rest() {
    let rest = State::Succeeded {
        following: following(),
    };
    let seen = seen(ours(Some("FAILED")));
    for _ in 0..2 {
        assert_eq!(next_of(rest.clone(), &seen), "wait");
        assert_eq!(next_of(State::Following(following()), &seen), "go undo");
    }
}
