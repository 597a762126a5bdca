//! Approvals: who may give one, what they are bound to, and what makes them void; on both databases.

use app::account::{Actor, Role};
use app::error::ApiError;
use app::train::{TrainPort, TrainState, TrainView, Verdict};
use server::approval;

use crate::support::line::{Hand, World};
use crate::support::store::somebody;

/// A world with a sealed production train: `ada` wrote what it carries, `lin` (a lead) sealed it.
struct Sealed {
    world: World,
    lin: Actor,
    train: TrainView,
}

impl Sealed {
    async fn each() -> Vec<Self> {
        Self::with(&Hand::of("ada"), "ada").await
    }

    async fn with(hand: &Hand<'_>, builder: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for world in World::each().await {
            let first = world.commit("main", &Hand::of("zoe"));
            let digest = world.built("main", &first, "zoe").await;
            for environment in ["staging", "production"] {
                world.slot(environment, &digest).await;
            }
            let lin = world.person("lin", "leads").await;
            let commit = world.commit("main", hand);
            world.built("main", &commit, builder).await;
            world.tick().await;
            world.ends("slt_staging", "succeeded").await;
            world.tick().await;
            world.pass(601).await;
            world.tick().await;
            let train = world.train("production", 1).await;
            world.trains.seal(&lin, &train.id, 1).await.unwrap();
            let train = world.train("production", 1).await;
            all.push(Self { world, lin, train });
        }
        all
    }

    fn manifest(&self) -> &str {
        self.train.manifest.as_deref().unwrap()
    }

    async fn approve(&self, actor: &Actor) -> Result<(), ApiError> {
        self.world
            .trains
            .approve(actor, &self.train.id, self.manifest(), Some("looks good"))
            .await
    }

    async fn depart(&self, actor: &Actor) -> Result<(), ApiError> {
        self.world
            .trains
            .depart(actor, &self.train.id, self.manifest())
            .await
    }

    async fn now(&self) -> TrainView {
        self.world.train("production", 1).await
    }
}

fn gate<'a>(train: &'a TrainView, name: &str) -> &'a app::train::GateView {
    train.gates.iter().find(|gate| gate.name == name).unwrap()
}

#[tokio::test]
async fn a_train_departs_once_somebody_else_approved_it() {
    for sealed in Sealed::each().await {
        let ada = sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        let refusal = sealed.depart(&sealed.lin).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");
        assert!(refusal.to_string().contains("0 of 1 given"), "{refusal}");

        for (person, word) in [(&ada, "wrote"), (&sealed.lin, "sealed")] {
            let refusal = sealed.approve(person).await.unwrap_err();
            assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
            assert!(refusal.to_string().contains(word), "{refusal}");
        }
        let view = sealed.now().await;
        assert_eq!(view.may_approve, ["sam"]);
        let waiting = sealed.world.trains.waiting_for_approval(&sam).await.unwrap();
        assert!(waiting.len() == 1 && waiting[0].mine, "{waiting:?}");
        assert_eq!(
            approval::waiting_for(&sealed.world.store.db, &sealed.world.mirrors, &ada).await,
            Ok(0)
        );

        sealed.approve(&sam).await.unwrap();
        sealed.approve(&sam).await.unwrap();
        let view = sealed.now().await;
        assert_eq!(view.approvals.len(), 1, "a double click is one approval");
        assert_eq!(gate(&view, "Approvals").verdict, Verdict::Pass);
        // A senior approves, but does not let production go.
        let refusal = sealed.depart(&sam).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
        sealed.depart(&sealed.lin).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
        let db = &sealed.world.store.db;
        assert_eq!(approval::still_valid(db, &sealed.train.id).await.unwrap(), Ok(()));
        sealed.world.tick().await;
        let view = sealed.now().await;
        assert_eq!(view.state, TrainState::Departing);
        assert_eq!(
            sealed
                .world
                .number("SELECT COUNT(*) FROM deployment WHERE requested_by = 'usr_lin'")
                .await,
            1
        );
        sealed.world.ends("slt_production", "succeeded").await;
        sealed.world.tick().await;
        assert_eq!(sealed.now().await.state, TrainState::Arrived);
    }
}

