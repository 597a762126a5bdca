//! DescribeAlarms of the simulated CloudWatch.

use super::call::Call;
use super::error::AwsError;
use super::state::{Alarm, Place, State};
use serde_json::{Value, json};

pub(super) fn perform(state: &State, operation: &str, call: &Call<'_>) -> Result<Value, AwsError> {
    match operation {
        "DescribeAlarms" => describe(state, call),
        _ => Err(AwsError::unknown_operation("CloudWatch", operation)),
    }
}

fn describe(state: &State, call: &Call<'_>) -> Result<Value, AwsError> {
    let names = call.list("AlarmNames");
    let kinds = call.list("AlarmTypes");
    let (prefix, wanted) = (call.text("AlarmNamePrefix"), call.text("StateValue"));
    if names.len() > 100 {
        return Err(AwsError::new(
            "ValidationError",
            "AlarmNames cannot have more than 100 entries.",
        ));
    }
    let metric = kinds.is_empty() || kinds.contains(&"MetricAlarm");
    let found: Vec<(&String, &Alarm)> = state
        .alarms
        .all(&call.place)
        .filter(|_| metric)
        .filter(|(name, _)| names.is_empty() || names.contains(&name.as_str()))
        .filter(|(name, _)| prefix.is_none_or(|prefix| name.starts_with(prefix)))
        .filter(|(_, alarm)| wanted.is_none_or(|wanted| wanted == alarm.state.as_str()))
        .collect();
    let asked = call.input.get("MaxRecords").and_then(Value::as_i64);
    let size = asked.unwrap_or(if names.is_empty() { 50 } else { 100 });
    let constraint = match size {
        1..=100 => None,
        ..=0 => Some("greater than or equal to 1"),
        _ => Some("less than or equal to 100"),
    };
    if let Some(constraint) = constraint {
        return Err(AwsError::new(
            "ValidationError",
            format!(
                "1 validation error detected: Value '{size}' at 'maxRecords' failed to satisfy constraint: Member must \
                 have value {constraint}"
            ),
        ));
    }
    let size = usize::try_from(size).unwrap_or(100);
    let start = match call.text("NextToken") {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| AwsError::new("InvalidNextToken", "The next token is invalid."))?,
    };
    let page: Vec<Value> = found
        .iter()
        .skip(start)
        .take(size)
        .map(|(name, alarm)| shown(&call.place, name, alarm))
        .collect();
    let next = start + page.len();
    let mut output = json!({ "MetricAlarms": page, "CompositeAlarms": [] });
    if let (true, Value::Object(fields)) = (next < found.len(), &mut output) {
        fields.insert("NextToken".into(), next.to_string().into());
    }
    Ok(output)
}

/// Times are in milliseconds here; `protocol` makes them CBOR's, by the members' names.
fn shown(place: &Place, name: &str, alarm: &Alarm) -> Value {
    json!({
        "AlarmName": name,
        "AlarmArn": place.arn("cloudwatch", &format!("alarm:{name}")),
        "AlarmConfigurationUpdatedTimestamp": alarm.since,
        "ActionsEnabled": true,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "StateValue": alarm.state.as_str(),
        "StateReason": "Threshold Crossed: 1 datapoint was compared with the threshold (80.0).",
        "StateUpdatedTimestamp": alarm.since,
        "StateTransitionedTimestamp": alarm.since,
        "MetricName": "CPUUtilization",
        "Namespace": "AWS/ECS",
        "Statistic": "Average",
        "Dimensions": [],
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 80.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "missing",
    })
}
