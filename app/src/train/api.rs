//! What the browser may ask about trains: each function finds the actor, calls the port and passes the answer on.
//! The port decides; nothing is decided here.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use leptos::prelude::*;

use super::{ApprovalRequest, TrainView};
#[cfg(feature = "ssr")]
use crate::backend::{actor, answer, backend};
use crate::error::ApiError;

/// One train.
#[server(prefix = "/ui", endpoint = "train/read")]
pub async fn load_train(environment: String, number: i64) -> Result<TrainView, ApiError> {
    answer(backend()?.train.train(&actor()?, &environment, number).await)
}

/// Trains that wait for approvals, the reader's own first.
#[server(prefix = "/ui", endpoint = "train/approvals")]
pub async fn load_approvals() -> Result<Vec<ApprovalRequest>, ApiError> {
    answer(backend()?.train.waiting_for_approval(&actor()?).await)
}

/// Fixes a train's content.
#[server(prefix = "/ui", endpoint = "train/seal")]
pub async fn seal_train(train: String, revision: i64) -> Result<(), ApiError> {
    answer(backend()?.train.seal(&actor()?, &train, revision).await)
}

/// Opens a sealed train again.
#[server(prefix = "/ui", endpoint = "train/reopen")]
pub async fn reopen_train(train: String, revision: i64, reason: String) -> Result<(), ApiError> {
    answer(
        backend()?
            .train
            .reopen(&actor()?, &train, revision, reason.trim())
            .await,
    )
}

/// Consents to the manifest the person saw.
#[server(prefix = "/ui", endpoint = "train/approve")]
pub async fn approve_train(
    train: String,
    manifest: String,
    #[server(default)] comment: String,
) -> Result<(), ApiError> {
    let comment = Some(comment.trim()).filter(|text| !text.is_empty());
    answer(
        backend()?
            .train
            .approve(&actor()?, &train, &manifest, comment)
            .await,
    )
}

/// Refuses the manifest the person saw.
#[server(prefix = "/ui", endpoint = "train/reject")]
pub async fn reject_train(train: String, manifest: String, reason: String) -> Result<(), ApiError> {
    answer(
        backend()?
            .train
            .reject(&actor()?, &train, &manifest, reason.trim())
            .await,
    )
}

/// Lets a train depart.
#[server(prefix = "/ui", endpoint = "train/depart")]
pub async fn depart_train(train: String, manifest: String) -> Result<(), ApiError> {
    answer(backend()?.train.depart(&actor()?, &train, &manifest).await)
}

/// Holds a train where it is.
#[server(prefix = "/ui", endpoint = "train/hold")]
pub async fn hold_train(train: String, reason: String) -> Result<(), ApiError> {
    answer(backend()?.train.hold(&actor()?, &train, reason.trim()).await)
}

/// Releases a hold.
#[server(prefix = "/ui", endpoint = "train/release")]
pub async fn release_train(train: String) -> Result<(), ApiError> {
    answer(backend()?.train.release(&actor()?, &train).await)
}

/// Gives a train up.
#[server(prefix = "/ui", endpoint = "train/cancel")]
pub async fn cancel_train(train: String, revision: i64, reason: String) -> Result<(), ApiError> {
    answer(
        backend()?
            .train
            .cancel(&actor()?, &train, revision, reason.trim())
            .await,
    )
}
