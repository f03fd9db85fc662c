//! What was added to a machine, so that it can be taken away again.

use std::fmt;

use super::{admit, error::MicroK8sError, node::Node};
use crate::{catalog::distro::FirewallKind, cluster::kube::ObjectName};

/// The snap.
pub(super) const MICROK8S: &str = "microk8s";

/// Something that was not on the machine before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// Packages of dnf, exactly those.
    Rpms(Vec<String>),
    /// Packages of apt, exactly those.
    Debs(Vec<String>),
    /// A systemd unit that was enabled and started.
    Unit(String),
    /// A symbolic link.
    Link(String),
    /// A file.
    File(String),
    /// A folder of Pathlab's own, with all that is in it.
    Folder(String),
    /// A snap.
    Snap(String),
    /// An addon of MicroK8s.
    Addon(String),
    /// An image in MicroK8s's containerd.
    Image(String),
    /// An object of the cluster.
    Object(ObjectName),
    /// An address that a firewall lets in while nodes join.
    Admission(FirewallKind, String),
}

impl Added {
    /// The command that takes it away; it ends well where there is nothing to take away.
    #[must_use]
    pub fn removal(&self) -> Vec<&str> {
        if let Self::Object(ObjectName { kind, namespace, name }) = self {
            let delete = ["microk8s", "kubectl", "delete", kind, name, "--namespace", namespace];
            let how = ["--ignore-not-found", "--cascade=foreground", "--grace-period=1", "--timeout", "300s"];
            return delete.into_iter().chain(how).collect();
        }
        let mut argv = match self {
            Self::Rpms(_) => vec!["dnf", "-y", "remove", "--setopt=clean_requirements_on_remove=False"],
            Self::Debs(_) => vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "purge"],
            Self::Unit(_) => vec!["systemctl", "disable", "--now"],
            Self::Link(_) | Self::File(_) => vec!["rm", "-f"],
            Self::Snap(_) => vec!["snap", "remove", "--purge"],
            Self::Folder(_) => vec!["rm", "-rf"],
            Self::Addon(_) => vec!["microk8s", "disable"],
            Self::Image(_) => vec!["microk8s", "ctr", "image", "remove"],
            Self::Admission(firewall, address) => admit::removal(*firewall, address),
            Self::Object(_) => Vec::new(),
        };
        match self {
            Self::Rpms(names) | Self::Debs(names) => argv.extend(names.iter().map(String::as_str)),
            Self::Unit(name)
            | Self::Link(name)
            | Self::File(name)
            | Self::Folder(name)
            | Self::Snap(name)
            | Self::Addon(name)
            | Self::Image(name) => argv.push(name),
            Self::Object(_) | Self::Admission(..) => {}
        }
        argv
    }
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rpms(names) | Self::Debs(names) => write!(f, "packages {}", names.join(" ")),
            Self::Unit(name) => write!(f, "enabled unit {name}"),
            Self::Link(name) => write!(f, "link {name}"),
            Self::File(name) => write!(f, "file {name}"),
            Self::Folder(name) => write!(f, "folder {name}"),
            Self::Snap(name) => write!(f, "snap {name}"),
            Self::Addon(name) => write!(f, "addon {name} of MicroK8s"),
            Self::Image(name) => write!(f, "image {name} in MicroK8s"),
            Self::Object(name) => write!(f, "{name}"),
            Self::Admission(_, address) => write!(f, "address {address} let in by the firewall"),
        }
    }
}

/// Takes away what was added, the newest first, and goes on after what fails; returns all that failed.
pub async fn remove(node: Node<'_>, added: &[Added]) -> Vec<MicroK8sError> {
    let mut failed = Vec::new();
    // What is in MicroK8s goes with it.
    let all_of_it = added.iter().any(|one| matches!(one, Added::Snap(name) if name == MICROK8S));
    for one in added.iter().rev() {
        // Objects are deleted through the cluster's API, with all that belongs to them.
        if matches!(one, Added::Object(_)) || all_of_it && matches!(one, Added::Addon(_) | Added::Image(_)) {
            continue;
        }
        if let Err(error) = node.done(&one.removal(), node.limits().packages).await {
            failed.push(error.into());
        }
    }
    failed
}

#[cfg(test)]
mod tests {
    use super::Added;

    #[test]
    fn exactly_what_was_added_is_removed() {
        let packages = Added::Debs(vec!["snapd".to_owned(), "squashfs-tools".to_owned()]);
        let line = packages.removal().join(" ");
        assert_eq!(line, "env DEBIAN_FRONTEND=noninteractive apt-get -y purge snapd squashfs-tools");
        assert_eq!(Added::Snap("microk8s".to_owned()).removal().join(" "), "snap remove --purge microk8s");
    }
}
