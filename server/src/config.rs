//! Configuration: addresses and credentials, from one TOML file and `YARDMASTER__SECTION__KEY` variables; a variable
//! or key that ends in `_file` names a file that holds the secret. What people decide (environments, approvals,
//! groups) is policy and lives in the database.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

/// A setting that is missing or wrong, for the person who wrote it.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(pub String);

/// Everything.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// How browsers reach Yardmaster.
    pub public_url: Url,
    /// Where mirrors and, by default, the SQLite database are kept.
    #[serde(default = "default_data")]
    pub data: PathBuf,
    /// The database.
    #[serde(default)]
    pub database: Database,
    /// Keys.
    pub keys: Keys,
    /// Ways to log in.
    #[serde(default, rename = "login")]
    pub logins: Vec<Login>,
    /// Webhook sources.
    #[serde(default, rename = "source")]
    pub sources: Vec<WebhookSource>,
    /// AWS.
    #[serde(default)]
    pub aws: AwsConfig,
    /// Git.
    #[serde(default)]
    pub git: Git,
}

/// The database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `sqlite:path` or `postgres://…`; by default SQLite in the data folder.
    pub url: Option<String>,
    /// A file that holds the address.
    pub url_file: Option<PathBuf>,
}

/// Keys that must not stand in the database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Seals the audit.
    #[serde(default)]
    pub audit: Option<SecretString>,
    /// A file that holds it.
    #[serde(default)]
    pub audit_file: Option<PathBuf>,
    /// Encrypts documents at rest.
    #[serde(default)]
    pub data: Option<SecretString>,
    /// A file that holds it.
    #[serde(default)]
    pub data_file: Option<PathBuf>,
}

/// One OpenID provider.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Part of its callback path: `/auth/callback/{name}`.
    pub name: String,
    /// What the button says.
    #[serde(default)]
    pub label: Option<String>,
    /// Issuer.
    pub issuer: Url,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// A file that holds it.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// Scopes beside `openid`.
    #[serde(default = "default_scopes")]
    pub scopes: Vec<String>,
    /// The claim that lists groups.
    #[serde(default = "default_groups")]
    pub groups_claim: String,
    /// What policy puts before the names of its groups. With one way to log in there is nothing to tell apart.
    #[serde(default)]
    pub group_prefix: String,
}

/// What sends webhooks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSource {
    /// Part of its path: `/hooks/{name}`.
    pub name: String,
    /// The forge; `github` today.
    pub forge: String,
    /// The shared secret.
    #[serde(default)]
    pub secret: Option<SecretString>,
    /// A file that holds it.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The secret before, still accepted while it is being changed.
    #[serde(default)]
    pub previous_secret: Option<SecretString>,
    /// Repositories whose clone URL may not be taken from the payload: `owner/name` to URL.
    #[serde(default)]
    pub clone_urls: std::collections::BTreeMap<String, String>,
    /// Beginnings of clone URLs that payloads may name.
    #[serde(default = "default_clone_prefixes")]
    pub clone_prefixes: Vec<String>,
}

/// AWS.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsConfig {
    /// An endpoint to use instead of AWS: emulators.
    #[serde(default)]
    pub endpoint_url: Option<Url>,
    /// Access key to use instead of the ambient credentials: emulators and the demo. On AWS leave it out and give the
    /// machine a role.
    #[serde(default)]
    pub access_key_id: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub secret_access_key: Option<SecretString>,
    /// Accounts to read and deploy to.
    #[serde(default, rename = "account")]
    pub accounts: Vec<AwsAccount>,
    /// Divides the waits between polls, 1 to 1000; for the demo.
    #[serde(default)]
    pub speed: Option<u32>,
}

