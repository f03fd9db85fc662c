//! Downloads that end early and go on: after a fault of the network, and after a kill of the program.

use std::{
    thread,
    time::{Duration, Instant},
};

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::{
    bench::{Bench, image},
    server::Reply,
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        a_cut_connection_is_taken_up,
        without_a_length_the_sum_tells_that_the_end_is_missing,
        a_server_that_ignores_ranges_starts_anew,
        a_file_that_changed_meanwhile_starts_anew,
        old_bytes_that_do_not_fit_are_thrown_away,
        a_part_that_is_longer_than_the_file_starts_anew,
        a_killed_download_leaves_no_image_and_goes_on,
    ]
}

fn fetched(bench: &Bench, image: &[u8]) -> String {
    let said = bench.lab(&["image", "fetch", "testos"]);
    assert!(said.starts_with("status 0\n"), "{said}");
    assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image);
    assert_eq!(bench.files(), ["testos-1-.json", "testos-1-.qcow2"]);
    said
}

fn a_cut_connection_is_taken_up() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply { cut: Some(120_000), ..Reply::file(&image) }, Reply::file(&image)]);
    let said = fetched(&bench, &image);
    assert!(said.contains("; trying again\n") && said.contains("going on at 120 kB of 200 kB"), "{said}");
    assert_eq!(bench.server.ranges(), ["-", "bytes=120000-"]);
    assert_eq!(bench.server.requests()[1].headers["if-range"], "\"one\"");
}

fn without_a_length_the_sum_tells_that_the_end_is_missing() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let cut = Reply { cut: Some(120_000), length: false, ..Reply::file(&image) };
    bench.server.answer("/image", [cut]);
    assert_snapshot!("cut_without_length", bench.lab(&["image", "fetch", "testos"]));
    assert_eq!(bench.files(), [""; 0]);
}

fn a_server_that_ignores_ranges_starts_anew() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let plain = Reply { ranges: false, ..Reply::file(&image) };
    bench.server.answer("/image", [Reply { cut: Some(120_000), ..plain.clone() }, plain]);
    fetched(&bench, &image);
    assert_eq!(bench.server.ranges(), ["-", "bytes=120000-"]);
}

fn a_file_that_changed_meanwhile_starts_anew() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let old = Reply { cut: Some(120_000), etag: Some("\"old\""), ..Reply::file(&vec![b'Q'; 200_000]) };
    let old = Reply { body: [b"QFI\xfb".to_vec(), old.body].concat(), ..old };
    bench.server.answer("/image", [old, Reply::file(&image)]);
    fetched(&bench, &image);
}

fn old_bytes_that_do_not_fit_are_thrown_away() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    // Without a validator nothing tells the server's versions apart but the sum.
    let old =
        Reply { cut: Some(120_000), etag: None, ..Reply::file(&[&image[..1_000], &vec![b'x'; 199_000]].concat()) };
    bench.server.answer("/image", [old, Reply { etag: None, ..Reply::file(&image) }]);
    let said = fetched(&bench, &image);
    assert!(said.contains("what arrived before does not fit to the rest, starting anew"), "{said}");
    assert_eq!(bench.server.ranges(), ["-", "bytes=120000-", "-"]);
}

fn a_part_that_is_longer_than_the_file_starts_anew() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let longer = Reply { cut: Some(250_000), etag: None, ..Reply::file(&[&image[..], &vec![0; 100_000]].concat()) };
    bench.server.answer("/image", [longer, Reply { etag: None, ..Reply::file(&image) }]);
    fetched(&bench, &image);
    assert_eq!(bench.server.ranges(), ["-", "bytes=250000-", "-"]);
}

fn a_killed_download_leaves_no_image_and_goes_on() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let slow = Reply { pause: Some((150_000, Duration::from_secs(600))), ..Reply::file(&image) };
    bench.server.answer("/image", [slow, Reply::file(&image)]);
    let mut child = bench.command(&["image", "fetch", "testos"]).spawn().expect("lab starts");
    let limit = Instant::now() + Duration::from_secs(30);
    while !bench.files().iter().any(|name| name == "testos-1-.part") || part(&bench) < 150_000 {
        assert!(Instant::now() < limit, "nothing arrived: {:?}", bench.files());
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(bench.files(), ["testos-1-.part", "testos-1-.part.json"]);
    fetched(&bench, &image);
    assert_eq!(bench.server.ranges(), ["-", "bytes=150000-"]);
}

fn part(bench: &Bench) -> u64 {
    std::fs::metadata(bench.file(".part")).expect("a part").len()
}
