//! Commits as `git log` tells them.

use app::text::Millis;

use super::GitError;

/// Fields of one commit, separated by NUL, which none of them can hold.
pub(super) const FORMAT: &str = "--format=%H%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%ct%x00%(trailers:key=Co-authored-by,valueonly,unfold,separator=%x1f)%x00%s";
const FIELDS: usize = 9;

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Full id.
    pub id: String,
    /// Full ids of its parents.
    pub parents: Vec<String>,
    /// Who wrote it.
    pub author_name: String,
    /// Their address.
    pub author_email: String,
    /// Who committed it.
    pub committer_name: String,
    /// Their address.
    pub committer_email: String,
    /// Name and address of each `Co-authored-by` line.
    pub co_authors: Vec<(String, String)>,
    /// First line of its message.
    pub subject: String,
    /// When it was committed.
    pub committed_at: Millis,
}

/// Reads what `git log -z` printed in [`FORMAT`].
pub(super) fn parse_log(output: &[u8]) -> Result<Vec<Commit>, GitError> {
    let text = String::from_utf8_lossy(output);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let fields: Vec<&str> = text.strip_suffix('\0').unwrap_or(&text).split('\0').collect();
    fields.chunks(FIELDS).map(parse).collect()
}

fn parse(fields: &[&str]) -> Result<Commit, GitError> {
    let &[
        id,
        parents,
        author_name,
        author_email,
        committer_name,
        committer_email,
        at,
        co_authors,
        subject,
    ] = fields
    else {
        return Err(unreadable(format!("a commit with {} fields", fields.len())));
    };
    if !super::is_commit_id(id) {
        return Err(unreadable(format!("`{id}` as a commit id")));
    }
    let seconds: i64 = at
        .parse()
        .map_err(|_| unreadable(format!("`{at}` as the time of {id}")))?;
    Ok(Commit {
        id: id.to_owned(),
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        author_name: tidy(author_name),
        author_email: tidy(author_email),
        committer_name: tidy(committer_name),
        committer_email: tidy(committer_email),
        co_authors: co_authors.split('\u{1f}').filter_map(person).collect(),
        subject: tidy(subject),
        committed_at: seconds.saturating_mul(1_000),
    })
}

/// `Ada <ada@example.org>`
fn person(text: &str) -> Option<(String, String)> {
    let (name, rest) = text.split_once('<')?;
    let (email, _) = rest.split_once('>')?;
    Some((tidy(name), tidy(email)))
}

fn tidy(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|letter| !letter.is_control())
        .take(1_000)
        .collect()
}

fn unreadable(words: String) -> GitError {
    GitError::Unreadable {
        command: "log".to_owned(),
        words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_with_co_authors_is_read() {
        let id = "a".repeat(40);
        let log = format!(
            "{id}\0{p} {p}\0Ada\0ada@x.org\0Forge\0noreply@forge\x001700000000\0Lin <lin@x.org>\x1fnonsense\x1fSam Doe <sam@x.org>\0Add <b>tags</b>\0",
            p = "b".repeat(40)
        );
        let commits = parse_log(log.as_bytes()).unwrap();
        assert_eq!(commits.len(), 1);
        let commit = &commits[0];
        assert_eq!(commit.parents.len(), 2);
        assert_eq!(commit.committed_at, 1_700_000_000_000);
        assert_eq!(commit.subject, "Add <b>tags</b>");
        assert_eq!(
            commit.co_authors,
            [
                ("Lin".to_owned(), "lin@x.org".to_owned()),
                ("Sam Doe".to_owned(), "sam@x.org".to_owned())
            ]
        );
        assert!(parse_log(b"").unwrap().is_empty());
        assert!(parse_log(b"x\0y").is_err());
    }
}