#[tokio::test]
async fn committers_co_authors_and_whoever_started_the_build_may_not_approve() {
    let hand = Hand {
        author: "ada",
        committer: "kim",
        message: "Pair\n\nCo-authored-by: Sam <SAM@acme.example>",
    };
    for sealed in Sealed::with(&hand, "rob").await {
        for name in ["ada", "kim", "sam", "rob"] {
            let person = sealed.world.person(name, "seniors").await;
            let refusal = sealed.approve(&person).await.unwrap_err();
            assert!(matches!(refusal, ApiError::Forbidden(_)), "{name}: {refusal}");
        }
        let other = sealed.world.person("pat", "seniors").await;
        sealed.approve(&other).await.unwrap();
    }
}

#[tokio::test]
async fn an_author_nobody_knows_makes_the_train_wait_until_somebody_says_who_it_is() {
    for sealed in Sealed::each().await {
        // ada never logged in.
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert_eq!(verdict.verdict, Verdict::Wait);
        assert!(
            verdict.sentence.contains("ada@acme.example"),
            "{}",
            verdict.sentence
        );
        let refusal = sealed.depart(&sealed.lin).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");
        let unmatched = approval::unmatched_authors(&sealed.world.store.db, &sealed.world.mirrors)
            .await
            .unwrap();
        let identities: Vec<&str> = unmatched.iter().map(|one| one.identity.as_str()).collect();
        assert_eq!(identities, ["email:ada@acme.example", "github:ada"]);

        // It was sam all along: the approval does not count.
        sealed.world.maps("email:ada@acme.example", "sam").await;
        sealed.world.maps("github:ada", "sam").await;
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert!(verdict.sentence.starts_with("0 of 1"), "{}", verdict.sentence);
        assert!(view.approvals[0].void.as_deref().unwrap().contains("wrote"));
        let pat = sealed.world.person("pat", "seniors").await;
        sealed.approve(&pat).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
    }
}

#[tokio::test]
async fn reopening_makes_approvals_void_and_an_old_manifest_is_refused() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        let pat = sealed.world.person("pat", "leads").await;
        sealed.approve(&sam).await.unwrap();
        sealed
            .world
            .trains
            .reopen(&sealed.lin, &sealed.train.id, 1, "one more thing")
            .await
            .unwrap();
        let open = sealed.now().await;
        assert_eq!((open.state, open.revision), (TrainState::Boarding, 2));
        assert!(
            open.approvals[0]
                .void
                .as_deref()
                .unwrap()
                .contains("one more thing")
        );
        let refusal = sealed.approve(&sam).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");
        let refusal = sealed
            .world
            .trains
            .seal(&pat, &sealed.train.id, 1)
            .await
            .unwrap_err();
        assert!(matches!(refusal, ApiError::Conflict(_)), "{refusal}");

        sealed.world.trains.seal(&pat, &sealed.train.id, 2).await.unwrap();
        let again = sealed.now().await;
        assert_ne!(again.manifest.as_deref(), Some(sealed.manifest()));
        assert_eq!(gate(&again, "Approvals").verdict, Verdict::Wait);
        let refusal = sealed.approve(&sam).await.unwrap_err();
        assert!(refusal.to_string().contains("sealed again"), "{refusal}");
        // Both who sealed it, then and now, are out.
        let manifest = again.manifest.unwrap();
        for editor in [&sealed.lin, &pat] {
            let refusal = sealed
                .world
                .trains
                .approve(editor, &sealed.train.id, &manifest, None)
                .await
                .unwrap_err();
            assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
        }
        sealed
            .world
            .trains
            .approve(&sam, &sealed.train.id, &manifest, None)
            .await
            .unwrap();
        sealed
            .world
            .trains
            .depart(&pat, &sealed.train.id, &manifest)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn rejection_needs_a_reason_and_blocks_until_the_train_is_sealed_again() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        let pat = sealed.world.person("pat", "seniors").await;
        let trains = &sealed.world.trains;
        let reject = async |reason: &str| {
            trains
                .reject(&sam, &sealed.train.id, sealed.manifest(), reason)
                .await
        };
        assert!(matches!(reject(" ").await, Err(ApiError::Invalid(_))));
        sealed.approve(&pat).await.unwrap();
        reject("the migration is not reversible").await.unwrap();
        reject("again").await.unwrap();
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert_eq!(verdict.verdict, Verdict::Block);
        assert!(
            verdict.sentence.contains("sam rejected it"),
            "{}",
            verdict.sentence
        );
        assert!(matches!(
            sealed.depart(&sealed.lin).await,
            Err(ApiError::Conflict(_))
        ));
        assert!(matches!(sealed.approve(&sam).await, Err(ApiError::Conflict(_))));
    }
}

