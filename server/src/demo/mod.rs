//! The demo: a configuration for its world, and a past for its database. Only in builds with the feature `demo`.

mod past;

use std::path::Path;

use anyhow::Result;
use sim::world::History;

use crate::program::Program;

/// The demo's policy.
pub const POLICY: &str = include_str!("policy.toml");

/// Where the parts of the demo's world are.
#[expect(missing_docs, reason = "named by what they are")]
pub struct Addresses<'a> {
    pub public: &'a str,
    pub data: &'a Path,
    pub aws: &'a str,
    pub issuer: &'a str,
    pub git: &'a Path,
    pub webhook_secret: &'a str,
    pub client_secret: &'a str,
    pub speed: u32,
}

/// The configuration a person would write for that world.
pub fn config(addresses: &Addresses<'_>) -> String {
    let Addresses {
        public,
        data,
        aws,
        issuer,
        git,
        webhook_secret,
        client_secret,
        speed,
    } = addresses;
    let (data, git) = (data.display(), git.display());
    let account = |id: &str, alias: &str| {
        format!(
            "[[aws.account]]\nid = \"{id}\"\nalias = \"{alias}\"\nregions = [\"eu-west-1\"]\n\
             read_role = \"arn:aws:iam::{id}:role/yardmaster-read\"\ndeploy_role = \"arn:aws:iam::{id}:role/yardmaster-deploy\"\n\
             external_id = \"acme-yardmaster\"\n"
        )
    };
    format!(
        "public_url = \"{public}\"\ndata = \"{data}\"\n\n\
         [keys]\naudit = \"known to everybody: this is the demo\"\ndata = \"known to everybody: this is the demo\"\n\n\
         [[login]]\nname = \"acme\"\nlabel = \"Acme single sign-on\"\nissuer = \"{issuer}\"\nclient_id = \"yardmaster\"\n\
         client_secret = \"{client_secret}\"\n\n\
         [[source]]\nname = \"github\"\nforge = \"github\"\nsecret = \"{webhook_secret}\"\nclone_prefixes = [\"file://{git}/\"]\n\n\
         [aws]\nendpoint_url = \"{aws}\"\naccess_key_id = \"ASIA111122223333SIMU\"\nsecret_access_key = \"known to everybody\"\nspeed = {speed}\n{}{}",
        account("111122223333", "nonprod"),
        account("444455556666", "prod"),
    )
}

/// What is said when the demo is up.
pub fn welcome(url: &str, forge: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!(
        "\nYardmaster's demo is at {url}\nThe demo's forge, where you can push commits: {forge}\n\nLog in as one of:\n"
    );
    for persona in sim::persona::PERSONAS {
        let _ = writeln!(text, "  {:<18} {}", persona.name, persona.about);
    }
    text
}

/// Writes the past into a database that has none. What runs, images and commits are read from the demo's world first, as
/// the running program does.
///
/// # Errors
/// The database or a part of the world does not answer.
pub async fn remember(program: &Program, history: &History, issuer: &str, git: &Path) -> Result<()> {
    program.sync.tick().await?;
    past::repositories(&program.db, history, git).await?;
    program.mirrors.tick().await?;
    past::write(&program.db, &program.cipher, history, issuer).await?;
    Ok(())
}
