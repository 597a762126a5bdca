//! The one error that crosses the wire. Its texts are meant for people; causes stay in the server's log.

use serde::{Deserialize, Serialize};
use server_fn::codec::JsonEncoding;
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// Why a request was not carried out, in words for the person who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ApiError {
    /// Nobody is logged in. HTTP 401.
    #[error("Log in first.")]
    Unauthenticated,
    /// Logged in, and may see the thing, but may not do this; says who may. HTTP 403.
    #[error("{0}")]
    Forbidden(String),
    /// Not there, or not visible to this person: the two look alike. HTTP 404.
    #[error("{0} was not found.")]
    NotFound(String),
    /// The thing changed meanwhile or is in a state that does not allow this. HTTP 409.
    #[error("{0}")]
    Conflict(String),
    /// The input is wrong; says which and what to do. HTTP 422.
    #[error("{0}")]
    Invalid(String),
    /// Something Yardmaster depends on cannot be reached now. HTTP 503.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours; the id finds it in the log. HTTP 500.
    #[error("Something went wrong on our side. The log has it under {0}.")]
    Internal(String),
}

impl ApiError {
    /// The HTTP status this error is answered with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Conflict(_) => 409,
            Self::Invalid(_) => 422,
            Self::Unavailable(_) => 503,
            Self::Internal(_) => 500,
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Args(text) | ServerFnErrorErr::MissingArg(text) => Self::Invalid(text),
            ServerFnErrorErr::Deserialization(_) | ServerFnErrorErr::Serialization(_) => {
                Self::Unavailable("The answer could not be read. Reload the page.".to_owned())
            }
            _ => Self::Unavailable("The server did not answer. Try again.".to_owned()),
        }
    }
}
