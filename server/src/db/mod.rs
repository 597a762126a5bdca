//! The store's ground floor: one SQL text for SQLite and PostgreSQL behind [`Db`].
//!
//! Reads go to a pool; writes go through [`Db::begin`], which gives a [`Tx`]: on SQLite the one writer
//! (`BEGIN IMMEDIATE`), on PostgreSQL an ordinary transaction. A `Tx` collects audit entries and events and writes
//! them last, so that their order is total and they commit with the change or not at all. No network call is made
//! inside a `Tx`.

mod lock;
pub mod migrations;
mod tx;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection as _};
use tokio::sync::watch;

pub use tx::Tx;

use crate::audit::AuditKey;
use crate::clock::{Ids, SharedClock};

/// How long PostgreSQL may take to answer at the start.
const CONNECT: Duration = Duration::from_secs(10);

/// Which database is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One process, guarded by a file lock.
    Sqlite,
    /// Several replicas.
    Postgres,
}

/// Why the database could not be opened, for the person who configured it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is not one we know.
    #[error("database.url `{0}`: must begin with sqlite: or postgres:")]
    Address(String),
    /// Another process has this SQLite file.
    #[error(
        "database.url: `{0}` is in use by another yardmaster process; stop it, or use PostgreSQL to run several"
    )]
    InUse(String),
    /// It does not answer.
    #[error("database.url: cannot open the database at {address}: {cause}")]
    Unreachable {
        /// The address without its password.
        address: String,
        /// The driver's words.
        cause: sqlx::Error,
    },
    /// A migration failed.
    #[error("database.url: cannot bring the schema up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

/// A row that decodes to no legal state: a fault of ours or of somebody who edited the database.
#[derive(Debug, thiserror::Error)]
#[error("table `{table}`, row `{id}`: {what}")]
pub struct Inconsistent {
    /// The table.
    pub table: &'static str,
    /// The row.
    pub id: String,
    /// What is wrong with it.
    pub what: String,
}

/// The database.
#[derive(Clone)]
pub struct Db {
    read: AnyPool,
    write: AnyPool,
    dialect: Dialect,
    /// The clock, ids and audit key every transaction uses.
    pub context: Arc<Context>,
    changed: watch::Sender<i64>,
    _lock: Option<Arc<lock::FileLock>>,
}

/// What transactions are given from outside.
pub struct Context {
    /// Tells the time.
    pub clock: SharedClock,
    /// Makes ids.
    pub ids: Arc<Ids>,
    /// Seals the audit.
    pub audit_key: AuditKey,
}

impl Db {
    /// Opens the database, applies migrations.
    ///
    /// # Errors
    /// Says which setting is wrong and what to do.
    pub async fn open(url: &str, context: Context) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let dialect = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Dialect::Sqlite,
            Some("postgres" | "postgresql") => Dialect::Postgres,
            _ => return Err(OpenError::Address(redact(url))),
        };
        let unreachable = |cause| OpenError::Unreachable {
            address: redact(url),
            cause,
        };
        let lock = match dialect {
            Dialect::Sqlite => Some(Arc::new(lock::FileLock::take(url)?)),
            Dialect::Postgres => None,
        };
        let url_with_mode = match dialect {
            Dialect::Sqlite if !url.contains("mode=") => {
                format!("{url}{}mode=rwc", if url.contains('?') { '&' } else { '?' })
            }
            _ => url.to_owned(),
        };
        let options = AnyConnectOptions::from_str(&url_with_mode).map_err(unreachable)?;
        let (write, read) = match dialect {
            Dialect::Sqlite => {
                let write = sqlite_pool(1, false)
                    .connect_with(options.clone())
                    .await
                    .map_err(unreachable)?;
                migrations::migrator().run(&write).await?;
                let read = sqlite_pool(6, true)
                    .connect_with(options)
                    .await
                    .map_err(unreachable)?;
                (write, read)
            }
            Dialect::Postgres => {
                answers(&options).await.map_err(unreachable)?;
                let pool = AnyPoolOptions::new()
                    .max_connections(16)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options)
                    .await
                    .map_err(unreachable)?;
                migrations::migrator().run(&pool).await?;
                (pool.clone(), pool)
            }
        };
        let (changed, _) = watch::channel(0);
        let db = Self {
            read,
            write,
            dialect,
            context: Arc::new(context),
            changed,
            _lock: lock,
        };
        let seq = db.last_seq().await.map_err(unreachable)?;
        db.changed.send_replace(seq);
        Ok(db)
    }

    /// For reading, outside transactions.
    pub const fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Which database is behind.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Begins a write transaction. On SQLite there is one at a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        let inner = match self.dialect {
            Dialect::Sqlite => self.write.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.write.begin().await?,
        };
        Ok(Tx::new(inner, self.context.clone(), self.changed.clone()))
    }

    /// Now, by the program's clock.
    pub fn now(&self) -> app::text::Millis {
        self.context.clock.now()
    }

    /// A new id with this prefix.
    pub fn id(&self, prefix: &str) -> String {
        self.context.ids.next(prefix, self.now())
    }

    /// The database's own clock, by which leases are judged: replicas may disagree about the time, the database does
    /// not. SQLite has one process, so there the program's clock rules, which also lets tests drive it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lease_clock(&self) -> sqlx::Result<i64> {
        match self.dialect {
            Dialect::Sqlite => Ok(self.now()),
            Dialect::Postgres => {
                sqlx::query_scalar("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
                    .fetch_one(&self.read)
                    .await
            }
        }
    }

    /// Tells when something was committed by this process: the newest `seq`. A hint; the tables are the truth.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// The newest `seq` in the database.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_seq(&self) -> sqlx::Result<i64> {
        sqlx::query_scalar("SELECT value FROM counter WHERE name = 'seq'")
            .fetch_one(&self.read)
            .await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

