//! A disk that is full: a small one, in a user namespace of the test's own.

use std::process::Command;

use insta::assert_snapshot;
use libtest_mimic::Trial;

use super::{
    bench::{Bench, image},
    server::Reply,
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![too_little_room_is_said_before_the_download, a_disk_that_fills_up_is_freed_again,]
}

/// Fetches with a cache of two megabytes, then lists what is in it.
fn fetch(bench: &Bench) -> String {
    let small = "mkdir -p \"$XDG_CACHE_HOME\"; mount -t tmpfs -o size=2m none \"$XDG_CACHE_HOME\"; ";
    let fetch = "status=0; \"$1\" image fetch testos || status=$?; ls \"$XDG_CACHE_HOME/pathlab/images\"; exit $status";
    let lab = bench.command(&[]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-euc", &format!("{small}{fetch}"), "sh"]);
    command.arg(lab.get_program()).env_clear().envs(lab.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.current_dir(bench.path("cwd")).output().expect("unshare starts");
    let said = bench.said(&output);
    // How much is free depends on what the file system needs for itself.
    let free = said.find(" are needed, ").map(|at| &said[at + 13..]).and_then(|rest| rest.split(" are free").next());
    free.map_or_else(|| said.clone(), |free| said.replace(free, "SOME MB"))
}

fn too_little_room_is_said_before_the_download() {
    let image = image(4_000_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply::file(&image)]);
    assert_snapshot!("no_room", fetch(&bench));
}

fn a_disk_that_fills_up_is_freed_again() {
    let image = image(4_000_000);
    let bench = Bench::with_image(&image);
    bench.server.answer("/image", [Reply { length: false, ..Reply::file(&image) }]);
    assert_snapshot!("full", fetch(&bench));
}
