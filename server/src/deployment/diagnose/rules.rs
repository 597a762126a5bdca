//! The rules, from specific to general. Compared in lower case; every text of a rule must occur.

use app::deployment::FailureClass::{self, *};

type Rule = (&'static [&'static str], FailureClass, &'static str);

const CANNOT_REACH_REGISTRY: &str =
    "The task cannot reach the registry; look at subnets, NAT or endpoints, and security groups.";

/// Lines that look like failures and are none.
const ROUTINE: &[&str] = &[
    "has reached a steady state",
    "registered ",
    "has stopped ",
    "stopped ",
    "has started ",
    "is not az balanced",
    "in progress",
    "deployment completed",
    "has begun draining",
    "deregistered ",
    "scaling activity initiated by",
];

/// Words that say that something failed, not why.
const SAYS_NOTHING: &[&str] = &[
    "rolling back to deployment",
    "circuit breaker",
    "deployment failed",
    "task failed to start",
];

const RULES: &[Rule] = &[
    // The container's own end.
    (
        &["outofmemory"],
        Resources,
        "The container used more memory than it may and was killed.",
    ),
    // Secrets come before image pulls: one text covers both, and the words after it decide.
    (
        &["secret", "did not contain json key"],
        Configuration,
        "A secret does not have the key that the task definition names.",
    ),
    (
        &["registry auth from asm"],
        ImagePull,
        "The secret with the registry's password cannot be read.",
    ),
    (
        &["ecr registry auth"],
        ImagePull,
        "The task cannot log in to ECR: the network or the execution role.",
    ),
    (
        &["secret", "accessdenied"],
        Configuration,
        "The execution role may not read a secret that the task definition names.",
    ),
    (
        &["ssm", "accessdenied"],
        Configuration,
        "The execution role may not read a parameter that the task definition names.",
    ),
    (
        &["secret", "resourcenotfound"],
        Configuration,
        "A secret that the task definition names does not exist.",
    ),
    (
        &["ssm", "invalid parameters"],
        Configuration,
        "A parameter that the task definition names does not exist.",
    ),
    (
        &["retrieve secret"],
        Configuration,
        "A secret that the task definition names cannot be read.",
    ),
    (
        &["fetching secret data"],
        Configuration,
        "A secret that the task definition names cannot be read.",
    ),
    (
        &["unable to pull secrets or registry auth"],
        ImagePull,
        "The task could not log in to the registry or read its secrets.",
    ),
    // Images.
    (
        &["cannotpull", "platform"],
        ImagePull,
        "The image is built for another platform than the task runs on.",
    ),
    (
        &["cannotpull", "@sha256:", "not found"],
        ImagePull,
        "The image is not in the registry any more.",
    ),
    (
        &["cannotpull", "not found"],
        ImagePull,
        "The image is not in the registry.",
    ),
    (
        &["cannotpull", "toomanyrequests"],
        ImagePull,
        "The registry limits how often images may be pulled.",
    ),
    (
        &["cannotpull", "permission"],
        ImagePull,
        "The execution role may not pull the image.",
    ),
    (
        &["cannotpull", "no space left"],
        ImagePull,
        "There is no room on the disk for the image.",
    ),
    (&["cannotpull", "timeout"], ImagePull, CANNOT_REACH_REGISTRY),
    (&["cannotpull", "connection"], ImagePull, CANNOT_REACH_REGISTRY),
    (&["cannotpull"], ImagePull, "The image cannot be pulled."),
    // Configuration of the task.
    (
        &["logger"],
        Configuration,
        "The log settings of the task definition cannot be used: the log group, the region, or the network to it.",
    ),
    (
        &["cloudwatch log"],
        Configuration,
        "The log settings of the task definition cannot be used.",
    ),
    (&["efs"], Configuration, "The EFS volume cannot be mounted."),
    (
        &["assume the role"],
        Configuration,
        "ECS may not assume a role that the task definition names.",
    ),
    (
        &["iam permissions policies"],
        Configuration,
        "The roles that ECS needs for this service are not right any more.",
    ),
    (
        &["exec format error"],
        ApplicationExit,
        "The image is built for another processor architecture than it runs on.",
    ),
    (
        &["cannotcreatecontainer", "thin pool"],
        Resources,
        "There is no room on the host's disk.",
    ),
    (&["no space left"], Resources, "There is no room on the disk."),
    (
        &["cannotstartcontainer"],
        Configuration,
        "The container cannot be started: the command, an entry point or a device is not there.",
    ),
    (
        &["cannotcreatecontainer"],
        Configuration,
        "The container cannot be made from this task definition.",
    ),
    (
        &["oci runtime create failed"],
        Configuration,
        "The container cannot be started: the command or entry point is not there.",
    ),
    (
        &["target group is not found"],
        Configuration,
        "The load balancer's target group does not exist.",
    ),
    (
        &["invalid 'cpu' setting"],
        Configuration,
        "CPU and memory of the task definition do not go together.",
    ),
    (
        &["clientexception", "registertaskdefinition"],
        Configuration,
        "AWS refuses the task definition.",
    ),
    (
        &["resourceinitializationerror"],
        Configuration,
        "The task could not be prepared as its definition says.",
    ),
    // What the deployment settings do.
    (
        &["because of the service deployment configuration"],
        DeploymentLimits,
        "The minimum and maximum percentages leave no room to start or stop a task.",
    ),
    (
        &["under protection"],
        DeploymentLimits,
        "Tasks are protected against being stopped, so that the deployment cannot end.",
    ),
    (
        &["tasks under protection"],
        DeploymentLimits,
        "Tasks are protected against being stopped.",
    ),
    // Infrastructure.
    (
        &["network interface provisioning"],
        Infrastructure,
        "AWS could not provide a network interface in time.",
    ),
    (
        &["ephemeralstorage provisioning"],
        Infrastructure,
        "AWS could not provide storage in time.",
    ),
    (
        &["spot task was interrupted"],
        Infrastructure,
        "The Spot capacity was taken back.",
    ),
    (&["host ec2"], Infrastructure, "The host was ended."),
    (
        &["error \"agent\""],
        Infrastructure,
        "The ECS agent on the host does not answer.",
    ),
    (
        &["being throttled"],
        Infrastructure,
        "AWS throttles what ECS does for this service.",
    ),
    (
        &["reason: internal error"],
        Infrastructure,
        "AWS had an internal error.",
    ),
    // Capacity.
    (
        &["insufficient memory"],
        Resources,
        "No host has enough memory left.",
    ),
    (&["insufficient cpu"], Resources, "No host has enough CPU left."),
    (
        &["already using a port"],
        Resources,
        "The port is in use on every host.",
    ),
    (
        &["missing an attribute"],
        Resources,
        "No host has what the task definition asks for.",
    ),
    (
        &["no container instances were found"],
        Resources,
        "There are no hosts in the capacity provider.",
    ),
    (
        &["capacity is unavailable"],
        Resources,
        "AWS has no capacity for this task now.",
    ),
    (
        &["reached the limit on the number of tasks"],
        Resources,
        "The account's limit of running tasks is reached.",
    ),
    (
        &["is above your limit"],
        Resources,
        "The account's limit is below what the task asks for.",
    ),
    (
        &["could not launch"],
        Resources,
        "ECS could not start as many tasks as it should.",
    ),
    (
        &["resource:"],
        Resources,
        "No host has enough left of what the task asks for.",
    ),
    (
        &["unable to place a task"],
        Resources,
        "No place was found for a task.",
    ),
    // Health.
    (
        &["failed container health checks"],
        HealthCheck,
        "The container's own health check fails.",
    ),
    (
        &["failed elb health checks"],
        HealthCheck,
        "The load balancer finds the task unhealthy.",
    ),
    (
        &["is unhealthy in"],
        HealthCheck,
        "The load balancer finds the task unhealthy.",
    ),
    (&["health checks failed"], HealthCheck, "Health checks fail."),
    // The application.
    (
        &["essential container in task exited"],
        ApplicationExit,
        "The application in the container ended by itself.",
    ),
    (
        &["unable to consistently start tasks"],
        ApplicationExit,
        "Tasks start and end again and again.",
    ),
];

pub(super) fn classify(text: &str) -> Option<(FailureClass, &'static str)> {
    let text = text.to_lowercase();
    // Newer events begin with `(service name) `, older ones with `service name `; a service's name may contain any of
    // the words below.
    let text = without_service(&text);
    if ROUTINE
        .iter()
        .any(|routine| text.starts_with(routine) || (text.contains(routine) && !says_why(text)))
    {
        return None;
    }
    let rule = RULES
        .iter()
        .find(|(words, ..)| words.iter().all(|word| text.contains(word)));
    rule.filter(|_| !SAYS_NOTHING.iter().any(|words| text.starts_with(words)))
        .map(|(_, class, sentence)| (*class, *sentence))
}

/// Words that only stand in lines about failures.
fn says_why(text: &str) -> bool {
    text.contains("unable to")
        || text.contains("error")
        || text.contains("unhealthy in")
        || text.contains("health checks failed")
}

fn without_service(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix("(service ") {
        return rest.split_once(") ").map_or(text, |(_, rest)| rest);
    }
    text.strip_prefix("service ")
        .and_then(|rest| rest.split_once(' '))
        .map_or(text, |(_, rest)| rest)
}
