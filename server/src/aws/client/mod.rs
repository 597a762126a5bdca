//! The AWS SDK behind our traits.
//!
//! ```text
//! Scope + Purpose ─► clients of a role (AssumeRole, or the ambient credentials) ─► limiter ─► SDK call
//!                                                                                    answer ─► our types
//!                                                                                    error  ─► AwsError
//! ```
//!
//! One set of clients per account, region and purpose. Reads are repeated by the SDK; calls that change something
//! never are: whether they took effect is for the deployment engine to find out.

mod alarms;
mod ecr;
mod ecs;
mod fault;
mod limiter;
mod manifest;
mod shape;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ecs::config::IdentityCache;
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use self::fault::Faults;
use self::limiter::Limiter;
use super::{Alarms, Aws, AwsError, Ecr, Ecs, Purpose, Scope};
use crate::config::{AwsAccount, AwsConfig, Config};

/// Sets by what they are for; each is made once, by whoever asks first.
type Sets = HashMap<(Scope, Purpose), Arc<OnceCell<ClientSet>>>;

/// Clients for every configured account and region, made when first asked for.
pub struct AwsClients {
    config: AwsConfig,
    ambient: Option<SharedCredentialsProvider>,
    base: OnceCell<SdkConfig>,
    limiter: Arc<Limiter>,
    sets: Mutex<Sets>,
}

/// What one role sees in one account and region.
#[derive(Clone)]
struct ClientSet {
    ecs: Arc<ecs::EcsClient>,
    ecr: Arc<ecr::EcrClient>,
    alarms: Arc<alarms::AlarmsClient>,
}

impl AwsClients {
    /// From the configuration. Roles are assumed with its access key, or with the credentials of the environment:
    /// variables, profile, container or instance.
    pub fn new(config: &Config) -> Self {
        let given = config
            .aws
            .access_key_id
            .as_ref()
            .zip(config.aws.secret_access_key.as_ref());
        let given = given.map(|(id, secret)| {
            let credentials = Credentials::new(id, secret.expose_secret(), None, None, "aws.access_key_id");
            SharedCredentialsProvider::new(credentials)
        });
        Self::of(&config.aws, given)
    }

    /// The same with given credentials instead of those of the environment; for the demo and tests.
    pub fn with_credentials(config: &Config, credentials: SharedCredentialsProvider) -> Self {
        Self::of(&config.aws, Some(credentials))
    }

    fn of(config: &AwsConfig, ambient: Option<SharedCredentialsProvider>) -> Self {
        Self {
            config: config.clone(),
            ambient,
            base: OnceCell::new(),
            limiter: Arc::new(Limiter::default()),
            sets: Mutex::default(),
        }
    }

    async fn set(&self, scope: &Scope, purpose: Purpose) -> Result<ClientSet, AwsError> {
        let cell = self
            .sets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((scope.clone(), purpose))
            .or_default()
            .clone();
        // A set that could not be made is tried again next time.
        cell.get_or_try_init(|| self.connect(scope, purpose))
            .await
            .cloned()
    }

    async fn connect(&self, scope: &Scope, purpose: Purpose) -> Result<ClientSet, AwsError> {
        let account = self
            .config
            .accounts
            .iter()
            .find(|account| account.id == scope.account);
        let role = account.and_then(|account| purpose.role_of(account));
        let faults = Faults::new(&self.config, scope, purpose);
        let region = Region::new(scope.region.clone());
        let base = self.base.get_or_init(|| self.base_config()).await;
        let here = base.clone().into_builder().region(region).build();
        let config = match (account, role) {
            (Some(account), Some(role)) => {
                check_role(role, scope, purpose)?;
                let provider = assume(&here, account, role).await;
                here.into_builder()
                    .credentials_provider(SharedCredentialsProvider::new(provider))
                    .identity_cache(IdentityCache::lazy().build())
                    .build()
            }
            _ => {
                check_identity(&here, scope, purpose, &faults).await?;
                here
            }
        };
        Ok(ClientSet {
            ecs: Arc::new(ecs::EcsClient::new(
                &config,
                scope,
                self.limiter.clone(),
                faults.clone(),
            )),
            ecr: Arc::new(ecr::EcrClient::new(&config, faults.clone())?),
            alarms: Arc::new(alarms::AlarmsClient::new(
                &config,
                scope,
                self.limiter.clone(),
                faults,
            )),
        })
    }

