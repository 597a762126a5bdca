//! Tables that scroll in their own box, and the way to the next page.

use leptos::prelude::*;

/// A table; the children are its `<thead>` and `<tbody>`.
#[component]
pub fn DataTable(
    /// What the table is, for those who do not see the heading above it.
    #[prop(into)]
    caption: String,
    children: Children,
) -> impl IntoView {
    let label = caption.clone();
    view! {
        <div class="scroll" tabindex="0" role="region" aria-label=label>
            <table>
                <caption class="unseen">{caption}</caption>
                {children()}
            </table>
        </div>
    }
}

/// Links to the first and the next page.
#[component]
pub fn Pagination(
    /// Address of the first page; `None` on the first page.
    first: Option<String>,
    /// Address of the next page; `None` on the last.
    next: Option<String>,
) -> impl IntoView {
    (first.is_some() || next.is_some()).then(|| {
        view! {
            <nav class="pages" aria-label="Pages">
                {first.map(|href| view! { <a href=href rel="external">"Newest"</a> })}
                {next.map(|href| view! { <a href=href rel="next external">"Older"</a> })}
            </nav>
        }
    })
}
