//! One line per page. Pages render completely before they are sent, so that they may still say 404 or redirect.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::SsrMode::Async;
use leptos_router::components::{Route, Routes};
use leptos_router::path;

use crate::account::{LoginPage, PeoplePage, SessionsPage};
use crate::audit::AuditPage;
use crate::board::BoardPage;
use crate::build::{BuildsPage, DeliveriesPage};
use crate::deployment::{DeploymentPage, RollbackPage};
use crate::environment::EnvironmentPage;
use crate::metric::MetricsPage;
use crate::service::{ServicePage, UnmappedPage};
use crate::train::{ApprovalsPage, TrainPage};

/// Every page is one function type to the router, which would else be instantiated once per page.
type Page = fn() -> AnyView;

macro_rules! page {
    ($page:ident) => {{
        let page: Page = || $page().into_any();
        page
    }};
}

/// The page that the address asks for.
#[component]
pub fn Pages() -> impl IntoView {
    view! {
        <Routes fallback=NotFoundPage>
            <Route path=path!("/") view=page!(BoardPage) ssr=Async />
            <Route path=path!("/services/:name") view=page!(ServicePage) ssr=Async />
            <Route path=path!("/unmapped") view=page!(UnmappedPage) ssr=Async />
            <Route path=path!("/login") view=page!(LoginPage) ssr=Async />
            <Route path=path!("/sessions") view=page!(SessionsPage) ssr=Async />
            <Route path=path!("/people") view=page!(PeoplePage) ssr=Async />
            <Route path=path!("/environments/:name") view=page!(EnvironmentPage) ssr=Async />
            <Route path=path!("/trains/:environment/:number") view=page!(TrainPage) ssr=Async />
            <Route path=path!("/approvals") view=page!(ApprovalsPage) ssr=Async />
            <Route path=path!("/deployments/:id") view=page!(DeploymentPage) ssr=Async />
            <Route path=path!("/rollback/:service/:environment") view=page!(RollbackPage) ssr=Async />
            <Route path=path!("/builds") view=page!(BuildsPage) ssr=Async />
            <Route path=path!("/deliveries") view=page!(DeliveriesPage) ssr=Async />
            <Route path=path!("/metrics") view=page!(MetricsPage) ssr=Async />
            <Route path=path!("/audit") view=page!(AuditPage) ssr=Async />
        </Routes>
    }
}

/// Any address that is no page.
#[component]
fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    if let Ok(backend) = crate::backend::backend() {
        backend.reply.status(404);
    }
    view! {
        <Title text="Not found · Yardmaster" />
        <div class="empty">
            <h1>"There is no such page"</h1>
            <p>"The address may be mistyped, or what it showed is gone."</p>
            <p>
                <a href="/">"Go to the board"</a>
            </p>
        </div>
    }
}
