//! Identity providers that nobody here wrote, run with Node as children of the test.

use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running script of `end2end/identity`. Ends with the test.
pub struct Node {
    /// What the script said when it was ready.
    pub ready: serde_json::Value,
    _child: Child,
}

impl Node {
    /// Starts a script; it says in one line of JSON where it listens.
    pub async fn start(script: &str, environment: &[(&str, &str)]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../end2end");
        assert!(
            folder.join("node_modules/oidc-provider").is_dir()
                && folder.join("node_modules/oauth2-mock-server").is_dir(),
            "the identity providers of the tests are not installed: run `npm ci` in end2end (`make test` does)"
        );
        let mut child = Command::new("node")
            .arg(folder.join("identity").join(script))
            .envs(environment.iter().copied())
            // Its end tells the script that the test is over, however the test ends.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node is installed (`npm ci` in end2end needs it too)");
        let out = child.stdout.take().expect("its output is ours to read");
        let mut lines = BufReader::new(out).lines();
        let line = lines
            .next_line()
            .await
            .expect("the script's output is text")
            .unwrap_or_else(|| {
                panic!("end2end/identity/{script} ended before it was ready; its error is above")
            });
        let ready = serde_json::from_str(&line).expect("one line of JSON");
        // What else it says is read too: a script that cannot write ends.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { ready, _child: child }
    }

    /// An address that the script gave.
    pub fn address(&self, name: &str) -> String {
        let address = self.ready.get(name).and_then(serde_json::Value::as_str);
        address
            .unwrap_or_else(|| panic!("the script gave no address `{name}`"))
            .to_owned()
    }
}
