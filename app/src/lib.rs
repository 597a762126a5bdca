//! What Yardmaster shows and says: pages, components, the wire types they share with the server, and the
//! ports (traits) through which pages reach it. Knows no database, no AWS, no HTTP framework: those implement
//! the ports in the `server` package and never reach the browser bundle.

#[cfg(feature = "ssr")]
pub mod backend;
pub mod error;
pub mod text;

pub mod account;
pub mod audit;
pub mod board;
pub mod build;
pub mod deployment;
pub mod environment;
pub mod metric;
pub mod service;
pub mod train;

use leptos::prelude::*;

/// The whole page tree.
#[component]
pub fn App() -> impl IntoView {
    view! { <p>"Yardmaster"</p> }
}
