//! The files of the report's folder.

use camino::Utf8Path;
use fs_err as fs;
use pathlab::report::write_all;

use crate::sample;

const FILES: [&str; 4] = ["junit.xml", "report.html", "report.json", "summary.txt"];

#[test]
fn a_folder_gets_every_file_and_nothing_else() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = Utf8Path::from_path(dir.path()).expect("UTF-8 path");
    write_all(&sample::seed(), path).expect("written");
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
        write_all(&sample::mixed(), path).expect("written");
        FILES.map(|name| fs::read_to_string(path.join(name)).expect("readable"))
    };
    assert_eq!(render(), render());
}
