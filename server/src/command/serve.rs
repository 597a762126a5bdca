//! `yardmaster serve`

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::program::{self, Program};

pub(super) async fn run(config: Config) -> Result<()> {
    super::start_log();
    let listener = listen(&config.listen).await?;
    let db = program::open(&config).await?;
    let program = Program::new(db, config, None)?;
    program.serve(listener, until_told()?).await
}

/// Binds the address.
pub(super) async fn listen(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen: cannot use {address}; choose another address, or stop what uses it")
    })
}

/// Ends when the process is asked to: by Ctrl-C or SIGTERM.
pub(super) fn until_told() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
