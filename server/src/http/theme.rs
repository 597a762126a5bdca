//! The reader's choice of light or dark, kept in a cookie so that the first page has it already.

use axum::Form;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

/// The form.
#[derive(Deserialize)]
pub struct Choice {
    theme: String,
}

/// Sets the cookie and goes back to the page it came from.
pub async fn choose(headers: HeaderMap, Form(choice): Form<Choice>) -> Response {
    let theme = match choice.theme.as_str() {
        known @ ("light" | "dark" | "system") => known,
        _ => {
            return (
                StatusCode::UNPROCESSABLE_ENTITY,
                "theme is one of light, dark, system",
            )
                .into_response();
        }
    };
    let back = headers
        .get(header::REFERER)
        .and_then(|referer| referer.to_str().ok())
        .and_then(|referer| url::Url::parse(referer).ok())
        .map_or_else(
            || "/".to_owned(),
            |page| {
                crate::auth::safe_path(&format!(
                    "{}{}",
                    page.path(),
                    page.query().map(|query| format!("?{query}")).unwrap_or_default()
                ))
            },
        );
    let cookie = format!("theme={theme}; Path=/; Max-Age=31536000; SameSite=Lax");
    (
        StatusCode::SEE_OTHER,
        [(header::SET_COOKIE, cookie), (header::LOCATION, back)],
    )
        .into_response()
}
