//! Four months of commits, told day by day from a seed, before any of it is written into Git.
//!
//! Work goes the way of the default policy: features branch off develop and merge back, develop merges into main to
//! release, a hotfix branches off main. Every commit is a push and so a build. Only developers and juniors write:
//! an author may not approve, and seniors and leads are there to approve.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Weekday};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::catalogue::{CHANGES, FEATURES, SERVICES, Service};
use crate::persona::{self, PERSONAS, Persona};

/// Milliseconds of a day.
pub const DAY: i64 = 86_400_000;
/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;
/// How many days the story has.
pub const DAYS: i64 = 120;

/// The last days go by a script, so that every demo has something to see: days before the end, and what happens.
const RELEASES: &[(i64, &str)] = &[(6, "checkout"), (3, "catalog"), (3, "search"), (3, "inventory")];
/// The service with a hotfix, its branch, and how many days before the end.
pub const HOTFIX: (&str, &str, i64) = ("payments", "hotfix/double-charge", 2);

/// A commit of the story; its place in the list is how others refer to it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Whose repository.
    pub service: &'static Service,
    /// The branch it was pushed to.
    pub branch: String,
    /// When.
    pub at: i64,
    /// By whom.
    pub author: &'static Persona,
    /// The message.
    pub message: String,
    /// Its parents in the list.
    pub parents: Vec<usize>,
    /// What it changes against the first parent.
    pub files: Vec<(String, String)>,
    /// Which stage of its build fails, if one does.
    pub failing: Option<usize>,
}

/// The whole story.
#[derive(Debug)]
pub struct Story {
    /// All commits, oldest first.
    pub commits: Vec<Told>,
    /// Branches that were merged and deleted.
    pub gone: Vec<(&'static str, String)>,
}

/// Tells the story that ends at midnight `until`.
pub fn tell(seed: u64, until: i64) -> Story {
    let mut teller = Teller {
        random: StdRng::seed_from_u64(seed),
        commits: Vec::new(),
        gone: Vec::new(),
        yards: Vec::new(),
    };
    for service in SERVICES {
        teller.begin(service, until - DAYS * DAY + 9 * HOUR);
    }
    for left in (1..DAYS).rev() {
        let day = until - left * DAY;
        for index in 0..SERVICES.len() {
            teller.day(index, day, left);
        }
    }
    teller.finish()
}

/// Whether people work on the day that begins at `millis`.
pub fn is_workday(millis: i64) -> bool {
    let day = DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .weekday();
    !matches!(day, Weekday::Sat | Weekday::Sun)
}

/// The state of one repository while the story is told.
struct Yard {
    service: &'static Service,
    main: usize,
    develop: usize,
    /// What develop has and main has not.
    unreleased: BTreeMap<String, String>,
    feature: Option<Feature>,
    changes: u32,
    features: usize,
}

struct Feature {
    branch: String,
    tip: usize,
    commits: u32,
    files: BTreeMap<String, String>,
}

struct Teller {
    random: StdRng,
    commits: Vec<Told>,
    gone: Vec<(&'static str, String)>,
    yards: Vec<Yard>,
}

impl Teller {
    fn begin(&mut self, service: &'static Service, at: i64) {
        let name = service.name;
        let files = vec![
            (
                "README.md".to_owned(),
                format!("# {name}\n\nPart of the Acme shop.\n"),
            ),
            (
                "Dockerfile".to_owned(),
                format!("FROM scratch\nCOPY {name} /{name}\nENTRYPOINT [\"/{name}\"]\n"),
            ),
            (
                ".github/workflows/build.yml".to_owned(),
                "name: build\non: push\n".to_owned(),
            ),
        ];
        let omar = self.someone(&["omar"]);
        let first = self.commit(service, "main", at, omar, format!("Start {name}"), vec![], files);
        self.succeed(first);
        let yard = Yard {
            service,
            main: first,
            develop: first,
            unreleased: BTreeMap::new(),
            feature: None,
            changes: 0,
            features: 0,
        };
        self.yards.push(yard);
        let at = at + HOUR;
        let index = self.yards.len() - 1;
        self.change_develop(index, at);
    }

