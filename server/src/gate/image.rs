//! *Image exists*: ECR has this very digest, and it can be pulled.

use super::{Finding, Said};
use crate::train::CarFacts;

pub(super) fn judge(car: &CarFacts) -> Said {
    if let Some(why) = &car.refused {
        return Finding::block(
            format!("This image may not board here again: {why}."),
            "a person with the right to configure, on the page of the deployment that failed",
        );
    }
    match &car.image {
        None => Finding::wait(
            format!("{} has not been seen in ECR.", short(&car.car.digest)),
            "the next reading of ECR",
        ),
        Some(image) if image.gone_at.is_some() => Finding::block(
            format!("{} is gone from ECR.", short(&car.car.digest)),
            "a new build, or a push of the same image",
        ),
        Some(image) if image.archived != 0 => Finding::block(
            format!(
                "{} is archived in ECR and cannot be pulled.",
                short(&car.car.digest)
            ),
            "restoring it in ECR",
        ),
        Some(_) => Finding::pass(format!("{} is in ECR.", short(&car.car.digest))),
    }
}

fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}
