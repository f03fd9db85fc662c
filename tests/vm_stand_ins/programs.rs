//! Programs in instances: their status is theirs, whatever Multipass's own would mean.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use libtest_mimic::Trial;
use pathlab::provider::{Command, Machine as _, MachineError, multipass::Multipass};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{host::Host, run};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        every_status_is_the_program_s_own,
        multipass_s_own_failures_are_no_status,
        arguments_and_bytes_arrive_as_they_are,
        the_time_limit_ends_all_of_the_program,
        a_program_goes_on_until_it_is_stopped,
        what_has_ended_is_not_killed,
        files_have_their_content_and_mode,
        a_unix_socket_is_reached,
    ]
}

fn every_status_is_the_program_s_own() {
    run(async {
        let host = Host::launch("statuses").await;
        for status in [0, 1, 2, 3, 4, 42, 124, 126, 127, 255] {
            let output = host.machine.run(&Command::shell(&format!("echo out; echo err >&2; exit {status}"))).await;
            let output = output.expect("it ran");
            assert_eq!((output.status, output.text(), output.stderr), (status, "out\n".to_owned(), b"err\n".to_vec()));
        }
        let killed = host.machine.run(&Command::shell("kill -KILL $$")).await.expect("it ran");
        assert_eq!(killed.status, 137);
        let error = host.machine.run(&Command::new(["no-such-program"])).await.expect_err("not there");
        assert!(matches!(error, MachineError::NotStarted { .. }), "{error:?}");
    });
}

fn multipass_s_own_failures_are_no_status() {
    run(async {
        let host = Host::launch("failures").await;
        let fails = "/mnt/multipass.fail";
        fs_err::create_dir_all(fails).expect("made");
        host.multipass.stop(&host.name).await.expect("stops");
        let error = host.machine.run(&Command::new(["true"])).await.expect_err("it is stopped");
        assert!(error.is_transport(), "{error:?}");
        assert!(
            error.to_string().contains("multipass could not run it: exec failed: instance \"failures\" is not running"),
            "{error}"
        );
        host.multipass.delete(&host.name).await.expect("removed");
        let error = host.machine.run(&Command::new(["true"])).await.expect_err("it is gone");
        assert!(error.is_transport() && error.to_string().contains("does not exist"), "{error}");
    });
}

