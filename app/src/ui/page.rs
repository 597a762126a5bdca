//! Head and parts of a page.

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;

/// Title, way back, and what stands beside them. Sets the window's title too.
#[component]
pub fn PageHead(
    #[prop(into)] title: Signal<String>,
    /// Path and word of each step above this page.
    #[prop(optional)]
    crumbs: Vec<(String, String)>,
    /// What stands to the right: badges, freshness, actions.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    // The server writes the head last, when the page's values may be gone: there the title is read now.
    #[cfg(feature = "ssr")]
    let window_title = format!("{} · Yardmaster", title.get_untracked());
    #[cfg(not(feature = "ssr"))]
    let window_title = move || format!("{} · Yardmaster", title.get());
    let steps = crumbs
        .into_iter()
        .map(|(href, word)| {
            view! {
                <li>
                    <a href=href>{word}</a>
                </li>
            }
        })
        .collect_view();
    view! {
        <Title text=window_title />
        <header class="page-head">
            <nav aria-label="Breadcrumb">
                <ol class="crumbs">{steps}</ol>
            </nav>
            <div class="page-title">
                <h1>{title}</h1>
                {children.map(|children| view! { <div class="page-aside">{children()}</div> })}
            </div>
        </header>
    }
}

/// A titled part of a page.
#[component]
pub fn Section(
    #[prop(into)] title: String,
    /// A word beside the title, such as a count.
    #[prop(optional, into)]
    aside: String,
    /// The anchor that links jump to.
    #[prop(optional, into)]
    id: Option<String>,
    children: Children,
) -> impl IntoView {
    view! {
        <section class="section" id=id>
            <h2>
                {title} {(!aside.is_empty()).then(|| view! { <span class="aside">{aside}</span> })}
            </h2>
            {children()}
        </section>
    }
}

/// A part of a page, drawn anew when what it reads changes. A closure in a view does the same, but leptos' whole
/// rendering of it is then in the bundle once more; parts share one.
pub fn part<V: IntoView + 'static>(mut face: impl FnMut() -> V + Send + 'static) -> AnyView {
    let face: Box<dyn FnMut() -> AnyView + Send> = Box::new(move || face().into_any());
    face.into_any()
}

/// One part per key. A part stays what it is, with what somebody wrote into it, while others come and go around it;
/// under another key it is begun anew. Lists share this one.
pub fn keyed(keys: Memo<Vec<String>>, face: impl Fn(String) -> AnyView + Send + Sync + 'static) -> AnyView {
    keyed_boxed(keys, Arc::new(face))
}

fn keyed_boxed(keys: Memo<Vec<String>>, face: Arc<dyn Fn(String) -> AnyView + Send + Sync>) -> AnyView {
    view! { <For each=move || keys.get() key=Clone::clone children=move |key| face(key) /> }.into_any()
}

/// Tabs that are links: every tab has its address.
#[component]
pub fn Tabs(
    #[prop(into)] label: String,
    /// Address, word, and whether it is the one shown.
    tabs: Vec<(String, String, bool)>,
) -> impl IntoView {
    let items = tabs
        .into_iter()
        .map(|(href, word, shown)| {
            view! {
                <li>
                    <a href=href aria-current=shown.then_some("page")>
                        {word}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="tabs" aria-label=label>
            <ul>{items}</ul>
        </nav>
    }
}

/// The class that gives an environment its line colour: the same name has the same colour on every page.
pub fn line_class(environment: &str) -> &'static str {
    match environment {
        "development" | "dev" => "line line-0",
        "staging" | "stage" => "line line-1",
        "production" | "prod" => "line line-2",
        other => match other.bytes().map(u32::from).sum::<u32>() % 3 {
            0 => "line line-3",
            1 => "line line-4",
            _ => "line line-5",
        },
    }
}