#[tokio::test]
async fn approvals_run_out_and_a_changed_policy_reopens_the_train() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed.world.pass(25 * 3_600).await;
        assert!(matches!(
            sealed.depart(&sealed.lin).await,
            Err(ApiError::Conflict(_))
        ));
        sealed.world.tick().await;
        let view = sealed.now().await;
        assert_eq!(view.approvals[0].void.as_deref(), Some("it has expired"));
        sealed.approve(&sam).await.unwrap();
        let policy = crate::support::line::POLICY.replace("count = 1", "count = 2");
        server::policy::apply(&sealed.world.store.db, &server::auth::system(), &policy)
            .await
            .unwrap();
        assert!(matches!(
            sealed.depart(&sealed.lin).await,
            Err(ApiError::Conflict(_))
        ));
        sealed.world.tick().await;
        let view = sealed.now().await;
        assert_eq!((view.state, view.revision), (TrainState::Boarding, 2));
    }
}

#[tokio::test]
async fn an_approval_taken_back_beside_a_departure_is_never_unseen() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let (departed, rejected) = tokio::join!(
            sealed.depart(&sealed.lin),
            sealed
                .world
                .trains
                .reject(&sam, &sealed.train.id, sealed.manifest(), "wait, no"),
        );
        let view = sealed.now().await;
        assert!(
            departed.is_ok() != rejected.is_ok(),
            "one of them happened, not both: {departed:?} {rejected:?}"
        );
        assert_eq!(view.state == TrainState::Departing, departed.is_ok());
    }
}

#[tokio::test]
async fn the_engine_is_told_when_what_was_approved_is_not_what_is_there() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
        let db = &sealed.world.store.db;
        sealed
            .world
            .sql("UPDATE car SET digest = 'sha256:other' WHERE promoted_from = 'staging'")
            .await;
        let why = approval::still_valid(db, &sealed.train.id)
            .await
            .unwrap()
            .unwrap_err();
        assert!(why.contains("manifest"), "{why}");
        sealed
            .world
            .sql("UPDATE approval SET void_at = 1, void_why = 'x'")
            .await;
        assert!(
            approval::still_valid(db, &sealed.train.id)
                .await
                .unwrap()
                .is_err()
        );
    }
}

#[tokio::test]
async fn a_quiet_alarm_and_the_sealed_base_are_asked_again_at_departure() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed
            .world
            .sql("UPDATE alarm SET state = 'ALARM', reason = 'too many errors'")
            .await;
        let refusal = sealed.depart(&sealed.lin).await.unwrap_err();
        assert!(refusal.to_string().contains("too many errors"), "{refusal}");
        sealed
            .world
            .sql("UPDATE alarm SET state = 'INSUFFICIENT_DATA'")
            .await;
        assert!(matches!(
            sealed.depart(&sealed.lin).await,
            Err(ApiError::Conflict(_))
        ));
        sealed.world.sql("UPDATE alarm SET state = 'OK'").await;
        sealed
            .world
            .sql("UPDATE slot SET running_task_definition = 'arn:aws:ecs:eu-west-1:1:task-definition/x:9'")
            .await;
        let refusal = sealed.depart(&sealed.lin).await.unwrap_err();
        assert!(refusal.to_string().contains("x:9"), "{refusal}");
        let nobody = somebody("machine", Role::Devops);
        let refusal = sealed
            .approve(&Actor {
                id: "tok_1".to_owned(),
                ..nobody
            })
            .await
            .unwrap_err();
        assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
    }
}
