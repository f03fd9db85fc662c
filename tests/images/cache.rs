//! Downloads that go well, and what the store says of images.

use insta::assert_snapshot;

use super::{
    bench::{Bench, image, sum},
    server::{Reply, Server},
};

#[test]
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

#[test]
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

#[test]
fn compressed_images_are_unpacked() {
    for (name, program) in [("xz", "xz"), ("gz", "gzip"), ("zst", "zstd")] {
        let Some(packed) = packed(program, &image(200_000)) else {
            eprintln!("skipped: no {program} here");
            continue;
        };
        let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, compressed: {name}", sum(&packed)));
        bench.server.answer("/image", [Reply::file(&packed)]);
        let said = bench.lab(&["image", "fetch", "testos"]);
        assert!(said.starts_with("status 0\n"), "{name}: {said}");
        assert!(said.contains(&format!("sha256:{}", sum(&image(200_000)))), "{name}: {said}");
        assert_eq!(std::fs::read(bench.file(".qcow2")).expect("the image"), image(200_000), "{name}");
        assert_eq!(bench.files(), ["testos-1-.json", "testos-1-.qcow2"], "{name}");

        let path = bench.file(".qcow2");
        std::fs::remove_file(&path).expect("removed");
        std::fs::write(&path, image(200_001)).expect("written");
        let said = bench.lab(&["image", "verify", "testos"]);
        assert!(said.starts_with("status 3\n") && said.contains("is not the image of testos-1"), "{name}: {said}");
    }
}

/// The bytes compressed by a program; none when it is not here.
fn packed(program: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, bytes).expect("written");
    let output = std::process::Command::new(program).arg("-c").arg(&file).output().ok()?;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn a_file_that_is_not_compressed_as_it_should_be_is_none() {
    let image = image(200_000);
    let bench = Bench::new(&format!("url: SERVER/image, sha256: {}, compressed: xz", sum(&image)));
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("not_compressed", bench.lab(&["image", "fetch", "testos"]));
    assert_eq!(bench.files(), [""; 0]);
}

#[test]
fn a_mirror_helps_out() {
    let image = image(200_000);
    let bench = Bench::new(&format!("url: SERVER/gone, mirrors: [SERVER/image], sha256: {}", sum(&image)));
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("mirror", bench.lab(&["image", "fetch", "testos"]));
}

#[test]
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

#[test]
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

#[test]
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
