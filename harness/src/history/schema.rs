//! The tables, and how a file of an earlier version becomes one of this version.

use rusqlite::{Connection, Transaction};

/// One step per version of the file; `user_version` counts those that were taken.
const STEPS: &[&str] = &["
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        started_at TEXT NOT NULL,
        provider TEXT NOT NULL,
        cluster TEXT NOT NULL,
        duration_ms INTEGER NOT NULL,
        UNIQUE (name, started_at)
    );
    CREATE INDEX runs_by_time ON runs (started_at);
    CREATE TABLE facts (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
        scope TEXT NOT NULL,
        what TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (run, scope, what)
    ) WITHOUT ROWID;
    CREATE TABLE cases (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE causes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
    CREATE TABLE results (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
        \"case\" INTEGER NOT NULL REFERENCES cases,
        verdict TEXT NOT NULL,
        outcome TEXT NOT NULL,
        cause INTEGER NOT NULL REFERENCES causes,
        PRIMARY KEY (run, \"case\")
    ) WITHOUT ROWID;
    CREATE TABLE clusters (
        run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
        name TEXT NOT NULL,
        duration_ms INTEGER NOT NULL,
        PRIMARY KEY (run, name)
    ) WITHOUT ROWID;
"];

/// The version of the file that this program writes.
pub(super) const VERSION: usize = STEPS.len();

/// The version of a file; 0 for a new one.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map(|n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// Takes the steps that are missing, as part of a transaction.
pub(super) fn migrate(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let taken = version(transaction)?;
    for step in STEPS.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))
}
