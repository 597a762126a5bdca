//! Signed deliveries to Yardmaster, in order, tried again while it is not up.
//!
//! A real GitHub does not try again; the demo does because Yardmaster and the world start together.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Result, anyhow};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How often one delivery is tried before it is given up; with the pauses below about two minutes.
const TRIES: u32 = 60;
/// Where Yardmaster takes GitHub's webhooks.
const HOOK: &str = "/hooks/github";
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Sends webhooks to one receiver.
pub struct Webhooks {
    target: Arc<RwLock<String>>,
    queue: mpsc::UnboundedSender<Delivery>,
    queued: watch::Sender<u64>,
    finished: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

struct Delivery {
    event: &'static str,
    id: String,
    body: Vec<u8>,
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Webhooks")
            .field("target", &self.target())
            .finish_non_exhaustive()
    }
}

impl Webhooks {
    /// Starts the sender for a Yardmaster at `yardmaster_url`; the secret signs every body.
    pub fn start(yardmaster_url: &str, secret: &str) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let target = Arc::new(RwLock::new(hook_address(yardmaster_url)));
        let (queue, deliveries) = mpsc::unbounded_channel();
        let (queued, _) = watch::channel(0);
        let (done, finished) = watch::channel(0);
        let task = tokio::spawn(deliver_all(
            client,
            Arc::clone(&target),
            secret.to_owned(),
            deliveries,
            done,
        ));
        Ok(Self {
            target,
            queue,
            queued,
            finished,
            task,
        })
    }

    /// Sends to another Yardmaster from now on: tests learn its port late.
    pub fn set_yardmaster(&self, url: &str) {
        *self.target.write().unwrap_or_else(PoisonError::into_inner) = hook_address(url);
    }

    /// The receiver, as it was given.
    pub fn yardmaster(&self) -> String {
        self.target().trim_end_matches(HOOK).to_owned()
    }

    /// Where deliveries go.
    pub fn target(&self) -> String {
        self.target.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a delivery at the end of the queue.
    pub fn send(&self, event: &'static str, payload: &Value) -> Result<()> {
        let delivery = Delivery {
            event,
            id: delivery_id()?,
            body: payload.to_string().into_bytes(),
        };
        // Counted first, so that `flushed` can never miss one.
        self.queued.send_modify(|queued| *queued += 1);
        self.queue
            .send(delivery)
            .map_err(|_| anyhow!("the webhook sender has ended"))
    }

    /// Waits until everything that was sent before the call has been delivered or given up.
    pub async fn flushed(&self) {
        let sent = *self.queued.borrow();
        let mut finished = self.finished.clone();
        // An error means that the sender has ended, so nothing more will come.
        let _ = finished.wait_for(|finished| *finished >= sent).await;
    }
}

impl Drop for Webhooks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn hook_address(yardmaster_url: &str) -> String {
    format!("{}{HOOK}", yardmaster_url.trim_end_matches('/'))
}

async fn deliver_all(
    client: reqwest::Client,
    target: Arc<RwLock<String>>,
    secret: String,
    mut deliveries: mpsc::UnboundedReceiver<Delivery>,
    done: watch::Sender<u64>,
) {
    // Whoever did not come up in two minutes is not waited for again until it answers once.
    let mut tries = TRIES;
    while let Some(delivery) = deliveries.recv().await {
        let verdict = deliver(&client, &target, &secret, &delivery, tries).await;
        tries = if matches!(verdict, Ok(Verdict::Unreachable(_))) {
            1
        } else {
            TRIES
        };
        match verdict {
            Ok(Verdict::Accepted) => {}
            Ok(Verdict::Refused(why) | Verdict::Unreachable(why)) => {
                tracing::warn!(event = delivery.event, id = delivery.id, why, "webhook given up");
            }
            Err(error) => tracing::error!(%error, "a webhook could not be signed"),
        }
        done.send_modify(|finished| *finished += 1);
    }
}

/// What became of a delivery.
enum Verdict {
    Accepted,
    /// The receiver is there and does not want it: asking again would get the same answer.
    Refused(String),
    Unreachable(String),
}

async fn deliver(
    client: &reqwest::Client,
    target: &RwLock<String>,
    secret: &str,
    delivery: &Delivery,
    tries: u32,
) -> Result<Verdict> {
    let signature = signature(secret, &delivery.body)?;
    let mut pause = FIRST_PAUSE;
    let mut last = String::new();
    for left in (0..tries).rev() {
        // Read each time: the receiver may have moved meanwhile.
        let url = target.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "GitHub-Hookshot/acme-demo")
            .header("x-github-event", delivery.event)
            .header("x-github-delivery", &delivery.id)
            .header("x-hub-signature-256", &signature)
            .body(delivery.body.clone())
            .send()
            .await;
        last = match answer {
            Ok(answer) if answer.status().is_success() => return Ok(Verdict::Accepted),
            Ok(answer) if answer.status().is_client_error() && answer.status().as_u16() != 429 => {
                return Ok(Verdict::Refused(format!(
                    "the receiver answered {}",
                    answer.status()
                )));
            }
            Ok(answer) => format!("the receiver answered {}", answer.status()),
            Err(error) => error.to_string(),
        };
        if left > 0 {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(Verdict::Unreachable(last))
}

/// The `X-Hub-Signature-256` of a body.
pub fn signature(secret: &str, body: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body);
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("sha256={hex}"))
}

/// A random UUID. Not from the world's seed: a receiver that outlives the world would take repeats for replays.
fn delivery_id() -> Result<String> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no randomness"))?;
    let number = u128::from_be_bytes(bytes);
    // The version (4) and variant (2) bits of RFC 9562.
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    Ok(format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    ))
}
