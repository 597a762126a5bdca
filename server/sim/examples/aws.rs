//! A small simulated AWS by itself: `cargo run -p sim --example aws -- 127.0.0.1:4570`.
//!
//! One account with one service, and the control endpoints. `end2end/botocore/check_sim.py` can be run
//! against it. Its clock stands still until it is advanced.

use serde_json::json;
use sim::aws::{AlarmState, Aws, DEFAULT_REGION, ImageSpec, ServiceSpec, control};
use sim::clock::SimClock;
use sim::ledger::Ledger;
use std::collections::BTreeMap;

const ACCOUNT: &str = "111122223333";
const START: i64 = 1_772_366_400_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:4570".into());
    let aws = Aws::new(SimClock::driven(START), Ledger::in_memory(), 1);
    aws.add_account(ACCOUNT, "example");
    aws.add_role(ACCOUNT, "yardmaster", None);
    aws.create_cluster(ACCOUNT, DEFAULT_REGION, "production");
    aws.put_alarm(ACCOUNT, DEFAULT_REGION, "shop-5xx", AlarmState::Ok);
    let image = ImageSpec {
        tags: vec!["1.0.0".into()],
        revision_label: Some("0123456789abcdef0123456789abcdef01234567".into()),
        findings: Some(BTreeMap::from([("HIGH".into(), 1)])),
        ..ImageSpec::default()
    };
    aws.push_image(ACCOUNT, DEFAULT_REGION, "shop", image);
    let image = format!("{ACCOUNT}.dkr.ecr.{DEFAULT_REGION}.amazonaws.com/shop:1.0.0");
    let input = json!({
        "family": "shop",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{ "name": "web", "image": image }],
    });
    aws.register_task_definition(ACCOUNT, DEFAULT_REGION, input)?;
    let service = ServiceSpec {
        name: "shop".into(),
        task_definition: "shop:1".into(),
        alarms: vec!["shop-5xx".into()],
        ..ServiceSpec::default()
    };
    aws.create_service(ACCOUNT, DEFAULT_REGION, "production", service)?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let app = aws.clone().router().merge(control::router(aws));
    axum::serve(listener, app).await?;
    Ok(())
}
