//! Faults of the API itself, injected by tests.

use super::Api;
use super::call::Call;
use super::error::AwsError;
use super::spec::Fault;
use std::collections::{BTreeMap, VecDeque};

/// Faults in waiting, by operation, first come first served.
#[derive(Debug, Default)]
pub(crate) struct Faults(BTreeMap<String, VecDeque<(Fault, u32)>>);

impl Faults {
    pub fn add(&mut self, operation: &str, fault: Fault, times: u32) {
        if times > 0 {
            self.0
                .entry(operation.into())
                .or_default()
                .push_back((fault, times));
        }
    }

    pub fn next(&mut self, operation: &str) -> Option<Fault> {
        let waiting = self.0.get_mut(operation)?;
        let (fault, times) = waiting.front_mut()?;
        let fault = *fault;
        *times -= 1;
        if *times == 0 {
            waiting.pop_front();
        }
        Some(fault)
    }
}

/// The error that a fault answers instead of doing anything; nothing for one that lets the call take effect.
pub(crate) fn refusal(fault: Fault, api: Api, operation: &str, call: &Call<'_>) -> Option<AwsError> {
    let prefix = match api {
        Api::Ecs => "ecs",
        Api::Ecr => "ecr",
        Api::Sts => "sts",
        Api::CloudWatch => "cloudwatch",
    };
    match fault {
        Fault::Throttle => Some(AwsError::new("ThrottlingException", "Rate exceeded")),
        Fault::AccessDenied => Some(AwsError::new(
            if api == Api::Sts {
                "AccessDenied"
            } else {
                "AccessDeniedException"
            },
            format!(
                "User: arn:aws:sts::{}:assumed-role/yardmaster/session is not authorized to perform: \
                 {prefix}:{operation} because no identity-based policy allows the {prefix}:{operation} action",
                call.caller.account
            ),
        )),
        Fault::ExpiredToken => Some(AwsError {
            status: if api == Api::Sts { 403 } else { 400 },
            code: match api {
                Api::Sts | Api::CloudWatch => "ExpiredToken",
                Api::Ecs | Api::Ecr => "ExpiredTokenException",
            }
            .into(),
            message: "The security token included in the request is expired".into(),
        }),
        Fault::Internal => Some(AwsError {
            status: 500,
            code: if api == Api::Sts {
                "InternalFailure"
            } else {
                "ServerException"
            }
            .into(),
            message: "Service Unavailable. Please try again later.".into(),
        }),
        Fault::EffectThenTimeout => None,
    }
}
