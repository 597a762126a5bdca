//! The browser bundle, style sheet and public files, from a folder beside the program.

use std::path::{Path, PathBuf};

use axum::Router;
use axum::handler::HandlerWithoutStateExt;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Html;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// `/pkg/…` and public files, and the answer where nothing else matches. Names carry no hash, so browsers ask again each
/// time and get "not modified".
pub fn router(site: &Path) -> Router {
    let cache =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let missing = (|| async { (StatusCode::NOT_FOUND, Html(MISSING)) }).into_service();
    let files = ServeDir::new(site)
        .append_index_html_on_directories(false)
        .precompressed_br()
        .precompressed_gzip();
    Router::new()
        .fallback_service(files.not_found_service(missing))
        .layer(cache)
}

const MISSING: &str = "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Not found · Yardmaster</title>\
    <link rel=\"stylesheet\" href=\"/pkg/yardmaster.css\"></head><body><main id=\"main\"><h1>There is no such page</h1>\
    <p><a href=\"/\">Go to the board</a></p></main></body></html>";

/// Where the site folder is: named by `YARDMASTER_SITE`, or `site` beside the program or one folder above it, where
/// the build puts it. Works from any directory.
///
/// # Errors
/// Says where it was looked for.
pub fn find_site() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os("YARDMASTER_SITE") {
        return Ok(PathBuf::from(named));
    }
    let program = std::env::current_exe()?;
    let folders: Vec<PathBuf> = program
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("site"))
        .collect();
    folders.iter().find(|folder| folder.join("pkg").is_dir()).cloned().ok_or_else(|| {
        let looked: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        anyhow::anyhow!("the folder with the browser files (`site`) is not in {}; run `make site`, or name it with YARDMASTER_SITE", looked.join(", "))
    })
}
