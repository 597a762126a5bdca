//! The arithmetic, pure.

use std::collections::{BTreeMap, BTreeSet};

use app::metric::{EnvironmentMetrics, Week};
use app::text::Millis;

const DAY: Millis = 86_400_000;
const WEEK: Millis = 7 * DAY;
/// 1970-01-05, the first Monday.
const MONDAY: Millis = 4 * DAY;

/// How a deployment counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Runs, and nobody took it back.
    Succeeded,
    /// Was put back, was taken back by a person, or came to rest where a person had to look.
    Failed,
}

/// A deployment at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Repository of its service.
    pub repository: Option<String>,
    /// Commit it brought.
    pub commit: Option<String>,
    /// Commit of what ran before.
    pub from: Option<String>,
    /// How it counts.
    pub outcome: Outcome,
    /// It brought something new: no rollback by a person.
    pub forward: bool,
    /// It reached its end as asked, whatever came after.
    pub arrived: bool,
    /// When.
    pub at: Millis,
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Parents.
    pub parents: Vec<String>,
    /// When it was committed.
    pub at: Millis,
}

/// Commits of a repository by id.
pub type Repository = BTreeMap<String, Commit>;

/// The numbers of one environment from `since` to `now`. Deployments are all there are, oldest first, also from before
/// `since`: a commit counts once, when it first ran.
pub fn measure(
    environment: &str,
    deployments: &[Deployment],
    repositories: &BTreeMap<String, Repository>,
    since: Millis,
    now: Millis,
) -> EnvironmentMetrics {
    let inside: Vec<&Deployment> = deployments.iter().filter(|one| one.at >= since).collect();
    let failures = inside.iter().filter(|one| one.outcome == Outcome::Failed).count();
    let mut lead = lead_times(deployments, repositories, since);
    lead.sort_unstable();
    let failure_rate = (failures * 1_000)
        .checked_div(inside.len())
        .and_then(|rate| u32::try_from(rate).ok());
    let weeks = weeks(&inside, since, now);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let median = percentile(&lead, 50);
    EnvironmentMetrics {
        environment: environment.to_owned(),
        deployments: number(inside.len()),
        failure_rate,
        failures: number(failures),
        lead_time_median: median,
        lead_time_p90: percentile(&lead, 90),
        lead_time_n: number(lead.len()),
        sentence: sentence(environment, inside.len(), failures, median, weeks.len()),
        weeks,
    }
}

/// Commit to running, for every commit that first ran in the range.
fn lead_times(
    deployments: &[Deployment],
    repositories: &BTreeMap<String, Repository>,
    since: Millis,
) -> Vec<Millis> {
    let mut ran: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut lead = Vec::new();
    for deployment in deployments.iter().filter(|one| one.arrived && one.forward) {
        let (Some(name), Some(to), Some(from)) =
            (&deployment.repository, &deployment.commit, &deployment.from)
        else {
            continue;
        };
        let Some(repository) = repositories.get(name) else {
            continue;
        };
        for (id, commit) in between(repository, from, to) {
            if ran.insert((name, id)) && deployment.at >= since {
                lead.push((deployment.at - commit.at).max(0));
            }
        }
    }
    lead
}

/// Commits in `to` that are not in `from`; none where either is not known.
fn between<'a>(repository: &'a Repository, from: &str, to: &str) -> Vec<(&'a str, &'a Commit)> {
    if !repository.contains_key(from) || !repository.contains_key(to) {
        return Vec::new();
    }
    let before = reachable(repository, from, &BTreeMap::new());
    reachable(repository, to, &before).into_iter().collect()
}

/// Everything a commit contains, without what is known to be outside.
fn reachable<'a>(
    repository: &'a Repository,
    from: &str,
    outside: &BTreeMap<&'a str, &'a Commit>,
) -> BTreeMap<&'a str, &'a Commit> {
    let mut found = BTreeMap::new();
    let mut open = vec![from];
    let mut next: Vec<&str> = Vec::new();
    while !open.is_empty() {
        for id in open.drain(..) {
            if let Some((id, commit)) = repository.get_key_value(id)
                && !outside.contains_key(id.as_str())
                && found.insert(id.as_str(), commit).is_none()
            {
                next.extend(commit.parents.iter().map(String::as_str));
            }
        }
        std::mem::swap(&mut open, &mut next);
    }
    found
}

