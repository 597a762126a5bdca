//! A simulated AWS behind a socket, and the program's own clients and sync in front of it.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use secrecy::SecretString;
use server::aws::client::AwsClients;
use server::config::Config;
use server::crypto::Cipher;
use server::sync::Sync;
use sim::aws::{Aws, ImageSpec, ServiceSpec};
use sim::clock::SimClock;
use sim::ledger::Ledger;

use super::store::{MONDAY, Store, somebody};

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const REGION: &str = "eu-central-1";

/// Two environments of one account and one of another, which is read through a role.
pub const POLICY: &str = r#"
[[environment]]
name = "staging"
account = "111122223333"
region = "eu-central-1"
cluster = "staging"
sources = ["main"]
alarms = ["{service}-errors"]

[[environment]]
name = "production"
account = "444455556666"
region = "eu-central-1"
cluster = "production"
sources = ["arrived:staging"]
protected = true

[environment.approvals]
count = 1

[[service]]
name = "checkout"
team = "shop"
repository = "acme/checkout"
image_repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/acme/checkout"

[[service]]
name = "catalog"
team = "catalog"
"#;

/// The simulated AWS and how it is reached.
pub struct Cloud {
    pub aws: Arc<Aws>,
    pub config: Config,
}

impl Cloud {
    /// Two accounts with a cluster each, and nothing in them.
    pub async fn start() -> Self {
        let aws = Aws::new(SimClock::driven(MONDAY), Ledger::in_memory(), 7);
        aws.add_account(ACCOUNT, "tools");
        aws.add_account(OTHER, "prod");
        aws.add_role(OTHER, "reader", Some("handshake"));
        aws.create_cluster(ACCOUNT, REGION, "staging");
        aws.create_cluster(OTHER, REGION, "production");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = aws.clone().router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = Config::parse(&format!(
            r#"
public_url = "http://localhost:3000"
[keys]
audit = "0123456789abcdef"
data = "0123456789abcdef"
[aws]
endpoint_url = "http://{address}"
[[aws.account]]
id = "{ACCOUNT}"
alias = "tools"
regions = ["{REGION}"]
[[aws.account]]
id = "{OTHER}"
alias = "prod"
regions = ["{REGION}"]
read_role = "arn:aws:iam::{OTHER}:role/reader"
deploy_role = "arn:aws:iam::{OTHER}:role/reader"
external_id = "handshake"
"#
        ))
        .expect("a sound configuration");
        Self { aws, config }
    }

    /// The program's clients, with credentials of the first account.
    pub fn clients(&self) -> AwsClients {
        let key = format!("AKIA{ACCOUNT}TEST");
        let credentials = Credentials::new(key, "secret", None, None, "test");
        AwsClients::with_credentials(&self.config, SharedCredentialsProvider::new(credentials))
    }

    /// The program's sync.
    pub fn sync(&self, store: &Store) -> Sync {
        Sync::new(store.db.clone(), Arc::new(self.clients()), cipher())
    }

    /// Pushes an image of a commit and answers its digest.
    pub fn push(&self, repository: &str, tag: &str, commit: Option<&str>) -> String {
        let spec = ImageSpec {
            tags: vec![tag.to_owned()],
            revision_label: commit.map(str::to_owned),
            pushed_at: MONDAY - 60_000 + i64::try_from(tag.len()).unwrap(),
            ..ImageSpec::default()
        };
        self.aws.push_image(ACCOUNT, REGION, repository, spec)
    }

    /// Registers a task definition with these containers and images.
    pub fn define(&self, account: &str, family: &str, containers: &[(&str, &str)]) -> String {
        let containers: Vec<_> = containers
            .iter()
            .map(|(name, image)| serde_json::json!({ "name": name, "image": image }))
            .collect();
        let input = serde_json::json!({ "family": family, "containerDefinitions": containers });
        self.aws
            .register_task_definition(account, REGION, input)
            .expect("a task definition")
    }

    /// Creates a service that runs this definition, tagged with its name where one is given.
    pub fn run(
        &self,
        account: &str,
        cluster: &str,
        name: &str,
        definition: &str,
        tag: Option<&str>,
    ) -> String {
        let spec = ServiceSpec {
            name: name.to_owned(),
            task_definition: definition.to_owned(),
            tags: tag
                .map(|tag| ("yardmaster:service".to_owned(), tag.to_owned()))
                .into_iter()
                .collect(),
            ..ServiceSpec::default()
        };
        self.aws
            .create_service(account, REGION, cluster, spec)
            .expect("a service")
    }

    /// A whole small world: checkout runs in both environments. Answers the digest.
    pub fn with_checkout(&self) -> String {
        let digest = self.push("acme/checkout", "main-77aa01c-20260301-120000", Some(COMMIT));
        for (account, cluster) in [(ACCOUNT, "staging"), (OTHER, "production")] {
            let definition = self.define(account, "checkout", &[("web", &image("acme/checkout", &digest))]);
            self.run(account, cluster, "checkout", &definition, Some("checkout"));
        }
        digest
    }

    /// Lets simulated time pass.
    pub fn pass(&self, store: &Store, seconds: u64) {
        self.aws.clock().advance(std::time::Duration::from_secs(seconds));
        store.clock.advance(i64::try_from(seconds).unwrap() * 1000);
    }
}

pub const COMMIT: &str = "77aa01c000000000000000000000000000000001";

/// The key of every test.
pub fn cipher() -> Cipher {
    Cipher::new(&SecretString::from("0123456789abcdef"))
}

/// A reference pinned to a digest.
pub fn image(repository: &str, digest: &str) -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}@{digest}")
}

/// Applies a policy.
pub async fn apply(store: &Store, policy: &str) {
    let ada = somebody("ada", app::account::Role::Devops);
    server::policy::apply(&store.db, &ada, policy)
        .await
        .expect("a sound policy");
}