    async fn base_config(&self) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .operation_attempt_timeout(Duration::from_secs(10))
                    .operation_timeout(Duration::from_secs(30))
                    .build(),
            );
        if let Some(endpoint) = &self.config.endpoint_url {
            loader = loader.endpoint_url(endpoint.as_str());
        }
        if let Some(credentials) = &self.ambient {
            loader = loader.credentials_provider(credentials.clone());
        }
        loader.load().await
    }
}

async fn assume(here: &SdkConfig, account: &AwsAccount, role: &str) -> AssumeRoleProvider {
    let mut builder = AssumeRoleProvider::builder(role)
        .session_name("yardmaster")
        .configure(here);
    if let Some(external_id) = &account.external_id {
        builder = builder.external_id(external_id.expose_secret());
    }
    builder.build().await
}

/// A role of another account would show, or change, that account's services under this one's name.
fn check_role(role: &str, scope: &Scope, purpose: Purpose) -> Result<(), AwsError> {
    match role.split(':').nth(4) {
        Some(account) if account == scope.account => Ok(()),
        _ => Err(AwsError::Denied(format!(
            "{} `{role}` is not the ARN of a role in account {}; correct it in [[aws.account]]",
            purpose.setting(),
            scope.account
        ))),
    }
}

/// The same for credentials whose account can only be asked.
async fn check_identity(
    here: &SdkConfig,
    scope: &Scope,
    purpose: Purpose,
    faults: &Faults,
) -> Result<(), AwsError> {
    let answer = aws_sdk_sts::Client::new(here).get_caller_identity().send().await;
    let identity = match answer.map_err(|cause| faults.of("GetCallerIdentity", cause)) {
        Ok(identity) => identity,
        // Emulators without STS have one account only.
        Err(AwsError::Unsupported(_)) => return Ok(()),
        Err(cause) => return Err(cause),
    };
    match identity.account() {
        Some(account) if account != scope.account => Err(AwsError::Denied(format!(
            "the credentials of the environment belong to account {account}, not to {}; set {} for it in [[aws.account]]",
            scope.account,
            purpose.setting()
        ))),
        _ => Ok(()),
    }
}

impl Purpose {
    /// The setting that names its role.
    const fn setting(self) -> &'static str {
        match self {
            Self::Read => "read_role",
            Self::Deploy => "deploy_role",
        }
    }

    /// The role that an account names for it.
    fn role_of(self, account: &AwsAccount) -> Option<&str> {
        match self {
            Self::Read => account.read_role.as_deref(),
            Self::Deploy => account.deploy_role.as_deref(),
        }
    }
}

#[async_trait]
impl Aws for AwsClients {
    async fn ecs(&self, scope: &Scope, purpose: Purpose) -> Result<Arc<dyn Ecs>, AwsError> {
        Ok(self.set(scope, purpose).await?.ecs)
    }

    async fn ecr(&self, scope: &Scope) -> Result<Arc<dyn Ecr>, AwsError> {
        Ok(self.set(scope, Purpose::Read).await?.ecr)
    }

    async fn alarms(&self, scope: &Scope) -> Result<Arc<dyn Alarms>, AwsError> {
        Ok(self.set(scope, Purpose::Read).await?.alarms)
    }

    fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self
            .config
            .accounts
            .iter()
            .flat_map(|account| {
                account.regions.iter().map(|region| Scope {
                    account: account.id.clone(),
                    region: region.clone(),
                })
            })
            .collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }
}
