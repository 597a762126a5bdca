//! Whoever opened a pull request whose commits are on a train may not approve it.

use app::train::Verdict;
use serde_json::{Value, json};
use server::approval;

use super::{Sealed, gate};
use crate::support::line::{Hand, POLICY};
use crate::support::webhook::{Door, pull_request};

const CHECKOUT: &str = "https://github.com/acme/checkout.git";

impl Sealed {
    /// The commit of the train's only car.
    async fn commit(&self) -> String {
        sqlx::query_scalar("SELECT commit_id FROM car WHERE promoted_from = 'staging'")
            .fetch_one(self.world.store.db.read())
            .await
            .unwrap()
    }

    /// The forge tells of a pull request.
    async fn hears(&self, payload: &Value) {
        let delivery = self.world.store.db.id("d");
        Door::open(&self.world.store.db)
            .tell(&delivery, "pull_request", payload)
            .await;
    }

    /// What the gate says.
    async fn approvals(&self) -> (Verdict, String) {
        let view = self.now().await;
        let gate = gate(&view, "Approvals");
        (gate.verdict, gate.sentence.clone())
    }
}

#[tokio::test]
async fn whoever_opened_a_pull_request_that_somebody_else_squashed_and_merged_may_not_approve() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        assert_eq!(sealed.approvals().await.0, Verdict::Pass);

        // Sam's branch became one commit, which Git says is ada's.
        let commit = sealed.commit().await;
        let branch = "b".repeat(40);
        sealed
            .hears(&pull_request(CHECKOUT, "sam", &branch, None, 1))
            .await;
        assert_eq!(sealed.approvals().await.0, Verdict::Pass, "not merged yet");
        sealed
            .hears(&pull_request(CHECKOUT, "sam", &branch, Some(&commit), 2))
            .await;

        let (verdict, sentence) = sealed.approvals().await;
        assert_eq!(verdict, Verdict::Wait);
        assert!(sentence.starts_with("0 of 1"), "{sentence}");
        let view = sealed.now().await;
        let void = view.approvals[0].void.as_deref().unwrap();
        assert!(void.contains("opened its pull request"), "{void}");
        let refusal = sealed.approve(&sam).await.unwrap_err();
        assert!(refusal.to_string().contains("pull request"), "{refusal}");
        assert!(sealed.depart(&sealed.lin).await.is_err());

        let pat = sealed.world.person("pat", "seniors").await;
        sealed.approve(&pat).await.unwrap();
        sealed.depart(&sealed.lin).await.unwrap();
    }
}

#[tokio::test]
async fn a_proposer_nobody_knows_makes_the_train_wait_and_a_machine_does_not() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let commit = sealed.commit().await;
        let (head, merged) = ("b".repeat(40), Some(commit.as_str()));
        let mut machine = pull_request(CHECKOUT, "bump[bot]", &head, merged, 1);
        machine["pull_request"]["number"] = json!(6);
        sealed.hears(&machine).await;
        assert_eq!(sealed.approvals().await.0, Verdict::Pass);

        sealed
            .hears(&pull_request(CHECKOUT, "Kai", &head, merged, 1))
            .await;
        let (verdict, sentence) = sealed.approvals().await;
        assert_eq!(verdict, Verdict::Wait);
        assert!(sentence.contains("Kai (github:kai)"), "{sentence}");
        let world = &sealed.world;
        let unmatched = approval::unmatched_authors(&world.store.db, &world.mirrors)
            .await
            .unwrap();
        assert_eq!(unmatched.len(), 1, "{unmatched:?}");
        assert_eq!(unmatched[0].identity, "github:kai");
        world.maps("github:kai", "ada").await;
        assert_eq!(sealed.approvals().await.0, Verdict::Pass);
    }
}

#[tokio::test]
async fn a_proposed_commit_counts_where_it_could_come_from_the_pull_request() {
    for sealed in Sealed::each().await {
        sealed.world.person("ada", "seniors").await;
        let sam = sealed.world.person("sam", "seniors").await;
        sealed.approve(&sam).await.unwrap();
        let own = pull_request(CHECKOUT, "sam", &sealed.commit().await, None, 5);

        let mut back = own.clone();
        back["pull_request"]["base"]["ref"] = json!("develop");
        back["pull_request"]["updated_at"] = json!("2026-03-02T09:01:00Z");
        sealed.hears(&back).await;
        assert_eq!(sealed.approvals().await.0, Verdict::Pass, "main is brought back");

        let mut fork = own.clone();
        fork["pull_request"]["head"]["repo"]["full_name"] = json!("mallory/checkout");
        fork["pull_request"]["updated_at"] = json!("2026-03-02T09:02:00Z");
        sealed.hears(&fork).await;
        assert_eq!(
            sealed.approvals().await.0,
            Verdict::Pass,
            "any stranger can do that"
        );

        sealed.hears(&own).await;
        assert_eq!(sealed.approvals().await.0, Verdict::Wait);
    }
}

#[tokio::test]
async fn a_commit_that_names_its_pull_request_needs_no_news_of_the_merge() {
    for message in [
        "Count the basket (#7)",
        "Merge pull request #7 from acme/basket\n\nCount the basket",
    ] {
        let hand = Hand {
            message,
            ..Hand::of("ada")
        };
        // More commits on board than are looked up at a time.
        let earlier = ["ada"; 9];
        for sealed in Sealed::under(POLICY, &earlier, &hand, "ada").await {
            let sam = sealed.world.person("sam", "seniors").await;
            sealed
                .hears(&pull_request(CHECKOUT, "sam", &"b".repeat(40), None, 1))
                .await;
            let refusal = sealed.approve(&sam).await.unwrap_err();
            assert!(refusal.to_string().contains("pull request"), "{refusal}");
        }
    }
}
