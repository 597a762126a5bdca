//! Whose work a train carries: Git authors, committers and co-authors of everything from → to of all cars, and who
//! started the builds. None of them may approve it. An address can be made up, so a name that is matched to nobody
//! makes the train wait until a person says who it is.

use std::collections::{BTreeMap, BTreeSet};

use super::people::People;
use crate::db::Db;
use crate::git::Commit;
use crate::train::{Car, History};

/// More than this between what runs and what comes is not looked through.
const COMMITS: usize = 5_000;

/// The committer of merges made on the forge's page: no person, and the author stands beside it.
const FORGES_OWN: &[&str] = &["noreply@github.com"];

/// Whose work it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors {
    /// Ids of people.
    pub people: BTreeSet<String>,
    /// Identities matched to nobody, with the name in the commit.
    pub unmatched: Vec<(String, String)>,
    /// Why it cannot be told.
    pub unknown: Option<String>,
}

/// Identities (`email:…`, `github:…`) and the names they come with.
pub type Identities = BTreeMap<String, String>;

/// Finds the authors of everything these cars bring.
///
/// # Errors
/// The database does not answer.
pub async fn authors(
    db: &Db,
    history: &dyn History,
    people: &People,
    cars: &[Car],
) -> anyhow::Result<Authors> {
    let mut identities = Identities::new();
    let mut unknown = None;
    for car in cars {
        match of_car(db, history, car).await? {
            Ok(found) => identities.extend(found),
            Err(why) => unknown = Some(why),
        }
    }
    Ok(matched(people, identities, unknown))
}

/// Puts people to identities.
pub fn matched(people: &People, identities: Identities, unknown: Option<String>) -> Authors {
    let mut authors = Authors {
        unknown,
        ..Authors::default()
    };
    for (identity, name) in identities {
        // GitHub's private addresses name the login: a person may be known by either.
        let login = login_of(&identity);
        let found = people
            .by_identity
            .get(&identity)
            .or_else(|| people.by_identity.get(login.as_ref()?));
        match found {
            Some(found) if !found.is_empty() => authors.people.extend(found.iter().cloned()),
            _ => authors.unmatched.push((identity, name)),
        }
    }
    authors
}

/// `email:123+ada@users.noreply.github.com` is `github:ada`.
fn login_of(identity: &str) -> Option<String> {
    let local = identity
        .strip_prefix("email:")?
        .strip_suffix("@users.noreply.github.com")?;
    let login = local.split_once('+').map_or(local, |(_, login)| login);
    Some(format!("github:{login}"))
}

async fn of_car(db: &Db, history: &dyn History, car: &Car) -> anyhow::Result<Result<Identities, String>> {
    let repository: Option<Option<String>> = sqlx::query_scalar(
        "SELECT service.repository FROM slot JOIN service ON service.id = slot.service_id WHERE slot.id = $1",
    )
    .bind(&car.slot_id)
    .fetch_optional(db.read())
    .await?;
    let (Some(repository), Some(commit)) = (repository.flatten(), &car.commit) else {
        return Ok(Err(
            "the repository or the commit of an image is not known".to_owned()
        ));
    };
    let from: Option<Option<String>> =
        sqlx::query_scalar("SELECT MAX(commit_id) FROM image WHERE digest = $1")
            .bind(&car.from_digest)
            .fetch_optional(db.read())
            .await?;
    let between = history
        .commits_between(&repository, from.flatten().as_deref(), commit, COMMITS + 1)
        .await;
    let between = match between {
        Ok(between) => between,
        Err(cause) => return Ok(Err(format!("the mirror of {repository} cannot be read: {cause}"))),
    };
    let Some(commits) = between else {
        return Ok(Err(format!(
            "the mirror of {repository} does not have {} or what runs now",
            commit.chars().take(7).collect::<String>()
        )));
    };
    if commits.len() > COMMITS {
        return Ok(Err(format!(
            "there are more than {COMMITS} commits between what runs and what comes in {repository}"
        )));
    }
    let mut identities = of_commits(&commits);
    // Whoever started a build of one of them, by the forge's word, which cannot be made up.
    let logins: Vec<Option<String>> = sqlx::query_scalar(
        "SELECT DISTINCT build.actor_login FROM build JOIN repository ON repository.id = build.repository_id
         WHERE repository.name = $1 AND build.commit_id = $2 AND build.counts = 1",
    )
    .bind(&repository)
    .bind(commit)
    .fetch_all(db.read())
    .await?;
    for login in logins.into_iter().flatten() {
        if !is_bot(&login) {
            identities.insert(format!("github:{}", login.to_lowercase()), login);
        }
    }
    Ok(Ok(identities))
}

/// The people named in commits.
pub fn of_commits(commits: &[Commit]) -> Identities {
    let mut identities = Identities::new();
    for commit in commits {
        let mut add = |name: &str, email: &str| {
            let email = email.trim().to_lowercase();
            if !is_bot_address(&email) {
                identities.insert(format!("email:{email}"), name.to_owned());
            }
        };
        add(&commit.author_name, &commit.author_email);
        if !FORGES_OWN.contains(&commit.committer_email.as_str()) {
            add(&commit.committer_name, &commit.committer_email);
        }
        for (name, email) in &commit.co_authors {
            add(name, email);
        }
    }
    identities
}

/// Logins of machines: nobody logs in with them, so they approve nothing.
fn is_bot(login: &str) -> bool {
    login.ends_with("[bot]") || login == "web-flow"
}

fn is_bot_address(email: &str) -> bool {
    email.ends_with("[bot]@users.noreply.github.com")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(author: &str, committer: &str, co_authors: &[&str]) -> Commit {
        Commit {
            id: "c".to_owned(),
            parents: Vec::new(),
            author_name: author.to_owned(),
            author_email: format!("{author}@acme.example"),
            committer_name: committer.to_owned(),
            committer_email: if committer == "GitHub" {
                "noreply@github.com".to_owned()
            } else {
                format!("{committer}@acme.example")
            },
            co_authors: co_authors
                .iter()
                .map(|name| ((*name).to_owned(), format!("{name}@ACME.example")))
                .collect(),
            subject: String::new(),
            committed_at: 0,
        }
    }

    #[test]
    fn authors_committers_and_co_authors_are_named_but_not_the_forge() {
        let found = of_commits(&[
            commit("ada", "GitHub", &["lin"]),
            commit("sam", "kim", &[]),
            commit("dependabot", "GitHub", &[]),
        ]);
        assert_eq!(
            found.keys().collect::<Vec<_>>(),
            [
                "email:ada@acme.example",
                "email:dependabot@acme.example",
                "email:kim@acme.example",
                "email:lin@acme.example",
                "email:sam@acme.example"
            ]
        );
    }

    #[test]
    fn a_private_address_is_matched_by_its_login() {
        let mut people = People::default();
        people
            .by_identity
            .insert("github:ada".to_owned(), BTreeSet::from(["usr_ada".to_owned()]));
        let identities = Identities::from([
            (
                "email:12+ada@users.noreply.github.com".to_owned(),
                "Ada".to_owned(),
            ),
            ("email:who@acme.example".to_owned(), "Who".to_owned()),
        ]);
        let authors = matched(&people, identities, None);
        assert_eq!(authors.people, BTreeSet::from(["usr_ada".to_owned()]));
        assert_eq!(authors.unmatched.len(), 1);
    }
}
