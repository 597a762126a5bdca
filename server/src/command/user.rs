//! `yardmaster user grant`

use anyhow::Result;
use app::account::Role;
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
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(verb: Verb) -> Result<()> {
    let Verb::Grant {
        who,
        role,
        environment,
        config,
    } = verb;
    let db = program::open(&config.load()?).await?;
    account::grant(&db, &operator(), &who, role, environment.as_deref()).await?;
    println!(
        "{who} is {} {}",
        role.word(),
        environment.map_or_else(|| "everywhere".to_owned(), |name| format!("in {name}"))
    );
    db.close().await;
    Ok(())
}
