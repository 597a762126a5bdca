//! *Needs you*: what waits for the reader, most urgent first.

use leptos::prelude::*;

use super::Need;
use crate::text::Millis;
use crate::ui::Ago;

/// How many are shown before the rest folds away.
const SHOWN: usize = 5;

/// The list; nothing where nothing waits.
#[component]
pub fn Needs(needs: Vec<Need>, now: Millis) -> impl IntoView {
    let rest = needs.len().saturating_sub(SHOWN);
    let mut items: Vec<_> = needs
        .into_iter()
        .map(|need| view! { <NeedItem need now /> })
        .collect();
    let folded = items.split_off(items.len() - rest);
    (!items.is_empty()).then(|| {
        view! {
            <section class="needs" aria-labelledby="needs-you">
                <h2 id="needs-you">"Needs you"</h2>
                <ul>{items}</ul>
                {(rest > 0)
                    .then(|| {
                        view! {
                            <details>
                                <summary>{format!("{rest} more")}</summary>
                                <ul>{folded}</ul>
                            </details>
                        }
                    })}
            </section>
        }
    })
}

#[component]
fn NeedItem(need: Need, now: Millis) -> impl IntoView {
    let Need {
        sentence,
        href,
        since,
        urgent,
    } = need;
    let class = if urgent { "icon bad" } else { "icon waiting" };
    view! {
        <li>
            <span class=class></span>
            <a href=href>{sentence}</a>
            {since.map(|at| view! { <span class="dim"><Ago at now /></span> })}
        </li>
    }
}
