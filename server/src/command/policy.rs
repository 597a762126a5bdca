//! `yardmaster policy apply` and `yardmaster policy export`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;

use super::{ConfigFile, operator};
use crate::{policy, program};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Applies a policy document as the next revision.
    Apply {
        /// The document, a TOML file.
        file: PathBuf,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Prints the newest revision.
    Export {
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Apply { file, config } => {
            let document =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            // Before the database is opened: a fault in the document is the likelier one.
            policy::Policy::parse(&document).with_context(|| file.display().to_string())?;
            let db = program::open(&config.load()?).await?;
            let number = policy::apply(&db, &operator(), &document).await?;
            println!("policy revision {number} is in force");
            db.close().await;
        }
        Verb::Export { config } => {
            let db = program::open(&config.load()?).await?;
            match policy::export(&db).await? {
                Some(document) => print!("{document}"),
                None => anyhow::bail!("no policy has been applied yet; `yardmaster policy apply FILE` does"),
            }
            db.close().await;
        }
    }
    Ok(())
}
