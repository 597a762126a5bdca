//! CloudWatch alarms.

use std::sync::Arc;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::AlarmType;

use super::fault::Faults;
use super::limiter::{Bucket, Limiter};
use crate::aws::{Alarm, Alarms, AwsError, Scope};

/// Reads alarms.
pub(super) struct AlarmsClient {
    client: Client,
    scope: Scope,
    limiter: Arc<Limiter>,
    faults: Faults,
}

impl AlarmsClient {
    pub(super) fn new(config: &SdkConfig, scope: &Scope, limiter: Arc<Limiter>, faults: Faults) -> Self {
        Self {
            client: Client::new(config),
            scope: scope.clone(),
            limiter,
            faults,
        }
    }
}

#[async_trait]
impl Alarms for AlarmsClient {
    async fn states(&self, names: &[String]) -> Result<Vec<Alarm>, AwsError> {
        let mut alarms = Vec::new();
        let mut token = None;
        loop {
            self.limiter.take(&self.scope, Bucket::Alarms).await;
            let page = self
                .client
                .describe_alarms()
                .set_alarm_names(Some(names.to_vec()))
                .alarm_types(AlarmType::MetricAlarm)
                .alarm_types(AlarmType::CompositeAlarm)
                .max_records(100)
                .set_next_token(token)
                .send()
                .await
                .map_err(|cause| self.faults.of("DescribeAlarms", cause))?;
            alarms.extend(page.metric_alarms().iter().filter_map(|alarm| {
                alarm_of(
                    alarm.alarm_name(),
                    alarm.state_value().map(|state| state.as_str()),
                    alarm.state_reason(),
                )
            }));
            alarms.extend(page.composite_alarms().iter().filter_map(|alarm| {
                alarm_of(
                    alarm.alarm_name(),
                    alarm.state_value().map(|state| state.as_str()),
                    alarm.state_reason(),
                )
            }));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(alarms);
            }
        }
    }
}

fn alarm_of(name: Option<&str>, state: Option<&str>, reason: Option<&str>) -> Option<Alarm> {
    Some(Alarm {
        name: name?.to_owned(),
        state: state?.to_owned(),
        reason: reason.map(str::to_owned),
    })
}
