//! What comes to a line next: images that arrived where it takes from and soak there.

use app::text::Millis;

use crate::db::Db;
use crate::image::Labels;
use crate::policy::{Environment, Policy, Source};
use crate::service::mapping::image_repository;

/// An image that runs upstream and not here.
#[derive(sqlx::FromRow)]
struct Row {
    service: String,
    digest: String,
    reference: Option<String>,
    arrived_at: Millis,
}

/// What soaks for a line, one sentence each. What has soaked is not named: it boards, or a gate or refusal keeps it off.
///
/// # Errors
/// The database does not answer.
pub async fn soaking(db: &Db, policy: &Policy, environment: &Environment) -> sqlx::Result<Vec<String>> {
    let mut sentences = Vec::new();
    for source in environment.parsed_sources() {
        let Source::Arrived(from) = source else { continue };
        let Some(upstream) = policy.environment(from) else {
            continue;
        };
        let soak = Millis::from(upstream.soak_seconds) * 1_000;
        let now = db.now();
        let rows: Vec<Row> = arrived(db, from, &environment.name, now - soak).await?;
        if rows.is_empty() {
            continue;
        }
        let labels = Labels::of_board(db).await?;
        for row in rows {
            let reference = row.reference.as_deref();
            let image = labels.name(reference.map(image_repository), &row.digest, reference);
            if image
                .branch
                .as_ref()
                .is_some_and(|branch| !environment.allows_branch(branch))
            {
                continue;
            }
            let left = app::ui::duration_text(row.arrived_at + soak - now);
            let Row { service, .. } = row;
            sentences.push(format!(
                "{service} {} soaks in {from} for {left} more.",
                image.name
            ));
        }
    }
    Ok(sentences)
}

/// Images that run in one environment since a deployment that ended after an instant, and do not run in another.
async fn arrived(db: &Db, from: &str, to: &str, after: Millis) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "SELECT service.name AS service, there.running_digest AS digest, there.running_image AS reference,
                CAST(MAX(deployment.ended_at) AS BIGINT) AS arrived_at
         FROM slot there
         JOIN slot here ON here.service_id = there.service_id AND here.environment = $2
         JOIN service ON service.id = there.service_id
         JOIN deployment ON deployment.slot_id = there.id AND deployment.digest = there.running_digest
         WHERE there.environment = $1 AND deployment.state = 'succeeded'
           AND (here.running_digest IS NULL OR here.running_digest <> there.running_digest)
         GROUP BY service.name, there.running_digest, there.running_image
         HAVING MAX(deployment.ended_at) > $3
         ORDER BY service.name",
    )
    .bind(from)
    .bind(to)
    .bind(after)
    .fetch_all(db.read())
    .await
}
