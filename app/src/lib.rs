//! Pages.
use leptos::prelude::*;
/// The whole page tree.
#[component]
pub fn App() -> impl IntoView { view! { <p>"Yardmaster"</p> } }
