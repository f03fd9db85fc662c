//! The files of the report's folder.

use camino::Utf8Path;
use fs_err as fs;
use pathlab::report::{json, write_all};

use crate::sample;

const FILES: [&str; 4] = ["junit.xml", "report.html", "report.json", "summary.txt"];

#[test]
fn a_folder_gets_every_file_and_nothing_else() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path");
    assert!(write_all(&sample::seed(), path).is_empty());
    let mut names: Vec<_> =
        path.read_dir_utf8().expect("readable").map(|entry| entry.expect("entry").file_name().to_owned()).collect();
    names.sort();
    assert_eq!(names, FILES);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let render = || {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path");
        assert!(write_all(&sample::mixed(), path).is_empty());
        FILES.map(|name| fs::read_to_string(path.join(name)).expect("readable"))
    };
    assert_eq!(render(), render());
}

#[test]
fn a_file_that_cannot_be_written_costs_no_other() {
    for lost in FILES {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path");
        fs::create_dir(path.join(lost)).expect("a folder in its place");
        let errors = write_all(&sample::seed(), path);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].to_string().ends_with(lost) && !errors[0].is_full(), "{errors:?}");
        assert!(FILES.iter().all(|name| *name == lost || path.join(name).is_file()), "{lost}");
    }
}

#[test]
fn a_report_that_names_files_of_other_folders_is_refused() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path").join("report.json");
    for (named, is_fine) in [
        ("evidence/one.tar.gz", true),
        ("../../etc/hostname", false),
        ("evidence/../../hostname", false),
        ("/etc/hostname", false),
        ("", false),
    ] {
        let mut report = sample::seed();
        report.evidence[0].path = named.into();
        json::write(&report, &path).expect("written");
        let read = json::read(&path);
        assert_eq!(read.is_ok(), is_fine, "{named}: {read:?}");
    }
}
