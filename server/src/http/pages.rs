//! Leptos pages and server functions, with what they are given: ports, the actor, the nonce, the theme.

use std::sync::Arc;

use app::account::Actor;
use app::backend::{Backend, ReplyPort};
use app::live::Mark;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header, request::Parts};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use leptos::config::LeptosOptions;
use leptos::nonce::Nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};

use super::headers::PageNonce;
use super::{Edge, page_task};

/// Every page and server function.
pub fn router(edge: &Edge) -> Router {
    page_task::install();
    register_server_functions();
    let options = options(edge);
    let routes = generate_route_list(app::App);
    let backend = edge.backend.clone();
    let context = move || provide(&backend);
    let shell_options = options.clone();
    Router::new()
        .leptos_routes_with_context(&options, routes, context, move || {
            app::shell(shell_options.clone())
        })
        .layer(from_fn(page_task::drain))
        .layer(from_fn_with_state(edge.clone(), mark))
        .with_state(options)
}

/// Makes every server function known by its path. The linker may drop what registers itself, so each is named here; the
/// test of the permission table finds one that was forgotten.
pub fn register_server_functions() {
    macro_rules! register {
        ($($function:ident),+ $(,)?) => {
            $(server_fn::axum::register_explicit::<app::server_functions::$function>();)+
        };
    }
    register!(
        LoadHeader,
        LoadProviders,
        LoadSessions,
        RevokeSession,
        LoadPeople,
        MapAuthor,
        LoadAudit,
        LoadBoard,
        LoadBuilds,
        LoadDeliveries,
        LoadDeployment,
        LoadRollbackPlan,
        RollBack,
        CancelDeployment,
        ResolveDeployment,
        VouchForDeployment,
        AllowAgain,
        LoadEnvironment,
        LoadMetrics,
        LoadService,
        LoadUnmapped,
        MapService,
        LoadTrain,
        LoadApprovals,
        SealTrain,
        ReopenTrain,
        ApproveTrain,
        RejectTrain,
        DepartTrain,
        HoldTrain,
        ReleaseTrain,
        CancelTrain,
    );
}

/// The paths of all pages, as axum writes them; for the test of the permission table.
pub fn page_paths() -> Vec<String> {
    page_task::install();
    generate_route_list(app::App)
        .iter()
        .map(|route| route.path().to_owned())
        .collect()
}

fn options(edge: &Edge) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("yardmaster")
        .site_root(edge.site.display().to_string())
        .site_pkg_dir("pkg")
        .build()
}

/// What every page and server function finds in its context.
fn provide(backend: &Backend) {
    provide_context(Backend {
        reply: Arc::new(Reply::of_this_request()),
        ..backend.clone()
    });
    let Some(parts) = use_context::<Parts>() else {
        return;
    };
    if let Some(actor) = parts.extensions.get::<Actor>() {
        provide_context(actor.clone());
    }
    if let Some(PageNonce(nonce)) = parts.extensions.get::<PageNonce>() {
        provide_context(Nonce::from_value(nonce.clone()));
    }
    if let Some(mark) = parts.extensions.get::<Mark>() {
        provide_context(*mark);
    }
    provide_context(theme(&parts));
}

/// Notes how far the news are before a page is made: its stream goes on from there.
async fn mark(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    if request.method() == Method::GET
        && let Ok(seq) = edge.db.last_seq().await
    {
        request.extensions_mut().insert(Mark(seq));
    }
    next.run(request).await
}

fn theme(parts: &Parts) -> app::ui::Theme {
    let cookies = parts
        .headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookie| cookie.to_str().ok());
    let chosen = cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix("theme="));
    match chosen {
        Some("light") => app::ui::Theme::Light,
        Some("dark") => app::ui::Theme::Dark,
        _ => app::ui::Theme::System,
    }
}

/// What a page or server function says about its HTTP answer.
struct Reply {
    options: Option<ResponseOptions>,
    plain_form: bool,
}

impl Reply {
    fn of_this_request() -> Self {
        let plain_form = use_context::<Parts>().is_some_and(|parts| {
            parts.uri.path().starts_with("/ui/")
                && parts
                    .headers
                    .get(header::ACCEPT)
                    .and_then(|accept| accept.to_str().ok())
                    .is_some_and(|accept| accept.contains("text/html"))
        });
        Self {
            options: use_context(),
            plain_form,
        }
    }
}

impl ReplyPort for Reply {
    fn status(&self, status: u16) {
        // A form posted without scripts is answered with a redirect to its page, which shows the error.
        if self.plain_form {
            return;
        }
        if let (Some(options), Ok(status)) = (&self.options, StatusCode::from_u16(status)) {
            options.set_status(status);
        }
    }

    fn redirect(&self, path: &str) {
        leptos_axum::redirect(&crate::auth::safe_path(path));
    }
}

/// For [`Backend`] values outside a request: says nothing to nobody.
pub struct Silent;

impl ReplyPort for Silent {
    fn status(&self, _: u16) {}
    fn redirect(&self, _: &str) {}
}
