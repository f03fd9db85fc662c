//! A lab that stays up, is looked at, and is killed.

use std::process::Command;

use libtest_mimic::Trial;

use crate::{
    host::bundle,
    lab::{Lab, end, instances},
};

pub fn trials() -> Vec<Trial> {
    crate::trials![a_lab_stays_up_and_goes_with_gc_when_its_keeper_was_killed]
}

fn a_lab_stays_up_and_goes_with_gc_when_its_keeper_was_killed() {
    bundle();
    let lab = Lab::new("stays");
    end(lab.with_image(&["up", "demo", "rhel", "--provider", "multipass"])).said(0, &["The lab `demo` is up"]);
    end(lab.command(&["exec", "demo", "rhel-9-5-1", "--", "hostname"])).said(0, &["rhel-9-5-1"]);
    // Streams, arguments and the status are the program's own.
    let words = ["exec", "demo", "rhel-9-5-1", "--", "sh", "-c", "cat; echo \"$1\" >&2; exit 7", "sh", "a 'b' \"c\""];
    end(lab.command(&words)).said(7, &["a 'b' \"c\""]);
    end(lab.command(&["test", "demo", "node-to-pod-ip"])).said(0, &["1 passed"]);
    let status = end(lab.command(&["status", "demo", "--format", "json"]));
    let status: serde_json::Value = serde_json::from_str(&status.all).expect("JSON");
    let keeper = status["keeper"].as_i64().expect("a number");
    assert!(Command::new("kill").args(["-KILL", &keeper.to_string()]).status().expect("kill").success());
    assert_eq!(instances().len(), 1);
    end(lab.command(&["gc"])).said(0, &["removed the lab `demo`: ", "Multipass instance pathlab-"]);
    lab.nothing_is_left();
}
