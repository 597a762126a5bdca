//! The demo's past, as its pages tell it.

use std::sync::Arc;

use app::account::Role;
use app::deployment::{DeploymentPort as _, DeploymentState, FailureClass};
use server::aws::client::AwsClients;
use server::config::Config;
use server::crypto::Cipher;
use server::demo::{self, Addresses};
use server::deployment::Deployments;
use server::policy;
use server::program::Program;
use sim::world::history::{Cause, Outcome};
use sim::world::{World, WorldOptions};

use crate::support::store::{MONDAY, Store, somebody};

#[tokio::test]
async fn every_failure_of_the_past_can_be_diagnosed() {
    let folder = tempfile::tempdir().unwrap();
    let options = WorldOptions {
        start_millis: MONDAY,
        ..WorldOptions::new(folder.path().join("world"), "http://127.0.0.1:3000").driven()
    };
    let world = World::start(options).await.unwrap();
    let config = Config::parse(&demo::config(&Addresses {
        public: "http://127.0.0.1:3000",
        data: folder.path(),
        aws: &world.aws_url,
        issuer: &world.issuer_url,
        git: &folder.path().join("world/git"),
        webhook_secret: "demo-webhook-secret",
        client_secret: "demo-client-secret",
        speed: 1,
    }))
    .unwrap();
    let store = Store::sqlite().await;
    policy::apply(&store.db, &server::auth::system(), demo::POLICY)
        .await
        .unwrap();
    let program = Program::new(store.db.clone(), config.clone(), None).unwrap();
    let history = world.history();
    let git = folder.path().join("world/git");
    demo::remember(&program, &history, &world.issuer_url, &git)
        .await
        .unwrap();

    let cipher = Cipher::new(config.keys.data.as_ref().unwrap());
    let deployments = Deployments::new(
        store.db.clone(),
        Arc::new(AwsClients::new(&config)),
        cipher,
        "rep_test".to_owned(),
    );
    let vera = somebody("vera", Role::Viewer);
    let asked_for = history
        .deployments
        .iter()
        .filter(|one| one.cause != Cause::Baseline);
    let mut failed = 0;
    for past in asked_for {
        let id: String = sqlx::query_scalar(
            "SELECT deployment.id FROM deployment JOIN slot ON slot.id = deployment.slot_id
             JOIN service ON service.id = slot.service_id
             WHERE service.name = $1 AND slot.environment = $2 AND deployment.requested_at = $3",
        )
        .bind(&past.service)
        .bind(&past.environment)
        .bind(past.started_at)
        .fetch_one(store.db.read())
        .await
        .unwrap();
        let view = deployments.deployment(&vera, &id).await.unwrap();
        assert!(view.steps.len() >= 6 && !view.events.is_empty(), "{view:?}");
        let times: Vec<_> = view.steps.iter().map(|step| step.started_at).collect();
        assert!(times.is_sorted(), "{times:?}");
        let Outcome::RolledBack { class, task } = &past.outcome else {
            assert!(view.steps.iter().all(|step| step.ok == Some(true)), "{view:?}");
            assert!(view.diagnosis.is_none(), "{view:?}");
            continue;
        };
        failed += 1;
        assert_eq!(view.state, DeploymentState::RolledBack);
        assert_eq!(view.steps.last().unwrap().ok, Some(false));
        assert!(
            view.events
                .iter()
                .any(|event| event.message.contains("rolling back to deployment ecs-svc/")),
            "{view:?}"
        );
        let stopped = view.tasks.first().unwrap();
        assert_eq!(stopped.status, "STOPPED");
        assert_eq!(stopped.stop_code.as_deref(), Some(task.stop_code.as_str()));
        assert_eq!(stopped.exit_code, task.exit_code);
        let diagnosis = view.diagnosis.unwrap();
        assert_eq!(diagnosis.class.as_str(), class, "{diagnosis:?}");
        assert_ne!(diagnosis.class, FailureClass::Unknown);
        // The sentence is read from the evidence: what is stored and what the texts say are one.
        assert_ne!(diagnosis.sentence, view.verdict);
        assert!(diagnosis.evidence.is_some(), "{diagnosis:?}");
    }
    assert!(failed > 5, "{failed}");

    let last = history.deployments.iter().rfind(|one| !one.succeeded()).unwrap();
    assert_eq!(
        (last.service.as_str(), last.environment.as_str()),
        ("checkout", "production")
    );
    world.shutdown().await;
}