/// One account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsAccount {
    /// 12-digit id.
    pub id: String,
    /// A name for people.
    #[serde(default)]
    pub alias: Option<String>,
    /// Regions to read.
    pub regions: Vec<String>,
    /// Role to assume for reading; without one, the ambient credentials are used.
    #[serde(default)]
    pub read_role: Option<String>,
    /// Role to assume for deploying; without one, the ambient credentials are used.
    #[serde(default)]
    pub deploy_role: Option<String>,
    /// External id that the roles' trust policies ask for.
    #[serde(default)]
    pub external_id: Option<SecretString>,
}

/// Git.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Git {
    /// A file in git's credential-store form, for repositories that need a login.
    #[serde(default)]
    pub credentials_file: Option<PathBuf>,
}

fn default_listen() -> String {
    "127.0.0.1:3000".to_owned()
}
fn default_data() -> PathBuf {
    PathBuf::from("yardmaster-data")
}
fn default_scopes() -> Vec<String> {
    ["profile", "email", "groups"].map(str::to_owned).to_vec()
}
fn default_groups() -> String {
    "groups".to_owned()
}
fn default_clone_prefixes() -> Vec<String> {
    vec!["https://github.com/".to_owned()]
}

impl Config {
    /// Reads a file and the environment, and checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// Names the setting and says what to do.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut builder = config::Config::builder();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError(format!(
                    "there is no file {}; give its path with --config",
                    file.display()
                )));
            }
            builder = builder.add_source(config::File::from(file).format(config::FileFormat::Toml));
        }
        let read = builder
            .add_source(
                config::Environment::with_prefix("YARDMASTER")
                    .prefix_separator("__")
                    .separator("__"),
            )
            .build()
            .and_then(config::Config::try_deserialize::<Self>)
            .map_err(|cause| ConfigError(cause.to_string()))?;
        read.checked()
    }

    /// Reads a document; for the demo and tests.
    ///
    /// # Errors
    /// Names the setting and says what to do.
    pub fn parse(document: &str) -> Result<Self, ConfigError> {
        toml::from_str::<Self>(document)
            .map_err(|cause| ConfigError(cause.to_string()))?
            .checked()
    }

    /// A group of one provider must never be taken for one of another: its roles are given by name.
    fn check_group_prefixes(&self) -> Result<(), ConfigError> {
        for (place, login) in self.logins.iter().enumerate().filter(|_| self.logins.len() > 1) {
            let (name, prefix) = (&login.name, &login.group_prefix);
            let mut others = self
                .logins
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place);
            if prefix.is_empty() || others.any(|(_, other)| other.group_prefix.starts_with(prefix)) {
                return Err(ConfigError(format!(
                    "login `{name}`: with more than one way to log in each needs a group_prefix of its own, so that policy can tell their groups apart: group_prefix = \"{name}/\", and \"{name}/leads\" in the policy's [groups]"
                )));
            }
        }
        Ok(())
    }

    fn checked(mut self) -> Result<Self, ConfigError> {
        let fail = |text: String| Err(ConfigError(text));
        secret_from_file(
            "keys.audit",
            &mut self.keys.audit,
            self.keys.audit_file.as_deref(),
        )?;
        secret_from_file("keys.data", &mut self.keys.data, self.keys.data_file.as_deref())?;
        for (name, key) in [("keys.audit", &self.keys.audit), ("keys.data", &self.keys.data)] {
            match key {
                None => {
                    return fail(format!(
                        "{name} is missing; make one with `openssl rand -hex 32` and keep it outside the database"
                    ));
                }
                Some(key) if is_short(key) => {
                    return fail(format!(
                        "{name} is shorter than {SHORTEST_SECRET} characters; make one with `openssl rand -hex 32`"
                    ));
                }
                Some(_) => {}
            }
        }
        let loopback = matches!(
            self.public_url.host_str(),
            Some("localhost" | "127.0.0.1" | "[::1]")
        );
        if self.public_url.scheme() != "https" && !loopback {
            return fail(format!(
                "public_url `{}` must begin with https:// (http is accepted on loopback only): session cookies would travel in the clear",
                self.public_url
            ));
        }
        let mut names = BTreeSet::new();
        for login in &mut self.logins {
            if !names.insert(login.name.clone()) {
                return fail(format!(
                    "login.name `{}` stands twice; each way to log in has a callback path of its own",
                    login.name
                ));
            }
            let name = format!("login `{}`: client_secret", login.name);
            secret_from_file(
                &name,
                &mut login.client_secret,
                login.client_secret_file.as_deref(),
            )?;
            if login.name.is_empty()
                || !login
                    .name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
            {
                return fail(format!(
                    "login.name `{}` must be letters, digits and dashes: it is part of its callback path",
                    login.name
                ));
            }
        }
        self.check_group_prefixes()?;
        let mut names = BTreeSet::new();
        for source in &mut self.sources {
            let name = format!("source `{}`: secret", source.name);
            secret_from_file(&name, &mut source.secret, source.secret_file.as_deref())?;
            if source.secret.is_none() {
                return fail(format!(
                    "source `{}` has no secret; without one anybody could report builds",
                    source.name
                ));
            }
            for (which, secret) in [
                ("secret", &source.secret),
                ("previous_secret", &source.previous_secret),
            ] {
                if secret.as_ref().is_some_and(is_short) {
                    return fail(format!(
                        "source `{}`: {which} is shorter than {SHORTEST_SECRET} characters; make one with `openssl rand -hex 32`",
                        source.name
                    ));
                }
            }
            if !names.insert(source.name.clone()) {
                return fail(format!(
                    "source.name `{}` stands twice; each source has a path of its own",
                    source.name
                ));
            }
            if source.forge != "github" {
                return fail(format!(
                    "source `{}`: forge `{}` is not supported; `github` is",
                    source.name, source.forge
                ));
            }
        }
        if self.aws.access_key_id.is_some() != self.aws.secret_access_key.is_some() {
            return fail(
                "aws.access_key_id and aws.secret_access_key go together; give both, or neither to use the machine's own role"
                    .to_owned(),
            );
        }
        let mut ids = BTreeSet::new();
        for account in &self.aws.accounts {
            if !ids.insert(&account.id) {
                return fail(format!(
                    "aws.account `{}` stands twice; name all its regions in one",
                    account.id
                ));
            }
            if account.id.len() != 12 || !account.id.chars().all(|digit| digit.is_ascii_digit()) {
                return fail(format!(
                    "aws.account.id `{}` is not a 12-digit AWS account id",
                    account.id
                ));
            }
            if account.regions.is_empty() {
                return fail(format!("aws.account `{}` names no regions", account.id));
            }
        }
        if let Some(file) = &self.database.url_file {
            if self.database.url.is_some() {
                return fail("database.url is given twice, as a value and as a file; keep one".to_owned());
            }
            self.database.url = Some(read_secret("database.url_file", file)?);
        }
        if let Some(file) = &self.git.credentials_file {
            read_secret("git.credentials_file", file)?;
        }
        Ok(self)
    }

    /// The database's address.
    pub fn database_url(&self) -> String {
        self.database
            .url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data.join("yardmaster.db").display()))
    }
}

/// What is shorter could be guessed, and nothing at all would let everybody sign.
const SHORTEST_SECRET: usize = 16;

fn is_short(secret: &SecretString) -> bool {
    secret.expose_secret().len() < SHORTEST_SECRET
}

fn secret_from_file(
    name: &str,
    secret: &mut Option<SecretString>,
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    match (&secret, file) {
        (Some(_), Some(_)) => Err(ConfigError(format!(
            "{name} is given twice, as a value and as a file; keep one"
        ))),
        (None, Some(file)) => {
            *secret = Some(SecretString::from(read_secret(name, file)?));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn read_secret(name: &str, file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file)
        .map(|text| text.trim().to_owned())
        .map_err(|cause| ConfigError(format!("{name}: cannot read {}: {cause}", file.display())))
}
