//! Where to go after log-in: a path of our own, never another site.

/// The path itself where it is one of ours, else `/`.
pub fn safe_path(target: &str) -> String {
    let plain = !target.chars().any(|letter| letter.is_control() || letter == '\\');
    let rooted = target.starts_with('/') && !target.starts_with("//");
    // As the browser reads it: relative to us it must stay with us.
    let base = url::Url::parse("https://ours.invalid/");
    let joined = base.as_ref().ok().and_then(|base| base.join(target).ok());
    let stays = joined
        .as_ref()
        .is_some_and(|url| url.host_str() == Some("ours.invalid") && url.scheme() == "https");
    // A path that is encoded twice may be decoded once on its way and become `//host`.
    let slashes = target.to_ascii_lowercase();
    let hidden = slashes.starts_with("/%2f")
        || slashes.starts_with("/%5c")
        || slashes.starts_with("/%252f")
        || slashes.starts_with("/%255c");
    if plain && rooted && stays && !hidden && target.len() <= 2000 {
        target.to_owned()
    } else {
        "/".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::safe_path;

    #[test]
    fn only_paths_of_our_own() {
        for fine in [
            "/",
            "/trains/production/42",
            "/?team=a&state=failed",
            "/services/checkout?slot=production",
        ] {
            assert_eq!(safe_path(fine), fine);
        }
        for hostile in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "javascript:alert(1)",
            "http:evil.example",
            "/%2fevil.example",
            "/%5Cevil.example",
            "/%252Fevil.example",
            "evil.example",
            "/\n/evil.example",
            "https:/evil.example",
        ] {
            assert_eq!(safe_path(hostile), "/", "{hostile:?}");
        }
    }
}
