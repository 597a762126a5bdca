//! How pages reach the server: a [`Question`] goes out, JSON text comes back, and only the place that shows it reads
//! the text as its type.
//!
//! In between nothing is generic. Leptos' own resources, actions and server-function clients are instantiated once per
//! type that passes through them, and in the browser bundle that machinery outweighs the pages; here it exists once.

mod tree;

#[cfg(feature = "ssr")]
use std::{pin::Pin, sync::Arc};

use leptos::prelude::*;
use leptos::server::codee::string::FromToStringCodec;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use server_fn::ServerFn;

pub use tree::from_text;

use crate::error::ApiError;

/// What came back, or will: the JSON text of a `Result<T, ApiError>`, for [`read`].
pub type Answer = Resource<String, FromToStringCodec>;

/// What the browser takes for the answer where none came.
const NO_ANSWER: &str = r#"{"Err":{"Unavailable":"The server did not answer. Try again."}}"#;
/// What stands around the value of a good answer.
const GOOD: (&str, &str) = ("{\"Ok\":", "}");

#[cfg(feature = "ssr")]
type Run = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// A server function with its arguments. The browser posts it, the server runs it.
#[derive(Clone)]
pub struct Question {
    path: &'static str,
    arguments: String,
    turn: u64,
    #[cfg(feature = "ssr")]
    run: Run,
}

impl Question {
    /// Asks `F`; `arguments` is the struct that the `server` macro made of it.
    pub fn new<F>(arguments: F) -> Self
    where
        F: ServerFn<Error = ApiError> + Serialize + Clone + Sync + 'static,
        F::Output: Serialize,
    {
        Self {
            path: F::PATH,
            // Arguments are texts, numbers and flat filters, which a form can always carry.
            arguments: serde_qs::to_string(&arguments).unwrap_or_default(),
            turn: 0,
            #[cfg(feature = "ssr")]
            run: Arc::new(move || {
                let arguments = arguments.clone();
                Box::pin(async move {
                    let answer = arguments.run_body().await;
                    serde_json::to_string(&answer).unwrap_or_default()
                })
            }),
        }
    }

    /// The same question is another one when the turn is another: it is asked again.
    pub fn at(self, turn: u64) -> Self {
        Self { turn, ..self }
    }

    /// The answer's text.
    pub async fn answer(self) -> String {
        #[cfg(feature = "ssr")]
        return (self.run)().await;
        #[cfg(not(feature = "ssr"))]
        return post(self.path, self.arguments).await;
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        (self.path, self.turn) == (other.path, other.turn) && self.arguments == other.arguments
    }
}

/// Asks now, and again whenever the question changes.
pub fn ask(question: impl Fn() -> Question + Send + Sync + 'static) -> Answer {
    ask_boxed(Box::new(question))
}

fn ask_boxed(question: Box<dyn Fn() -> Question + Send + Sync>) -> Answer {
    Resource::new_str(question, Question::answer)
}

/// Reads an answer as its type.
///
/// # Errors
/// The server's error; or that the text is not what was expected, as after an update of the server.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    let (before, after) = GOOD;
    let value = text
        .strip_prefix(before)
        .and_then(|text| text.strip_suffix(after));
    match value {
        Some(value) => from_text(value).map_err(|_| unreadable()),
        None => Err(read_error(text)),
    }
}

/// Reads whether an act was carried out; what it answers besides is not looked at.
///
/// # Errors
/// As [`read`].
pub fn read_outcome(text: &str) -> Result<(), ApiError> {
    read::<IgnoredAny>(text).map(drop)
}

fn read_error(text: &str) -> ApiError {
    match from_text::<Result<IgnoredAny, ApiError>>(text) {
        Ok(Err(error)) => error,
        _ => unreadable(),
    }
}

fn unreadable() -> ApiError {
    ApiError::Unavailable("The answer could not be read. Reload the page.".to_owned())
}

/// Posts a form to a server function's path. Follows a redirect of the answer.
#[cfg(feature = "hydrate")]
pub async fn post(path: &'static str, form: String) -> String {
    send(path, form).await.unwrap_or_else(|_| NO_ANSWER.to_owned())
}

/// Only a browser posts.
#[cfg(not(feature = "hydrate"))]
pub async fn post(_path: &'static str, _form: String) -> String {
    NO_ANSWER.to_owned()
}

#[cfg(feature = "hydrate")]
async fn send(path: &'static str, form: String) -> Result<String, ApiError> {
    use server_fn::client::{Client, browser::BrowserClient};
    use server_fn::request::{ClientReq, browser::BrowserRequest};
    use server_fn::response::ClientRes;

    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let request = <BrowserRequest as ClientReq<ApiError>>::try_new_post(path, FORM, JSON, form)?;
    let answer = <BrowserClient as Client<ApiError>>::send(request).await?;
    let status = ClientRes::<ApiError>::status(&answer);
    let redirect =
        ClientRes::<ApiError>::has_redirect(&answer).then(|| ClientRes::<ApiError>::location(&answer));
    let text = ClientRes::<ApiError>::try_into_string(answer).await?;
    if let Some(address) = redirect {
        server_fn::redirect::call_redirect_hook(&address);
    }
    let (before, after) = if status < 400 { GOOD } else { ("{\"Err\":", "}") };
    let answer = [before, &text, after].concat();
    // What stands between us and the server speaks for it, in words of its own.
    if status >= 500 && read_error(&answer) == unreadable() {
        return Ok(NO_ANSWER.to_owned());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_the_server_wrote_it() {
        let written = |answer: &Result<Vec<u8>, ApiError>| serde_json::to_string(answer).expect("written");
        for answer in [
            Ok(vec![1, 2]),
            Err(ApiError::Unauthenticated),
            Err(ApiError::Conflict("It left.".into())),
        ] {
            assert_eq!(read::<Vec<u8>>(&written(&answer)), answer);
        }
        assert_eq!(read_outcome("{\"Ok\":\"dep_1\"}"), Ok(()));
    }

    #[test]
    fn what_is_no_answer_says_so_in_words() {
        for text in ["", "<html>", "{\"Ok\":[\"x\"]}", "{\"Err\":<html>}", "{\"Ok\":"] {
            assert_eq!(read::<Vec<u8>>(text), Err(unreadable()), "{text}");
        }
        assert!(matches!(read_outcome(NO_ANSWER), Err(ApiError::Unavailable(_))));
    }
}
