//! A stand-in for Yardmaster's `/hooks/github` that keeps what it verified.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use sim::http::{Server, bind};

/// One delivery whose signature was right.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: String,
    pub id: String,
    pub body: Value,
}

#[derive(Clone)]
struct Inbox {
    secret: String,
    deliveries: Arc<Mutex<Vec<Delivery>>>,
}

pub struct Receiver {
    server: Server,
    inbox: Inbox,
}

impl Receiver {
    pub async fn start(secret: &str) -> Self {
        let inbox = Inbox {
            secret: secret.to_owned(),
            deliveries: Arc::default(),
        };
        let router = axum::Router::new()
            .route("/hooks/github", post(receive))
            .with_state(inbox.clone());
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        Self {
            server: Server::start(listener, router).unwrap(),
            inbox,
        }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        self.inbox.deliveries.lock().unwrap().clone()
    }
}

async fn receive(State(inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(inbox.secret.as_bytes()).unwrap();
    mac.update(&body);
    let digits = header("x-hub-signature-256")
        .strip_prefix("sha256=")
        .unwrap()
        .to_owned();
    let signature: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect();
    if mac.verify_slice(&signature).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let delivery = Delivery {
        event: header("x-github-event"),
        id: header("x-github-delivery"),
        body: serde_json::from_slice(&body).unwrap(),
    };
    inbox.deliveries.lock().unwrap().push(delivery);
    StatusCode::ACCEPTED
}