    /// One day in one repository.
    fn day(&mut self, index: usize, day: i64, left: i64) {
        let Some(name) = self.yards.get(index).map(|yard| yard.service.name) else {
            return;
        };
        let morning = day + 8 * HOUR + self.random.random_range(0..HOUR);
        // The dice are thrown on every day alike, so that the script changes nothing but what it says.
        let (feature, merge, direct, release) = (
            self.random.random_bool(0.30),
            self.random.random_bool(0.35),
            self.random.random_bool(if is_workday(day) { 0.12 } else { 0.01 }),
            self.random.random_bool(0.11),
        );
        let mut pushed = None;
        if RELEASES.contains(&(left, name)) {
            self.change_develop(index, morning);
            pushed = self.release(index, morning + 2 * HOUR);
        } else if is_workday(day) {
            if direct {
                self.change_develop(index, morning + HOUR);
            }
            if feature {
                self.work_on_feature(index, morning + 2 * HOUR);
            }
            if merge {
                self.merge_feature(index, morning + 4 * HOUR);
            }
            // Nothing may overtake what the script released.
            if release && left > 6 {
                self.release(index, morning + 6 * HOUR);
            }
        } else if direct {
            self.change_develop(index, morning + 3 * HOUR);
        }
        if left == 1 && self.yards.get(index).is_some_and(|yard| yard.feature.is_none()) {
            self.work_on_feature(index, morning + 7 * HOUR);
        }
        if (name, left) == (HOTFIX.0, HOTFIX.2) {
            pushed = self.hotfix(index, morning + HOUR);
        }
        if let Some(pushed) = pushed {
            self.succeed(pushed);
        }
    }

    fn change_develop(&mut self, index: usize, at: i64) {
        let author = self.someone(&["dana", "omar", "jun"]);
        let Some((message, file)) = self.change(index) else {
            return;
        };
        let Some(yard) = self.yards.get_mut(index) else {
            return;
        };
        yard.unreleased.insert(file.0.clone(), file.1.clone());
        let (service, develop) = (yard.service, yard.develop);
        let made = self.commit(service, "develop", at, author, message, vec![develop], vec![file]);
        if let Some(yard) = self.yards.get_mut(index) {
            yard.develop = made;
        }
    }

    fn work_on_feature(&mut self, index: usize, at: i64) {
        let author = self.someone(&["dana", "omar", "jun"]);
        let Some((message, file)) = self.change(index) else {
            return;
        };
        let Some(yard) = self.yards.get_mut(index) else {
            return;
        };
        let service = yard.service;
        let mut feature = yard.feature.take().unwrap_or_else(|| {
            let name = FEATURES
                .get((yard.features + index) % FEATURES.len())
                .copied()
                .unwrap_or("work");
            yard.features += 1;
            // A second round of the same name is another branch.
            let round = yard.features.div_ceil(FEATURES.len());
            let branch = if round > 1 {
                format!("feature/{name}-{round}")
            } else {
                format!("feature/{name}")
            };
            Feature {
                branch,
                tip: yard.develop,
                commits: 0,
                files: BTreeMap::new(),
            }
        });
        feature.files.insert(file.0.clone(), file.1.clone());
        feature.commits += 1;
        feature.tip = self.commit(
            service,
            &feature.branch,
            at,
            author,
            message,
            vec![feature.tip],
            vec![file],
        );
        if let Some(yard) = self.yards.get_mut(index) {
            yard.feature = Some(feature);
        }
    }

    fn merge_feature(&mut self, index: usize, at: i64) {
        let author = self.someone(&["dana", "omar"]);
        let Some(yard) = self.yards.get_mut(index) else {
            return;
        };
        let Some(feature) = yard.feature.take_if(|feature| feature.commits >= 2) else {
            return;
        };
        yard.unreleased.extend(feature.files.clone());
        let (service, develop) = (yard.service, yard.develop);
        let message = format!("Merge branch '{}' into develop", feature.branch);
        let files = feature.files.into_iter().collect();
        let made = self.commit(
            service,
            "develop",
            at,
            author,
            message,
            vec![develop, feature.tip],
            files,
        );
        self.gone.push((service.name, feature.branch));
        if let Some(yard) = self.yards.get_mut(index) {
            yard.develop = made;
        }
    }

