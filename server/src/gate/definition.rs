//! *Task definition sound*: before sealing, the one that runs is known and has the container; after it, the one the
//! content was made from is still what runs.

use super::{Finding, Said};
use crate::aws::short_task_definition;
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    if car.slot.live == 0 {
        return Finding::block(
            format!(
                "The ECS service {} is gone, or mapped to something else.",
                car.slot.ecs_service
            ),
            "its return, or reopening the train so that the car gets off",
        );
    }
    if let Some(sealed) = &car.sealed
        && (sealed.ecs_service != car.slot.ecs_service_arn || sealed.container != car.slot.container)
    {
        return Finding::block(
            format!(
                "It was sealed for container {} of {}, but the slot is mapped to {} of {} now.",
                sealed.container,
                place(&sealed.ecs_service),
                car.slot.container,
                place(&car.slot.ecs_service_arn)
            ),
            "someone with the deploy right: reopen the train and seal it again",
        );
    }
    if car.rested_at.is_some_and(|at| !car.slot.read_after(at)) {
        return Finding::wait(
            "A deployment ended there, and what runs since has not been read yet.",
            "the next reading of ECS",
        );
    }
    let Some(running) = &car.slot.running_task_definition else {
        return Finding::wait(
            "What the service runs has not been read yet.",
            "the next reading of ECS",
        );
    };
    if let Some(content) = &car.car.content
        && content.base != *running
    {
        return Finding::block(
            format!(
                "It was sealed upon {}, but {} runs now.",
                short_task_definition(&content.base),
                short_task_definition(running)
            ),
            "someone with the deploy right: reopen the train and seal it again",
        );
    }
    match &car.containers {
        None => Finding::wait(
            format!("{} has not been read yet.", short_task_definition(running)),
            "the next reading of ECS",
        ),
        Some(containers) if !containers.contains(&car.slot.container) => Finding::block(
            format!(
                "{} has no container `{}`.",
                short_task_definition(running),
                car.slot.container
            ),
            "someone with the right to configure: map the service to the container that carries its image",
        ),
        Some(_) => Finding::pass(format!("Made from {}.", short_task_definition(running))),
    }
}

/// `production/checkout` of `arn:aws:ecs:eu-west-1:111122223333:service/production/checkout`.
fn place(ecs_service: &str) -> &str {
    ecs_service.rsplit(":service/").next().unwrap_or(ecs_service)
}
