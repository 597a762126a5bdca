//! Which error type belongs where. Where a caller decides by the kind of failure: an enum with `thiserror` beside the
//! code. Inside loops and commands: `anyhow` with context. At the edge towards people: [`ApiError`], whose texts are
//! written for them; anything unexpected becomes [`ApiError::Internal`] with an id, and only the log has the cause.

use app::error::ApiError;

/// Turns an unexpected failure into one that people may see, and logs the cause under its id.
pub fn internal(cause: impl Into<anyhow::Error>) -> ApiError {
    let cause: anyhow::Error = cause.into();
    // The id only has to be found again in the log; it is no secret and nothing depends on it.
    let id = crate::crypto::sha256_hex(format!("{cause:?}").as_bytes())
        .chars()
        .take(12)
        .collect::<String>();
    tracing::error!(name: "request.failed", id, cause = format!("{cause:#}"), "a request failed on our side");
    ApiError::Internal(id)
}

/// `?` for unexpected failures in functions that answer [`ApiError`].
pub trait OrInternal<T> {
    /// The value, or [`ApiError::Internal`].
    ///
    /// # Errors
    /// [`ApiError::Internal`] with the id under which the log has the cause.
    fn or_internal(self) -> Result<T, ApiError>;
}

impl<T, E: Into<anyhow::Error>> OrInternal<T> for Result<T, E> {
    fn or_internal(self) -> Result<T, ApiError> {
        self.map_err(internal)
    }
}