    fn release(&mut self, index: usize, at: i64) -> Option<usize> {
        let author = self.someone(&["dana", "omar"]);
        let yard = self.yards.get_mut(index)?;
        if yard.unreleased.is_empty() {
            return None;
        }
        let files = std::mem::take(&mut yard.unreleased).into_iter().collect();
        let (service, main, develop) = (yard.service, yard.main, yard.develop);
        let message = "Merge branch 'develop'".to_owned();
        let made = self.commit(service, "main", at, author, message, vec![main, develop], files);
        self.yards.get_mut(index)?.main = made;
        Some(made)
    }

    fn hotfix(&mut self, index: usize, at: i64) -> Option<usize> {
        let author = self.someone(&["omar"]);
        let yard = self.yards.get(index)?;
        let file = (
            "src/card_handling.txt".to_owned(),
            "A card is charged once per order.\n".to_owned(),
        );
        let message = "Never charge a card twice for one order".to_owned();
        Some(self.commit(
            yard.service,
            HOTFIX.1,
            at,
            author,
            message,
            vec![yard.main],
            vec![file],
        ))
    }

    /// The message and file of a plausible change.
    fn change(&mut self, index: usize) -> Option<(String, (String, String))> {
        let yard = self.yards.get_mut(index)?;
        yard.changes += 1;
        let part = yard.service.parts.choose(&mut self.random)?;
        let message = CHANGES.choose(&mut self.random)?.replace("{}", part);
        let path = format!("src/{}.txt", part.replace(' ', "_"));
        Some((
            message.clone(),
            (path, format!("{part}: revision {}\n{message}\n", yard.changes)),
        ))
    }

    #[expect(clippy::too_many_arguments, reason = "a commit has that many parts")]
    fn commit(
        &mut self,
        service: &'static Service,
        branch: &str,
        at: i64,
        author: &'static Persona,
        message: String,
        parents: Vec<usize>,
        files: Vec<(String, String)>,
    ) -> usize {
        let failing = if branch == "main" { 0.04 } else { 0.09 };
        let failing = self
            .random
            .random_bool(failing)
            .then(|| self.random.random_range(0..5));
        let branch = branch.to_owned();
        self.commits.push(Told {
            service,
            branch,
            at,
            author,
            message,
            parents,
            files,
            failing,
        });
        self.commits.len() - 1
    }

    fn succeed(&mut self, commit: usize) {
        if let Some(commit) = self.commits.get_mut(commit) {
            commit.failing = None;
        }
    }

    fn someone(&mut self, logins: &[&str]) -> &'static Persona {
        let chosen = logins
            .choose(&mut self.random)
            .and_then(|login| persona::find(login));
        chosen.or(PERSONAS.first()).unwrap_or(&UNKNOWN)
    }

    /// Puts the days of all repositories into one order of time.
    fn finish(self) -> Story {
        let mut order: Vec<usize> = (0..self.commits.len()).collect();
        order.sort_by_key(|&index| self.commits.get(index).map(|commit| commit.at));
        let mut place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            if let Some(slot) = place.get_mut(old) {
                *slot = new;
            }
        }
        let commits = order
            .iter()
            .filter_map(|&old| self.commits.get(old))
            .cloned()
            .map(|mut commit| {
                for parent in &mut commit.parents {
                    *parent = place.get(*parent).copied().unwrap_or_default();
                }
                commit
            });
        Story {
            commits: commits.collect(),
            gone: self.gone,
        }
    }
}

const UNKNOWN: Persona = Persona {
    subject: "acme-0",
    login: "nobody",
    name: "Nobody",
    groups: &[],
    about: "",
};