fn arguments_and_bytes_arrive_as_they_are() {
    run(async {
        let host = Host::launch("arguments").await;
        let words = ["", "a b", "it's", "\"$HOME\" `id` \\", "new\nline", "*", "--", "-n", "ä€"];
        let output = host.machine.run(&Command::new([&["printf", "%s\\0"][..], &words].concat())).await.expect("runs");
        let printed: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        assert_eq!(printed[..words.len()], words.map(str::as_bytes));
        let bytes: Vec<u8> =
            (0..3_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let output = host.machine.run(&Command::new(["cat"]).stdin(bytes.clone())).await.expect("runs");
        assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
    });
}

fn the_time_limit_ends_all_of_the_program() {
    run(async {
        let host = Host::launch("limits").await;
        let began = Instant::now();
        let command = Command::shell("sleep 4711 & sleep 4711").limit(Duration::from_secs(2));
        let error = host.machine.run(&command).await.expect_err("too long");
        assert!(matches!(error, MachineError::TimedOut { .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let left = host.sh("grep -lz '[4]711' /proc/[0-9]*/cmdline 2>/dev/null | wc -l").await;
        assert_eq!(left, "0");
    });
}

fn a_program_goes_on_until_it_is_stopped() {
    run(async {
        let host = Host::launch("running").await;
        let command = Command::shell("echo ready; while :; do sleep 1; done");
        let mut running = host.machine.start(&command).await.expect("starts");
        running.wait_for("ready", Duration::from_secs(20)).await.expect("prints");
        let output = running.stop().await.expect("ends");
        assert_eq!((output.status, output.text()), (137, "ready\n".to_owned()));
        let mut running = host.machine.start(&Command::new(["true"])).await.expect("starts");
        let error = running.wait_for("never", Duration::from_secs(20)).await.expect_err("it ends");
        assert!(error.to_string().contains("ended before it printed `never`"), "{error}");
    });
}

/// The number of a process that has ended may be another's by then.
fn what_has_ended_is_not_killed() {
    run(async {
        let host = Host::launch("not-killed").await;
        let folder = tempfile::tempdir().expect("a folder");
        let (calls, wrapper) = (folder.path().join("calls"), folder.path().join("multipass"));
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm_stand_ins/multipass");
        let script = format!("#!/bin/sh\necho \"$*\" >>{}\nexec {stand_in} \"$@\"\n", calls.display());
        fs_err::write(&wrapper, script).expect("written");
        fs_err::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).expect("executable");
        let multipass = Multipass::new(wrapper.to_str().expect("UTF-8"));
        let machine = multipass.machine(&host.name, &host.name).await.expect("runs");
        let kills = || {
            let calls = fs_err::read_to_string(&calls).expect("called");
            calls.lines().filter(|line| line.contains("kill -KILL")).count()
        };
        for line in ["true", "exit 3", "kill -KILL $$", "no-such-program"] {
            machine.run(&Command::shell(line)).await.expect("ends by itself");
        }
        machine.run(&Command::new(["no-such-program"])).await.expect_err("not there");
        let mut short = machine.start(&Command::new(["echo", "short"])).await.expect("started");
        short.wait_for("long", Duration::from_secs(10)).await.expect_err("it ends before");
        short.stop().await.expect("it has ended");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(kills(), 0);
        // What is given up is killed, or the count above says nothing.
        let long = Command::new(["sleep", "300"]);
        tokio::time::timeout(Duration::from_secs(2), machine.run(&long)).await.expect_err("it goes on");
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if kills() > 0 {
                break;
            }
        }
        assert_eq!(kills(), 1);
    });
}

fn files_have_their_content_and_mode() {
    run(async {
        let host = Host::launch("files").await;
        // The machine's own files are below the host's.
        let between = "find /tmp -maxdepth 1 -name 'pathlab-*' -type f | wc -l";
        let before = host.sh(between).await;
        let content: Vec<u8> = (0..=255).cycle().take(1_000_001).collect();
        host.machine.write_file("/etc/new folder/it's a file".into(), &content, 0o640).await.expect("written");
        let seen = host.sh("stat -c '%a %s' \"/etc/new folder/it's a file\"").await;
        assert_eq!(seen, "640 1000001");
        assert_eq!(host.sh(between).await, before);
        let error = host.machine.write_file("/proc/nothing/here".into(), b"x", 0o600).await.expect_err("impossible");
        assert!(matches!(error, MachineError::File { .. }), "{error:?}");
    });
}

fn a_unix_socket_is_reached() {
    run(async {
        let host = Host::launch("sockets").await;
        let agent = "/var/tmp/lab-agent";
        host.machine.write_file(agent.into(), pathlab::agent_binary::LAB_AGENT, 0o755).await.expect("written");
        // A relay answers nobody until it is asked: what it leads to is the echo's own HTTP.
        let mut echo = host.machine.start(&Command::new([agent, "echo", "--http=8080"])).await.expect("starts");
        echo.wait_for("ready", Duration::from_secs(20)).await.expect("listens");
        let relay = [agent, "relay", "--socket", "/run/relay.sock", "--to", "127.0.0.1:8080"];
        let mut relay = host.machine.start(&Command::new(relay)).await.expect("starts");
        relay.wait_for("ready", Duration::from_secs(20)).await.expect("listens");
        let mut stream = host.machine.connect("/run/relay.sock".into()).await.expect("connects");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answers");
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let error = host.machine.connect("/run/none.sock".into()).await.err().expect("not there").to_string();
        assert!(error.contains("/run/none.sock: no such socket"), "{error}");
        relay.stop().await.expect("ends");
        echo.stop().await.expect("ends");
    });
}
