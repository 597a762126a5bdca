//! Approvals: who may give one, what they are bound to, and what makes them void; on both databases.

mod proposed;

use app::account::{AccountPort, Actor, Role};
use app::board::{BoardFilter, BoardPort};
use app::error::ApiError;
use app::train::{TrainPort, TrainState, TrainView, Verdict};
use server::account::Accounts;
use server::approval;
use server::auth::login::Logins;
use server::board::Boards;
use server::config::Config;
use server::deployment::DepartureCheck;

use crate::support::line::{Hand, POLICY, World};
use crate::support::store::{Store, somebody};

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
        Self::under(POLICY, &[], hand, builder).await
    }

    /// Under a policy, with earlier commits on board whose builds these people started, without an image.
    async fn under(policy: &str, earlier: &[&str], hand: &Hand<'_>, builder: &str) -> Vec<Self> {
        let mut all = Vec::new();
        for store in Store::each().await {
            let world = World::on(store, policy).await;
            let first = world.commit("main", &Hand::of("zoe"));
            let digest = world.built("main", &first, "zoe").await;
            for environment in ["staging", "production"] {
                world.slot(environment, &digest).await;
            }
            let lin = world.person("lin", "leads").await;
            for starter in earlier {
                let commit = world.commit("main", hand);
                world.build("main", &commit, starter, Some(true)).await;
            }
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

    /// What the engine is told about the train's car.
    async fn may_go(&self) -> Result<(), String> {
        let trains = &self.world.trains;
        let car = &self.train.cars[0].id;
        trains.still_departs(&self.train.id, car).await.unwrap()
    }

    /// The pages of people.
    fn accounts(&self) -> Accounts {
        let db = &self.world.store.db;
        let config = Config::parse(
            "public_url = \"http://localhost:3000\"\n[keys]\naudit = \"0123456789abcdef\"\ndata = \"0123456789abcdef\"",
        ).unwrap();
        Accounts {
            db: db.clone(),
            logins: Logins::new(&config, &db.context.clock).unwrap(),
            mirrors: self.world.mirrors.clone(),
            demo_forge: None,
        }
    }

    /// What the board asks of somebody.
    async fn asked(&self, actor: &Actor) -> Vec<String> {
        let boards = Boards::new(self.world.store.db.clone(), self.world.mirrors.clone());
        let board = boards.board(actor, BoardFilter::default()).await.unwrap();
        board.needs.into_iter().map(|need| need.sentence).collect()
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
        assert_eq!(sealed.may_go().await, Ok(()));
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
async fn a_role_for_one_team_counts_for_trains_of_that_team() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.lead_of("sam", "orders").await;
        let refusal = sealed.approve(&sam).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
        let kim = sealed.world.lead_of("kim", "shop").await;
        assert_eq!(sealed.now().await.may_approve, ["kim"]);
        sealed.approve(&kim).await.unwrap();
        assert_eq!(sealed.asked(&kim).await, ["production #1 can depart"]);
        let refusal = sealed.depart(&sam).await.unwrap_err();
        assert!(matches!(refusal, ApiError::Forbidden(_)), "{refusal}");
        sealed.depart(&kim).await.unwrap();
        // Who sealed it is its captain, whoever lets it go.
        assert_eq!(sealed.now().await.captain.as_deref(), Some("lin"));
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
        for (change, back, word) in [
            (
                "UPDATE car SET note = digest, digest = 'sha256:other' WHERE promoted_from = 'staging'",
                "UPDATE car SET digest = note, note = NULL WHERE promoted_from = 'staging'",
                "manifest",
            ),
            (
                "UPDATE slot SET container = 'other' WHERE id = 'slt_production'",
                "UPDATE slot SET container = 'app' WHERE id = 'slt_production'",
                "mapped to something else",
            ),
            (
                "UPDATE slot SET ecs_service_arn = (SELECT arn FROM ecs_service WHERE slot_id = 'slt_staging')
                 WHERE id = 'slt_production'",
                "UPDATE slot SET ecs_service_arn = (SELECT arn FROM ecs_service WHERE slot_id = 'slt_production')
                 WHERE id = 'slt_production'",
                "mapped to something else",
            ),
            (
                "UPDATE train SET held_by = 'lin', held_why = 'wait' WHERE environment = 'production'",
                "UPDATE train SET held_by = NULL, held_why = NULL WHERE environment = 'production'",
                "lin holds",
            ),
        ] {
            sealed.world.sql(change).await;
            let why = sealed.may_go().await.unwrap_err();
            assert!(why.contains(word), "{change}: {why}");
            sealed.world.sql(back).await;
        }
        sealed
            .world
            .sql("UPDATE approval SET void_at = 1, void_why = 'x'")
            .await;
        assert!(sealed.may_go().await.unwrap_err().contains("0 of 1"));
    }
}

#[tokio::test]
async fn a_slot_that_is_mapped_elsewhere_after_sealing_blocks_the_departure() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed
            .world
            .sql("UPDATE slot SET container = 'sidecar' WHERE id = 'slt_production'")
            .await;
        let refusal = sealed.depart(&sealed.lin).await.unwrap_err();
        assert!(
            refusal.to_string().contains("sealed for container app"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn saying_who_an_author_is_adds_to_what_is_known_and_takes_the_right_to_approve() {
    for sealed in Sealed::each().await {
        let ada = sealed.world.person("ada", "leads").await;
        let kim = sealed.world.person("kim", "leads").await;
        let accounts = sealed.accounts();
        // Her own work stays hers, whoever she says it is.
        accounts
            .map_author(&ada, "email:ada@acme.example", "usr_lin")
            .await
            .unwrap();
        accounts.map_author(&ada, "github:ada", "usr_lin").await.unwrap();
        let refusal = sealed.approve(&ada).await.unwrap_err();
        assert!(refusal.to_string().contains("wrote"), "{refusal}");
        // Twice is once.
        accounts.map_author(&ada, "github:ada", "usr_lin").await.unwrap();
        assert_eq!(
            sealed
                .world
                .number("SELECT COUNT(*) FROM audit WHERE action = 'account.map-author'")
                .await,
            2
        );
        // Whoever says who an author is that no verified address tells does not approve what that author wrote.
        sealed
            .world
            .sql("UPDATE person SET email_verified = 0 WHERE id = 'usr_ada'")
            .await;
        accounts
            .map_author(&kim, "email:ada@acme.example", "usr_ada")
            .await
            .unwrap();
        let refusal = sealed.approve(&kim).await.unwrap_err();
        assert!(refusal.to_string().contains("You said who"), "{refusal}");
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
    }
}

#[tokio::test]
async fn a_machine_s_address_in_a_commit_hides_nobody() {
    let hand = Hand {
        message: "Bump\n\nCo-authored-by: Bump <1+bump[bot]@users.noreply.github.com>",
        ..Hand::of("ada")
    };
    for sealed in Sealed::with(&hand, "bump[bot]").await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert_eq!(verdict.verdict, Verdict::Wait);
        assert!(verdict.sentence.contains("bump[bot]"), "{}", verdict.sentence);
        sealed.world.maps("github:bump[bot]", "ada").await;
        let view = sealed.now().await;
        assert_eq!(gate(&view, "Approvals").verdict, Verdict::Pass);
    }
}

#[tokio::test]
async fn whoever_started_the_build_of_an_earlier_commit_on_board_may_not_approve() {
    // More of them than are asked for at a time.
    let earlier = [
        "rob", "eve", "ada", "ada", "ada", "ada", "ada", "ada", "ada", "ada",
    ];
    for sealed in Sealed::under(POLICY, &earlier, &Hand::of("ada"), "ada").await {
        for name in ["rob", "eve"] {
            let person = sealed.world.person(name, "seniors").await;
            let refusal = sealed.approve(&person).await.unwrap_err();
            assert!(refusal.to_string().contains("built"), "{name}: {refusal}");
        }
    }
}

#[tokio::test]
async fn two_accounts_of_one_human_are_one_approval() {
    let two = POLICY.replace("count = 1", "count = 2");
    for sealed in Sealed::under(&two, &[], &Hand::of("ada"), "ada").await {
        let world = &sealed.world;
        world.person("ada", "seniors").await;
        let sam = world.person("sam", "seniors").await;
        let (again, other_ada) = (
            world.person("sam2", "seniors").await,
            world.person("ada2", "seniors").await,
        );
        for name in ["sam", "ada"] {
            world
                .sql(&format!(
                    "UPDATE person SET issuer = 'https://other.example', email = '{name}@acme.example'
                     WHERE id = 'usr_{name}2'"
                ))
                .await;
        }
        let refusal = sealed.approve(&other_ada).await.unwrap_err();
        assert!(refusal.to_string().contains("wrote"), "{refusal}");
        sealed.approve(&sam).await.unwrap();
        let refusal = sealed.approve(&again).await.unwrap_err();
        assert!(
            refusal.to_string().contains("another of your accounts"),
            "{refusal}"
        );
        let view = sealed.now().await;
        assert!(view.may_approve.is_empty(), "{:?}", view.may_approve);
        // Both gave theirs while their addresses differed.
        world
            .sql(
                "INSERT INTO approval (id, train_id, manifest_sha256, policy_revision, person_id, approved, at, expires_at)
                 SELECT 'apv_2', train_id, manifest_sha256, policy_revision, 'usr_sam2', approved, at, expires_at
                 FROM approval",
            )
            .await;
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert!(verdict.sentence.starts_with("1 of 2"), "{}", verdict.sentence);
        assert!(
            view.approvals
                .iter()
                .filter_map(|one| one.void.as_deref())
                .any(|why| why.contains("another account"))
        );
    }
}

#[tokio::test]
async fn where_it_is_not_known_what_runs_the_last_good_deployment_tells_whose_work_it_is() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let first: String = sqlx::query_scalar("SELECT commit_id FROM image ORDER BY pushed_at LIMIT 1")
            .fetch_one(sealed.world.store.db.read())
            .await
            .unwrap();
        sealed
            .world
            .sql(&format!(
                "UPDATE image SET commit_id = NULL WHERE commit_id = '{first}'"
            ))
            .await;
        // zoe, who wrote what was there before, never logged in.
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert!(
            verdict.sentence.contains("zoe@acme.example"),
            "{}",
            verdict.sentence
        );
        sealed
            .world
            .sql(&format!(
                "INSERT INTO deployment (id, slot_id, kind, image_repository, digest, commit_id, requested_by,
                     requested_by_name, requested_at, state, phase, version, facts, wake_at, ended_at, fence)
                 VALUES ('dep_old', 'slt_production', 'train', 'r', 'sha256:x', '{first}', 'u', 'U', 1, 'succeeded',
                     'rest', 1, '{{}}', 0, 2, 0)"
            ))
            .await;
        let view = sealed.now().await;
        let verdict = gate(&view, "Approvals");
        assert_eq!(verdict.verdict, Verdict::Pass, "{}", verdict.sentence);
    }
}

