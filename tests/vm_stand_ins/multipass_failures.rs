//! Each command of Multipass fails in each way: it never answers, says garbage or half of what it should, or ends with any
//! status.

use std::time::Duration;

use libtest_mimic::Trial;
use pathlab::provider::{
    Command, Machine as _,
    multipass::{CallLimits, Multipass, MultipassError},
};

use crate::{host::Host, run};

pub fn trials() -> Vec<Trial> {
    crate::trials![every_failure_of_every_command_is_told]
}

/// For commands that hang.
const BRIEF: CallLimits = CallLimits { question: Duration::from_secs(5), change: Duration::from_secs(5) };

/// Commands of Multipass, each with something to do.
const COMMANDS: [&str; 8] = ["version", "info", "list", "stop", "snapshot", "start", "restore", "delete"];

/// Has a command run.
async fn call(multipass: &Multipass, name: &str, command: &str) -> Result<(), MultipassError> {
    match command {
        "version" => multipass.version().await.map(drop),
        "info" => multipass.info(name).await.map(drop),
        "list" => multipass.list().await.map(drop),
        "stop" => multipass.stop(name).await,
        "snapshot" => multipass.snapshot(name, "new").await,
        "start" => multipass.start(name).await,
        "restore" => multipass.restore(name, "first").await,
        _ => multipass.delete(name).await,
    }
}

/// Orders that fail a command which is asked for an answer, and those that fail one which is told to do something: what
/// that one prints is nobody's business.
const ASKED: [(&str, &str); 7] = [
    ("hang", "did not end within "),
    ("garbage", "failed to understand `multipass "),
    ("partial", "failed to understand `multipass "),
    ("exit 1 Unknown option 'x'.", "(status 1): Unknown option"),
    ("exit 2 something failed: no", "(status 2): something failed: no"),
    ("exit 3 cannot connect to the multipass socket", "daemon does not answer: cannot connect"),
    ("exit 255 ssh failed to authenticate", "(status 255): ssh failed"),
];

fn every_failure_of_every_command_is_told() {
    run(async {
        let host = Host::launch("all-failures").await;
        let folder = tempfile::tempdir().expect("a folder");
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm_stand_ins/multipass");
        let (fails, wrapper) = (folder.path().join("fails"), folder.path().join("multipass"));
        fs_err::create_dir(&fails).expect("made");
        let script = format!("#!/bin/sh\nexport PATHLAB_STAND_IN_FAILS={}\nexec {stand_in} \"$@\"\n", fails.display());
        fs_err::write(&wrapper, script).expect("written");
        std::process::Command::new("chmod").arg("+x").arg(&wrapper).status().expect("chmod");
        let multipass = Multipass::new(wrapper.to_str().expect("UTF-8"));
        let hasty = multipass.clone().with_limits(BRIEF);
        let machine = multipass.machine(&host.name, &host.name).await.expect("runs");
        host.multipass.snapshot(&host.name, "first").await.expect("taken");

        for command in COMMANDS {
            for (order, said) in ASKED {
                let answers = ["version", "info", "list"].contains(&command);
                if !answers && ["garbage", "partial"].contains(&order) {
                    continue;
                }
                prepare(&host, command).await;
                fs_err::write(fails.join(command), format!("{order}\n")).expect("ordered");
                let asked = if order == "hang" { &hasty } else { &multipass };
                let told = call(asked, &host.name, command).await.expect_err(&format!("{command}: {order}"));
                let told = told.to_string();
                assert!(told.contains(said) && told.contains(command) | told.contains("daemon"), "{command}: {told}");
            }
        }
        // Where nobody gets in any more, `info` fails; the instance can be stopped and returned all the same.
        fs_err::write(fails.join("info"), "exit 2 info failed: ssh connection failed\n").expect("ordered");
        multipass.restore(&host.name, "first").await.expect("restored");
        multipass.stop(&host.name).await.expect("stopped");
        fs_err::remove_file(fails.join("info")).expect("nobody asked");
        host.multipass.start(&host.name).await.expect("it runs again");
        for (order, said) in [
            ("exit 1 Unknown option", "multipass did not take its arguments"),
            ("exit 2 exec failed", "multipass could not run it"),
            ("exit 3 cannot connect", "multipass's daemon does not answer"),
            ("exit 255 ssh", "multipass has no SSH connection to the instance"),
            ("garbage", "multipass ended with status 0, and the program said nothing of itself"),
        ] {
            fs_err::write(fails.join("exec"), format!("{order}\n")).expect("ordered");
            let told = machine.run(&Command::new(["true"])).await.expect_err(order).to_string();
            assert!(told.contains(said) && told.starts_with("lost the connection"), "{order}: {told}");
            fs_err::write(fails.join("transfer"), format!("{order}\n")).expect("ordered");
            if order != "garbage" {
                machine.write_file("/tmp/x".into(), b"x", 0o600).await.expect_err(order);
            }
            drop(fs_err::remove_file(fails.join("transfer")));
        }
        fs_err::write(fails.join("exec"), "hang\n").expect("ordered");
        let short = Command::new(["true"]).limit(Duration::from_secs(1));
        let told = tokio::time::timeout(Duration::from_secs(90), machine.run(&short)).await.expect("it has a limit");
        assert!(told.expect_err("no answer").to_string().contains("did not end within 1s"));
        // Nothing of all that has hurt it.
        assert_eq!(machine.run(&Command::new(["echo", "well"])).await.expect("runs").text(), "well\n");
    });
}

/// The state in which a command has something to do.
async fn prepare(host: &Host, command: &str) {
    match command {
        "start" => host.multipass.stop(&host.name).await.expect("stopped"),
        "stop" | "snapshot" | "restore" => host.multipass.start(&host.name).await.expect("started"),
        _ => {}
    }
}
