//! Each command of Multipass fails in each way: it never answers, says garbage or half of what it should, or ends with any
//! status.

use std::{future::Future, pin::Pin, time::Duration};

use libtest_mimic::Trial;
use pathlab::provider::{
    Command, Machine as _,
    multipass::{CallLimits, Multipass, MultipassError},
};

use crate::{host::Host, run};

pub fn trials() -> Vec<Trial> {
    crate::trials![every_failure_of_every_command_is_told]
}

const LIMITS: CallLimits = CallLimits { question: Duration::from_secs(3), change: Duration::from_secs(3) };

type Call<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + 'a>>;

/// What is asked of Multipass, by the command that it becomes.
fn calls<'a>(multipass: &'a Multipass, host: &'a Host) -> Vec<(&'static str, Box<dyn Fn() -> Call<'a> + 'a>)> {
    let text = |error: MultipassError| error.to_string();
    let name = host.name.as_str();
    vec![
        ("version", Box::new(move || Box::pin(async move { multipass.version().await.map(drop).map_err(text) }))),
        ("info", Box::new(move || Box::pin(async move { multipass.info(name).await.map(drop).map_err(text) }))),
        ("list", Box::new(move || Box::pin(async move { multipass.list().await.map(drop).map_err(text) }))),
        ("stop", Box::new(move || Box::pin(async move { multipass.stop(name).await.map_err(text) }))),
        ("snapshot", Box::new(move || Box::pin(async move { multipass.snapshot(name, "new").await.map_err(text) }))),
        ("start", Box::new(move || Box::pin(async move { multipass.start(name).await.map_err(text) }))),
        ("restore", Box::new(move || Box::pin(async move { multipass.restore(name, "first").await.map_err(text) }))),
        ("delete", Box::new(move || Box::pin(async move { multipass.delete(name).await.map_err(text) }))),
    ]
}

/// Orders that fail a command which is asked for an answer, and those that fail one which is told to do something: what
/// that one prints is nobody's business.
const ASKED: [(&str, &str); 7] = [
    ("hang", "did not end within 3s"),
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
        let multipass = Multipass::new(wrapper.to_str().expect("UTF-8")).with_limits(LIMITS);
        let machine = multipass.machine(&host.name, &host.name).await.expect("runs");
        host.multipass.snapshot(&host.name, "first").await.expect("taken");

        for (command, call) in calls(&multipass, &host) {
            for (order, said) in ASKED {
                let answers = ["version", "info", "list"].contains(&command);
                if !answers && ["garbage", "partial"].contains(&order) {
                    continue;
                }
                prepare(&host, command).await;
                fs_err::write(fails.join(command), format!("{order}\n")).expect("ordered");
                let told = call().await.expect_err(&format!("{command}: {order}"));
                assert!(told.contains(said) && told.contains(command) | told.contains("daemon"), "{command}: {told}");
            }
        }
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
