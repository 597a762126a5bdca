//! Images and digests as people recognise them.

use leptos::prelude::*;

use crate::board::ImageLabel;

/// The first twelve characters after `sha256:`.
pub fn short_digest(digest: &str) -> String {
    digest
        .strip_prefix("sha256:")
        .unwrap_or(digest)
        .chars()
        .take(12)
        .collect()
}

/// A digest, short; the whole of it in the tooltip.
#[component]
pub fn Digest(#[prop(into)] digest: String) -> impl IntoView {
    let short = short_digest(&digest);
    view! { <code class="digest" title=digest>{short}</code> }
}

/// An image by its best name; commit subject and digest in the tooltip.
#[component]
pub fn ImageName(image: ImageLabel) -> impl IntoView {
    let title = match &image.subject {
        Some(subject) => format!("{subject}\n{}", image.digest),
        None => image.digest.clone(),
    };
    view! { <code class="image" title=title>{image.name}</code> }
}
