//! What an image's tags say. A hint: the commit is looked up, the branch is used for names only.

/// What a tag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFacts {
    /// The branch, with its slashes as far as the tag kept them.
    pub branch: Option<String>,
    /// A commit id, full or its beginning.
    pub commit: String,
}

/// Reads `<branch>-<sha>-<yyyymmdd>-<hhmmss>`, `<branch>-<sha>` and a commit id by itself; a name without one says
/// nothing.
pub fn read_tag(tag: &str) -> Option<TagFacts> {
    if is_commit(tag) {
        return Some(TagFacts {
            branch: None,
            commit: tag.to_owned(),
        });
    }
    let timed = without_time(tag);
    let (branch, commit) = timed.unwrap_or(tag).rsplit_once('-')?;
    let fits = is_commit(commit) || (timed.is_some() && is_hexadecimal(commit));
    (!branch.is_empty() && fits).then(|| TagFacts {
        branch: Some(branch.to_owned()),
        commit: commit.to_owned(),
    })
}

fn without_time(tag: &str) -> Option<&str> {
    let digits = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let (rest, time) = tag.rsplit_once('-')?;
    let (rest, day) = rest.rsplit_once('-')?;
    (digits(time, 6) && digits(day, 8)).then_some(rest)
}

/// At least seven hexadecimal digits, not all of them decimal where short: a date or a number is no commit.
fn is_commit(text: &str) -> bool {
    is_hexadecimal(text) && (text.len() == 40 || text.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

fn is_hexadecimal(text: &str) -> bool {
    (7..=40).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_tags() {
        let full = "0123456789abcdef0123456789abcdef01234567";
        for (tag, branch, commit) in [
            ("main-77aa01c-20260301-120000", Some("main"), "77aa01c"),
            (
                "feature-login-2-77aa01c-20260301-120000",
                Some("feature-login-2"),
                "77aa01c",
            ),
            ("main-7700010-20260301-120000", Some("main"), "7700010"),
            ("develop-77aa01c", Some("develop"), "77aa01c"),
            ("77aa01c", None, "77aa01c"),
            (full, None, full),
        ] {
            let facts = read_tag(tag).unwrap();
            assert_eq!(
                (facts.branch.as_deref(), facts.commit.as_str()),
                (branch, commit),
                "{tag}"
            );
        }
        for nothing in [
            "latest",
            "v1.2.3",
            "20260301",
            "main-20260301-120000",
            "good-production-4",
            "main",
        ] {
            assert_eq!(read_tag(nothing), None, "{nothing}");
        }
    }
}
