//! A loopback HTTP server that lives as long as its handle: what every part of the demo world listens with.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server. Dropping it stops listening.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Binds a loopback address. Anything else is refused: the demo world has no real secrets to keep.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "the demo world only listens on a loopback address, not on {address}"
    );
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

/// Where a bound listener can be reached, without a trailing slash.
pub fn url_of(listener: &TcpListener) -> Result<String> {
    Ok(format!("http://{}", listener.local_addr()?))
}

impl Server {
    /// Serves `router` until the handle is stopped or dropped.
    pub fn start(listener: TcpListener, router: Router) -> Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopping = async {
                // A dropped sender means the same as a message: the owner is gone.
                let _ = stopped.await;
            };
            tokio::select! {
                // Open keep-alive connections must not hold up the end, so there is no draining here.
                () = stopping => {}
                served = axum::serve(listener, router) => {
                    if let Err(error) = served {
                        tracing::error!(%error, "a demo server ended");
                    }
                }
            }
        });
        Ok(Self {
            address,
            stop: Some(stop),
            task,
        })
    }

    /// The address, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening and waits until it did.
    pub async fn stop(mut self) {
        self.stop = None;
        let _ = self.task.await;
    }
}
