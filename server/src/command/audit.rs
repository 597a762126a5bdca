//! `yardmaster audit verify`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::ConfigFile;
use crate::{audit, program};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Looks for entries that were changed, removed, inserted, moved or cut off.
    Verify {
        /// A file of exported heads (`audit-heads.jsonl`), kept where whoever could rewrite the database cannot reach it.
        #[arg(long)]
        checkpoint: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) async fn run(Verb::Verify { checkpoint, config }: Verb) -> Result<()> {
    let db = program::open(&config.load()?).await?;
    let report = audit::verify(&db, checkpoint.as_deref()).await?;
    db.close().await;
    println!("{report}");
    if report.sound() {
        Ok(())
    } else {
        bail!("the audit is not sound")
    }
}
