//! Keeps other sites from acting in a logged-in person's name: a request that can change something must come from our
//! own pages. `Sec-Fetch-Site` says so in every current browser; where it is missing, `Origin` must be ours.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Edge;

/// Refuses cross-site requests that could change something.
pub async fn guard(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || same_origin(request.headers(), &edge.public_url.origin().ascii_serialization()) {
        return next.run(request).await;
    }
    tracing::warn!(name: "request.cross_site", path = request.uri().path(), "refused a request from another site");
    (
        StatusCode::FORBIDDEN,
        "This request did not come from Yardmaster's own pages. Open Yardmaster and try again there.",
    )
        .into_response()
}

fn same_origin(headers: &HeaderMap, ours: &str) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &axum::http::HeaderValue| value.to_str().ok())
    };
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin == ours,
        // Neither: no browser of the last years. A page elsewhere cannot make one leave both out.
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    axum::http::HeaderName::from_static(name),
                    axum::http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn only_our_own_pages_pass() {
        let ours = "https://yard.example";
        assert!(same_origin(&headers(&[("sec-fetch-site", "same-origin")]), ours));
        assert!(same_origin(&headers(&[("origin", "https://yard.example")]), ours));
        for refused in [
            headers(&[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://yard.example"),
            ]),
            headers(&[("sec-fetch-site", "same-site")]),
            headers(&[("origin", "https://yard.example.evil.example")]),
            headers(&[("origin", "null")]),
            headers(&[]),
        ] {
            assert!(!same_origin(&refused, ours), "{refused:?}");
        }
    }
}
