//! `yardmaster config check`

use anyhow::Result;
use clap::Subcommand;

use super::ConfigFile;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Reads the configuration and says what is wrong with it.
    Check(ConfigFile),
}

pub(super) fn run(Verb::Check(file): Verb) -> Result<()> {
    let config = file.load()?;
    println!("public_url   {}", config.public_url);
    println!("listen       {}", config.listen);
    println!(
        "database     {}",
        if config.database_url().starts_with("sqlite") {
            config.database_url()
        } else {
            "PostgreSQL".to_owned()
        }
    );
    println!(
        "login        {}",
        list(
            config
                .logins
                .iter()
                .map(|login| format!("{} ({})", login.name, login.issuer))
        )
    );
    println!(
        "sources      {}",
        list(
            config
                .sources
                .iter()
                .map(|source| format!("{} ({})", source.name, source.forge))
        )
    );
    println!(
        "aws accounts {}",
        list(config.aws.accounts.iter().map(|account| account.id.clone()))
    );
    println!("the configuration is sound");
    Ok(())
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}
