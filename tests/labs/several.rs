//! Several labs at once, and several that want one name.

use std::process::Stdio;

use libtest_mimic::Trial;

use crate::{support::Home, trials};

/// The tests that need namespaces.
pub fn in_namespaces() -> Vec<Trial> {
    trials![labs_do_not_know_of_each_other, of_those_that_want_a_name_one_gets_it]
}

fn labs_do_not_know_of_each_other() {
    let home = Home::new();
    home.up("one");
    home.up("two");
    home.ok(&["exec", "one", "node-1", "--", "touch", "/run/mark"]);
    assert_eq!(home.lab(&["exec", "two", "node-1", "--", "test", "-e", "/run/mark"]).status, 1);
    home.ok(&["exec", "one", "node-1", "--", "ip", "link", "set", "eth0", "down"]);
    let case = "pod-ip-502::ubuntu-22.04::as-installed::outside-to-node-port";
    assert_eq!(home.lab(&["test", "one", "--exact", case]).status, 1);
    home.ok(&["test", "two", "--exact", case]);
    assert_eq!(home.ok(&["down", "one"]), "The lab `one` is down.\n");
    home.ok(&["test", "two", "--exact", case]);
    home.up("one");
    assert_eq!(home.ok(&["down", "--all"]), "The lab `one` is down.\nThe lab `two` is down.\n");
    home.is_empty("all ended");
}

fn of_those_that_want_a_name_one_gets_it() {
    let home = Home::new();
    let start = || {
        let mut command = home.command(&["up", "demo", "ubuntu"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("lab starts")
    };
    let all: Vec<_> = (0..6).map(|_| start()).collect();
    let mut statuses = Vec::new();
    for child in all {
        let output = child.wait_with_output().expect("an end");
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.starts_with("error: there is a lab `demo` already ("), "{said}");
        }
        statuses.push(output.status.code());
    }
    statuses.sort();
    assert_eq!(statuses, [Some(0), Some(2), Some(2), Some(2), Some(2), Some(2)]);
    home.ok(&["test", "demo"]);
}
