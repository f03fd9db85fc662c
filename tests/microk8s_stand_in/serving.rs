//! Configuration of the pods that serve DNS and ingress on this node. Their folders are mounted into them.

use std::sync::atomic::{AtomicU32, Ordering};

use fs_err as fs;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pathlab::cluster::{
    dataplane::{ClusterState, dnsmasq, nginx},
    kube::own::FILES,
    kubernetes::observed,
};

use super::{Failure, node::COMMON};

/// How many looks nginx is told at that its configuration is another one: the first process of a container that has just
/// started hears no signal.
const LOOKS: u32 = 4;

static TELL_NGINX: AtomicU32 = AtomicU32::new(0);

/// Writes both; programs whose files changed read them again.
pub fn write(state: &ClusterState) -> Result<(), Failure> {
    let dns = dnsmasq::files(state, &observed::dns_pod_to_be());
    let config = dns.config.replace(dnsmasq::HOSTS_PATH, &format!("{FILES}/hosts"));
    put("dns/dnsmasq.conf", &config)?;
    if put("dns/hosts", &dns.hosts)? {
        hang_up("dnsmasq")?;
    }
    if put("ingress/nginx.conf", &nginx::config(state))? {
        TELL_NGINX.store(LOOKS, Ordering::Relaxed);
    }
    if TELL_NGINX.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        hang_up("nginx")?;
    }
    Ok(())
}

/// Says whether the content is another one than before.
fn put(name: &str, content: &str) -> Result<bool, Failure> {
    let path = format!("{COMMON}/files/{name}");
    if fs::read_to_string(&path).is_ok_and(|before| before == content) {
        return Ok(false);
    }
    fs::write(format!("{path}.new"), content)?;
    fs::rename(format!("{path}.new"), path)?;
    Ok(true)
}

/// Tells the first process of every container that runs this program.
fn hang_up(program: &str) -> Result<(), Failure> {
    for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let stat = |pid: i32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let own = stat(pid);
        let Some((head, rest)) = own.rsplit_once(')') else { continue };
        let parent = rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()).unwrap_or_default();
        if head.ends_with(&format!("({program}")) && stat(parent).contains("(containerd-shim") {
            match kill(Pid::from_raw(pid), Signal::SIGHUP) {
                // It has ended in between.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}
