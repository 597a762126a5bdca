//! What runs in the seeded ECS: a service for each slot on its last good image, and two that belong to nobody.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::catalogue::{NONPROD, PROD, REGION, Service};
use super::history::{Deployment, History};
use super::memory::Memory;
use super::seed::repository_of;
use crate::aws::{Aws, ServiceSpec};

/// Task definitions that ECS keeps for each slot.
const REVISIONS: usize = 3;

/// Registers the last task definitions of a slot and creates its service on what runs there: what the past says, or
/// what was deployed since.
pub(super) fn slot(
    aws: &Aws,
    service: &Service,
    environment: &str,
    account: &str,
    history: &mut History,
    memory: &Memory,
) -> Result<()> {
    let running = history
        .running(service.name, environment)
        .context("nothing was ever deployed")?
        .digest
        .clone();
    let mut lately: Vec<String> = Vec::new();
    let here = |deployment: &&mut Deployment| {
        deployment.service == service.name && deployment.environment == environment
    };
    for deployment in history.deployments.iter_mut().rev().filter(here) {
        if !lately.contains(&deployment.digest) && lately.len() < REVISIONS {
            lately.push(deployment.digest.clone());
        }
    }
    if !lately.contains(&running) {
        lately.push(running.clone());
    }
    let mut known = BTreeMap::new();
    for digest in lately.into_iter().rev() {
        let arn =
            aws.register_task_definition(account, REGION, task_definition(service, environment, &digest))?;
        known.insert(digest, arn);
    }
    for deployment in history.deployments.iter_mut().filter(here) {
        deployment.task_definition = known.get(&deployment.digest).cloned();
    }
    let (mut task_definition, mut since) = history
        .running(service.name, environment)
        .and_then(|deployment| Some((deployment.task_definition.clone()?, deployment.started_at)))
        .context("the running image has no task definition")?;
    if let Some(slot) = memory.slot(&family_of(service, environment)) {
        for revision in slot.revisions.iter().skip(known.len()) {
            aws.register_task_definition(account, REGION, revision.clone())?;
        }
        (task_definition, since) = (slot.running.clone(), slot.since);
    }
    let breaker = service.name != "reporting";
    aws.create_service(
        account,
        REGION,
        environment,
        ServiceSpec {
            name: format!("acme-{}", service.name),
            task_definition,
            desired: if environment == "production" {
                service.tasks
            } else {
                service.tasks.min(2)
            },
            tags: vec![
                ("yardmaster:service".to_owned(), service.name.to_owned()),
                ("team".to_owned(), "shop".to_owned()),
            ],
            breaker,
            rollback: breaker,
            alarms: if environment == "production" {
                vec![alarm_of(service)]
            } else {
                Vec::new()
            },
            created_at: since,
            ..ServiceSpec::default()
        },
    )?;
    Ok(())
}

fn task_definition(service: &Service, environment: &str, digest: &str) -> Value {
    let image = format!(
        "{NONPROD}.dkr.ecr.{REGION}.amazonaws.com/{}@{digest}",
        repository_of(service.name)
    );
    let account = if environment == "production" {
        PROD
    } else {
        NONPROD
    };
    let (cpu, memory) = service.size;
    json!({
        "family": family_of(service, environment),
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": cpu.to_string(),
        "memory": memory.to_string(),
        "executionRoleArn": format!("arn:aws:iam::{account}:role/acme-task-execution"),
        "taskRoleArn": format!("arn:aws:iam::{account}:role/acme-{}", service.name),
        "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        "containerDefinitions": [{
            "name": service.name,
            "image": image,
            "essential": true,
            "portMappings": [{ "containerPort": service.port, "hostPort": service.port, "protocol": "tcp" }],
            "environment": [
                { "name": "ENVIRONMENT", "value": environment },
                { "name": "LOG_LEVEL", "value": if environment == "production" { "info" } else { "debug" } },
                { "name": "PORT", "value": service.port.to_string() },
            ],
            "healthCheck": {
                "command": ["CMD-SHELL", format!("wget -qO- http://127.0.0.1:{}/health || exit 1", service.port)],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 10,
            },
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": format!("/acme/{environment}/{}", service.name),
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": service.name,
                },
            },
        }],
    })
}

/// Two services that belong to nobody's mapping.
pub(super) fn strangers(aws: &Aws, created_at: i64) -> Result<()> {
    for (account, cluster, name, image) in [
        (
            PROD,
            "production",
            "legacy-cron",
            "public.ecr.aws/docker/library/busybox:1.36",
        ),
        (
            NONPROD,
            "staging",
            "bastion",
            "public.ecr.aws/docker/library/alpine:3.20",
        ),
    ] {
        let input = json!({
            "family": name,
            "cpu": "256",
            "memory": "512",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "containerDefinitions": [{ "name": "main", "image": image, "essential": true, "command": ["sleep", "infinity"] }],
        });
        let task_definition = aws.register_task_definition(account, REGION, input)?;
        let specification = ServiceSpec {
            name: name.to_owned(),
            task_definition,
            desired: 1,
            breaker: false,
            rollback: false,
            created_at,
            ..ServiceSpec::default()
        };
        aws.create_service(account, REGION, cluster, specification)?;
    }
    Ok(())
}

/// The family of a slot's task definitions.
pub(super) fn family_of(service: &Service, environment: &str) -> String {
    format!("acme-{}-{environment}", service.name)
}

/// The alarm of a service in production.
pub(super) fn alarm_of(service: &Service) -> String {
    format!("{}-production-5xx", service.name)
}
