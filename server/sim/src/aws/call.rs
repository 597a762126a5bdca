//! One call as the operations see it: who, where, when, and the input with AWS's limits on lists and pages.

use super::Caller;
use super::error::AwsError;
use super::state::{Place, last_part};
use crate::clock::SimClock;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::Value;

pub(crate) struct Call<'a> {
    pub caller: &'a Caller,
    pub place: Place,
    pub input: &'a Value,
    pub now: i64,
    pub clock: &'a SimClock,
}

impl<'a> Call<'a> {
    pub fn new(caller: &'a Caller, input: &'a Value, now: i64, clock: &'a SimClock) -> Self {
        Self {
            caller,
            place: Place::new(&caller.account, &caller.region),
            input,
            now,
            clock,
        }
    }

    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.input.get(field).and_then(Value::as_str)
    }

    pub fn required(&self, field: &str) -> Result<&'a str, AwsError> {
        let missing = || AwsError::invalid(format!("{field} can not be blank."));
        self.text(field)
            .filter(|text| !text.is_empty())
            .ok_or_else(missing)
    }

    /// A list of strings; no such field is an empty one.
    pub fn list(&self, field: &str) -> Vec<&'a str> {
        let values = self.input.get(field).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A list of strings that must not be empty nor longer than AWS takes.
    pub fn limited(&self, field: &str, what: &str, most: usize) -> Result<Vec<&'a str>, AwsError> {
        let list = self.list(field);
        match list.len() {
            0 => Err(AwsError::invalid(format!("{what} cannot be empty."))),
            length if length > most => Err(AwsError::invalid(format!(
                "{what} cannot have more than {most} entries."
            ))),
            _ => Ok(list),
        }
    }

    pub fn includes(&self, what: &str) -> bool {
        self.list("include").contains(&what)
    }

    /// The page of `keys` (in their order) that `nextToken` and `maxResults` ask for, and the token of the
    /// next one. A token names the last key given out, so that what is added meanwhile shifts nothing.
    pub fn page(
        &self,
        keys: Vec<String>,
        default: usize,
        most: usize,
    ) -> Result<(Vec<String>, Option<String>), AwsError> {
        let asked = self.input.get("maxResults").and_then(Value::as_u64);
        let size = match asked.and_then(|asked| usize::try_from(asked).ok()) {
            Some(size) if size == 0 || size > most => {
                return Err(AwsError::invalid(format!(
                    "maxResults must be between 1 and {most}."
                )));
            }
            Some(size) => size,
            None => default,
        };
        let start = match self.text("nextToken") {
            Some(token) => position(token, &keys).ok_or_else(|| AwsError::invalid("Invalid token."))? + 1,
            None => 0,
        };
        let total = keys.len();
        let page: Vec<String> = keys.into_iter().skip(start).take(size).collect();
        let more = start + page.len() < total;
        let token = page.last().filter(|_| more).map(|last| BASE64.encode(last));
        Ok((page, token))
    }
}

fn position(token: &str, keys: &[String]) -> Option<usize> {
    let last = String::from_utf8(BASE64.decode(token).ok()?).ok()?;
    keys.iter().position(|key| *key == last)
}

/// Adds `nextToken` to an output if there is a next page.
pub(crate) fn with_token(mut output: Value, token: Option<String>) -> Value {
    if let (Some(token), Value::Object(fields)) = (token, &mut output) {
        fields.insert("nextToken".into(), token.into());
    }
    output
}

/// Drops the members of an object that are null: AWS leaves out what it does not have.
pub(crate) fn compact(mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// A timestamp on the wire: seconds with a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit into a double for 285,000 years"
)]
pub(crate) fn seconds(millis: i64) -> Value {
    (millis as f64 / 1000.0).into()
}

/// What the ledger keeps of a call, beside who, when and how it ended.
pub(crate) struct Note {
    pub cluster: Option<String>,
    pub resource: Option<String>,
    pub detail: Value,
}

impl Note {
    pub fn of(input: &Value) -> Self {
        let text = |field: &str| {
            input
                .get(field)
                .and_then(Value::as_str)
                .map(|name| last_part(name).to_owned())
        };
        Self {
            cluster: text("cluster"),
            resource: text("service").or_else(|| text("family")),
            detail: Value::Null,
        }
    }

    /// Adds the members of `more` to the detail.
    pub fn merge(&mut self, more: Value) {
        match (&mut self.detail, more) {
            (Value::Object(detail), Value::Object(more)) => detail.extend(more),
            (detail, more) => *detail = more,
        }
    }
}
