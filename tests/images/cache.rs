//! Downloads that go well, and what the store says of images.

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::{
    bench::{Bench, image, sum},
    server::{Reply, Server},
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        an_image_is_fetched_once_and_proven_each_time,
        a_tampered_image_is_refused_and_fetched_anew,
        compressed_images_are_unpacked,
        a_compressed_file_that_is_broken_inside_becomes_no_image,
        a_file_that_is_not_compressed_as_it_should_be_is_none,
        a_mirror_helps_out,
        two_at_once_download_once,
        a_proxy_of_the_environment_is_used,
        the_lock_refuses_anything_else,
    ]
}

fn an_image_is_fetched_once_and_proven_each_time() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("absent", bench.lab(&["image", "list"]));
    assert_snapshot!("fetched", bench.lab(&["image", "fetch", "testos"]));
    assert_snapshot!("was_here", bench.lab(&["image", "fetch", "testos-1", "testos"]));
    assert_snapshot!("listed", bench.lab(&["image", "list"]));
    assert_snapshot!("verified", bench.lab(&["image", "verify"]));
    assert_eq!(bench.server.requests().len(), 1);
    assert_eq!(bench.files(), ["testos-1-.json", "testos-1-.qcow2"]);
    assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image);
}

fn a_tampered_image_is_refused_and_fetched_anew() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply::file(&image)]);
    bench.lab(&["image", "fetch", "testos"]);
    let mut changed = image.clone();
    changed[150_000] ^= 1;
    let path = bench.file(".qcow2");
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, changed).expect("written");
    assert_snapshot!("tampered_verify", bench.lab(&["image", "verify"]));
    assert_snapshot!("tampered_fetch", bench.lab(&["image", "fetch", "testos"]));
    assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image);
}

/// The image of 4000 bytes, compressed by the programs xz, gzip and zstd.
const PACKED: [(&str, &[u8]); 3] = [
    ("xz", include_bytes!("testdata/image.xz")),
    ("gz", include_bytes!("testdata/image.gz")),
    ("zst", include_bytes!("testdata/image.zst")),
];

fn compressed_images_are_unpacked() {
    let image = image(4_000);
    for (name, packed) in PACKED {
        let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, compressed: {name}", sum(packed)));
        bench.server.answer("/image", [Reply::file(packed)]);
        let said = bench.lab(&["image", "fetch", "testos"]);
        assert!(said.starts_with("status 0\n"), "{name}: {said}");
        assert!(said.contains(&format!("sha256:{}", sum(&image))), "{name}: {said}");
        assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image, "{name}");
        assert_eq!(bench.files(), ["testos-1-.json", "testos-1-.qcow2"], "{name}");

        let path = bench.file(".qcow2");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, super::bench::image(4_001)).expect("written");
        let said = bench.lab(&["image", "verify", "testos"]);
        assert!(said.starts_with("status 3\n") && said.contains("is not the image of testos-1"), "{name}: {said}");
    }
}

fn a_compressed_file_that_is_broken_inside_becomes_no_image() {
    for (name, packed) in PACKED {
        // As it is published, so its sum is right, but its end is missing.
        let short = &packed[..packed.len() - 40];
        let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, compressed: {name}", sum(short)));
        bench.server.answer("/image", [Reply::file(short)]);
        let said = bench.lab(&["image", "fetch", "testos"]);
        assert!(said.starts_with("status 3\n") && said.contains("error: failed to unpack "), "{name}: {said}");
        assert_eq!(bench.files(), [""; 0], "{name}: {said}");
    }
}

fn a_file_that_is_not_compressed_as_it_should_be_is_none() {
    let image = image(200_000);
    let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, compressed: xz", sum(&image)));
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("not_compressed", bench.lab(&["image", "fetch", "testos"]));
    assert_eq!(bench.files(), [""; 0]);
}

fn a_mirror_helps_out() {
    let image = image(200_000);
    let bench = Bench::new(&format!("url: SERVER/gone, mirrors: [SERVER/image], sha256: {}", sum(&image)));
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("mirror", bench.lab(&["image", "fetch", "testos"]));
}

fn two_at_once_download_once() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let slow = Reply { pause: Some((100_000, std::time::Duration::from_secs(2))), ..Reply::file(&image) };
    bench.server.answer("/image", [slow]);
    let children = [0, 1].map(|_| bench.command(&["image", "fetch", "testos"]).spawn().expect("lab starts"));
    let said = children.map(|child| bench.said(&child.wait_with_output().expect("lab ends")));
    assert!(said.iter().all(|said| said.starts_with("status 0\n")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("  was here  ")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("waiting for another process")), "{said:?}");
    assert_eq!(bench.server.requests().len(), 1);
}

fn a_proxy_of_the_environment_is_used() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    let proxy = Server::start();
    proxy.answer("/image", [Reply::file(&image)]);
    let output = bench.command(&["image", "fetch", "testos"]).env("http_proxy", proxy.url("")).output();
    let said = bench.said(&output.expect("lab starts"));
    assert!(said.starts_with("status 0\n"), "{said}");
    assert_eq!(bench.server.requests().len(), 0, "nothing goes past the proxy");
    assert_eq!(proxy.requests()[0].line, format!("GET {} HTTP/1.1", bench.server.url("/image")));
}

fn the_lock_refuses_anything_else() {
    let image = image(200_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply::file(&image)]);
    bench.lab(&["image", "fetch", "testos"]);
    assert_snapshot!("no_lock", bench.lab(&["image", "verify", "--locked"]));
    assert!(bench.lab(&["image", "verify", "--lock"]).starts_with("status 0\n"));
    assert!(bench.lab(&["image", "verify", "--locked"]).starts_with("status 0\n"));
    assert_snapshot!("lock", std::fs::read_to_string(bench.path("cwd/pathlab.lock")).expect("the lock"));

    let own = bench.path("own.qcow2");
    std::fs::write(&own, &image).expect("written");
    let text = std::fs::read_to_string(bench.path("cwd/pathlab.lock")).expect("the lock");
    std::fs::write(bench.path("cwd/pathlab.lock"), text.replace(&sum(&image), &sum(b"x"))).expect("written");
    assert_snapshot!("locked", bench.lab(&["image", "verify", "--locked"]));
}
