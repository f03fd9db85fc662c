//! Images of the user's own.

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::bench::{Bench, image, sum};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![the_users_own_file_is_used_where_it_is, the_users_own_file_must_be_right,]
}

fn the_users_own_file_is_used_where_it_is() {
    let bench = Bench::new("filename: testos.qcow2");
    std::fs::write(bench.path("own.qcow2"), image(200_000)).expect("written");
    let own = format!("testos={}", bench.path("own.qcow2"));
    assert_snapshot!("own_absent", bench.lab(&["image", "fetch", "testos"]));
    assert_snapshot!("own_argument", bench.lab(&["image", "verify", "testos", "--image", &own]));
    let output = bench.command(&["image", "list"]).env("PATHLAB_TESTOS_IMAGE", bench.path("own.qcow2")).output();
    assert_snapshot!("own_variable", bench.said(&output.expect("lab starts")));
    assert_eq!(bench.files(), [""; 0], "nothing is copied");
}

fn the_users_own_file_must_be_right() {
    let bench = Bench::new(&format!("url: SERVER/image, sha256: {}", sum(&image(200_000))));
    let file = bench.path("own.qcow2");
    let own = format!("testos={file}");
    for (name, content) in [("another", image(200_001)), ("page", b"<html>".to_vec())] {
        std::fs::write(&file, content).expect("written");
        assert_snapshot!(format!("own_{name}"), bench.lab(&["image", "verify", "testos", "--image", &own]));
    }
    std::fs::remove_file(&file).expect("removed");
    assert_snapshot!("own_gone", bench.lab(&["image", "fetch", "testos", "--image", &own]));
    assert_snapshot!("own_missing", bench.lab(&["image", "list", "--image", &own]));
    assert_snapshot!("own_unknown", bench.lab(&["image", "list", "--image", "nobody=x"]));
    assert_snapshot!("own_no_file", bench.lab(&["image", "list", "--image", "testos"]));
}
