//! The folder of a run's report: claimed before the run, given back when nothing was observed.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{failure::Failure, run::ReportProblem};
use crate::report::{claim_dir, fresh_dir};

/// Where reports go when the command line does not say.
const REPORTS: &str = "reports";

/// A report's folder.
#[derive(Debug)]
pub(super) struct ReportDir {
    /// The folder.
    pub(super) path: Utf8PathBuf,
    /// It and the folders above it that were not there before, the innermost first.
    made: Vec<Utf8PathBuf>,
}

impl ReportDir {
    /// Takes the folder that the command line names, else a new one named by the time.
    pub(super) fn claim(named: Option<&Utf8Path>) -> Result<Self, Failure> {
        if let Some(dir) = named {
            let made = missing(dir);
            claim_dir(dir).map_err(|error| Failure::input(ReportProblem::new(&error)))?;
            return Ok(Self { path: dir.to_owned(), made });
        }
        let above = missing(Utf8Path::new(REPORTS));
        let path = fresh_dir(Utf8Path::new(REPORTS), Timestamp::now());
        let path = path.map_err(|error| Failure::lab(ReportProblem::new(&error)))?;
        Ok(Self { made: std::iter::once(path.clone()).chain(above).collect(), path })
    }

    /// Removes what was made for it, as far as it is empty.
    pub(super) fn give_back(&self) {
        // What somebody else has put there meanwhile keeps its folder.
        let _ = self.made.iter().try_for_each(std::fs::remove_dir);
    }
}

fn missing(dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let absent = |dir: &&Utf8Path| !dir.as_str().is_empty() && !dir.exists();
    dir.ancestors().take_while(absent).map(Utf8Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::ReportDir;

    #[test]
    fn what_was_there_before_stays() {
        let scratch = tempfile::tempdir().expect("a fresh folder");
        let base = Utf8Path::from_path(scratch.path()).expect("UTF-8");
        let there = base.join("there");
        std::fs::create_dir(&there).expect("a folder");
        ReportDir::claim(Some(&there)).expect("empty").give_back();
        assert!(there.exists());
        ReportDir::claim(Some(&there.join("a/b"))).expect("new").give_back();
        assert!(there.exists() && !there.join("a").exists());
        let dir = ReportDir::claim(Some(&there.join("a/b"))).expect("new");
        std::fs::write(there.join("a/other"), "x").expect("written");
        dir.give_back();
        assert!(there.join("a/other").exists() && !there.join("a/b").exists());
    }
}