fn sqlite_pool(connections: u32, read_only: bool) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for pragma in [
                    "PRAGMA journal_mode = WAL",
                    // FULL, not NORMAL: an acknowledged webhook must survive a power cut.
                    "PRAGMA synchronous = FULL",
                    "PRAGMA foreign_keys = ON",
                    "PRAGMA busy_timeout = 10000",
                ] {
                    sqlx::query(pragma).execute(&mut *connection).await?;
                }
                if read_only {
                    sqlx::query("PRAGMA query_only = ON")
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(())
            })
        })
}

/// Connects once. A pool would try a refused connection again and again, and say in the end only that it timed out.
async fn answers(options: &AnyConnectOptions) -> sqlx::Result<()> {
    let connection = tokio::time::timeout(CONNECT, AnyConnection::connect_with(options))
        .await
        .map_err(|_| {
            let text = format!("no answer within {} s", CONNECT.as_secs());
            sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
        })??;
    connection.close().await
}

/// An address without its password. One that cannot be read is not shown: nobody knows where its password stands.
fn redact(url: &str) -> String {
    const HIDDEN: &str = "(not shown: it cannot be read as an address and may hold a password)";
    let Ok(mut parsed) = url::Url::parse(url) else {
        return HIDDEN.to_owned();
    };
    // A password with `/`, `?` or `#` in it ends the part before the host too early.
    let [path, query, fragment] = [Some(parsed.path()), parsed.query(), parsed.fragment()];
    if [path, query, fragment]
        .into_iter()
        .flatten()
        .any(|part| part.contains('@'))
    {
        return HIDDEN.to_owned();
    }
    if parsed.password().is_some() {
        let _ = parsed.set_password(Some("***"));
    }
    if parsed.query().is_some() {
        let kept: Vec<(String, String)> = parsed
            .query_pairs()
            .map(|(key, value)| {
                let secret = key.to_lowercase().contains("password");
                (
                    key.into_owned(),
                    if secret {
                        "***".to_owned()
                    } else {
                        value.into_owned()
                    },
                )
            })
            .collect();
        parsed.query_pairs_mut().clear().extend_pairs(kept);
    }
    parsed.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_shown() {
        for url in [
            "postgres://me:hunter2@db.example/yard",
            "postgres://db.example/yard?user=me&password=hunter2",
            "postgres://db.example/yard?sslmode=require&sslpassword=hunter2",
            "postgres://me:hun/ter2@db.example/yard",
            "postgres://me:12/hunter2@db.example/yard",
            "postgres://me:12#hunter2@db.example/yard",
            "postgres://me:12?hunter2@db.example/yard",
            "postgress//me:hunter2@db.example/yard",
            "me:hunter2@db.example/yard",
            "hunter2",
        ] {
            let shown = redact(url);
            assert!(!shown.contains("ter2"), "{url}: {shown}");
        }
        for url in [
            "postgres://me@db.example:5433/yard?sslmode=require",
            "sqlite:/var/lib/yard.db",
        ] {
            assert_eq!(redact(url), url);
        }
    }
}
