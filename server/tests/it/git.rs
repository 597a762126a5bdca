//! Mirrors of real repositories: what they know, when they fetch, and what they say when they cannot.

use server::git::store::{Told, know, repository, want};
use server::git::{Git, Mirrors};

use crate::support::log::Log;
use crate::support::repository::Repository;
use crate::support::store::Store;

async fn tell(store: &Store, name: &str, url: &str) -> String {
    let mut tx = store.db.begin().await.unwrap();
    let told = Told {
        name,
        forge: "github",
        clone_url: Ok(url),
        default_branch: Some("main"),
        configured: true,
    };
    let id = know(&mut tx, &told).await.unwrap();
    want(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_mirror_knows_commits_authors_and_ancestry() {
    for store in Store::each().await {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
        let forge = Repository::new();
        let one = forge.commit("main", "One");
        let two = forge.commit(
            "main",
            "Two\n\nBody.\n\nCo-authored-by: Lin Doe <lin@example.org>\nCo-authored-by: Sam <sam@example.org>",
        );
        let three = forge.commit("hotfix/a", "Three");
        forge.git(&["tag", "v1"]);
        let id = tell(&store, "acme/checkout", &forge.url()).await;
        let round = mirrors.tick().await.unwrap();
        assert_eq!((round.fetched.len(), round.commits), (1, 3), "{round}");

        let name = "acme/checkout";
        assert_eq!(mirrors.head(name, "main").await.unwrap(), Some(two.clone()));
        assert_eq!(
            mirrors.head(name, "v1").await.unwrap(),
            None,
            "tags are not mirrored"
        );
        assert!(mirrors.contains(name, "main", &one).await.unwrap());
        assert!(!mirrors.contains(name, "main", &three).await.unwrap());
        assert!(!mirrors.contains(name, "gone", &one).await.unwrap());
        assert_eq!(mirrors.is_ancestor(name, &one, &three).await.unwrap(), Some(true));
        assert_eq!(
            mirrors.is_ancestor(name, &three, &one).await.unwrap(),
            Some(false)
        );
        assert_eq!(
            mirrors.is_ancestor(name, &one, &"f".repeat(40)).await.unwrap(),
            None
        );
        assert_eq!(
            mirrors.branches_containing(name, &two).await.unwrap(),
            ["hotfix/a", "main"]
        );
        assert_eq!(
            mirrors.count_between(name, Some(&one), &three).await.unwrap(),
            Some(2)
        );
        assert_eq!(mirrors.count_between(name, None, &three).await.unwrap(), Some(3));
        assert_eq!(
            mirrors
                .count_between(name, Some(&"f".repeat(40)), &three)
                .await
                .unwrap(),
            None
        );
        let between = mirrors
            .commits_between(name, Some(&one), &three, 10)
            .await
            .unwrap()
            .unwrap();
        let subjects: Vec<&str> = between.iter().map(|commit| commit.subject.as_str()).collect();
        assert_eq!(subjects, ["Three", "Two"]);
        let commit = &between[1];
        assert_eq!(commit.author_email, "ada@example.org");
        assert_eq!(commit.committer_name, "Cleo Committer");
        assert_eq!(commit.parents, std::slice::from_ref(&one));
        assert_eq!(commit.committed_at, 1_772_359_200_000);
        assert_eq!(
            commit.co_authors,
            [
                ("Lin Doe".to_owned(), "lin@example.org".to_owned()),
                ("Sam".to_owned(), "sam@example.org".to_owned())
            ]
        );
        let (subject, co_authors): (String, String) =
            sqlx::query_as("SELECT subject, co_authors FROM git_commit WHERE repository_id = $1 AND id = $2")
                .bind(&id)
                .bind(&two)
                .fetch_one(store.db.read())
                .await
                .unwrap();
        assert_eq!(subject, "Two");
        assert!(co_authors.contains("lin@example.org"), "{co_authors}");

        // Nothing that looks like an option or a path reaches git.
        for odd in ["--all", "main..x", "-x", "../../etc/passwd", "HEAD"] {
            assert_eq!(mirrors.head(name, odd).await.unwrap(), None, "{odd}");
            assert_eq!(mirrors.is_ancestor(name, odd, &one).await.unwrap(), None, "{odd}");
            assert_eq!(
                mirrors.commits_between(name, Some(odd), &one, 5).await.unwrap(),
                None,
                "{odd}"
            );
            assert!(
                mirrors.branches_containing(name, odd).await.unwrap().is_empty(),
                "{odd}"
            );
        }
        assert!(mirrors.head("../escape", "main").await.is_err());
        assert_eq!(mirrors.head("acme/unknown", "main").await.unwrap(), None);
        assert_eq!(
            mirrors.is_ancestor("acme/unknown", &one, &two).await.unwrap(),
            None
        );
    }
}

#[tokio::test]
async fn a_repository_is_fetched_when_wanted_and_every_few_minutes_anyway() {
    let store = Store::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
    let forge = Repository::new();
    let one = forge.commit("main", "One");
    let id = tell(&store, "acme/checkout", &forge.url()).await;
    assert_eq!(mirrors.tick().await.unwrap().fetched.len(), 1);
    assert_eq!(mirrors.tick().await.unwrap().fetched.len(), 0, "nobody wants it");

    // Wanted again within the same instant of the clock.
    let two = forge.commit("main", "Two");
    let mut tx = store.db.begin().await.unwrap();
    want(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(mirrors.tick().await.unwrap().commits, 1);
    assert_eq!(mirrors.head("acme/checkout", "main").await.unwrap(), Some(two));

    // A push whose webhook was lost, and a branch that went.
    forge.commit("feature/x", "Three");
    store.clock.advance(200_000);
    assert_eq!(mirrors.tick().await.unwrap().commits, 1);
    forge.git(&["switch", "--quiet", "main"]);
    forge.git(&["branch", "--quiet", "-D", "feature/x"]);
    forge.git(&["reset", "--quiet", "--hard", &one]);
    store.clock.advance(200_000);
    assert_eq!(mirrors.tick().await.unwrap().fetched.len(), 1);
    let branches: Vec<(String, String)> = sqlx::query_as("SELECT name, head FROM branch")
        .fetch_all(store.db.read())
        .await
        .unwrap();
    assert_eq!(branches, [("main".to_owned(), one)]);

    // Another process, with no mirror of its own yet, fetches although the database says it was done.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Mirrors::new(store.db.clone(), elsewhere.path().to_owned());
    assert_eq!(other.tick().await.unwrap().fetched.len(), 1);
    assert!(other.head("acme/checkout", "main").await.unwrap().is_some());
}

#[tokio::test]
async fn one_repository_that_cannot_be_fetched_stops_no_other_and_is_tried_again() {
    for store in Store::each().await {
        let folder = tempfile::tempdir().unwrap();
        let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
        let forge = Repository::new();
        forge.commit("main", "One");
        let gone = folder.path().join("gone");
        tell(&store, "acme/gone", &format!("file://{}", gone.display())).await;
        tell(&store, "acme/checkout", &forge.url()).await;
        tell(
            &store,
            "acme/shell",
            "ext::sh -c 'touch /tmp/yardmaster-was-here'",
        )
        .await;
        let round = mirrors.tick().await.unwrap();
        assert_eq!(round.fetched, ["acme/checkout"]);
        let failed: Vec<&str> = round.failed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(failed, ["acme/gone", "acme/shell"]);
        assert!(round.failed[1].1.contains("not allowed"), "{round}");
        assert!(!std::path::Path::new("/tmp/yardmaster-was-here").exists());
        let problem = repository(&store.db, "acme/gone")
            .await
            .unwrap()
            .unwrap()
            .problem
            .unwrap();
        assert!(problem.starts_with("git fetch: fatal:"), "{problem}");

        assert_eq!(
            mirrors.tick().await.unwrap().failed.len(),
            0,
            "it waits before it tries again"
        );
        std::fs::rename(forge.path(), &gone).unwrap();
        store.clock.advance(6_000);
        assert_eq!(mirrors.tick().await.unwrap().fetched, ["acme/gone"]);
        assert_eq!(
            repository(&store.db, "acme/gone").await.unwrap().unwrap().problem,
            None
        );
    }
}

#[tokio::test]
async fn a_mirror_survives_a_process_that_was_killed_in_the_middle() {
    let store = Store::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
    let forge = Repository::new();
    forge.commit("main", "One");
    let id = tell(&store, "acme/checkout", &forge.url()).await;
    // Half made.
    std::fs::create_dir_all(folder.path().join("acme/checkout.new/refs")).unwrap();
    assert_eq!(mirrors.tick().await.unwrap().fetched.len(), 1);
    // Locks that nobody holds.
    let mirror = folder.path().join("acme/checkout.git");
    for lock in ["packed-refs.lock", "refs/heads/main.lock"] {
        std::fs::write(mirror.join(lock), "").unwrap();
    }
    let two = forge.commit("main", "Two");
    let mut tx = store.db.begin().await.unwrap();
    want(&mut tx, &id).await.unwrap();
    tx.commit().await.unwrap();
    let round = mirrors.tick().await.unwrap();
    assert!(round.failed.is_empty(), "{round}");
    assert_eq!(mirrors.head("acme/checkout", "main").await.unwrap(), Some(two));
}

#[tokio::test]
async fn without_git_there_is_one_clear_error() {
    let store = Store::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let git = Git::default().with_program(folder.path().join("git"));
    let mirrors = Mirrors::with_git(store.db.clone(), folder.path().to_owned(), git);
    tell(&store, "acme/checkout", "file:///nowhere").await;
    let error = mirrors.tick().await.unwrap_err().to_string();
    assert!(error.contains("git 2.38 or newer is needed"), "{error}");

    let old = folder.path().join("old-git");
    std::fs::write(&old, "#!/bin/sh\necho git version 2.30.2\n").unwrap();
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mirrors = Mirrors::with_git(
        store.db.clone(),
        folder.path().to_owned(),
        Git::default().with_program(old),
    );
    let error = mirrors.tick().await.unwrap_err().to_string();
    assert!(error.contains("git version 2.30.2"), "{error}");
}

#[tokio::test]
async fn a_problem_is_told_once_with_the_settings_to_look_at() {
    let store = Store::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let mirrors = Mirrors::new(store.db.clone(), folder.path().to_owned());
    let forge = Repository::new();
    forge.commit("main", "One");
    let gone = folder.path().join("gone");
    tell(&store, "acme/gone", &format!("file://{}", gone.display())).await;
    let mut tx = store.db.begin().await.unwrap();
    let told = Told {
        name: "acme/nowhere",
        forge: "github",
        clone_url: Err("no clone address is known"),
        default_branch: None,
        configured: false,
    };
    know(&mut tx, &told).await.unwrap();
    tx.commit().await.unwrap();

    let (log, _guard) = Log::listen();
    let warnings = |text: String| -> Vec<String> {
        text.lines()
            .filter(|line| line.contains(" WARN "))
            .map(str::to_owned)
            .collect()
    };
    mirrors.tick().await.unwrap();
    let said = warnings(log.take());
    assert_eq!(said.len(), 2, "{said:?}");
    for line in &said {
        for setting in [
            "source.clone_urls",
            "source.clone_prefixes",
            "git.credentials_file",
        ] {
            assert!(line.contains(setting), "{line}");
        }
    }
    assert!(
        said.iter().any(|line| line.contains("acme/gone"))
            && said.iter().any(|line| line.contains("no clone address")),
        "{said:?}"
    );
    store.clock.advance(6_000);
    assert_eq!(mirrors.tick().await.unwrap().failed.len(), 1);
    assert_eq!(warnings(log.take()), [""; 0], "it is still the same");
    std::fs::rename(forge.path(), &gone).unwrap();
    store.clock.advance(60_000);
    assert_eq!(mirrors.tick().await.unwrap().fetched, ["acme/gone"]);
    assert!(log.take().contains("can be fetched again"));
}

#[tokio::test]
async fn a_forge_that_hangs_holds_up_nobody_and_is_let_go_when_the_program_stops() {
    let store = Store::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let git = folder.path().join("git-that-hangs");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *' fetch '*/slow' '*) echo $$ >{pid}.new; mv {pid}.new {pid}; exec tail -f /dev/null;; esac\nexec git \"$@\"\n",
        pid = pid.display()
    );
    std::fs::write(&git, script).unwrap();
    std::fs::set_permissions(&git, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mirrors = Mirrors::with_git(
        store.db.clone(),
        folder.path().join("mirrors"),
        Git::default().with_program(git),
    );
    tell(&store, "acme/slow", "file:///acme/slow").await;
    let slow = tokio::spawn({
        let mirrors = mirrors.clone();
        async move { mirrors.tick().await }
    });
    let process = loop {
        match std::fs::read_to_string(&pid) {
            Ok(number) => break std::path::PathBuf::from(format!("/proc/{}", number.trim())),
            Err(_) => tokio::task::yield_now().await,
        }
    };

    let forge = Repository::new();
    forge.commit("main", "One");
    tell(&store, "acme/checkout", &forge.url()).await;
    let round = mirrors.tick().await.unwrap();
    assert_eq!(round.fetched, ["acme/checkout"]);
    assert!(round.failed.is_empty() && !slow.is_finished(), "{round}");

    assert!(process.exists());
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    while process.exists() {
        tokio::task::yield_now().await;
    }
}
