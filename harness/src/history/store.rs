//! The file: opened with patience, written in one transaction per run, moved aside when it is broken.

use std::{collections::BTreeMap, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Row, Transaction, TransactionBehavior, params};

use super::{CaseRecord, KEEP, RunRecord, facts, schema};
use crate::model::{
    Verdict,
    report::{CaseReport, Report},
};

/// How long another program may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many of a cluster's last runs say how long it takes.
const RECENT: u32 = 5;

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Its folder cannot be made.
    #[error("failed to make the folder of the history {path}")]
    Folder {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `SQLite` says no.
    #[error("failed to use the history {path}")]
    Sqlite {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A later version of Pathlab wrote it.
    #[error(
        "the history {path} is of version {found}, this lab knows {}: use the version that wrote it",
        schema::VERSION
    )]
    Newer {
        /// The file.
        path: Utf8PathBuf,
        /// Its version.
        found: usize,
    },
    /// It holds something that this program never writes.
    #[error("the history {path} holds `{text}` where {what} belongs")]
    Value {
        /// The file.
        path: Utf8PathBuf,
        /// What stands there.
        text: String,
        /// What should.
        what: &'static str,
    },
}

/// Which lab's runs are looked at: results of different labs are not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lab {
    /// What makes the machines.
    pub provider: String,
    /// What runs the manifests.
    pub cluster: String,
}

/// An open history.
#[derive(Debug)]
pub struct History {
    path: Utf8PathBuf,
    connection: Connection,
}

