//! The migrations: what the files may say, and that each runs on the rows of those before it.

use std::path::Path;

use server::db::migrations;

use crate::support::store::Blank;

/// What is not in migrations/README.md's subset.
const BANNED: [&str; 20] = [
    "BOOLEAN",
    "TIMESTAMP",
    "DATETIME",
    "REAL",
    "DOUBLE",
    "FLOAT",
    "NUMERIC",
    "INTEGER",
    " INT ",
    "BLOB",
    "BYTEA",
    "UUID",
    "SERIAL",
    "AUTOINCREMENT",
    "FOR UPDATE",
    "ILIKE",
    "NOW()",
    "RETURNING",
    "->>",
    "VARCHAR",
];

/// What is wrong with a migration's text.
fn complaints(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
        .to_uppercase();
    let banned = BANNED
        .iter()
        .filter(|word| code.contains(**word))
        .map(|word| format!("uses {word}"));
    let columns = code.split(';').flat_map(columns).filter_map(|column| {
        let kind = column.split_whitespace().nth(1).unwrap_or_default().to_owned();
        (kind != "TEXT" && kind != "BIGINT").then(|| format!("a column is neither TEXT nor BIGINT: {column}"))
    });
    banned.chain(columns).collect()
}

/// The columns that a statement makes, each as it is written.
fn columns(statement: &str) -> Vec<String> {
    let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((table, column)) = statement.split_once(" ADD ")
        && table.starts_with("ALTER TABLE ")
    {
        return vec![column.trim_start_matches("COLUMN ").to_owned()];
    }
    if !statement.starts_with("CREATE TABLE ") {
        return Vec::new();
    }
    let body = statement.split_once('(').map_or("", |(_, body)| body);
    let mut depth = 0;
    let parts = body.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    });
    parts
        .map(|part| part.trim().trim_end_matches(')').trim().to_owned())
        .filter(|part| {
            !["UNIQUE", "PRIMARY KEY", "FOREIGN KEY", "CHECK", "CONSTRAINT"]
                .iter()
                .any(|clause| part.starts_with(clause))
        })
        .collect()
}

#[test]
fn migrations_keep_to_the_portable_subset() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    let listed: Vec<(String, String)> = migrations::ALL
        .iter()
        .map(|(number, name, text)| (format!("{number:04}_{name}"), (*text).to_owned()))
        .collect();
    let names = |of: &[(String, String)]| of.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(
        names(&files),
        names(&listed),
        "the files of migrations/ and those listed in server/src/db/migrations.rs"
    );
    for (name, text) in files {
        assert_eq!(complaints(&text), [""; 0], "{name}");
    }
}

#[test]
fn what_one_of_the_databases_would_not_take_is_found() {
    for text in [
        "ALTER TABLE car ADD COLUMN extra JSON;",
        "alter table car add column extra jsonb not null default '{}';",
        "ALTER TABLE car ADD extra DATE;",
        "CREATE TABLE a (id TEXT PRIMARY KEY, at DATE);",
        "CREATE TABLE a (\n  id TEXT PRIMARY KEY,\n  flag BOOLEAN\n);",
        "CREATE TABLE a (id SERIAL);",
    ] {
        assert!(!complaints(text).is_empty(), "{text}");
    }
    let good = "-- A JSON document.\nALTER TABLE car ADD COLUMN extra TEXT;\n\
                CREATE TABLE a (id TEXT, at BIGINT NOT NULL CHECK (at IN (0, 1)), UNIQUE (id, at));";
    assert_eq!(complaints(good), [""; 0]);
}

/// Each migration brings sample rows, so that every later one is run on tables that are not empty.
#[tokio::test]
async fn each_migration_runs_on_the_rows_of_those_before() {
    let samples = [include_str!("../data/migrations/0001.sql")];
    assert_eq!(
        samples.len(),
        migrations::ALL.len(),
        "a migration has no sample data in server/tests/data/migrations"
    );
    sqlx::any::install_default_drivers();
    for blank in Blank::each().await {
        let create = if blank.url.starts_with("sqlite:") {
            "?mode=rwc"
        } else {
            ""
        };
        let pool = sqlx::AnyPool::connect(&format!("{}{create}", blank.url))
            .await
            .unwrap();
        for ((number, ..), sample) in migrations::ALL.iter().zip(samples) {
            migrations::migrator_to(*number).run(&pool).await.unwrap();
            for statement in sample.lines().filter(|line| line.starts_with("INSERT")) {
                sqlx::query(sqlx::AssertSqlSafe(statement))
                    .execute(&pool)
                    .await
                    .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
            }
        }
        let tables: Vec<&str> = migrations::ALL
            .iter()
            .flat_map(|(_, _, text)| text.lines())
            .filter_map(|line| line.strip_prefix("CREATE TABLE "))
            .map(|line| line.trim_end_matches(" ("))
            .collect();
        for table in tables {
            let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}")))
                .fetch_one(&pool)
                .await
                .unwrap();
            assert!(rows > 0, "the sample data leave {table} empty");
        }
    }
}
