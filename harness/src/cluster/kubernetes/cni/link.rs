//! One pod's link, made on its node by the same commands as the embedded cluster's.

use std::{
    fs, io,
    io::Write as _,
    net::IpAddr,
    os::fd::AsFd as _,
    path::Path,
    process::{Command, Stdio},
};

use nix::sched::{CloneFlags, setns};

use crate::cluster::dataplane::{calico, layout::pod_interface};

/// A pod's link.
pub struct Link<'a> {
    pub namespace: &'a str,
    pub pod: &'a str,
    pub ips: &'a [IpAddr],
    pub mtu: u64,
    /// Path of the pod's network namespace.
    pub netns: &'a str,
}

impl Link<'_> {
    /// Name of the node's end.
    pub fn interface(&self) -> String {
        pod_interface(self.namespace, self.pod)
    }

    /// Makes it. The calling thread is in the pod's network namespace afterwards.
    pub fn make(&self) -> io::Result<()> {
        let v4 = self.ips.iter().find_map(|ip| if let IpAddr::V4(ip) = ip { Some(*ip) } else { None });
        let v6 = self.ips.iter().find_map(|ip| if let IpAddr::V6(ip) = ip { Some(*ip) } else { None });
        let ip = v4.ok_or_else(|| io::Error::other("the pod has no IPv4 address"))?;
        let mtu = u16::try_from(self.mtu).map_err(io::Error::other)?;
        let link = calico::link(&self.interface(), ip, v6, mtu, self.netns);
        let pod = fs::File::open(self.netns)?;
        batch(&link.node_batch)?;
        for setting in &link.node_sysctls {
            fs::write(Path::new("/proc/sys").join(&setting.path), &setting.value)?;
        }
        setns(pod.as_fd(), CloneFlags::CLONE_NEWNET)?;
        batch(&link.pod_batch)
    }
}

/// Removes the node's end, where it is still there.
pub fn remove(namespace: &str, pod: &str) -> io::Result<()> {
    let interface = pod_interface(namespace, pod);
    if Path::new("/proc/sys/net/ipv4/conf").join(&interface).exists() {
        // The pod's namespace may take it along at this very moment.
        Command::new("ip").args(["link", "del", &interface]).stderr(Stdio::null()).status()?;
    }
    Ok(())
}

fn batch(commands: &str) -> io::Result<()> {
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(commands.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("ip: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
