//! A disk that is full: a small one, in a user namespace of the test's own.

use std::process::Command;

use insta::assert_snapshot;

use super::{
    bench::{Bench, image},
    server::Reply,
};

/// Fetches with a cache of two megabytes, then lists what is in it.
fn fetch(bench: &Bench) -> Option<String> {
    let small = "mkdir -p \"$XDG_CACHE_HOME\"; mount -t tmpfs -o size=2m none \"$XDG_CACHE_HOME\"; ";
    let fetch = "status=0; \"$1\" image fetch testos || status=$?; ls \"$XDG_CACHE_HOME/pathlab/images\"; exit $status";
    let lab = bench.command(&[]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", &format!("{small}{fetch}"), "sh"]);
    command.arg(lab.get_program()).env_clear().envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(bench.path("cwd")).output().expect("unshare starts");
    let said = bench.said(&output);
    if output.status.code() == Some(1) && said.contains("unshare: ") {
        let required = std::env::var("PATHLAB_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|tier| tier == "netns"), "the tier netns is required and cannot run: {said}");
        eprintln!("skipped: no user namespaces here: {said}");
        return None;
    }
    // How much is free depends on what the file system needs for itself.
    let free = said.find(" are needed, ").map(|at| &said[at + 13..]).and_then(|rest| rest.split(" are free").next());
    Some(free.map_or_else(|| said.clone(), |free| said.replace(free, "SOME MB")))
}

#[test]
fn too_little_room_is_said_before_the_download() {
    let image = image(4_000_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply::file(&image)]);
    if let Some(said) = fetch(&bench) {
        assert_snapshot!("no_room", said);
    }
}

#[test]
fn a_disk_that_fills_up_is_freed_again() {
    let image = image(4_000_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply { length: false, ..Reply::file(&image) }]);
    if let Some(said) = fetch(&bench) {
        assert_snapshot!("full", said);
    }
}
