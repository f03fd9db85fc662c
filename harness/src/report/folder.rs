//! The report's folder, and writing files into it so that a reader sees a whole file or none.

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;

use super::error::ReportError;
use crate::whole_file;

/// Makes a new folder below `base`, named by the time: `2026-11-23T19-05-12Z`, with `-2`, `-3`, … if there is one.
/// Two runs that start at once get a folder each.
pub fn fresh_dir(base: &Utf8Path, now: Timestamp) -> Result<Utf8PathBuf, ReportError> {
    let create_error = |dir: &Utf8Path, source| ReportError::CreateDir { dir: dir.to_owned(), source };
    fs::create_dir_all(base).map_err(|source| create_error(base, source))?;
    let name = now.strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    let mut dir = base.join(&name);
    for n in 2_u32.. {
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => dir = base.join(format!("{name}-{n}")),
            Err(source) => return Err(create_error(&dir, source)),
        }
    }
    Err(create_error(&dir, ErrorKind::AlreadyExists.into()))
}

/// Takes the folder that the user named: it is made if it does not exist, and must be empty if it does.
pub fn claim_dir(dir: &Utf8Path) -> Result<(), ReportError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(Ok(_)) => Err(ReportError::NotEmpty(dir.to_owned())),
            Some(Err(source)) => Err(ReportError::Read { path: dir.to_owned(), source }),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(dir).map_err(|source| ReportError::CreateDir { dir: dir.to_owned(), source })
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(ReportError::NotADirectory(dir.to_owned())),
        Err(source) => Err(ReportError::Read { path: dir.to_owned(), source }),
    }
}

/// Writes a file whole: to a temporary file beside it, to the disk, then under its name.
pub fn write_file(path: &Utf8Path, content: &str) -> Result<(), ReportError> {
    whole_file::write(path, content.as_bytes()).map_err(|source| ReportError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use camino::{Utf8Path, Utf8PathBuf};
    use fs_err as fs;
    use tempfile::TempDir;

    use super::{claim_dir, fresh_dir, write_file};
    use crate::report::ReportError;

    fn scratch() -> (TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path").to_owned();
        (dir, path)
    }

    #[test]
    fn folders_are_named_by_time_and_never_shared() {
        let (_guard, base) = scratch();
        let base = base.join("reports");
        let now = "2026-11-23T19:05:12.9Z".parse().expect("a time");
        let names = [(); 3].map(|()| fresh_dir(&base, now).expect("a folder").file_name().expect("a name").to_owned());
        assert_eq!(names, ["2026-11-23T19-05-12Z", "2026-11-23T19-05-12Z-2", "2026-11-23T19-05-12Z-3"]);
    }

    #[test]
    fn a_named_folder_must_be_new_or_empty() {
        let (_guard, base) = scratch();
        let dir = base.join("a/b");
        claim_dir(&dir).expect("new");
        claim_dir(&dir).expect("empty");
        fs::write(dir.join("x"), "x").expect("writable");
        assert!(matches!(claim_dir(&dir), Err(ReportError::NotEmpty(named)) if named == dir));
        assert!(matches!(claim_dir(&dir.join("x")), Err(ReportError::NotADirectory(_))));
        assert_eq!(fs::read_to_string(dir.join("x")).expect("still there"), "x");
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let (_guard, base) = scratch();
        let path = base.join("f");
        for content in ["a longer text", "short"] {
            write_file(&path, content).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("readable"), content);
        }
        assert_eq!(fs::read_dir(&base).expect("readable").count(), 1);
        let error = write_file(&base.join("none/f"), "x").expect_err("no such folder");
        assert!(error.to_string().contains("none/f"), "{error}");
    }
}
