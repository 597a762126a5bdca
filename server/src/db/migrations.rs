//! The schema, compiled in. See `migrations/README.md` for the rules the files keep.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every migration: number, what it adds, its text.
pub const ALL: &[(i64, &str, &str)] = &[(1, "initial", include_str!("../../../migrations/0001_initial.sql"))];

/// Applies what has not been applied yet.
pub fn migrator() -> Migrator {
    migrator_to(i64::MAX)
}

/// The same, up to a number; for tests, which load rows before they go on.
pub fn migrator_to(last: i64) -> Migrator {
    Migrator::with_migrations(
        ALL.iter()
            .filter(|(version, ..)| *version <= last)
            .map(|(version, description, sql)| {
                Migration::new(
                    *version,
                    Cow::Borrowed(*description),
                    MigrationType::Simple,
                    sqlx::SqlStr::from_static(sql),
                    false,
                )
            })
            .collect(),
    )
}
