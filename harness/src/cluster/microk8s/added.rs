//! What was added to a machine, so that it can be taken away again.

use super::{error::MicroK8sError, node::Node};

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
}

impl Added {
    /// The command that takes it away.
    fn removal(&self) -> Vec<&str> {
        let mut argv = match self {
            Self::Rpms(_) => vec!["dnf", "-y", "remove", "--setopt=clean_requirements_on_remove=False"],
            Self::Debs(_) => vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "purge"],
            Self::Unit(_) => vec!["systemctl", "disable", "--now"],
            Self::Link(_) | Self::File(_) => vec!["rm", "-f"],
            Self::Snap(_) => vec!["snap", "remove", "--purge"],
            Self::Folder(_) => vec!["rm", "-rf"],
            Self::Addon(_) => vec!["microk8s", "disable"],
            Self::Image(_) => vec!["microk8s", "ctr", "image", "remove"],
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
        }
        argv
    }
}

/// Takes away what was added, the newest first, and goes on after what fails; returns all that failed.
pub async fn remove(node: Node<'_>, added: &[Added]) -> Vec<MicroK8sError> {
    let mut failed = Vec::new();
    // What is in MicroK8s goes with it.
    let all_of_it = added.iter().any(|one| matches!(one, Added::Snap(name) if name == MICROK8S));
    for one in added.iter().rev() {
        if all_of_it && matches!(one, Added::Addon(_) | Added::Image(_)) {
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
