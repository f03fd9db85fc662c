//! What cannot be is said before anything is made, and what was begun is taken away.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use fs_err as fs;
use libtest_mimic::Trial;

use crate::lab::{Lab, end, instances};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        without_virtualisation_or_daemon_nothing_is_made,
        a_launch_that_fails_leaves_nothing,
        an_interrupted_launch_leaves_nothing,
        a_killed_launch_is_removed_by_gc,
    ]
}

const RUN: [&str; 6] = ["run", "rhel", "--provider", "multipass", "--remedy", "none"];

fn without_virtualisation_or_daemon_nothing_is_made() {
    let lab = Lab::new("refused");
    let fails = lab.home.join("fails");
    fs::create_dir(&fails).expect("made");
    fs::write(fails.join("version"), "exit 3 version failed: cannot connect to the multipass socket\n")
        .expect("ordered");
    let mut run = lab.with_image(&RUN);
    run.env("PATHLAB_STAND_IN_FAILS", &fails);
    end(run).said(3, &["Multipass's daemon does not answer", "help: `snap services multipass`"]);

    let mut run = Command::new("unshare");
    run.args(["--mount", "sh", "-c", "umount /proc/cpuinfo; exec \"$@\"", "sh"]);
    let inner = lab.with_image(&RUN);
    run.arg(inner.get_program()).args(inner.get_args()).current_dir(&lab.home);
    run.env("HOME", &lab.home).env("PATHLAB_HOME", &lab.home);
    let ended = end(run);
    // On a machine that does virtualise, there is nothing to refuse here.
    if !virtualises() {
        ended.said(3, &["Multipass cannot run virtual machines here: KVM", "help: "]);
    }

    let mut arguments = lab.with_image(&RUN);
    arguments.args(["--libvirt-network", "default"]);
    end(arguments).said(2, &["`--libvirt-network` is for `--provider libvirt`"]);
    lab.nothing_is_left();
}

/// Whether the processor itself says so, whatever this namespace's file has.
fn virtualises() -> bool {
    let shown =
        Command::new("unshare").args(["--mount", "sh", "-c", "umount /proc/cpuinfo; cat /proc/cpuinfo"]).output();
    let shown = String::from_utf8_lossy(&shown.expect("it starts").stdout).into_owned();
    shown.split_whitespace().any(|word| word == "vmx" || word == "svm")
}

fn a_launch_that_fails_leaves_nothing() {
    let lab = Lab::new("fails");
    let fails = lab.home.join("fails");
    fs::create_dir(&fails).expect("made");
    let failure = "exit 2 launch failed: Remote \"\" is unknown or unreachable.\n";
    fs::write(fails.join("launch"), failure.repeat(2)).expect("ordered");
    let mut run = lab.with_image(&RUN);
    run.env("PATHLAB_STAND_IN_FAILS", &fails);
    end(run).said(3, &["multipass launch", "(status 2)", "Remote \"\" is unknown or unreachable."]);
    lab.nothing_is_left();
}

fn an_interrupted_launch_leaves_nothing() {
    let lab = Lab::new("interrupted");
    let mut run = lab.start(lab.with_image(&RUN));
    until(&lab, || fs::read_dir("/mnt/instances").is_ok_and(|mut all| all.next().is_some()));
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("kill").success());
    assert_eq!(run.wait().expect("ended").code(), Some(130), "{}", lab.log());
    lab.nothing_is_left();
}

fn a_killed_launch_is_removed_by_gc() {
    let lab = Lab::new("killed");
    let mut run = lab.start(lab.with_image(&RUN));
    until(&lab, || instances().len() == 1);
    run.kill().expect("killed");
    run.wait().expect("ended");
    end(lab.command(&["gc", "--dry-run"])).said(0, &["would remove the lab `run-", "Multipass instance pathlab-"]);
    assert_eq!(instances().len(), 1);
    end(lab.command(&["gc"])).said(0, &["removed the lab `run-"]);
    lab.nothing_is_left();
}

fn until(lab: &Lab, reached: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !reached() {
        assert!(Instant::now() < end, "it never came so far: {}", lab.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}
