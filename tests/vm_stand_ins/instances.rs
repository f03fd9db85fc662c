//! Instances: made, known, stopped, restored, removed.

use std::time::Duration;

use libtest_mimic::Trial;
use pathlab::provider::{
    Machine as _, WholeMachine as _,
    multipass::{InstanceState, MultipassError},
};

use crate::{
    host::{Host, multipass, spec},
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        an_instance_comes_and_goes,
        a_snapshot_brings_everything_back,
        a_reboot_keeps_files,
        what_multipass_refuses_is_said,
        cloud_init_is_forgiven_multipass_s_own_package_only,
        answers_that_are_none,
    ]
}

fn an_instance_comes_and_goes() {
    run(async {
        let host = Host::launch("comes-and-goes").await;
        assert_eq!(host.machine.name(), "comes-and-goes");
        assert_eq!(host.sh("hostname; id -u").await, "comes-and-goes\n0");
        let info = host.multipass.info(&host.name).await.expect("answers").expect("there");
        assert_eq!(info.state, InstanceState::Running);
        assert_eq!(info.ipv4[0].to_string(), "192.0.2.11");
        let listed = host.multipass.list().await.expect("answers");
        assert!(listed.iter().any(|one| one.name == host.name && one.state == InstanceState::Running));
        host.multipass.stop(&host.name).await.expect("stops");
        let info = host.multipass.info(&host.name).await.expect("answers").expect("there");
        assert_eq!((info.state, info.ipv4.len()), (InstanceState::Stopped, 0));
        host.multipass.delete(&host.name).await.expect("removed");
        assert_eq!(host.multipass.info(&host.name).await.expect("answers"), None);
        host.multipass.delete(&host.name).await.expect("removed already");
    });
}

fn a_snapshot_brings_everything_back() {
    run(async {
        let host = Host::launch("snapshots").await;
        host.sh("echo before >/etc/pathlab; rm -f /etc/motd").await;
        host.multipass.snapshot(&host.name, "ready").await.expect("taken");
        host.multipass.snapshot(&host.name, "ready").await.expect("there already");
        assert_eq!(host.multipass.snapshots(&host.name).await.expect("answers"), ["ready"]);
        host.sh("echo after >/etc/pathlab; echo new >/etc/new").await;
        host.multipass.restore(&host.name, "ready").await.expect("restored");
        assert_eq!(host.sh("cat /etc/pathlab; ls /etc/new 2>/dev/null || echo gone").await, "before\ngone");
    });
}

fn a_reboot_keeps_files() {
    run(async {
        let host = Host::launch("reboots").await;
        let before = host.sh("echo kept >/etc/pathlab; cat /run/boot").await;
        host.machine.reboot(Duration::from_secs(60)).await.expect("restarts");
        let after = host.sh("cat /etc/pathlab /run/boot").await;
        assert!(after.starts_with("kept\n") && !after.contains(&before), "{after}");
    });
}

fn what_multipass_refuses_is_said() {
    run(async {
        let host = Host::launch("refusals").await;
        let again = host.multipass.launch(&spec("refusals")).await.err().expect("taken").to_string();
        assert_eq!(again, "there is a Multipass instance refusals already (Running)");
        let bad = host.multipass.launch(&spec("rhel-9.5")).await.err().expect("a bad name").to_string();
        assert!(bad.contains("`rhel-9.5` is no name for an instance"), "{bad}");
        let mut missing = spec("no-image");
        missing.image = "/mnt/images/none.qcow2".into();
        let error = host.multipass.launch(&missing).await.err().expect("no image").to_string();
        assert!(error.contains("(status 2)") && error.contains("does not exist"), "{error}");
        // Multipass cannot take snapshots of what runs: it is stopped for it, and what cannot be restored is said.
        let error = host.multipass.restore("refusals", "none").await.expect_err("no snapshot").to_string();
        assert!(error.contains("restore --destructive refusals.none"), "{error}");
    });
}

fn cloud_init_is_forgiven_multipass_s_own_package_only() {
    run(async {
        let fails = "/mnt/multipass.fail";
        fs_err::create_dir_all(fails).expect("made");
        fs_err::write(format!("{fails}/launch-el-forgiven"), "cloud-init\n").expect("ordered");
        let forgiven = multipass().launch(&spec("el-forgiven")).await.expect("cloud-init is done");
        assert_eq!(forgiven.name(), "el-forgiven");
        multipass().delete("el-forgiven").await.expect("removed");
        fs_err::write(format!("{fails}/launch-el-broken"), "cloud-init-broken\n").expect("ordered");
        let error = multipass().launch(&spec("el-broken")).await.err().expect("another reason").to_string();
        assert_eq!(
            error,
            "cloud-init failed in instance el-broken: error: ('write_files', PermissionError(13, 'Permission denied'))"
        );
        multipass().delete("el-broken").await.expect("removed");
    });
}

fn answers_that_are_none() {
    run(async {
        let host = Host::launch("answers").await;
        let fails = "/mnt/multipass.fail";
        fs_err::create_dir_all(fails).expect("made");
        for (order, part) in [
            ("partial", "failed to understand"),
            ("garbage", "failed to understand"),
            ("exit 3 info failed: cannot connect to the multipass socket", "daemon does not answer: info failed"),
        ] {
            // `version` is nobody else's.
            fs_err::write(format!("{fails}/version"), format!("{order}\n")).expect("ordered");
            let error = host.multipass.version().await.expect_err(order);
            assert!(error.to_string().contains(part), "{order}: {error}");
            if order.starts_with("exit 3") {
                assert!(matches!(error, MultipassError::NoDaemon(_)), "{error:?}");
            }
        }
        assert_eq!(host.multipass.version().await.expect("answers").multipass, "1.15.1");
    });
}
