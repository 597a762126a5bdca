//! The planner's golden tests: a line in a certain state, and the steps that follow from it, as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::build::BuildStatus;
use app::deployment::DeploymentState;
use app::train::TrainState;

use super::car::{Car, CarPhase, Content};
use super::facts::{
    Ancestry, BuildFact, Candidate, CarFacts, Facts, Line, SlotFacts, SourceFact, TrainFacts,
};
use super::plan::{Step, plan};
use super::state::{Departure, Held, Phase, Sealed, Train};
use crate::deployment::{Standing, UnderWay};
use crate::image::Image;
use crate::policy::{Environment, Policy};
use crate::service::Slot;

const NOW: i64 = 1_000_000;

fn environment(more: &str) -> Environment {
    let text = format!(
        "[[environment]]\nname = \"staging\"\naccount = \"111122223333\"\nregion = \"eu-west-1\"\ncluster = \"s\"\nsources = [\"main\"]\n{more}"
    );
    Policy::parse(&text).unwrap().environments.remove(0)
}

fn slot(service: &str, running: &str) -> Slot {
    Slot {
        id: format!("slt_{service}"),
        service_id: format!("svc_{service}"),
        service: service.to_owned(),
        team: String::new(),
        repository: Some(format!("acme/{service}")),
        image_repository: Some(format!("registry/{service}")),
        environment: "staging".to_owned(),
        ecs_service_arn: String::new(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        cluster: "s".to_owned(),
        ecs_service: service.to_owned(),
        container: "app".to_owned(),
        running_digest: Some(digest(running)),
        running_image: None,
        running_task_definition: Some("td:1".to_owned()),
        running_since: None,
        deployed_digest: None,
        deployed_at: None,
        drift: None,
        desired: 1,
        running: 1,
        seen_at: NOW,
        live: 1,
    }
}

fn digest(commit: &str) -> String {
    format!("sha256:{commit}")
}

/// `main` is one line of commits, named by letters.
fn ancestry() -> Ancestry {
    let mut pairs = BTreeMap::new();
    for service in ["cart", "shop", "wall"] {
        for (place, one) in "abcdef".chars().enumerate() {
            for (later, other) in "abcdef".chars().enumerate() {
                pairs.insert(
                    (format!("acme/{service}"), one.to_string(), other.to_string()),
                    place <= later,
                );
            }
        }
        // A branch beside it.
        for letter in "abcdef".chars() {
            pairs.insert(
                (format!("acme/{service}"), "x".to_owned(), letter.to_string()),
                false,
            );
            pairs.insert(
                (format!("acme/{service}"), letter.to_string(), "x".to_owned()),
                letter == 'a',
            );
        }
    }
    Ancestry(pairs)
}

fn candidate(commit: &str, pushed_at: i64) -> Candidate {
    Candidate {
        image_repository: "registry".to_owned(),
        digest: digest(commit),
        commit: commit.to_owned(),
        branch: Some("main".to_owned()),
        build_id: Some("bld_1".to_owned()),
        promoted_from: None,
        express: false,
        pushed_at,
        allowed: true,
        refused: None,
    }
}

fn image(commit: &str, pushed_at: i64) -> Image {
    Image {
        id: format!("img_{commit}"),
        repository: "registry".to_owned(),
        digest: digest(commit),
        tags: "[]".to_owned(),
        commit_id: Some(commit.to_owned()),
        branch: None,
        platform: None,
        pushed_at,
        archived: 0,
        gone_at: None,
    }
}

/// A car that brings a commit to a service, every gate of it green.
fn car(service: &str, commit: &str, phase: CarPhase) -> CarFacts {
    let standing = |state| Standing {
        state,
        verdict: None,
        failure_class: None,
        ended_at: None,
        resolved: false,
    };
    CarFacts {
        car: Car {
            id: format!("car_{service}"),
            train_id: "trn_1".to_owned(),
            slot_id: format!("slt_{service}"),
            image_repository: "registry".to_owned(),
            digest: digest(commit),
            commit: Some(commit.to_owned()),
            branch: Some("main".to_owned()),
            build_id: None,
            promoted_from: None,
            from_digest: Some(digest("a")),
            position: 1,
            boarded_at: 0,
            version: 1,
            content: Some(Content {
                base: "td:1".to_owned(),
                sealed: String::new(),
                sha256: String::new(),
            }),
            phase: phase.clone(),
        },
        slot: slot(service, "a"),
        sealed: None,
        busy: None,
        rested_at: None,
        standing: phase.in_flight().then(|| standing(DeploymentState::Updating)),
        builds: vec![BuildFact {
            id: "bld_1".to_owned(),
            number: 1,
            branch: "main".to_owned(),
            status: BuildStatus::Succeeded,
            counts: Some(true),
            counts_why: None,
            stages: Vec::new(),
        }],
        image: Some(image(commit, 10)),
        branches: vec!["main".to_owned()],
        running_commit: Some("a".to_owned()),
        upstream: None,
        alarms: Vec::new(),
        sources: vec![SourceFact {
            name: "ECS".to_owned(),
            read_at: Some(NOW),
            missed: 0,
            problem: None,
        }],
        known_good: (1, 0),
        refused: None,
        containers: Some(vec!["app".to_owned()]),
    }
}

fn waiting(service: &str, commit: &str) -> CarFacts {
    car(service, commit, CarPhase::Waiting(None))
}

fn deploying(service: &str) -> CarFacts {
    car(service, "b", CarPhase::Deploying(format!("dep_{service}")))
}

fn sealed() -> Sealed {
    Sealed {
        at: 0,
        by: "system".to_owned(),
        manifest: "{}".to_owned(),
        sha256: "m".to_owned(),
        policy_revision: 1,
    }
}

fn departing() -> Phase {
    Phase::Departing(
        sealed(),
        Departure {
            at: 0,
            by: "system".to_owned(),
            epoch: 1,
        },
    )
}

fn train(id: &str, phase: Phase, environment: &Arc<Environment>, cars: Vec<CarFacts>) -> TrainFacts {
    TrainFacts {
        train: Train {
            id: id.to_owned(),
            environment: "staging".to_owned(),
            number: 1,
            express: false,
            revision: 1,
            version: 1,
            held: None,
            captain: None,
            created_at: 0,
            phase,
        },
        environment: environment.clone(),
        policy_revision: 1,
        cars,
        consent: None,
    }
}

/// Plans one line and writes the steps down.
fn steps(environment: &Arc<Environment>, trains: Vec<TrainFacts>, slots: Vec<SlotFacts>) -> Vec<String> {
    let facts = Facts {
        lines: vec![Line {
            environment: environment.clone(),
            trains,
            slots,
        }],
        ancestry: ancestry(),
    };
    let planned = plan(&facts, NOW);
    assert_eq!(planned, plan(&facts, NOW), "the same facts give the same steps");
    planned.iter().map(written).collect()
}

fn written(step: &Step) -> String {
    match step {
        Step::Open { express, .. } => format!("open{}", if *express { " express" } else { "" }),
        Step::Board {
            train,
            slot,
            image,
            replaces,
        } => format!(
            "board {} at {slot} on {train}{}",
            image.commit,
            replaces
                .as_ref()
                .map_or_else(String::new, |car| format!(" for {car}"))
        ),
        Step::Alight { car, why, .. } => format!("alight {car}: {why}"),
        Step::Reopen { train, why } => format!("reopen {train}: {why}"),
        Step::Seal { train, take, leave } => format!(
            "seal {train} with {}{}",
            take.join(" "),
            leave
                .iter()
                .map(|(car, why)| format!(", without {car}: {why}"))
                .collect::<String>()
        ),
        Step::Expire { train } => format!("expire {train}"),
        Step::Depart { train } => format!("depart {train}"),
        Step::Deploy { car, .. } => format!("deploy {car}"),
        Step::Advance { car, to, .. } => format!(
            "{car} {}{}",
            to.state(),
            to.note().map_or_else(String::new, |note| format!(": {note}"))
        ),
        Step::End { state, why, .. } => format!("end {state}: {why}"),
    }
}

fn offers(service: &str, running: &str, candidates: Vec<Candidate>) -> SlotFacts {
    SlotFacts {
        slot: slot(service, running),
        running_commit: Some(running.to_owned()),
        running_pushed_at: Some(1),
        candidates,
    }
}

#[test]
fn boarding() {
    let line = Arc::new(environment(""));
    let boarding = |cars| vec![train("trn_1", Phase::Boarding, &line, cars)];
    let shop = |candidates| vec![offers("shop", "b", candidates)];
    // Nothing on offer, or only what runs or is older.
    assert!(steps(&line, vec![], shop(vec![])).is_empty());
    assert!(steps(&line, vec![], shop(vec![candidate("b", 5), candidate("a", 9)])).is_empty());
    // Beside what runs: not on a line without regress.
    assert!(steps(&line, vec![], shop(vec![candidate("x", 9)])).is_empty());
    // A train is opened first, then boarded; the commit that contains the other wins, whenever it was pushed.
    let offer = || shop(vec![candidate("c", 9), candidate("d", 5)]);
    assert_eq!(steps(&line, vec![], offer()), ["open"]);
    assert_eq!(
        steps(&line, boarding(vec![]), offer()),
        ["board d at slt_shop on trn_1"]
    );
    assert_eq!(
        steps(&line, boarding(vec![waiting("shop", "c")]), offer()),
        ["board d at slt_shop on trn_1 for car_shop"]
    );
    assert!(steps(&line, boarding(vec![waiting("shop", "d")]), offer()).is_empty());
    assert!(
        steps(&line, boarding(vec![waiting("shop", "e")]), offer()).is_empty(),
        "an older one never takes its place"
    );
    // What is refused, or not on a branch that may enter.
    let refused = Candidate {
        refused: Some("it failed".to_owned()),
        ..candidate("c", 9)
    };
    let forbidden = Candidate {
        allowed: false,
        ..candidate("d", 9)
    };
    assert!(steps(&line, boarding(vec![]), shop(vec![refused, forbidden])).is_empty());
    // What is sealed in already does not board the next train; what is newer does.
    let sealed_in = || {
        let mut next = train("trn_2", Phase::Boarding, &line, vec![]);
        next.train.number = 2;
        vec![
            train(
                "trn_1",
                Phase::Sealed(sealed()),
                &line,
                vec![waiting("shop", "c")],
            ),
            next,
        ]
    };
    assert!(steps(&line, sealed_in(), shop(vec![candidate("c", 9)])).is_empty());
    assert_eq!(
        steps(&line, sealed_in(), shop(vec![candidate("d", 9)])),
        ["board d at slt_shop on trn_2"]
    );
}

#[test]
fn a_line_that_takes_any_commit_goes_by_the_push() {
    let line = Arc::new(environment("no_regress = false"));
    let boarding = |cars| vec![train("trn_1", Phase::Boarding, &line, cars)];
    let shop = |candidates| vec![offers("shop", "b", candidates)];
    assert_eq!(
        steps(&line, boarding(vec![]), shop(vec![candidate("x", 9)])),
        ["board x at slt_shop on trn_1"]
    );
    assert_eq!(
        steps(
            &line,
            boarding(vec![waiting("shop", "c")]),
            shop(vec![candidate("x", 11), candidate("c", 10)])
        ),
        ["board x at slt_shop on trn_1 for car_shop"]
    );
    let mut pushed_before = offers("shop", "b", vec![candidate("x", 9)]);
    pushed_before.running_pushed_at = Some(20);
    assert!(steps(&line, boarding(vec![]), vec![pushed_before]).is_empty());
}

#[test]
fn alighting() {
    let line = Arc::new(environment(""));
    let off = |change: &dyn Fn(&mut CarFacts)| {
        let mut car = waiting("shop", "c");
        change(&mut car);
        steps(
            &line,
            vec![train("trn_1", Phase::Boarding, &line, vec![car])],
            vec![offers("shop", "a", vec![])],
        )
    };
    assert!(off(&|_| {}).is_empty());
    assert_eq!(
        off(&|car| car.slot.running_digest = Some(digest("c"))),
        ["alight car_shop: it runs there already"]
    );
    assert_eq!(
        off(&|car| car.refused = Some("it failed".to_owned())),
        ["alight car_shop: it may not board there again: it failed"]
    );
    assert_eq!(
        off(&|car| car.image.as_mut().unwrap().gone_at = Some(1)),
        ["alight car_shop: its image is gone from ECR or archived"]
    );
    assert_eq!(
        off(&|car| car.running_commit = Some("d".to_owned())),
        ["alight car_shop: it does not contain what runs there now"]
    );
}

#[test]
fn sealing_and_departing_by_itself() {
    let line = Arc::new(environment("automatic = true"));
    let boarding = |cars| vec![train("trn_1", Phase::Boarding, &line, cars)];
    let slots = || vec![offers("shop", "a", vec![]), offers("cart", "a", vec![])];
    assert!(
        steps(&line, boarding(vec![]), slots()).is_empty(),
        "no car, no train"
    );
    assert_eq!(
        steps(
            &line,
            boarding(vec![waiting("cart", "b"), waiting("shop", "b")]),
            slots()
        ),
        ["seal trn_1 with car_cart car_shop"]
    );
    // Who is not ready stays behind.
    let mut busy = waiting("shop", "b");
    busy.busy = Some(UnderWay {
        id: "dep_9".to_owned(),
        state: DeploymentState::NeedsHuman,
        image_repository: String::new(),
        digest: String::new(),
        percent: None,
    });
    assert_eq!(
        steps(&line, boarding(vec![waiting("cart", "b"), busy.clone()]), slots()),
        ["seal trn_1 with car_cart, without car_shop: Deployment dep_9 needs a human and keeps the slot"]
    );
    assert!(steps(&line, boarding(vec![busy]), slots()).is_empty());
    let mut held = boarding(vec![waiting("cart", "b")]);
    held[0].train.held = Some(Held {
        by: "lin".to_owned(),
        why: "wait".to_owned(),
    });
    assert!(steps(&line, held, slots()).is_empty());

    let sealed_train = |cars| vec![train("trn_1", Phase::Sealed(sealed()), &line, cars)];
    assert_eq!(
        steps(&line, sealed_train(vec![waiting("cart", "b")]), slots()),
        ["depart trn_1"]
    );
    let mut gone = waiting("cart", "b");
    gone.image.as_mut().unwrap().gone_at = Some(1);
    assert_eq!(
        steps(&line, sealed_train(vec![gone]), slots()),
        ["reopen trn_1: cart: sha256:b is gone from ECR"]
    );
    let mut older = sealed_train(vec![waiting("cart", "b")]);
    older[0].policy_revision = 2;
    assert_eq!(
        steps(&line, older, slots()),
        ["reopen trn_1: policy revision 2 replaces 1"]
    );
}

#[test]
fn a_line_of_people_seals_at_its_cutoff_and_waits_for_them() {
    let line = Arc::new(environment("cutoff_seconds = 600"));
    let boarding = |boarded_at| {
        let mut car = waiting("cart", "b");
        car.car.boarded_at = boarded_at;
        vec![train("trn_1", Phase::Boarding, &line, vec![car])]
    };
    assert!(steps(&line, boarding(NOW - 599_999), vec![]).is_empty());
    assert_eq!(
        steps(&line, boarding(NOW - 600_000), vec![]),
        ["seal trn_1 with car_cart"]
    );
    let waits = train(
        "trn_1",
        Phase::Sealed(sealed()),
        &line,
        vec![waiting("cart", "b")],
    );
    assert!(steps(&line, vec![waits], vec![]).is_empty());
    let by_hand = Arc::new(environment(""));
    assert!(steps(&by_hand, boarding(0), vec![]).is_empty());
}

#[test]
fn departing_goes_car_by_car() {
    let line = Arc::new(environment("parallel = 2"));
    let leaves = |cars| vec![train("trn_1", departing(), &line, cars)];
    assert_eq!(
        steps(
            &line,
            leaves(vec![
                waiting("cart", "b"),
                waiting("shop", "b"),
                waiting("wall", "b")
            ]),
            vec![]
        ),
        ["deploy car_cart", "deploy car_shop"]
    );
    assert_eq!(
        steps(
            &line,
            leaves(vec![
                deploying("cart"),
                waiting("shop", "b"),
                waiting("wall", "b")
            ]),
            vec![]
        ),
        ["deploy car_shop"]
    );
    // A slot that somebody else works on is waited for, and that is said once.
    let mut busy = waiting("cart", "b");
    busy.busy = Some(UnderWay {
        id: "dep_9".to_owned(),
        state: DeploymentState::Updating,
        image_repository: String::new(),
        digest: String::new(),
        percent: None,
    });
    let said = ["car_cart waiting: waits for deployment dep_9 in its slot"];
    assert_eq!(steps(&line, leaves(vec![busy.clone()]), vec![]), said);
    busy.car.phase = CarPhase::Waiting(Some("waits for deployment dep_9 in its slot".to_owned()));
    assert!(steps(&line, leaves(vec![busy]), vec![]).is_empty());
    let mut there = waiting("cart", "b");
    there.slot.running_digest = Some(digest("b"));
    assert_eq!(
        steps(&line, leaves(vec![there]), vec![]),
        ["car_cart skipped: it ran there already"]
    );
    // Held, or a person is needed: what runs goes on, nothing else begins.
    let mut held = leaves(vec![deploying("cart"), waiting("shop", "b")]);
    held[0].train.held = Some(Held {
        by: "lin".to_owned(),
        why: "wait".to_owned(),
    });
    assert!(steps(&line, held, vec![]).is_empty());
    let mut stuck = deploying("cart");
    stuck.standing.as_mut().unwrap().state = DeploymentState::NeedsHuman;
    assert!(steps(&line, leaves(vec![stuck.clone(), waiting("shop", "b")]), vec![]).is_empty());
    stuck.standing.as_mut().unwrap().resolved = true;
    assert_eq!(
        steps(&line, leaves(vec![stuck, waiting("shop", "b")]), vec![]),
        ["car_cart failed: Needs a human"]
    );
}

#[test]
fn following_and_ending() {
    let line = Arc::new(environment(""));
    let leaves = |cars| vec![train("trn_1", departing(), &line, cars)];
    let at = |state| {
        let mut car = deploying("cart");
        car.standing.as_mut().unwrap().state = state;
        steps(&line, leaves(vec![car, waiting("shop", "b")]), vec![])
    };
    assert_eq!(at(DeploymentState::Baking), ["car_cart verifying"]);
    assert_eq!(at(DeploymentState::Succeeded), ["car_cart arrived"]);
    assert_eq!(at(DeploymentState::RolledBack), ["car_cart undone: Rolled back"]);
    assert_eq!(
        at(DeploymentState::FailedUnchanged),
        ["car_cart failed: Failed, nothing changed"]
    );
    let arrived = || car("cart", "b", CarPhase::Arrived("dep_1".to_owned()));
    let undone = || {
        car(
            "shop",
            "b",
            CarPhase::Undone("dep_2".to_owned(), "it crashed".to_owned()),
        )
    };
    let failed = || {
        car(
            "shop",
            "b",
            CarPhase::Failed("dep_2".to_owned(), "no image".to_owned()),
        )
    };
    let skipped = || car("wall", "b", CarPhase::Skipped("not begun".to_owned()));
    assert_eq!(
        steps(
            &line,
            leaves(vec![arrived(), undone(), waiting("wall", "b")]),
            vec![]
        ),
        ["car_wall skipped: not begun: shop rolled back; it boards again by itself"]
    );
    let ends = |cars| steps(&line, leaves(cars), vec![]);
    assert_eq!(ends(vec![arrived()]), ["end arrived: 1 car arrived."]);
    assert_eq!(
        ends(vec![skipped()]),
        ["end arrived: Everything ran there already."]
    );
    assert_eq!(
        ends(vec![arrived(), undone(), skipped()]),
        ["end partly-arrived: 1 car arrived, 1 car did not, 1 car not begun. shop: it crashed."]
    );
    assert_eq!(
        ends(vec![undone(), skipped()]),
        ["end rolled-back: Rolled back. shop: it crashed."]
    );
    assert_eq!(
        ends(vec![failed()]),
        ["end failed: Nothing arrived. shop: no image."]
    );
}

#[test]
fn an_express_train_goes_first() {
    let line = Arc::new(environment("automatic = true\nexpress = [\"hotfix/*\"]"));
    let express = |phase| {
        let mut train = train("trn_2", phase, &line, vec![waiting("shop", "c")]);
        train.train.number = 2;
        train.train.express = true;
        train
    };
    let ordinary = |phase| {
        train(
            "trn_1",
            phase,
            &line,
            vec![waiting("cart", "b"), waiting("shop", "b")],
        )
    };
    assert_eq!(
        steps(
            &line,
            vec![
                ordinary(Phase::Sealed(sealed())),
                express(Phase::Sealed(sealed()))
            ],
            vec![]
        ),
        ["reopen trn_1: staging #2 overtakes it", "depart trn_2"]
    );
    assert_eq!(
        steps(
            &line,
            vec![ordinary(Phase::Boarding), express(departing())],
            vec![]
        ),
        [
            "seal trn_1 with car_cart, without car_shop: staging #2 goes there first",
            "deploy car_shop"
        ]
    );
}

#[test]
fn every_transition_is_legal_or_refused() {
    let environment = Arc::new(environment(""));
    let ended = |state| Phase::Ended {
        state,
        at: 1,
        why: "x".to_owned(),
        sealed: None,
        departure: None,
    };
    let phases = [
        Phase::Boarding,
        Phase::Sealed(sealed()),
        departing(),
        ended(TrainState::Cancelled),
    ];
    let departure = || Departure {
        at: 1,
        by: "system".to_owned(),
        epoch: 1,
    };
    let hold = || Held {
        by: "lin".to_owned(),
        why: "wait".to_owned(),
    };
    let rows: Vec<String> = phases
        .into_iter()
        .map(|phase| {
            let train = || train("t", phase.clone(), &environment, vec![]).train;
            let marks = [
                train().seal(sealed()).is_ok(),
                train().reopen().is_ok(),
                train().depart(departure()).is_ok(),
                train().end(TrainState::Failed, 1, String::new()).is_ok(),
                train().cancel(1, String::new()).is_ok(),
                train().hold(hold()).is_ok(),
            ];
            let marks: String = marks.map(|legal| if legal { '✔' } else { '·' }).iter().collect();
            format!("{} {marks}", train().state())
        })
        .collect();
    // seal, reopen, depart, end, cancel, hold
    assert_eq!(
        rows,
        [
            "boarding ✔···✔✔",
            "sealed ·✔✔·✔✔",
            "departing ···✔·✔",
            "cancelled ······"
        ]
    );
    let held = train("t", Phase::Sealed(sealed()), &environment, vec![])
        .train
        .hold(hold())
        .unwrap();
    assert!(held.clone().depart(departure()).is_err());
    assert!(held.clone().reopen().is_ok());
    assert!(held.release().unwrap().depart(departure()).is_ok());
    // An end is one of the five, and Cancelled is not reached by departing.
    let leaving = || train("t", departing(), &environment, vec![]).train;
    assert!(leaving().end(TrainState::Cancelled, 1, String::new()).is_err());
    assert!(leaving().end(TrainState::Sealed, 1, String::new()).is_err());
}

#[test]
fn a_car_only_goes_forward() {
    let d = || "dep_1".to_owned();
    let all = [
        CarPhase::Waiting(None),
        CarPhase::Deploying(d()),
        CarPhase::Verifying(d()),
        CarPhase::Arrived(d()),
        CarPhase::Undone(d(), String::new()),
        CarPhase::Failed(d(), String::new()),
        CarPhase::Skipped(String::new()),
    ];
    let rows: Vec<String> = all
        .iter()
        .map(|from| {
            all.iter()
                .map(|to| {
                    if from.clone().to(to.clone()).is_ok() {
                        '✔'
                    } else {
                        '·'
                    }
                })
                .collect()
        })
        .collect();
    assert_eq!(
        rows,
        [
            "✔✔····✔",
            "··✔✔✔✔·",
            "···✔✔✔·",
            "·······",
            "·······",
            "·······",
            "·······"
        ]
    );
    let other = CarPhase::Arrived("dep_2".to_owned());
    assert!(
        CarPhase::Deploying(d()).to(other).is_err(),
        "a car keeps its deployment"
    );
}
