//! The people who push: on the forge's page, by its JSON, in tests, and by themselves in the demo.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::catalogue::{self, CHANGES, FEATURES, SERVICES};
use crate::ci::Ci;
use crate::ci::plan::{self, BadRelease};
use crate::clock::SimClock;
use crate::forge::{Forge, Pushed};
use crate::persona::{self, PERSONAS};

/// However fast the world runs, a person cannot follow more pushes than this.
const SHORTEST_PAUSE: Duration = Duration::from_secs(10);

/// Pushes commits and has them built.
#[derive(Debug)]
pub struct Developers {
    pub(super) clock: SimClock,
    pub(super) forge: Arc<Forge>,
    pub(super) ci: Arc<Ci>,
}

impl Developers {
    /// Commits to a branch and starts the build. `author` is a login.
    pub async fn push(&self, service: &str, branch: &str, author: &str, message: &str) -> Result<Pushed> {
        let author = persona::find(author).with_context(|| {
            let logins: Vec<&str> = PERSONAS.iter().map(|persona| persona.login).collect();
            format!(
                "nobody is called “{author}”; the authors are {}",
                logins.join(", ")
            )
        })?;
        // Refused before anything is written.
        plan::wishes(message)?;
        let at = self.clock.now_millis();
        let title = message.lines().next().unwrap_or_default();
        let part = catalogue::find(service).and_then(|service| {
            let named = service.parts.iter().find(|part| title.contains(**part));
            named.or_else(|| service.parts.first())
        });
        let path = format!("src/{}.txt", part.copied().unwrap_or(service).replace(' ', "_"));
        let content = format!("{title}\nchanged by {} at {at}\n", author.login);
        let pushed = self
            .forge
            .push(service, branch, author, message, &[(path, content)], at)
            .await?;
        self.ci.start(pushed.clone())?;
        self.ci.tick().await?;
        Ok(pushed)
    }

    /// Pushes every minute or so, for ever; every tenth push is a bad release.
    pub(super) async fn work(self: Arc<Self>, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed ^ self.clock.now_millis().unsigned_abs());
        for count in 1_usize.. {
            let pause = Duration::from_secs(random.random_range(60..90));
            tokio::join!(self.clock.sleep(pause), tokio::time::sleep(SHORTEST_PAUSE));
            if let Err(error) = self.push_something(&mut random, count).await {
                tracing::warn!(%error, "a simulated developer could not push");
            }
        }
    }

    async fn push_something(&self, random: &mut StdRng, count: usize) -> Result<()> {
        let service = SERVICES.choose(random).context("there is no service")?;
        let part = service.parts.choose(random).context("the service has no parts")?;
        let mut message = CHANGES
            .choose(random)
            .context("there is nothing to say")?
            .replace("{}", part);
        let branch = match random.random_range(0..100) {
            0..45 => format!("feature/{}", FEATURES.choose(random).copied().unwrap_or("work")),
            45..80 => "develop".to_owned(),
            _ => "main".to_owned(),
        };
        if count.is_multiple_of(10) {
            let worst = BadRelease::ALL.get(count / 10 % BadRelease::ALL.len());
            if let Some((_, word, _)) = worst {
                message.push_str(&format!("\n\nrelease: {word}"));
            }
        } else if count % 10 == 5 {
            message.push_str("\n\nci: fail");
        }
        let author = ["dana", "omar", "jun"].choose(random).copied().unwrap_or("dana");
        self.push(service.name, &branch, author, &message)
            .await
            .map(|_| ())
    }
}
