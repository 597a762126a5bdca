//! What to do, by class of failure.

use app::deployment::FailureClass;

/// Steps for the person who is called.
pub const fn runbook(class: FailureClass) -> &'static [&'static str] {
    match class {
        FailureClass::ImagePull => &[
            "Look whether the image with this digest is in ECR, in the account and region the task pulls from, and not archived.",
            "Look whether the task's execution role may call ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer.",
            "Look whether the task's subnets reach ECR: a NAT gateway, or endpoints for ecr.api, ecr.dkr and s3, and security groups that let 443 through.",
            "If the image was deleted, build the commit again; it boards as a new image.",
        ],
        FailureClass::Resources => &[
            "Compare CPU and memory in the task definition with what the application uses; raise the memory if the container was killed for it.",
            "On EC2 capacity, look whether hosts have room and the ports, and whether the capacity provider may scale out.",
            "On Fargate, look at the account's quota of vCPUs, and whether other availability zones have capacity.",
        ],
        FailureClass::Configuration => &[
            "Look for what the text names: a secret, parameter, role, log group, volume or command that is not there or may not be read.",
            "Look at the task's execution role: it reads secrets and writes the log's first line; the task role does not help there.",
            "Correct the task definition at its source and deploy it; the train seals the new base.",
        ],
        FailureClass::HealthCheck => &[
            "Read the application's log: does it listen on the port that is checked, and answer the path with a status that counts?",
            "Compare the time the application needs to start with the grace period and the checks' interval and threshold.",
            "Look whether the security group lets the load balancer reach the port.",
        ],
        FailureClass::ApplicationExit => &[
            "Read the last lines of the application's log before the exit code.",
            "Run the image with the same environment locally; look at settings and migrations that came with this commit.",
            "If it only fails here, compare environment values and secrets with the environment before.",
        ],
        FailureClass::Infrastructure => &[
            "Look at the AWS Health dashboard of the region.",
            "Try again: allow the image once more and let a train take it.",
            "If it stays, look at free addresses in the subnets and at the hosts' agents.",
        ],
        FailureClass::DeploymentLimits => &[
            "Look at the service's minimum and maximum percentages: with one task, 100 and 100 leave no room to replace it.",
            "Look for tasks under scale-in protection, and end that protection.",
        ],
        FailureClass::Unknown => &[
            "Read the events and the stopped tasks below; they are all that ECS told.",
            "Read the application's log for the time of the rollout.",
            "If the cause is found, resolve it and allow the image once more.",
        ],
    }
}
