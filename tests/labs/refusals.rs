//! What cannot be says why, and what to do.

use libtest_mimic::Trial;

use crate::{
    support::{Home, kill},
    trials,
};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![names_of_labs_and_machines_are_told, a_lab_whose_keeper_was_killed_is_gone, changed_manifests_are_told]
}

/// The tests that need nothing.
pub fn anywhere() -> Vec<Trial> {
    trials![bad_arguments_are_told_before_anything_is_made]
}

fn bad_arguments_are_told_before_anything_is_made() {
    let home = Home::new();
    let refused = |arguments: &[&str], status: i32, start: &str| {
        let ended = home.lab(arguments);
        assert_eq!(ended.status, status, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.starts_with(start), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    };
    let name =
        "error: invalid value 'A b' for '<NAME>': `A b` is no name for a lab: expected up to 40 lower-case letters";
    refused(&["up", "A b"], 2, name);
    refused(&["up", "demo", "rhell"], 2, "error: unknown distro `rhell`\n  help: did you mean `rhel`?");
    refused(&["up", "demo", "--remedy", "nope"], 2, "error:");
    refused(&["exec", "demo", "node-1"], 2, "error: the following required arguments were not provided:\n  <CMD>...");
    refused(&["down"], 2, "error: the following required arguments were not provided:\n  <NAME>");
    let none = "error: there is no lab `demo`\n  help: there are none: `lab up NAME` makes one\n";
    for command in [&["status", "demo"][..], &["shell", "demo", "x"], &["test", "demo"], &["down", "demo"]] {
        refused(command, 2, none);
    }
    refused(&["exec", "../../etc", "x", "--", "true"], 2, "error: there is no lab `../../etc`\n");
    refused(&["up", "demo", "--provider", "ssh"], 2, "error: nothing stays up on hosts that exist");
    home.is_empty("refused");
}

fn names_of_labs_and_machines_are_told() {
    let home = Home::new();
    home.ok(&["up", "demo", "rhel", "ubuntu"]);
    let said = |arguments: &[&str]| {
        let ended = home.lab(arguments);
        assert_eq!((ended.status, ended.stdout.as_str()), (2, ""), "{ended:?}");
        ended.stderr
    };
    let taken = "error: there is a lab `demo` already (up)\n  help: choose another name, or end that one with `lab down demo`\n";
    assert_eq!(said(&["up", "demo", "ubuntu"]), taken);
    let lab = "error: there is no lab `dmo`\n  help: did you mean `demo`? there is demo\n";
    assert_eq!(said(&["status", "dmo"]), lab);
    let several = "error: `node-1` stands for several machines of the lab `demo`\n  help: name one of rhel-9.5/node-1 and ubuntu-22.04/node-1\n";
    assert_eq!(said(&["shell", "demo", "node-1"]), several);
    let machine = said(&["exec", "demo", "rhel-9.5/node-2", "--", "true"]);
    let start = "error: there is no machine `rhel-9.5/node-2` in the lab `demo`\n  help: did you mean `rhel-9.5/node-1`? there are rhel-9.5/node-1, rhel-9.5/outside, ";
    assert!(machine.starts_with(start), "{machine}");
}

fn a_lab_whose_keeper_was_killed_is_gone() {
    let home = Home::new();
    home.up("demo");
    let keeper = home.keeper("demo");
    kill("-KILL", keeper);
    home.no_process("its keeper was killed");
    let status = home.ok(&["status"]);
    assert!(status.lines().nth(1).is_some_and(|line| line.starts_with("demo  gone   netns ")), "{status}");
    let exec = home.lab(&["exec", "demo", "node-1", "--", "true"]);
    let said = format!(
        "error: the lab `demo` is gone: its keeper (process {keeper}) has ended\n  help: clear it away with `lab gc`;"
    );
    assert_eq!(exec.status, 3);
    assert!(exec.stderr.starts_with(&said), "{exec:?}");
    let taken = home.lab(&["up", "demo", "ubuntu"]);
    let said = "error: there is a lab `demo` already (gone)\n  help: clear it away with `lab gc`, or `lab down demo`\n";
    assert_eq!((taken.status, taken.stderr.as_str()), (2, said));
    assert_eq!(home.ok(&["down", "demo"]), "The lab `demo` was gone already; its remains are removed.\n");
    home.is_empty("cleared away");
    home.up("demo");
}

/// Expectations may change while a lab is up; what was deployed may not.
fn changed_manifests_are_told() {
    let home = Home::new();
    let scenario = home.path().join("mine");
    let made =
        home.lab(&["new", "mine", "--from", "canonical/microk8s#1", "--dir", home.path().to_str().expect("UTF-8")]);
    assert_eq!(made.status, 0, "{made:?}");
    home.ok(&["up", "demo", "ubuntu", "-s", scenario.to_str().expect("UTF-8")]);
    home.ok(&["test", "demo"]);
    let file = scenario.join("scenario.yaml");
    let text = std::fs::read_to_string(&file).expect("the scenario");
    std::fs::write(&file, format!("{text}\n# a remark\n")).expect("a write");
    home.ok(&["test", "demo"]);
    let file = scenario.join("web.yaml");
    let text = std::fs::read_to_string(&file).expect("the manifest");
    std::fs::write(&file, format!("{text}\n# a remark\n")).expect("a write");
    let changed = home.lab(&["test", "demo"]);
    let said = "error: mine/web.yaml has changed since the lab `demo` was made\n  help: make the lab again: `lab down demo`, then `lab up demo`\n";
    assert_eq!((changed.status, changed.stderr.as_str()), (2, said));
}
