//! Makes a page in one task, and to its end.
//!
//! Leptos spawns what a page waits for, and by default those tasks run on other threads beside the page itself. Two
//! threads that read the same memo at once then find it half computed (reactive_graph 0.2: its value is taken out while
//! it is computed anew), which panics, or leaves the page waiting for ever. So what a page spawns is run by the page's
//! own task, in turn with it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use any_spawner::{CustomExecutor, Executor, PinnedFuture, PinnedLocalFuture};
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::Instrument as _;

/// Pages larger than this are a fault of ours.
const LARGEST_PAGE: usize = 16 << 20;

tokio::task_local! {
    /// Takes what the page of this task spawns.
    static SPAWNED: UnboundedSender<PinnedFuture<()>>;
}

/// Has leptos spawn into pages' own tasks, once for the process; before leptos chooses an executor by itself.
pub(super) fn install() {
    // The second of several routers in one process (tests) finds it installed.
    drop(Executor::init_custom_executor(PageTasks));
}

struct PageTasks;

impl CustomExecutor for PageTasks {
    fn spawn(&self, future: PinnedFuture<()>) {
        let mut future = Some(future);
        let in_page = SPAWNED.try_with(|spawned| {
            if let Some(future) = future.take() {
                // A page that is over takes nothing more, and nobody waits for it.
                drop(spawned.send(future));
            }
        });
        if let (Err(_), Some(future)) = (in_page, future) {
            tokio::spawn(future);
        }
    }

    fn spawn_local(&self, future: PinnedLocalFuture<()>) {
        // Browsers only; on the server nothing is bound to a thread.
        drop(future);
    }

    fn poll_local(&self) {}
}

/// Runs a page and what it spawns in one task. Ends with the page; what is left of the rest is dropped.
async fn together<T>(page: impl Future<Output = T>) -> T {
    let (sender, mut receiver) = unbounded_channel();
    SPAWNED
        .scope(sender, async move {
            let mut page = pin!(page);
            let mut spawned = FuturesUnordered::new();
            poll_fn(|context| {
                loop {
                    if let Poll::Ready(made) = page.as_mut().poll(context) {
                        return Poll::Ready(made);
                    }
                    let mut moved = false;
                    while let Ok(future) = receiver.try_recv() {
                        spawned.push(future);
                        moved = true;
                    }
                    while let Poll::Ready(Some(())) = spawned.poll_next_unpin(context) {
                        moved = true;
                    }
                    if !moved {
                        return Poll::Pending;
                    }
                }
            })
            .await
        })
        .await
}

/// Runs a page to its end even where the browser hangs up meanwhile. Leptos frees what a page allocated when its body
/// has been read to the end; a body that is dropped before leaks it. Gone with leptos 0.9.
pub(super) async fn drain(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let whole = together(async move {
        let (parts, body) = next.run(request).await.into_parts();
        match axum::body::to_bytes(body, LARGEST_PAGE).await {
            Ok(bytes) => Response::from_parts(parts, Body::from(bytes)),
            Err(cause) => {
                tracing::error!(name: "page.broken", %cause, "a page broke off or is too large");
                broken()
            }
        }
    });
    tokio::spawn(whole.in_current_span())
        .await
        .unwrap_or_else(|cause| {
            let what = cause.try_into_panic().map_or_else(
                |_| "cancelled".to_owned(),
                |panic| super::panic_text(&*panic).to_owned(),
            );
            tracing::error!(name: "page.panicked", path, what, "making a page panicked");
            broken()
        })
}

fn broken() -> Response {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        "This page could not be made. The log says why.",
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::thread::ThreadId;

    use super::*;

    /// What a page spawns, and what that spawns, runs where the page runs and before it ends.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn what_a_page_spawns_is_run_by_its_own_task() {
        install();
        for _ in 0..200 {
            let page = together(async {
                let (sender, mut receiver) = unbounded_channel::<ThreadId>();
                Executor::spawn(async move {
                    let again = sender.clone();
                    Executor::spawn(async move {
                        tokio::task::yield_now().await;
                        again.send(std::thread::current().id()).expect("the page waits");
                    });
                    sender.send(std::thread::current().id()).expect("the page waits");
                });
                let mut threads = Vec::new();
                while let Some(thread) = receiver.recv().await {
                    threads.push((thread, std::thread::current().id()));
                }
                threads
            });
            let threads = tokio::spawn(page).await.expect("no panic");
            assert_eq!(threads.len(), 2);
            // A task moves between threads only while nothing of it runs, so both looked from the same one.
            assert!(threads.iter().all(|(spawned, page)| spawned == page));
        }
    }
}
