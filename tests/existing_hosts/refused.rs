//! What is not done: without the right host key, without root, on another system, without consent.

use fs_err as fs;
use libtest_mimic::Trial;

use crate::{
    found::Found,
    host::{Host, Lan},
    lab::Lab,
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![hosts_that_cannot_be_used_are_told_and_left_alone]
}

/// What `/etc/os-release` says on a host of that distro.
pub fn os_release(id: &str) -> String {
    let (name, version) = id.rsplit_once('-').expect("a name and a version");
    format!(
        "mkdir -p /run/systemd/system
         printf 'ID={name}\\nVERSION_ID=\"{version}\"\\nPRETTY_NAME=\"{name} {version} (stand-in)\"\\n' >/usr/lib/os-release"
    )
}

fn hosts_that_cannot_be_used_are_told_and_left_alone() {
    run(async {
        let lan = Lan::new(2);
        let (host, twin) = tokio::join!(Host::start(lan, "customer", 11), Host::start(lan, "twin", 12));
        let lab = Lab::new("refused", &[&host, &twin]);
        host.sh("echo 'maynot:x:4712:4712::/:/bin/bash' >>/etc/passwd; echo 'maynot:*:19000::::::' >>/etc/shadow")
            .await;
        let before = Found::of(&host).await;
        let rhel = ["rhel", "--host", "rhel=customer"];

        lab.run(&rhel).said(2, &["customer is Debian GNU/Linux 12 (bookworm), not Red Hat Enterprise Linux 9.5"]);
        let debian = ["debian-12", "--host", "debian-12=customer"];
        lab.run(&debian).said(3, &["customer is not run by systemd"]);
        host.sh("mkdir -p /run/systemd/system").await;
        lab.run(&debian).said(2, &["customer has no MicroK8s, and nothing was told to be installed", "`--install`"]);

        // Another machine of the same name.
        twin.sh("mkdir -p /run/systemd/system; hostname customer").await;
        let both = [&debian[..], &["--host", "debian-12=twin", "--yes", "--install"]].concat();
        lab.run(&both).said(2, &["customer and twin are both called customer", "`hostnamectl hostname NAME`"]);

        let may_not = ["debian-12", "--host", "debian-12=maynot@customer", "--yes", "--install"];
        lab.run(&may_not).said(3, &["maynot cannot become root without a password", "nothing was changed"]);

        // Without a terminal and without `--yes` there is the list, and that is all.
        let install = ["debian-12", "--host", "debian-12=customer", "--install"];
        lab.run(&install).said(
            2,
            &[
                "On customer (Debian GNU/Linux 12 (bookworm), no MicroK8s) this run would",
                "copy the agent to /var/lib/pathlab",
                "install MicroK8s 1.32/stable from the store",
                "Service default/zeus",
                "All of that is taken away again when the run ends",
                "`--yes` says that all of it may be done",
            ],
        );

        let known = fs::read_to_string("/root/.ssh/known_hosts").expect("there");
        fs::write("/root/.ssh/known_hosts", "").expect("written");
        lab.run(&install)
            .said(3, &["the host key of customer is not in your known_hosts: log in once with `ssh customer`"]);
        assert_eq!(fs::read_to_string("/root/.ssh/known_hosts").expect("there"), "", "a key was taken unseen");
        let another = known.split_whitespace().next().expect("an address").to_owned();
        let key = pathlab::provider::ssh::KeyPair::ed25519("another").expect("a key");
        fs::write("/root/.ssh/known_hosts", format!("{another} {}", key.public())).expect("written");
        lab.run(&install).said(3, &["the host key of customer is not the one that your known_hosts has"]);
        fs::write("/root/.ssh/known_hosts", &known).expect("written");

        lab.run(&["rhel", "--host", "debian-12=customer"]).said(2, &["is for a distro that is not under test"]);
        lab.run(&["--host", "debian-12=customer", "--remedy", "firewalld-off"]).said(2, &["needs `--allow-changes`"]);
        lab.run(&["rhel"]).said(2, &["no host is named"]);
        lab.lab(&["run", "--host", "rhel=customer"]).said(2, &["--host is for `--provider ssh`"]);

        host.sh("rmdir /run/systemd/system /run/systemd").await;
        Found::of(&host).await.is_like(&before, "customer");
        assert!(!lab.folder.join("state/pathlab/labs").exists() || empty(&lab), "something is in the ledger");
    });
}

fn empty(lab: &Lab) -> bool {
    fs::read_dir(lab.folder.join("state/pathlab/labs")).is_ok_and(|mut entries| entries.next().is_none())
}
