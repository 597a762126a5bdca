//! Ports behind which there is nothing: what is asked for is not found, and what was to be done is only remembered. For
//! tests of the edge, which must not care what stands behind it.

use std::sync::{Arc, Mutex};

use app::account::Actor;
use app::audit::{AuditFilter, AuditPage, AuditPort};
use app::board::{Board, BoardFilter, BoardPort};
use app::build::{BuildFilter, BuildPage, BuildPort, DeliveryPage};
use app::deployment::{DeploymentPort, DeploymentView, RollbackPlan};
use app::environment::{EnvironmentPort, EnvironmentView};
use app::error::ApiError;
use app::metric::{MetricPort, Metrics};
use app::service::{ServicePort, ServiceView, Unmapped};
use app::train::{ApprovalRequest, TrainPort, TrainView};
use async_trait::async_trait;

type Answer<T> = Result<T, ApiError>;

/// All of them.
#[derive(Clone, Default)]
pub struct Nothing {
    done: Arc<Mutex<Vec<&'static str>>>,
}

impl Nothing {
    /// What was done since it was last asked.
    pub fn done(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.done.lock().expect("no test panicked here"))
    }

    fn doing(&self, what: &'static str) -> Answer<()> {
        self.done.lock().expect("no test panicked here").push(what);
        Ok(())
    }
}

fn not_found<T>() -> Answer<T> {
    Err(ApiError::NotFound("What this test does not have".to_owned()))
}

#[async_trait]
impl AuditPort for Nothing {
    async fn entries(&self, _: &Actor, _: AuditFilter) -> Answer<AuditPage> {
        not_found()
    }
}

#[async_trait]
impl BoardPort for Nothing {
    async fn board(&self, _: &Actor, filter: BoardFilter) -> Answer<Board> {
        assert!(
            filter.search.as_deref() != Some("a fault of ours"),
            "the test asked for a panic"
        );
        not_found()
    }
}

#[async_trait]
impl BuildPort for Nothing {
    async fn builds(&self, _: &Actor, _: BuildFilter) -> Answer<BuildPage> {
        not_found()
    }
    async fn deliveries(&self, _: &Actor, _: Option<String>) -> Answer<DeliveryPage> {
        not_found()
    }
}

#[async_trait]
impl DeploymentPort for Nothing {
    async fn deployment(&self, _: &Actor, _: &str) -> Answer<DeploymentView> {
        not_found()
    }
    async fn rollback_plan(&self, _: &Actor, _: &str, _: &str) -> Answer<RollbackPlan> {
        not_found()
    }
    async fn roll_back(&self, _: &Actor, _: &str, _: &str, _: &str, _: &str) -> Answer<String> {
        self.doing("roll back").map(|()| "dep_1".to_owned())
    }
    async fn cancel(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("cancel a deployment")
    }
    async fn resolve(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("resolve")
    }
    async fn vouch(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("vouch")
    }
    async fn allow_again(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("allow again")
    }
}

#[async_trait]
impl EnvironmentPort for Nothing {
    async fn names(&self, _: &Actor) -> Answer<Vec<String>> {
        Ok(vec!["production".to_owned()])
    }
    async fn environment(&self, _: &Actor, _: &str, _: Option<i64>) -> Answer<EnvironmentView> {
        not_found()
    }
}

#[async_trait]
impl MetricPort for Nothing {
    async fn metrics(&self, _: &Actor, _: u32) -> Answer<Metrics> {
        not_found()
    }
}

#[async_trait]
impl ServicePort for Nothing {
    async fn service(&self, _: &Actor, _: &str) -> Answer<ServiceView> {
        not_found()
    }
    async fn unmapped(&self, _: &Actor) -> Answer<Unmapped> {
        not_found()
    }
    async fn map(&self, _: &Actor, _: &str, _: &str, _: &str) -> Answer<()> {
        self.doing("map a service")
    }
}

#[async_trait]
impl TrainPort for Nothing {
    async fn train(&self, _: &Actor, _: &str, _: i64) -> Answer<TrainView> {
        not_found()
    }
    async fn waiting_for_approval(&self, _: &Actor) -> Answer<Vec<ApprovalRequest>> {
        Ok(Vec::new())
    }
    async fn seal(&self, _: &Actor, _: &str, _: i64) -> Answer<()> {
        self.doing("seal")
    }
    async fn reopen(&self, _: &Actor, _: &str, _: i64, _: &str) -> Answer<()> {
        self.doing("reopen")
    }
    async fn approve(&self, _: &Actor, _: &str, _: &str, _: Option<&str>) -> Answer<()> {
        self.doing("approve")
    }
    async fn reject(&self, _: &Actor, _: &str, _: &str, _: &str) -> Answer<()> {
        self.doing("reject")
    }
    async fn depart(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("depart")
    }
    async fn hold(&self, _: &Actor, _: &str, _: &str) -> Answer<()> {
        self.doing("hold")
    }
    async fn release(&self, _: &Actor, _: &str) -> Answer<()> {
        self.doing("release")
    }
    async fn cancel(&self, _: &Actor, _: &str, _: i64, _: &str) -> Answer<()> {
        self.doing("cancel a train")
    }
}
