//! snapd on a machine, ready to install snaps: there on Ubuntu, from EPEL on Enterprise Linux.

use std::collections::BTreeSet;

use super::{
    added::Added,
    additions::Additions,
    error::MicroK8sError,
    node::{Node, said},
};
use crate::{catalog::distro::Family, provider::MachineError};

/// Where snaps of classic confinement expect to be mounted; snapd of Enterprise Linux mounts elsewhere.
const LINK: [&str; 2] = ["/snap", "/var/lib/snapd/snap"];

const SOCKET: &str = "snapd.socket";

/// Makes snapd ready. `epel` is the package that brings EPEL: a name, file or URL; none for the one that the machine's
/// repositories know. What was added is written to `added` as soon as it is there.
pub async fn prepare(
    node: Node<'_>,
    family: Family,
    epel: Option<&str>,
    added: &mut dyn Additions,
) -> Result<(), MicroK8sError> {
    match family {
        Family::El => {
            if !node.holds(&["rpm", "--quiet", "-q", "snapd"]).await? {
                let before = packages(node, family).await?;
                let installed = install_from_epel(node, epel).await;
                added.add(Added::Rpms(new_packages(node, family, &before).await?))?;
                installed?;
            }
        }
        Family::Debian => {
            if !node.holds(&["dpkg-query", "--show", "snapd"]).await? {
                let before = packages(node, family).await?;
                let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "install", "snapd"];
                let installed = node.done(&apt, node.limits().packages).await;
                added.add(Added::Debs(new_packages(node, family, &before).await?))?;
                installed?;
            }
        }
    }
    if !node.holds(&["systemctl", "is-active", "--quiet", SOCKET]).await? {
        added.add(Added::Unit(SOCKET.to_owned()))?;
        node.done(&["systemctl", "enable", "--now", SOCKET], node.limits().question).await?;
    }
    let [link, target] = LINK;
    if family == Family::El && !node.holds(&["test", "-e", link]).await? {
        added.add(Added::Link(link.to_owned()))?;
        node.done(&["ln", "-sfT", target, link], node.limits().question).await?;
    }
    seeded(node).await
}

async fn install_from_epel(node: Node<'_>, epel: Option<&str>) -> Result<(), MicroK8sError> {
    let limit = node.limits().packages;
    if !node.holds(&["rpm", "--quiet", "-q", "epel-release"]).await? {
        let output = node.run(&["dnf", "-y", "install", epel.unwrap_or("epel-release")], limit).await?;
        if !output.ok() {
            return Err(MicroK8sError::NoEpel { machine: node.name().to_owned(), reason: said(&output) });
        }
    }
    node.done(&["dnf", "-y", "install", "snapd"], limit).await?;
    Ok(())
}

/// Waits until snapd has seeded; before, it refuses everything, or its socket is not even there.
async fn seeded(node: Node<'_>) -> Result<(), MicroK8sError> {
    let waiting = node.waiting("snapd to be seeded", node.limits().seeding);
    loop {
        let limit = waiting.left(node.limits().question);
        let last = match node.run(&["snap", "wait", "system", "seed.loaded"], limit).await {
            Ok(output) if output.ok() => return Ok(()),
            Ok(output) => said(&output),
            Err(error @ MachineError::TimedOut { .. }) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        waiting.again(last).await?;
    }
}

/// Names of the packages on the machine.
async fn packages(node: Node<'_>, family: Family) -> Result<BTreeSet<String>, MicroK8sError> {
    let query = match family {
        Family::El => ["rpm", "-qa", "--queryformat", "%{NAME}\\n"],
        Family::Debian => ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\\n"],
    };
    let text = node.done(&query, node.limits().question).await?.text();
    let name = |line: &str| match family {
        Family::El => Some(line.to_owned()),
        Family::Debian => line.strip_prefix("installed ").map(str::to_owned),
    };
    Ok(text.lines().filter_map(name).collect())
}

async fn new_packages(node: Node<'_>, family: Family, before: &BTreeSet<String>) -> Result<Vec<String>, MicroK8sError> {
    Ok(packages(node, family).await?.difference(before).cloned().collect())
}
