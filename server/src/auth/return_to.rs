//! Where to go after log-in: a path of our own, never another site.

/// The path as browsers read it where it is one of ours, else `/`.
pub fn safe_path(target: &str) -> String {
    within(target).unwrap_or_else(|| "/".to_owned())
}

fn within(target: &str) -> Option<String> {
    let odd = |letter: char| letter.is_control() || letter == '\\';
    if target.len() > 2000 || !target.starts_with('/') || target.chars().any(odd) {
        return None;
    }
    // As the browser reads it: relative to us it must stay with us.
    let read = url::Url::parse("https://ours.invalid/").ok()?.join(target).ok()?;
    // What is handed on is what was checked: dots are resolved and odd letters encoded.
    let path = &read[url::Position::BeforePath..];
    (read.origin().ascii_serialization() == "https://ours.invalid" && !leads_away(path))
        .then(|| path.to_owned())
}

/// Two slashes in front are another host; a path that is encoded may be decoded on its way, and none of ours begins so.
fn leads_away(path: &str) -> bool {
    path.strip_prefix('/')
        .unwrap_or(path)
        .starts_with(['/', '\\', '%'])
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
            "/builds#b-1",
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
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2525%252Fevil.example",
            "/%09/evil.example",
        ] {
            assert_eq!(safe_path(hostile), "/", "{hostile:?}");
        }
    }
}
