//! What Yardmaster shows and says: pages, components, the wire types they share with the server, and the
//! ports (traits) through which pages reach it. Knows no database, no AWS, no HTTP framework: those implement
//! the ports in the `server` package and never reach the browser bundle.

// A page is one type as deep as its markup; the release build of the browser bundle follows it all the way down.
#![recursion_limit = "256"]

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

pub mod live;
mod routes;
pub mod ui;
pub mod wire;

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::Router;

/// Every server function, for the one place in the server that registers and authorises them by path.
pub mod server_functions {
    pub use crate::account::{LoadHeader, LoadPeople, LoadProviders, LoadSessions, MapAuthor, RevokeSession};
    pub use crate::board::LoadBoard;
    pub use crate::service::{LoadService, LoadUnmapped, MapService};

    pub use crate::audit::LoadAudit;
    pub use crate::build::{LoadBuilds, LoadDeliveries};
    pub use crate::deployment::{
        AllowAgain, CancelDeployment, LoadDeployment, LoadRollbackPlan, ResolveDeployment, RollBack,
        VouchForDeployment,
    };
    pub use crate::environment::LoadEnvironment;
    pub use crate::metric::LoadMetrics;
    pub use crate::train::{
        ApproveTrain, CancelTrain, DepartTrain, HoldTrain, LoadApprovals, LoadTrain, RejectTrain,
        ReleaseTrain, ReopenTrain, SealTrain,
    };
}

/// The document around every page; the server renders it, the browser takes over its body.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = use_context::<ui::Theme>().unwrap_or_default();
    let mark = use_context::<live::Mark>().map(|mark| mark.0);
    let style = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme.as_str() data-seq=mark>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" type="image/svg+xml" href="/favicon.svg" />
                <link rel="stylesheet" href=style />
                <Bundle options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// What makes the browser load the bundle and let it take over the page. Leptos' own `HydrationScripts` gives its nonce
/// to the script only: our content policy would stop the module from being loaded ahead.
#[component]
fn Bundle(options: LeptosOptions) -> impl IntoView {
    let nonce = leptos::nonce::use_nonce();
    let file = format!("/{}/{}", options.site_pkg_dir, options.output_name);
    let module = format!("{file}.js");
    let wasm = format!("{file}_bg.wasm");
    let script = format!(
        "import({module:?}).then(bundle => bundle.default({{ module_or_path: {wasm:?} }}).then(() => bundle.hydrate()))"
    );
    view! {
        <link rel="modulepreload" href=module nonce=nonce.clone() />
        <link rel="preload" href=wasm r#as="fetch" r#type="application/wasm" crossorigin="" />
        <script type="module" nonce=nonce>
            {script}
        </script>
    }
}

/// The whole page tree: header, page, footer.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    live::provide_live();
    view! {
        <Router>
            <a class="skip" href="#main" rel="external">
                "Skip to content"
            </a>
            <ui::Header />
            <main id="main" tabindex="-1">
                <routes::Pages />
            </main>
        </Router>
    }
}
