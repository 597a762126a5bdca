//! Local copies of the repositories, made with the `git` program: the only source of commits, authors and ancestry.
//!
//! ```text
//! inbox (repository.wanted_at) ─► Mirrors::tick ─ git fetch ─► bare mirror ─► branch, git_commit, build.counts
//!                                                                  │
//!                     boarding, gates, pages ◄── contains, is_ancestor, commits_between (never the network)
//! ```

mod commit;
mod mirror;
mod mirrors;
mod program;
pub mod store;

pub use commit::Commit;
pub use mirror::Mirror;
pub use mirrors::{Mirrors, Round};
pub use program::{Git, GitError};

/// Whether a text is a full commit id, and so safe to hand to `git`.
pub fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The first seven characters of a commit id, for sentences.
pub fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// Whether a text is a repository's name as forges give them, `acme/checkout`: it also names a folder here.
pub fn is_repository_name(text: &str) -> bool {
    let part_is_fine = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['-', '.'])
            && part
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.'))
    };
    text.len() <= 200 && text.split('/').count() == 2 && text.split('/').all(part_is_fine)
}

/// Whether a text can be a branch's name: what `git check-ref-format` allows, and nothing that looks like an option.
pub fn is_branch_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 250
        && !text.starts_with(['-', '/'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("@{")
        && text != "@"
        && !text.chars().any(|letter| {
            letter.is_control() || matches!(letter, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
        })
        && text
            .split('/')
            .all(|part| !part.starts_with('.') && !part.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_read_as_options_or_paths_are_refused() {
        for fine in ["acme/checkout", "Codertocat/Hello-World", "a/b.c_d"] {
            assert!(is_repository_name(fine), "{fine}");
        }
        for bad in [
            "",
            "acme",
            "-x/y",
            "a/--upload-pack",
            "../x",
            "a/..",
            "a/b/c",
            "a b/c",
            "a/b\0",
        ] {
            assert!(!is_repository_name(bad), "{bad}");
        }
        for fine in ["main", "feature/x-1", "hotfix/1.2", "größe"] {
            assert!(is_branch_name(fine), "{fine}");
        }
        for bad in ["", "-f", "a..b", "a b", "x.lock", "a/.b", "a^", "@", "a\nb", "/a"] {
            assert!(!is_branch_name(bad), "{bad}");
        }
        assert!(is_commit_id(&"a1".repeat(20)));
        assert!(!is_commit_id("main") && !is_commit_id(&"-1".repeat(20)));
    }
}