#[tokio::test]
async fn the_page_says_how_many_had_to_agree_after_the_departure_and_after_the_end() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
        let one = Some("1 of 1 approval by a senior developer or a lead");
        assert_eq!(sealed.now().await.requirement.as_deref(), one);
        sealed.world.tick().await;
        sealed.world.ends("slt_production", "succeeded").await;
        sealed.world.tick().await;
        let ended = sealed.now().await;
        assert_eq!(
            (ended.state, ended.requirement.as_deref()),
            (TrainState::Arrived, one)
        );
    }
    for sealed in Sealed::each().await {
        let trains = &sealed.world.trains;
        trains
            .cancel(&sealed.lin, &sealed.train.id, 1, "not today")
            .await
            .unwrap();
        assert_eq!(
            sealed.now().await.requirement.as_deref(),
            Some("0 of 1 approval by a senior developer or a lead")
        );
    }
}

#[tokio::test]
async fn the_board_says_who_could_let_a_train_go_and_that_one_is_held() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        let none: [&str; 0] = [];
        assert_eq!(sealed.asked(&sealed.lin).await, none);
        assert_eq!(
            sealed.asked(&sam).await,
            ["production #1 waits for your approval"]
        );
        sealed.approve(&sam).await.unwrap();
        assert_eq!(sealed.asked(&sealed.lin).await, ["production #1 can depart"]);
        assert_eq!(
            sealed.asked(&sam).await,
            none,
            "a senior does not let production go"
        );
        let trains = &sealed.world.trains;
        trains
            .hold(&sealed.lin, &sealed.train.id, "the fair is on")
            .await
            .unwrap();
        assert_eq!(
            sealed.asked(&sealed.lin).await,
            ["production #1 is held by lin: the fair is on"]
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
