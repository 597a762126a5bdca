//! Numbers with their sample sizes.

use serde::{Deserialize, Serialize};

use crate::text::Millis;

/// A week of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// Monday 00:00 UTC.
    pub start: Millis,
    /// Deployments that succeeded.
    pub succeeded: u32,
    /// Deployments that failed or were rolled back.
    pub failed: u32,
}

/// The numbers of one environment over the asked range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentMetrics {
    /// Name.
    pub environment: String,
    /// Finished deployments.
    pub deployments: u32,
    /// Of them failed, in thousandths; `None` where there are no deployments.
    pub failure_rate: Option<u32>,
    /// Failed deployments.
    pub failures: u32,
    /// Commit to running, median, in milliseconds; `None` where no deployment has known commits.
    pub lead_time_median: Option<Millis>,
    /// The same, 90th percentile.
    pub lead_time_p90: Option<Millis>,
    /// How many commits the lead times are made of.
    pub lead_time_n: u32,
    /// Weeks of the range, oldest first, without gaps.
    pub weeks: Vec<Week>,
    /// Finding, in a sentence.
    pub sentence: String,
}

/// The metrics page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// When this was put together.
    pub now: Millis,
    /// Days looked back.
    pub days: u32,
    /// One per environment, in order.
    pub environments: Vec<EnvironmentMetrics>,
    /// How the numbers are made, one definition a line.
    pub definitions: Vec<String>,
}
