//! The program with `--download-snaps`. Its host is one that nobody answers on, so that nothing comes after the download.

use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};

use libtest_mimic::Trial;

use super::{server::Reply, store::Bench};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        snaps_are_brought_before_hosts_are_looked_at,
        of_two_processes_one_brings_them,
        a_wrong_store_is_bad_input,
        it_is_for_what_is_installed,
    ]
}

fn command(bench: &Bench, store: &str, more: &[&str]) -> Command {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command
        .args(["run", "rhel", "--provider", "ssh", "--host", "rhel=127.0.0.1:1", "--yes", "--download-snaps"])
        .args(more)
        .current_dir(bench.path(""))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", bench.path(""))
        .env("PATHLAB_HOME", root)
        .env("PATHLAB_SNAP_STORE", store)
        .env("XDG_CACHE_HOME", bench.path("cache"))
        .env("XDG_STATE_HOME", bench.path("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn snaps_are_brought_before_hosts_are_looked_at() {
    let bench = Bench::new();
    let output = command(&bench, &bench.server.url(""), &["--install"]).output().expect("lab starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("microk8s: downloading 200 kB from http://127.0.0.1:"), "{said}");
    assert!(said.contains("127.0.0.1") && bench.files().len() == 6, "{said}");
}

fn of_two_processes_one_brings_them() {
    let bench = Bench::new();
    let snap = bench.microk8s();
    let slow = Reply { pause: Some((100_000, Duration::from_secs(3))), ..Reply::file(&snap.content) };
    bench.server.answer(&snap.path(), [slow]);
    let start = || command(&bench, &bench.server.url(""), &["--install"]).spawn().expect("lab starts");
    let children = [start(), start()];
    let said = children.map(|child| stderr(&child.wait_with_output().expect("lab ends"))).concat();
    assert!(said.contains("microk8s: waiting for another process that is getting the snap\n"), "{said}");
    for snap in &bench.snaps {
        assert_eq!(bench.asked(&snap.path()), 1, "{said}");
    }
    assert_eq!(bench.files().len(), 6, "{said}");
}

fn a_wrong_store_is_bad_input() {
    let bench = Bench::new();
    let output = command(&bench, "http://proxy.invalid/", &["--install"]).output().expect("lab starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("PATHLAB_SNAP_STORE names `http://proxy.invalid/`"), "{said}");
    assert!(bench.server.requests().is_empty() && bench.files().is_empty());
}

fn it_is_for_what_is_installed() {
    let bench = Bench::new();
    let output = command(&bench, &bench.server.url(""), &[]).output().expect("lab starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("add `--install`"), "{said}");
    let output = command(&bench, &bench.server.url(""), &["--install", "--snap", "x.snap"]).output().expect("starts");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot be used with"), "{said}");
    assert!(bench.server.requests().is_empty());
}
