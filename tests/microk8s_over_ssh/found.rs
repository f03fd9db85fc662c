//! How a host was found, to compare with how it is left.

use std::{collections::BTreeSet, process::Command as Process};

use crate::host::Host;

/// What outlives a restart of the host, and what does not.
const STATE: &str = "dpkg-query --show
    ip -o link | cut -d: -f2
    ip route
    iptables-save | grep -e '^-A' -e '^:KUBE' -e '^:cali' -e '^:CNI'
    ls /run/netns /var/snap /opt/stand-ins
    ls -d /run/pathlab /var/lib/pathlab 2>/dev/null
    find /sys/fs/cgroup -type d
    grep -c . /proc/self/mountinfo
    ps -e -o comm= | grep -v -e '^sshd' -e '^ps$' -e '^sh$' -e '^sleep$' -e '^grep$' -e '^sort$' -e '^uniq$' | sort | uniq -c";

/// Files that programs of the host write by themselves.
const OWN: [&str; 4] = ["var/log/", "var/lib/dpkg/", "var/lib/stand-in/", "var/cache/"];

/// A host as it is.
pub struct Found(BTreeSet<String>);

impl Found {
    pub async fn of(host: &Host) -> Self {
        let state = host.sh(&format!("{{ {STATE}\n}} || :")).await;
        let mut find = Process::new("find");
        find.args([host.folder.join("upper"), host.folder.join("snap")]);
        find.args(["(", "-type", "d", "-printf", "d %m %P\n", ")", "-o", "-printf", "%y %m %s %l %P\n"]);
        let files = find.output();
        let files = String::from_utf8(files.expect("finds").stdout).expect("UTF-8");
        // A folder of the layer below is in this one as well once something in it was touched.
        let below = |line: &str| {
            let path = line.strip_prefix("d ").and_then(|rest| rest.split_once(' '));
            path.is_some_and(|(_, path)| std::path::Path::new("/").join(path).is_dir())
        };
        let ours = |line: &&str| !OWN.iter().any(|own| line.contains(own)) && !below(line);
        let files = files.lines().filter(ours).map(str::to_owned);
        Self(state.lines().map(str::to_owned).chain(files).collect())
    }

    /// Fails unless the host is as it was.
    pub fn is_like(&self, before: &Self, name: &str) {
        let more: Vec<&String> = self.0.difference(&before.0).collect();
        let less: Vec<&String> = before.0.difference(&self.0).collect();
        assert!(more.is_empty() && less.is_empty(), "{name}: more: {more:#?}, less: {less:#?}");
    }
}
