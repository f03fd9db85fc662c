//! What a node knows of itself, and the files that its programs read: those of `--cluster kubernetes`, at the places
//! that the snap has.

use std::{
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::{PermissionsExt, symlink},
};

use fs_err as fs;
use pathlab::cluster::{
    dataplane::{Node, NodeSpec},
    kubernetes::{
        cni,
        control_plane::{self, Component},
        credentials::Credentials,
        files,
        programs::{CNI_PLUGINS, plugin},
        worker,
    },
};
use serde::{Deserialize, Serialize};

use super::{Failure, HERE, NAME, network};

/// The revision's own data.
pub const DATA: &str = "/var/snap/microk8s/current";

/// Data of all revisions: containers, the store, what addons read.
pub const COMMON: &str = "/var/snap/microk8s/common";

/// The kubeconfig for this node's own address: the API server behind its loopback.
pub const CLIENT_CONFIG: &str = "/var/snap/microk8s/current/credentials/client.config";

/// The label that holds a node's number.
pub const INDEX_LABEL: &str = "pathlab/node-index";

/// The control group of the node's containers.
const GROUP: &str = "/stand-in-microk8s";

/// The minor version of the programs that `just kube-binaries` builds.
const MINOR: u32 = 20;

/// What a node knows of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its number in the cluster, counted from 0.
    pub index: usize,
    /// Its host name.
    pub name: String,
    /// Its address.
    pub ip: Ipv4Addr,
    /// The address of the node that has the API server.
    pub server: Ipv4Addr,
}

impl Facts {
    pub fn load() -> Result<Self, Failure> {
        Ok(serde_json::from_str(&fs::read_to_string(format!("{DATA}/node.json"))?)?)
    }

    /// As the embedded cluster numbers its nodes, at this address.
    pub fn node(&self) -> Node {
        node(self.index, &self.name, self.ip)
    }

    fn has_control_plane(&self) -> bool {
        self.ip == self.server
    }

    /// Writes the facts and all files.
    pub fn write(&self) -> Result<(), Failure> {
        for folder in ["run", "cni", "cni-network", "credentials", "tokens", "addons"] {
            fs::create_dir_all(format!("{DATA}/{folder}"))?;
        }
        for folder in ["run", "files/dns", "files/ingress"] {
            fs::create_dir_all(format!("{COMMON}/{folder}"))?;
        }
        let own = |name: &str| format!("{DATA}/{name}");
        fs::write(own("node.json"), serde_json::to_string(self)?)?;
        fs::write(own("containerd.toml"), containerd_config())?;
        fs::write(own("kubelet.json"), moved(&worker::kubelet_config(GROUP, MINOR)))?;
        fs::write(own("resolv.conf"), "nameserver 127.0.0.1\n")?;
        let (_, mtu) = network::underlay(self.ip)?;
        fs::write(own("cni-network/10-calico.conflist"), moved(&cni::conflist(&self.node(), mtu - 50)))?;
        plugins()?;
        if self.has_control_plane() {
            credentials()?;
        }
        self.components().iter().try_for_each(script)
    }

    fn components(&self) -> Vec<Component> {
        let (node, programs) = (self.node(), format!("{HERE}/bin"));
        let with = |mut component: Component, more: &[String]| {
            component.argv.extend_from_slice(more);
            component
        };
        let mut all = vec![
            worker::containerd(),
            with(worker::kubelet(&programs, &node, MINOR), &[format!("--node-labels={INDEX_LABEL}={}", self.index)]),
            // It looks by itself, as MicroK8s's does, but sooner: a lab of namespaces says itself when the rules are looked at.
            with(worker::kube_proxy(&programs, &node), &["--iptables-sync-period=5s".to_owned()]),
        ];
        if self.has_control_plane() {
            all.extend([
                control_plane::etcd(),
                control_plane::api_server(&programs, &node),
                control_plane::controller_manager(&programs),
                control_plane::scheduler(&programs),
            ]);
        }
        all
    }
}

/// A node of the cluster.
pub fn node(index: usize, name: &str, ip: Ipv4Addr) -> Node {
    let spec = NodeSpec { name: name.to_owned(), distro_id: "stand-in".to_owned() };
    Node { ip, ..Node::new(index, &spec) }
}

/// The same text with the places that the snap has.
fn moved(text: &str) -> String {
    let socket = format!("{COMMON}/run/containerd.sock");
    let kubelet = format!("{COMMON}/var/lib/kubelet");
    let etcd = format!("{COMMON}/var/lib/etcd");
    let network = format!("{DATA}/cni-network");
    text.replace(files::KUBECONFIG, &format!("{DATA}/credentials/node.config"))
        .replace(files::FOLDER, DATA)
        .replace(files::CONTAINERD, &socket)
        .replace("/etc/cni/net.d", &network)
        .replace("/var/lib/kubelet", &kubelet)
        .replace("/var/lib/etcd", &etcd)
}

fn containerd_config() -> String {
    let folders = format!("root = \"{COMMON}/var/lib/containerd\"\nstate = \"{COMMON}/run/containerd\"\n");
    let config = worker::containerd_config();
    let (version, rest) = config.split_once('\n').unwrap_or_default();
    format!("{version}\n{folders}{}", moved(rest))
}

fn plugins() -> Result<(), Failure> {
    for name in CNI_PLUGINS {
        let file = plugin(name).ok_or_else(|| format!("there is no CNI plugin {name}"))?;
        link(file.as_str(), name)?;
    }
    link(&format!("{HERE}/bin/{NAME}"), cni::NAME)
}

fn credentials() -> Result<(), Failure> {
    let tokens = format!("{DATA}/tokens.csv");
    if fs::exists(&tokens)? {
        return Ok(());
    }
    let made = Credentials::generate()?;
    secret(&tokens, &made.token_file())?;
    secret(&format!("{DATA}/service-account.key"), &made.service_account_key)
}

/// A file that only root reads.
pub fn secret(path: &str, content: &str) -> Result<(), Failure> {
    let beside = format!("{path}.new");
    fs::write(&beside, "")?;
    fs::set_permissions(&beside, PermissionsExt::from_mode(0o600))?;
    fs::write(&beside, content)?;
    Ok(fs::rename(beside, path)?)
}

/// `run/NAME` becomes the component.
fn script(component: &Component) -> Result<(), Failure> {
    let words: Vec<String> = component.argv.iter().map(|word| format!("'{}'", moved(word))).collect();
    let environment: Vec<String> =
        worker::environment().iter().map(|(name, value)| format!("export {name}={value}")).collect();
    let text = format!("#!/bin/sh\n{}\nexec {}\n", environment.join("\n"), words.join(" "));
    Ok(fs::write(format!("{DATA}/run/{}", component.name), text)?)
}

fn link(file: &str, name: &str) -> Result<(), Failure> {
    let at = format!("{DATA}/cni/{name}");
    if !fs::exists(&at)? {
        symlink(file, at)?;
    }
    Ok(())
}

/// An address of IPv4.
pub fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    if let IpAddr::V4(ip) = ip { Some(ip) } else { None }
}