/// The nearest-rank percentile of sorted numbers; of an even count the median is the lower of the two.
fn percentile(sorted: &[Millis], percent: usize) -> Option<Millis> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Weeks from Monday 00:00 UTC, oldest first, empty ones too.
fn weeks(inside: &[&Deployment], since: Millis, now: Millis) -> Vec<Week> {
    let monday = |at: Millis| at - (at - MONDAY).rem_euclid(WEEK);
    let mut weeks = Vec::new();
    let mut start = monday(since);
    while start <= now {
        let of = |outcome| {
            let count = inside
                .iter()
                .filter(|one| one.outcome == outcome && one.at >= start && one.at < start + WEEK)
                .count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        weeks.push(Week {
            start,
            succeeded: of(Outcome::Succeeded),
            failed: of(Outcome::Failed),
        });
        start += WEEK;
    }
    weeks
}

fn sentence(
    environment: &str,
    deployments: usize,
    failures: usize,
    median: Option<Millis>,
    weeks: usize,
) -> String {
    if deployments == 0 {
        return format!("No deployment to {environment} ended in this time.");
    }
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        more => format!("{more} {word}s"),
    };
    let failed = match failures {
        0 => "none failed".to_owned(),
        more => format!("{more} failed"),
    };
    let lead = median.map_or_else(
        || "no lead time is known".to_owned(),
        |median| format!("half of the commits ran within {}", duration(median)),
    );
    format!(
        "{} to {environment} in {}, {failed}; {lead}.",
        count(deployments, "deployment"),
        count(weeks, "week")
    )
}

/// "40 min", "5 h", "3 days"
fn duration(millis: Millis) -> String {
    match millis / 60_000 {
        minutes @ 0..120 => format!("{minutes} min"),
        minutes @ 120..2_880 => format!("{} h", minutes / 60),
        minutes => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;
    /// A Wednesday.
    const START: Millis = 1_772_668_800_000;

    fn chain(names: &[&str]) -> Repository {
        names
            .iter()
            .zip(0_i64..)
            .map(|(name, place)| {
                let parents = usize::try_from(place - 1)
                    .ok()
                    .and_then(|before| names.get(before))
                    .map(|parent| (*parent).to_owned())
                    .into_iter()
                    .collect();
                let at = START + place * HOUR;
                ((*name).to_owned(), Commit { parents, at })
            })
            .collect()
    }

    fn deployment(from: Option<&str>, to: &str, at: Millis) -> Deployment {
        Deployment {
            repository: Some("acme/shop".to_owned()),
            commit: Some(to.to_owned()),
            from: from.map(str::to_owned),
            outcome: Outcome::Succeeded,
            forward: true,
            arrived: true,
            at,
        }
    }

    fn repositories() -> BTreeMap<String, Repository> {
        BTreeMap::from([("acme/shop".to_owned(), chain(&["a", "b", "c", "d"]))])
    }

    #[test]
    fn every_commit_that_first_ran_counts_once() {
        let deployments = [
            deployment(None, "a", START + HOUR),
            deployment(Some("a"), "c", START + 10 * HOUR),
            // Back to a by hand is not counted, and again c brings nothing new.
            deployment(Some("a"), "c", START + 20 * HOUR),
            deployment(Some("c"), "d", START + 23 * HOUR),
        ];
        let metrics = measure(
            "production",
            &deployments,
            &repositories(),
            START,
            START + 24 * HOUR,
        );
        // b waited 9 h, c 8 h, d 20 h.
        assert_eq!(metrics.lead_time_n, 3);
        assert_eq!(metrics.lead_time_median, Some(9 * HOUR));
        assert_eq!(metrics.lead_time_p90, Some(20 * HOUR));
        assert_eq!((metrics.deployments, metrics.failures), (4, 0));
    }

    #[test]
    fn no_data_is_not_zero() {
        let metrics = measure("production", &[], &BTreeMap::new(), START, START + 15 * 24 * HOUR);
        assert_eq!(metrics.failure_rate, None);
        assert_eq!(metrics.lead_time_median, None);
        assert_eq!(metrics.weeks.len(), 3, "weeks have no gaps");
        assert!(
            metrics
                .weeks
                .iter()
                .all(|week| week.start.rem_euclid(WEEK) == MONDAY)
        );
        assert!(metrics.sentence.contains("No deployment"), "{}", metrics.sentence);
    }

    #[test]
    fn failures_are_told_in_thousandths() {
        let mut deployments: Vec<Deployment> = (1..=3)
            .map(|hour| deployment(None, "a", START + hour * HOUR))
            .collect();
        if let Some(last) = deployments.last_mut() {
            last.outcome = Outcome::Failed;
        }
        let metrics = measure(
            "production",
            &deployments,
            &repositories(),
            START,
            START + 4 * HOUR,
        );
        assert_eq!((metrics.failures, metrics.failure_rate), (1, Some(333)));
        assert_eq!(metrics.weeks.iter().map(|week| week.failed).sum::<u32>(), 1);
    }
}
