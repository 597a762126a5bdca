//! AssumeRole and GetCallerIdentity, and which account an access key means.
//!
//! An access key id carries its account's number after the four letters that say what kind of key it is, so
//! that credentials outlive a restart of the simulator.

use super::Caller;
use super::call::Call;
use super::error::AwsError;
use super::service::hex;
use super::state::{Session, State};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(super) fn perform(state: &mut State, operation: &str, call: &Call<'_>) -> Result<Value, AwsError> {
    match operation {
        "AssumeRole" => assume_role(state, call),
        "GetCallerIdentity" => Ok(identity(state, call)),
        _ => Err(AwsError::new(
            "InvalidAction",
            format!("Could not find operation {operation}."),
        )),
    }
}

/// The account that a call is really about: that of the role for AssumeRole.
pub(super) fn target_account<'a>(operation: &str, input: &'a Value) -> Option<&'a str> {
    (operation == "AssumeRole")
        .then(|| input.get("RoleArn")?.as_str()?.split(':').nth(4))
        .flatten()
}

/// Who signed a request, from its `Authorization` header.
pub(super) fn caller(state: &State, authorization: Option<&str>) -> Result<Caller, AwsError> {
    let scope = authorization
        .and_then(|header| header.split("Credential=").nth(1))
        .ok_or_else(|| {
            AwsError::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            )
        })?;
    let mut parts = scope.split(',').next().unwrap_or(scope).split('/');
    let access_key = parts.next().unwrap_or_default().to_owned();
    let region = parts.nth(1).unwrap_or(super::DEFAULT_REGION).to_owned();
    let coded: String = access_key
        .chars()
        .skip(4)
        .take_while(char::is_ascii_digit)
        .take(12)
        .collect();
    let account = match coded.len() {
        12 => state.accounts.contains_key(&coded).then_some(coded),
        _ => state.default_account.clone(),
    };
    let account = account.ok_or_else(|| {
        AwsError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    })?;
    Ok(Caller {
        account,
        region,
        access_key,
    })
}

fn assume_role(state: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    let arn = call.required("RoleArn").map_err(validation)?;
    let name = call.required("RoleSessionName").map_err(validation)?;
    let mut parts = arn.splitn(6, ':').skip(4);
    let account = parts.next().unwrap_or_default();
    let role = parts
        .next()
        .and_then(|resource| resource.strip_prefix("role/"))
        .unwrap_or_default();
    let denied = || {
        let by = &call.caller.account;
        let message = format!(
            "User: arn:aws:iam::{by}:user/yardmaster is not authorized to perform: sts:AssumeRole on resource: {arn}"
        );
        AwsError {
            status: 403,
            code: "AccessDenied".into(),
            message,
        }
    };
    let demanded = state
        .accounts
        .get(account)
        .and_then(|account| account.roles.get(role))
        .ok_or_else(denied)?;
    if demanded.is_some() && demanded.as_deref() != call.text("ExternalId") {
        return Err(denied());
    }
    let asked = call.text("DurationSeconds").map_or(Ok(3600), str::parse::<i64>);
    let lifetime = asked
        .ok()
        .filter(|seconds| (900..=43_200).contains(seconds))
        .ok_or_else(|| {
            validation(AwsError::invalid(
                "DurationSeconds must be between 900 and 43200.",
            ))
        })?;
    let serial = hex(&Sha256::digest(format!(
        "{arn} {name} {} {}",
        call.now,
        state.sessions.len()
    )));
    let access_key = format!(
        "ASIA{account}{}",
        serial.chars().take(4).collect::<String>().to_uppercase()
    );
    state.sessions.insert(
        access_key.clone(),
        Session {
            account: account.into(),
            role: role.into(),
            name: name.into(),
        },
    );
    let expires = chrono::DateTime::from_timestamp_millis(call.clock.real_millis() + lifetime * 1000);
    Ok(json!({
        "Credentials": {
            "AccessKeyId": access_key,
            "SecretAccessKey": serial.chars().take(40).collect::<String>(),
            "SessionToken": format!("simulated-{serial}"),
            "Expiration": expires.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": format!("AROA{}:{name}", role_id(role)),
            "Arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        },
    }))
}

fn validation(error: AwsError) -> AwsError {
    AwsError::new("ValidationError", error.message)
}

fn role_id(role: &str) -> String {
    hex(&Sha256::digest(role))
        .chars()
        .take(17)
        .collect::<String>()
        .to_uppercase()
}

fn identity(state: &State, call: &Call<'_>) -> Value {
    let account = &call.caller.account;
    let session = state
        .sessions
        .get(&call.caller.access_key)
        .filter(|session| session.account == *account);
    let (id, arn) = match session {
        Some(Session { role, name, .. }) => (
            format!("AROA{}:{name}", role_id(role)),
            format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        ),
        None => (
            format!("AIDA{}", role_id(account)),
            format!("arn:aws:iam::{account}:user/yardmaster"),
        ),
    };
    json!({ "UserId": id, "Account": account, "Arn": arn })
}
