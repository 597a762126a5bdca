//! What the company is made of: its accounts, environments and services, and what its developers write about.

/// The AWS region of everything.
pub const REGION: &str = "eu-west-1";
/// The account of development and staging; it also holds all images.
pub const NONPROD: &str = "111122223333";
/// The account of production.
pub const PROD: &str = "444455556666";
/// What AssumeRole wants to hear.
pub const EXTERNAL_ID: &str = "acme-yardmaster";

/// The environments in order: name, which is the cluster's too, and account.
pub const ENVIRONMENTS: &[(&str, &str)] = &[
    ("development", NONPROD),
    ("staging", NONPROD),
    ("production", PROD),
];

/// One deployable of the company.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name, of the repository and the container too.
    pub name: &'static str,
    /// The port that it listens on.
    pub port: u16,
    /// CPU units and MiB of memory of a task.
    pub size: (u32, u32),
    /// Tasks in production; elsewhere there are two at most.
    pub tasks: u32,
    /// Things in it that developers change.
    pub parts: &'static [&'static str],
}

/// All services. `reporting` has no circuit breaker.
pub const SERVICES: &[Service] = &[
    service(
        "gateway",
        8080,
        (512, 1024),
        4,
        &["routing", "rate limits", "access log"],
    ),
    service(
        "web",
        3000,
        (512, 1024),
        4,
        &["home page", "navigation", "product page"],
    ),
    service(
        "catalog",
        8081,
        (256, 512),
        3,
        &["product import", "categories", "price display"],
    ),
    service(
        "search",
        8082,
        (1024, 2048),
        3,
        &["ranking", "suggestions", "index updates"],
    ),
    service(
        "cart",
        8083,
        (256, 512),
        3,
        &["basket totals", "vouchers", "saved baskets"],
    ),
    service(
        "checkout",
        8084,
        (512, 1024),
        4,
        &["address form", "order placement", "tax calculation"],
    ),
    service(
        "payments",
        8085,
        (512, 1024),
        3,
        &["card handling", "refunds", "settlement"],
    ),
    service(
        "accounts",
        8086,
        (256, 512),
        2,
        &["sign-up", "password reset", "profile page"],
    ),
    service(
        "inventory",
        8087,
        (256, 512),
        2,
        &["stock levels", "reservations", "warehouse sync"],
    ),
    service(
        "shipping",
        8088,
        (256, 512),
        2,
        &["carrier labels", "tracking", "delivery dates"],
    ),
    service(
        "notifications",
        8089,
        (256, 512),
        2,
        &["e-mail templates", "text messages", "digests"],
    ),
    service(
        "recommendations",
        8090,
        (1024, 2048),
        2,
        &["similar products", "model loading", "feedback"],
    ),
    service(
        "reporting",
        8091,
        (512, 2048),
        1,
        &["daily export", "sales summary", "retention job"],
    ),
];

const fn service(
    name: &'static str,
    port: u16,
    size: (u32, u32),
    tasks: u32,
    parts: &'static [&'static str],
) -> Service {
    Service {
        name,
        port,
        size,
        tasks,
        parts,
    }
}

/// The service of this name.
pub fn find(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// How a change to some part is put; `{}` is the part.
pub const CHANGES: &[&str] = &[
    "Speed up {}",
    "Fix a rounding error in {}",
    "Show a clearer message when {} fails",
    "Add metrics for {}",
    "Retry {} after a timeout",
    "Simplify {}",
    "Cover {} with tests",
    "Make {} configurable",
    "Handle empty input in {}",
    "Remove a dead flag from {}",
];

/// Names of feature branches; `{}` is the service.
pub const FEATURES: &[&str] = &[
    "faster-start",
    "new-layout",
    "audit-trail",
    "bulk-edit",
    "second-currency",
    "dark-mode",
    "smart-retries",
];

/// Why people roll back by hand.
pub const REASONS: &[&str] = &[
    "Error rate doubled within ten minutes",
    "Support reports blank pages for some customers",
    "Latency is above two seconds at the 95th percentile",
    "Numbers in the daily export are wrong",
];

/// How a deployment fails.
#[derive(Debug)]
pub struct FailureStory {
    /// Yardmaster's key of the failure class.
    pub class: &'static str,
    /// ECS's stop code of its tasks.
    pub stop_code: &'static str,
    /// ECS's stopped reason.
    pub reason: &'static str,
    /// The container's exit code, where it ran.
    pub exit_code: Option<i64>,
    /// The container's own reason.
    pub container_reason: Option<&'static str>,
}

const EXITED: &str = "Essential container in task exited";
const CANNOT_PULL: &str = "CannotPullContainerError: The task cannot pull the image from the registry. There is a \
     connection issue between the task and the registry. Check your task network configuration. : failed to copy: \
     httpReadSeeker: failed open: failed to do request: dial tcp 10.0.3.17:443: i/o timeout";

/// How deployments fail. The first is the one that waits to be diagnosed.
pub const FAILURES: &[FailureStory] = &[
    FailureStory {
        class: "application-exit",
        stop_code: "EssentialContainerExited",
        reason: EXITED,
        exit_code: Some(1),
        container_reason: None,
    },
    FailureStory {
        class: "health-check",
        stop_code: "ServiceSchedulerInitiated",
        reason: "Task failed container health checks",
        exit_code: Some(143),
        container_reason: None,
    },
    FailureStory {
        class: "image-pull",
        stop_code: "TaskFailedToStart",
        reason: CANNOT_PULL,
        exit_code: None,
        container_reason: Some(CANNOT_PULL),
    },
    FailureStory {
        class: "resources",
        stop_code: "EssentialContainerExited",
        reason: EXITED,
        exit_code: Some(137),
        container_reason: Some("OutOfMemoryError: Container killed due to memory usage"),
    },
    FailureStory {
        class: "application-exit",
        stop_code: "EssentialContainerExited",
        reason: EXITED,
        exit_code: Some(134),
        container_reason: None,
    },
    FailureStory {
        class: "configuration",
        stop_code: "TaskFailedToStart",
        reason: "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval \
                 failed: unable to retrieve secret from asm: service call has been retried 1 time(s): \
                 ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        exit_code: None,
        container_reason: None,
    },
];