impl History {
    /// Opens the file for writing; makes it where it is not there. A file that is no database, or a broken one, is moved
    /// aside (`history.sqlite.broken-1`) with a word in the log, and a new one is begun.
    pub fn open(path: &Utf8Path) -> Result<Self, HistoryError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_str().is_empty()) {
            let error = |source| HistoryError::Folder { path: path.to_owned(), source };
            fs::create_dir_all(folder).map_err(error)?;
        }
        match Self::connect(path, OpenFlags::default()).and_then(Self::migrated) {
            Err(HistoryError::Sqlite { source, .. }) if is_broken(&source) => Self::anew(path, &source),
            opened => opened,
        }
    }

    /// Begins a new file in the place of a broken one, which is kept.
    fn anew(path: &Utf8Path, why: &rusqlite::Error) -> Result<Self, HistoryError> {
        let aside = move_aside(path)?;
        tracing::warn!("the history {path} is broken ({why}): it is now {aside}, and a new one begins");
        Self::connect(path, OpenFlags::default()).and_then(Self::migrated)
    }

    /// Moves a history aside that could not be read because it is broken: where it is now. A file that never was one is
    /// left alone, as nobody said that it may be written.
    #[must_use]
    pub fn set_aside(path: &Utf8Path, error: &HistoryError) -> Option<Utf8PathBuf> {
        let HistoryError::Sqlite { source, .. } = error else { return None };
        let never_was = source.sqlite_error_code() == Some(ErrorCode::NotADatabase);
        if never_was || !is_broken(source) { None } else { move_aside(path).ok() }
    }

    /// Opens the file for reading only; none where it is not there.
    pub fn read(path: &Utf8Path) -> Result<Option<Self>, HistoryError> {
        if !path.exists() {
            return Ok(None);
        }
        let history = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let version = schema::version(&history.connection).map_err(|source| history.sqlite(source))?;
        match version {
            0 => Ok(None),
            found if found > schema::VERSION => Err(HistoryError::Newer { path: path.to_owned(), found }),
            _ => Ok(Some(history)),
        }
    }

    fn connect(path: &Utf8Path, flags: OpenFlags) -> Result<Self, HistoryError> {
        let error = |source| HistoryError::Sqlite { path: path.to_owned(), source };
        let connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(PATIENCE).map_err(error)?;
        connection.execute_batch("PRAGMA foreign_keys = ON").map_err(error)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    fn migrated(mut self) -> Result<Self, HistoryError> {
        let found = schema::version(&self.connection).map_err(|source| self.sqlite(source))?;
        if found > schema::VERSION {
            return Err(HistoryError::Newer { path: self.path, found });
        }
        if found < schema::VERSION {
            self.transact(schema::migrate)?;
        }
        Ok(self)
    }

    /// Appends a run, all of it or nothing. A run that is in it already is left as it is. Where the file turns out to be
    /// broken now, behind a head that is sound, it is moved aside as [`History::open`] does it.
    pub fn append(&mut self, report: &Report) -> Result<(), HistoryError> {
        match self.transact(|transaction| append(transaction, report)) {
            Err(HistoryError::Sqlite { source, .. }) if is_broken(&source) => {
                let memory = Connection::open_in_memory().map_err(|source| self.sqlite(source))?;
                // Closed before it gets another name.
                drop(std::mem::replace(&mut self.connection, memory));
                *self = Self::anew(&self.path, &source)?;
                self.transact(|transaction| append(transaction, report))
            }
            appended => appended,
        }
    }

    /// The last runs of a lab that have a case whose id holds `text`, the oldest first, with these cases only. Where
    /// no lab is named, that of the newest such run.
    pub fn last(&self, lab: Option<&Lab>, text: &str, count: usize) -> Result<Vec<RunRecord>, HistoryError> {
        let lab = match lab {
            Some(lab) => Some(lab.clone()),
            None => self.newest_lab(text).map_err(|source| self.sqlite(source))?,
        };
        let Some(lab) = lab else { return Ok(Vec::new()) };
        let runs = self.runs(&lab, text, count).map_err(|source| self.sqlite(source))?;
        runs.into_iter().rev().map(|(id, name, started_at)| self.record(id, name, &started_at, text)).collect()
    }

    /// How long each cluster took in its last runs with this provider and kind of cluster, in milliseconds.
    pub fn times(&self, provider: &str, cluster: &str) -> Result<BTreeMap<String, u64>, HistoryError> {
        let read = || -> rusqlite::Result<BTreeMap<String, u64>> {
            let mut query = self.connection.prepare(
                "SELECT name, CAST(avg(duration_ms) AS INTEGER) FROM (SELECT clusters.name, duration_ms, row_number() OVER
                 (PARTITION BY clusters.name ORDER BY run DESC) AS age FROM clusters JOIN runs ON runs.id = run
                 WHERE provider = ?2 AND cluster = ?3) WHERE age <= ?1 GROUP BY name",
            )?;
            let row = |row: &Row<'_>| Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or_default()));
            query.query_map(params![RECENT, provider, cluster], row)?.collect()
        };
        read().map_err(|source| self.sqlite(source))
    }

    /// The lab of the newest run that has a case whose id holds `text`.
    fn newest_lab(&self, text: &str) -> rusqlite::Result<Option<Lab>> {
        let mut query = self.connection.prepare(
            "SELECT provider, cluster FROM runs WHERE id IN (SELECT run FROM results JOIN cases ON cases.id = \"case\"
             WHERE instr(cases.name, ?1)) ORDER BY started_at DESC, id DESC LIMIT 1",
        )?;
        let mut rows = query.query_map([text], |row| Ok(Lab { provider: row.get(0)?, cluster: row.get(1)? }))?;
        rows.next().transpose()
    }

    fn runs(&self, lab: &Lab, text: &str, count: usize) -> rusqlite::Result<Vec<(i64, String, String)>> {
        let mut query = self.connection.prepare(
            "SELECT id, name, started_at FROM runs WHERE provider = ?1 AND cluster = ?2 AND EXISTS
             (SELECT 1 FROM results JOIN cases ON cases.id = \"case\" WHERE run = runs.id AND instr(cases.name, ?3))
             ORDER BY started_at DESC, id DESC LIMIT ?4",
        )?;
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        query.query_map(params![lab.provider, lab.cluster, text, limit], row)?.collect()
    }

    fn record(&self, id: i64, name: String, started_at: &str, text: &str) -> Result<RunRecord, HistoryError> {
        let rows = self.results(id, text).map_err(|source| self.sqlite(source))?;
        let mut cases = BTreeMap::new();
        for (case, verdict, outcome, cause) in rows {
            let verdict = verdict.parse().map_err(|_| self.value(&verdict, "a verdict"))?;
            let outcome = outcome.parse().map_err(|_| self.value(&outcome, "an outcome"))?;
            cases.insert(case, CaseRecord { verdict, outcome, cause });
        }
        let facts = self.facts(id).map_err(|source| self.sqlite(source))?;
        let started_at: Timestamp = started_at.parse().map_err(|_| self.value(started_at, "a time"))?;
        Ok(RunRecord { name, started_at, facts, cases })
    }

    fn results(&self, run: i64, text: &str) -> rusqlite::Result<Vec<(String, String, String, String)>> {
        let mut query = self.connection.prepare_cached(
            "SELECT cases.name, verdict, outcome, causes.text FROM results JOIN cases ON cases.id = \"case\"
             JOIN causes ON causes.id = cause WHERE run = ?1 AND instr(cases.name, ?2)",
        )?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        query.query_map(params![run, text], row)?.collect()
    }

    fn facts(&self, run: i64) -> rusqlite::Result<BTreeMap<(String, String), String>> {
        let mut query = self.connection.prepare_cached("SELECT scope, what, value FROM facts WHERE run = ?1")?;
        query.query_map([run], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?.collect()
    }

    fn transact(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>) -> Result<(), HistoryError> {
        let path = self.path.clone();
        let error = |source| HistoryError::Sqlite { path, source };
        // Immediate: who comes second waits here, not in the middle of its work.
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        transaction.and_then(|transaction| work(&transaction).and_then(|()| transaction.commit())).map_err(error)
    }

    fn sqlite(&self, source: rusqlite::Error) -> HistoryError {
        HistoryError::Sqlite { path: self.path.clone(), source }
    }

    fn value(&self, text: &str, what: &'static str) -> HistoryError {
        HistoryError::Value { path: self.path.clone(), text: text.to_owned(), what }
    }
}

impl From<&Report> for RunRecord {
    /// What the history will hold of a report.
    fn from(report: &Report) -> Self {
        let case = |case: &CaseReport| {
            let cause = case.cause.as_ref().map(crate::model::report::Cause::identity).unwrap_or_default();
            (case.id.clone(), CaseRecord { verdict: case.verdict, outcome: case.outcome, cause })
        };
        let tried = report.cases.iter().filter(|case| case.verdict != Verdict::Skipped);
        Self {
            name: report.run.id.clone(),
            started_at: report.run.started_at,
            facts: facts::of(report),
            cases: tried.map(case).collect(),
        }
    }
}

fn append(transaction: &Transaction<'_>, report: &Report) -> rusqlite::Result<()> {
    let (record, run) = (RunRecord::from(report), &report.run);
    let added = transaction.execute(
        "INSERT OR IGNORE INTO runs (name, started_at, provider, cluster, duration_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![run.id, run.started_at.to_string(), run.provider, run.cluster, signed(run.duration_ms)],
    )?;
    if added == 0 {
        return Ok(());
    }
    let id = transaction.last_insert_rowid();
    let mut case_name = transaction.prepare("INSERT OR IGNORE INTO cases (name) VALUES (?1)")?;
    let mut cause_text = transaction.prepare("INSERT OR IGNORE INTO causes (text) VALUES (?1)")?;
    let mut result = transaction.prepare(
        "INSERT INTO results SELECT ?1, cases.id, ?3, ?4, causes.id FROM cases, causes WHERE cases.name = ?2 AND causes.text = ?5",
    )?;
    for (name, case) in &record.cases {
        case_name.execute([name])?;
        cause_text.execute([&case.cause])?;
        result.execute(params![id, name, case.verdict.as_str(), case.outcome.to_string(), case.cause])?;
    }
    let mut fact = transaction.prepare("INSERT INTO facts VALUES (?1, ?2, ?3, ?4)")?;
    for ((scope, what), value) in &record.facts {
        fact.execute(params![id, scope, what, value])?;
    }
    let mut cluster = transaction.prepare("INSERT OR IGNORE INTO clusters VALUES (?1, ?2, ?3)")?;
    for one in &report.clusters {
        cluster.execute(params![id, one.id, signed(one.duration_ms)])?;
    }
    // Old nights go, so that the file does not grow for ever.
    let keep = i64::try_from(KEEP).unwrap_or(i64::MAX);
    transaction.execute(
        "DELETE FROM runs WHERE provider = ?1 AND cluster = ?2 AND id NOT IN (SELECT id FROM runs WHERE provider = ?1
         AND cluster = ?2 ORDER BY started_at DESC, id DESC LIMIT ?3)",
        params![run.provider, run.cluster, keep],
    )?;
    Ok(())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Whether the file itself is the problem, rather than who uses it or where it lies.
fn is_broken(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    let strange = matches!(error, rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown);
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) || strange
}

/// Gives the file another name, beside its own: nothing is thrown away.
fn move_aside(path: &Utf8Path) -> Result<Utf8PathBuf, HistoryError> {
    let name = |number: u32| Utf8PathBuf::from(format!("{path}.broken-{number}"));
    let aside = (1..1000).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(1000));
    fs::rename(path, &aside).map_err(|source| HistoryError::Folder { path: path.to_owned(), source })?;
    // What belongs to it would be taken for the new one's.
    for suffix in ["-journal", "-wal", "-shm"] {
        drop(fs::rename(format!("{path}{suffix}"), format!("{aside}{suffix}")));
    }
    Ok(aside)
}
