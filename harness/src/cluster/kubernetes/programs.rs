//! The programs that a cluster is made of, and where they are.

use camino::{Utf8Path, Utf8PathBuf};

use crate::folders;

/// What `just kube-binaries` builds.
pub const BUILT: [&str; 5] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"];

/// What the distribution's packages bring.
const PACKAGED: [&str; 4] = ["etcd", "containerd", "ctr", "runc"];

/// Folders in which distributions keep the reference plugins of the container network interface.
pub const CNI_FOLDERS: [&str; 3] = ["/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/bin"];

/// The reference plugins that are used.
pub const CNI_PLUGINS: [&str; 3] = ["loopback", "host-local", "portmap"];

/// What a built release is called in the folder of caches.
const RELEASE: &str = "kube-1.20.2";

/// Programs that are not there.
#[derive(Debug, thiserror::Error)]
#[error("real Kubernetes needs {}", .lacking.join(", "))]
pub struct Lacking {
    /// Each with what is known of it.
    pub lacking: Vec<String>,
    /// How to get them.
    pub help: String,
}

/// The folder of built programs: the named one, else where `just kube-binaries` leaves them.
#[must_use]
pub fn folder(named: Option<&Utf8Path>) -> Option<Utf8PathBuf> {
    if let Some(named) = named {
        return Some(std::path::absolute(named).ok().and_then(|path| path.try_into().ok()).unwrap_or(named.to_owned()));
    }
    Some(folders::cache().ok()?.join(RELEASE))
}

/// The folder when all is there that a cluster needs, and this is root.
pub fn find(named: Option<&Utf8Path>) -> Result<Utf8PathBuf, Lacking> {
    let (mut lacking, mut help) = (Vec::new(), Vec::new());
    if !nix::unistd::Uid::effective().is_root() {
        lacking.push("root: kubelet, containerd and runc make control groups and mounts on this machine".to_owned());
        help.push("run it with sudo, or use `--cluster dataplane`, which needs no root");
    }
    let folder = folder(named).unwrap_or_default();
    let absent = |names: &[&str], there: &dyn Fn(&str) -> bool| -> Vec<String> {
        names.iter().filter(|name| !there(name)).map(|name| (*name).to_owned()).collect()
    };
    let built = absent(&BUILT, &|name| folder.join(name).is_file());
    if !built.is_empty() {
        lacking.push(format!("{} in {folder}", built.join(", ")));
        help.push("`just kube-binaries` builds them once (10 minutes), or `--kube-bin DIR` says where they are");
    }
    let packaged = absent(&PACKAGED, &|name| crate::provider::needs::find_program(name).is_some());
    let plugins = absent(&CNI_PLUGINS, &|name| plugin(name).is_some());
    if !packaged.is_empty() || !plugins.is_empty() {
        lacking.extend(packaged);
        lacking.extend(plugins.iter().map(|name| format!("the CNI plugin {name}")));
        help.push("`just setup kubernetes` installs the packages");
    }
    if lacking.is_empty() { Ok(folder) } else { Err(Lacking { lacking, help: help.join("\n") }) }
}

/// Where a reference plugin is.
#[must_use]
pub fn plugin(name: &str) -> Option<Utf8PathBuf> {
    CNI_FOLDERS.iter().map(|folder| Utf8Path::new(folder).join(name)).find(|file| file.is_file())
}
