//! Where events go: a file, a pipe, or nowhere.

use std::{
    fmt,
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;

use super::{Event, Line};

/// The stream cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the events to {path}")]
pub struct EventsError {
    /// The file.
    path: Utf8PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

/// A stream of events.
#[derive(Default)]
pub struct Events {
    to: Option<Mutex<Box<dyn Write + Send>>>,
}

impl Events {
    /// A stream that nobody reads.
    #[must_use]
    pub const fn none() -> Self {
        Self { to: None }
    }

    /// A stream into a file, which is made anew, or into a named pipe or device, as it is.
    pub fn to_file(path: &Utf8Path) -> Result<Self, EventsError> {
        let file = fs::File::create(path).map_err(|source| EventsError { path: path.to_owned(), source })?;
        Ok(Self::to(file))
    }

    /// A stream into anything.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self { to: Some(Mutex::new(Box::new(writer))) }
    }

    /// Writes one line at once. Who does not listen any more, or whose disk is full, does not fail a run: a word is
    /// left in the log.
    pub fn emit(&self, event: Event) {
        let Some(to) = &self.to else { return };
        let line = serde_json::to_string(&Line { time: Timestamp::now(), event }).map_err(io::Error::from);
        let written = line.and_then(|line| {
            let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
            to.write_all((line + "\n").as_bytes())?;
            to.flush()
        });
        if let Err(error) = written {
            tracing::warn!("failed to write an event: {error}");
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("written", &self.to.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::Events;
    use crate::events::{Event, FORMAT, Line};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_event_is_a_line_that_reads_back() {
        let shared = Shared::default();
        let events = Events::to(shared.clone());
        let all = [Event::start("r", 1, 2), Event::CaseStart { case: "a::b".to_owned() }];
        for event in &all {
            events.emit(event.clone());
        }
        let text = String::from_utf8(shared.0.lock().expect("not poisoned").clone()).expect("UTF-8");
        let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert_eq!(lines.iter().map(|line| line.event.clone()).collect::<Vec<_>>(), all);
        let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        assert_eq!((&first["event"], &first["format"]), (&"run-start".into(), &FORMAT.into()));
    }

    #[test]
    fn a_reader_that_went_away_fails_nothing() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        Events::to(writer).emit(Event::start("r", 0, 0));
    }
}
