//! Pages under load: twenty people ask for pages as quickly as they can, and many of them hang up halfway. The program
//! answers everybody else wholly, does not panic, and does not grow.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use app::account::Role;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use server::clock::{Clock as _, SystemClock};
use sim::identity::Identity;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::house::{CLIENT, House, SECRET};
use crate::support::store::Store;

const PEOPLE: u64 = 20;
const REQUESTS: usize = 500;
/// More than noise of the allocator; leaking the pages of those who hang up would take some hundred megabytes.
const MAY_GROW: u64 = 40 << 20;

const PAGES: [&str; 10] = [
    "/",
    "/?search=check&state=failed",
    "/approvals",
    "/audit",
    "/builds",
    "/deliveries",
    "/metrics",
    "/people",
    "/sessions",
    "/unmapped",
];

/// The program itself, serving a database that somebody has logged in to.
struct Running {
    child: Child,
    address: String,
    cookie: String,
    folder: tempfile::TempDir,
    _provider: Identity,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address").to_string();
        let home = format!("http://{address}");
        let store = Store::sqlite().await;
        store.clock.advance(SystemClock.now() - store.clock.now());
        let (house, acme) = House::with_acme(store, &home).await;
        let browser = house.logged_in("ada").await;
        // Something to show: the audit of two hundred changes.
        for _ in 0..100 {
            house.role("ada", Some(Role::Lead)).await;
        }
        house.role("ada", Some(Role::Devops)).await;
        house.store.db.close().await;
        let database = house.store.url.strip_prefix("sqlite:").expect("a file");
        let kept = folder.path().join("test.db");
        std::fs::copy(database, &kept).expect("copies the database");

        let config = folder.path().join("yardmaster.toml");
        let document = format!(
            "listen = \"{address}\"\npublic_url = \"{home}\"\ndata = \"{data}\"\n\
             [database]\nurl = \"sqlite:{kept}\"\n[keys]\naudit = \"an audit key for tests\"\ndata = \"a data key for tests\"\n\
             [[login]]\nname = \"acme\"\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n",
            data = folder.path().display(),
            kept = kept.display(),
            issuer = acme.issuer(),
        );
        std::fs::write(&config, document).expect("writes the configuration");
        std::fs::create_dir_all(folder.path().join("site/pkg")).expect("makes the site");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        drop(free);
        let child = Command::new(env!("CARGO_BIN_EXE_yardmaster"))
            .args(["serve", "--config"])
            .arg(&config)
            .env("YARDMASTER_SITE", folder.path().join("site"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts");
        let cookies = browser
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>();
        let mut running = Self {
            child,
            address,
            cookie: cookies.join("; "),
            folder,
            _provider: acme,
        };
        while TcpStream::connect(&running.address).await.is_err() {
            let ended = running.child.try_wait().expect("its state");
            assert!(ended.is_none(), "the program ended: {}", running.log());
            tokio::task::yield_now().await;
        }
        running
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// Bytes of memory that are really in use.
    fn resident(&self) -> u64 {
        let process = self.child.id().expect("it runs");
        let pages = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("statm"))
            .expect("Linux tells");
        pages
            .split(' ')
            .nth(1)
            .and_then(|pages| pages.parse::<u64>().ok())
            .expect("a number of pages")
            * 4096
    }

    /// Everybody asks for so many pages.
    async fn hammer(&self, requests: usize, seed: u64) -> Tally {
        let whom = Arc::new((self.address.clone(), self.cookie.clone()));
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                let whom = whom.clone();
                let mut random = StdRng::seed_from_u64(seed * 1000 + person);
                tokio::spawn(async move {
                    let mut tally = Tally::default();
                    for _ in 0..requests {
                        visit(&whom.0, &whom.1, &mut random, &mut tally).await;
                    }
                    tally
                })
            })
            .collect();
        let mut sum = Tally::default();
        for person in people {
            let tally = person.await.expect("no visitor panics");
            sum.whole += tally.whole;
            sum.aborted += tally.aborted;
            sum.wrong.extend(tally.wrong);
        }
        sum
    }
}

#[derive(Default)]
struct Tally {
    whole: usize,
    aborted: usize,
    wrong: Vec<String>,
}

/// Asks for one page over a connection of its own; one in three hangs up somewhere.
async fn visit(address: &str, cookie: &str, random: &mut StdRng, tally: &mut Tally) {
    let hangs_up = random.random_range(0..3) == 0;
    // The stream of events never ends, so whoever opens it hangs up.
    let page = match random.random_range(0..=PAGES.len()) {
        number if number < PAGES.len() => PAGES[number],
        _ if hangs_up => "/events",
        _ => "/login",
    };
    let mut connection = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "GET {page} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\naccept: text/html\r\nconnection: close\r\n\r\n"
    );
    if hangs_up {
        tally.aborted += 1;
        let _ = connection.write_all(request.as_bytes()).await;
        match random.random_range(0..3) {
            // At once, while the page is being made.
            0 => {}
            // When something has come.
            1 => {
                let _ = connection.read(&mut [0; 200]).await;
            }
            // With a reset instead of a farewell.
            _ => connection.set_zero_linger().expect("a socket option"),
        }
        return;
    }
    let mut answer = Vec::new();
    let asked = async {
        connection.write_all(request.as_bytes()).await?;
        connection.read_to_end(&mut answer).await
    };
    let read = asked.await;
    let text = String::from_utf8_lossy(&answer);
    if read.is_ok() && text.starts_with("HTTP/1.1 200") && is_whole(&text) {
        tally.whole += 1;
    } else {
        tally.wrong.push(format!(
            "{page}: {read:?} {}",
            text.chars().take(300).collect::<String>()
        ));
    }
}

/// A page to its last tag, as long as its head promised, with the answers that it was made of behind it.
fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = format!("content-length: {}", body.len());
    head.lines().any(|line| line == length)
        && body.contains("</html>")
        && body.ends_with("__INCOMPLETE_CHUNKS=[];</script>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_survive_those_who_hang_up() {
    let mut running = Running::start().await;
    let warm = running.hammer(REQUESTS / 5, 1).await;
    let before = running.resident();
    let hot = running.hammer(REQUESTS, 2).await;
    let after = running.resident();

    for tally in [&warm, &hot] {
        assert!(
            tally.wrong.is_empty(),
            "{} of {}: {}\n{}",
            tally.wrong.len(),
            tally.whole,
            tally.wrong[0],
            running.log().chars().take(5_000).collect::<String>()
        );
        assert!(
            tally.aborted > tally.whole / 4 && tally.whole > tally.aborted,
            "{} {}",
            tally.whole,
            tally.aborted
        );
    }
    assert!(
        after < before + MAY_GROW,
        "it grew from {} to {} KiB over {} pages, {} of them aborted",
        before >> 10,
        after >> 10,
        hot.whole + hot.aborted,
        hot.aborted
    );

    // Told to stop, it does.
    let process = running.child.id().expect("it runs").to_string();
    let told = Command::new("kill")
        .arg(process)
        .status()
        .await
        .expect("kill is there");
    assert!(told.success());
    let ended = running.child.wait().await.expect("it ends");
    let log = running.log();
    assert!(ended.success(), "{log}");
    assert!(!log.contains("panicked at") && !log.contains(" ERROR "), "{log}");
}
