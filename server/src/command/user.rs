//! `yardmaster user grant`

use anyhow::Result;
use app::account::{Grant, Role};
use clap::Subcommand;

use super::{ConfigFile, operator};
use crate::{account, program};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Gives somebody a role, beside those that their groups give: how the first DevOps person gets in.
    Grant {
        /// Their e-mail address, verified by the identity provider, or their id (`usr_…`).
        who: String,
        /// viewer, junior, senior, lead, devops, architect or security.
        #[arg(value_parser = |text: &str| text.parse::<Role>())]
        role: Role,
        /// Only in this environment.
        #[arg(long)]
        environment: Option<String>,
        /// Only for this team's services.
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(verb: Verb) -> Result<()> {
    let Verb::Grant {
        who,
        role,
        environment,
        team,
        config,
    } = verb;
    let db = program::open(&config.load()?).await?;
    let grant = Grant {
        role,
        environment,
        team,
    };
    account::grant(&db, &operator(), &who, &grant).await?;
    println!("{who} is {}", account::described(&grant));
    db.close().await;
    Ok(())
}
