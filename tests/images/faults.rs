//! Downloads that bring something else: none of it becomes an image, and the message says what it was.

use std::time::Duration;

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::{
    bench::{Bench, image, sum},
    server::Reply,
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        a_wrong_sum,
        a_login_page,
        a_long_page_is_not_read_to_its_end,
        another_size_than_the_catalogue_says,
        not_found_anywhere,
        nobody_listens,
        an_image_that_reads_files_of_this_machine,
        a_redirection_to_plain_http,
        a_server_that_falls_silent,
    ]
}

/// Fetches what the server answers and asserts that no image and no part came of it.
fn refused(bench: &Bench, replies: impl IntoIterator<Item = Reply>) -> String {
    bench.server.answer("/image", replies);
    let said = bench.lab(&["image", "fetch", "testos"]);
    assert!(said.starts_with("status 3\n"), "{said}");
    assert_eq!(bench.files(), [""; 0], "{said}");
    said
}

fn a_wrong_sum() {
    let bench = Bench::with_image(&image(200_000));
    assert_snapshot!("wrong_sum", refused(&bench, [Reply::file(&image(200_001))]));
    assert_eq!(bench.server.requests().len(), 1, "the same bytes would come again");
}

fn a_login_page() {
    let bench = Bench::with_image(&image(200_000));
    let page =
        Reply { content_type: "text/html; charset=utf-8", ..Reply::file(b"<!DOCTYPE html><title>Log in</title>") };
    assert_snapshot!("login_page", refused(&bench, [page]));
}

fn a_long_page_is_not_read_to_its_end() {
    let bench = Bench::with_image(&image(200_000));
    let page = ["<html>", &"x".repeat(1_000_000)].concat();
    let page = Reply { pause: Some((100_000, Duration::from_secs(600))), ..Reply::file(page.as_bytes()) };
    assert_snapshot!("long_page", refused(&bench, [page]));
}

fn another_size_than_the_catalogue_says() {
    let image = image(200_000);
    let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, size: 200000", sum(&image)));
    assert_snapshot!("another_size", refused(&bench, [Reply::file(&image[..100_000])]));
}

fn not_found_anywhere() {
    let sum = sum(&image(200_000));
    let bench = Bench::new(&format!("url: SERVER/image, mirrors: [SERVER/other], sha256: {sum}"));
    assert_snapshot!("not_found", refused(&bench, [Reply::status(503)]));
}

fn nobody_listens() {
    let bench = Bench::new(&format!("url: 'http://127.0.0.1:1/image', sha256: {}", sum(b"x")));
    assert_snapshot!("nobody_listens", bench.lab(&["image", "fetch", "testos"]));
    assert_eq!(bench.files(), [""; 0]);
}

fn an_image_that_reads_files_of_this_machine() {
    let mut image = image(200_000);
    image[8..16].copy_from_slice(&1_000_u64.to_be_bytes());
    image[16..20].copy_from_slice(&11_u32.to_be_bytes());
    image[1_000..1_011].copy_from_slice(b"/etc/shadow");
    let bench = Bench::with_image(&image);
    assert_snapshot!("backing_file", refused(&bench, [Reply::file(&image)]));
}

fn a_redirection_to_plain_http() {
    let bench = Bench::with_image(&image(200_000));
    let reply = Reply { location: Some("http://images.invalid/image".to_owned()), ..Reply::status(302) };
    assert_snapshot!("redirection", refused(&bench, [reply]));
}

fn a_server_that_falls_silent() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let silent = Reply { pause: Some((150_000, Duration::from_secs(600))), ..Reply::file(&image) };
    bench.server.answer("/image", [silent]);
    assert_snapshot!("silent", bench.lab(&["image", "fetch", "testos", "--stall", "1"]));
    assert_eq!(bench.server.ranges(), ["-", "bytes=150000-", "bytes=150000-", "bytes=150000-"]);
    assert_eq!(bench.files(), ["testos-1-.part", "testos-1-.part.json"], "what arrived is kept");
    assert_snapshot!("partly", bench.lab(&["image", "list"]));
}
