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

/// The page that the address asks for.
#[component]
pub fn Pages() -> impl IntoView {
    view! {
        <Routes fallback=NotFoundPage>
            <Route path=path!("/") view=BoardPage ssr=Async />
            <Route path=path!("/services/:name") view=ServicePage ssr=Async />
            <Route path=path!("/unmapped") view=UnmappedPage ssr=Async />
            <Route path=path!("/login") view=LoginPage ssr=Async />
            <Route path=path!("/sessions") view=SessionsPage ssr=Async />
            <Route path=path!("/people") view=PeoplePage ssr=Async />
            <Route path=path!("/environments/:name") view=EnvironmentPage ssr=Async />
            <Route path=path!("/trains/:environment/:number") view=TrainPage ssr=Async />
            <Route path=path!("/approvals") view=ApprovalsPage ssr=Async />
            <Route path=path!("/deployments/:id") view=DeploymentPage ssr=Async />
            <Route path=path!("/rollback/:service/:environment") view=RollbackPage ssr=Async />
            <Route path=path!("/builds") view=BuildsPage ssr=Async />
            <Route path=path!("/deliveries") view=DeliveriesPage ssr=Async />
            <Route path=path!("/metrics") view=MetricsPage ssr=Async />
            <Route path=path!("/audit") view=AuditPage ssr=Async />
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
