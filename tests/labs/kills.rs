//! Whatever is killed while a lab is made, and whenever: `lab gc` leaves nothing of it, and nothing else is touched.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use pathlab::ledger::ProcessId;

use crate::{
    support::{Home, kill, root},
    trials,
};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![
        a_killed_command_leaves_nothing_behind,
        a_killed_keeper_leaves_nothing_behind,
        an_interrupt_ends_with_130_and_nothing_left,
        what_lives_is_left_alone,
    ]
}

/// From before the ledger to after the last cluster: making this lab takes a second or more.
const MOMENTS: [u64; 10] = [0, 5, 15, 30, 60, 120, 300, 600, 1200, 2500];

fn start(home: &Home) -> Child {
    let mut command = home.command(&["up", "demo", "rhel"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab starts")
}

fn a_killed_command_leaves_nothing_behind() {
    for after in MOMENTS {
        let home = Home::new();
        let mut child = start(&home);
        sleep(Duration::from_millis(after));
        kill("-KILL", child.id().cast_signed());
        child.wait().expect("an end");
        clear(&home, &format!("`lab up` was killed after {after} ms"));
    }
}

fn a_killed_keeper_leaves_nothing_behind() {
    for after in MOMENTS {
        let home = Home::new();
        let mut child = start(&home);
        let keeper = wait_for_keeper(&home);
        sleep(Duration::from_millis(after));
        kill("-KILL", keeper);
        until_it_has_ended(keeper);
        let status = child.wait().expect("an end").code();
        let when = format!("the keeper was killed after {after} ms");
        // Its end is told, and what it left is removed, as long as somebody waits for it.
        assert!(matches!(status, Some(0 | 3)), "{when}: {status:?}");
        if status == Some(3) {
            home.is_empty(&when);
        }
        clear(&home, &when);
    }
}

/// The keeper's number, as soon as it has one.
fn wait_for_keeper(home: &Home) -> i32 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let keeper = home.processes().into_iter().find(|(_, words)| words.contains("__keeper"));
        if let Some((pid, _)) = keeper {
            return pid.cast_signed();
        }
        assert!(Instant::now() < end, "there is no keeper");
        sleep(Duration::from_millis(2));
    }
}

/// A signal is only on its way when `kill` has ended.
fn until_it_has_ended(process: i32) {
    let end = Instant::now() + Duration::from_secs(20);
    while ProcessId::of(process).is_some() {
        assert!(Instant::now() < end, "{process} does not end");
        sleep(Duration::from_millis(2));
    }
}

/// A lab that came up all the same stays; anything else `lab gc` removes.
fn clear(home: &Home, when: &str) {
    let gc = home.lab(&["gc"]);
    assert_eq!(gc.status, 0, "{when}: {gc:?}");
    let status = home.ok(&["status"]);
    if status != "No lab is up.\n" {
        assert!(status.contains("demo  up "), "{when}: {status}");
        home.ok(&["test", "demo", "pod-to-service"]);
        home.ok(&["down", "demo"]);
    }
    home.is_empty(when);
}

/// However quick this machine is, the lab is not up before it is interrupted.
fn an_interrupt_ends_with_130_and_nothing_left() {
    let slow = tempfile::tempdir().expect("a temporary folder");
    let scenario = slow_scenario(slow.path());
    for (signal, after) in [("-INT", 40), ("-INT", 1000), ("-TERM", 300)] {
        let home = Home::new();
        let mut command = home.command(&["up", "demo", "rhel", "--scenario", scenario.to_str().expect("UTF-8")]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab starts");
        wait_for_keeper(&home);
        sleep(Duration::from_millis(after));
        kill(signal, child.id().cast_signed());
        let status = child.wait().expect("an end").code();
        assert_eq!(status, Some(130), "{signal} after {after} ms");
        home.is_empty(&format!("{signal} after {after} ms"));
    }
}

/// The seed scenario, with a condition that takes a minute.
fn slow_scenario(parent: &Path) -> PathBuf {
    let (seed, folder) = (root().join("scenarios/pod-ip-502"), parent.join("pod-ip-502"));
    fs::create_dir(&folder).expect("a folder");
    let text = fs::read_to_string(seed.join("scenario.yaml")).expect("the seed scenario");
    let slow = text.replacen("conditions:", "conditions:\n  - { name: slow, when: after-deploy, run: [sleep 60] }", 1);
    assert_ne!(slow, text);
    fs::write(folder.join("scenario.yaml"), slow).expect("a scenario");
    fs::copy(seed.join("zeus.yaml"), folder.join("zeus.yaml")).expect("a manifest");
    folder
}

fn what_lives_is_left_alone() {
    let home = Home::new();
    home.up("one");
    home.up("two");
    kill("-KILL", home.keeper("one"));
    let end = Instant::now() + Duration::from_secs(20);
    while !home.ok(&["status"]).contains("one   gone ") {
        assert!(Instant::now() < end, "the keeper does not end");
    }
    let dry = home.ok(&["gc", "--dry-run"]);
    assert!(dry.starts_with("would remove the lab `one`: keeper process "), "{dry}");
    assert_eq!(home.ok(&["gc", "--dry-run"]), dry);
    let gc = home.ok(&["gc"]);
    assert_eq!(gc, dry.replace("would remove", "removed"));
    assert_eq!(home.ok(&["gc"]), "Nothing is left of any lab that is gone.\n");
    home.ok(&["test", "two"]);
}
