//! The parts that a cluster has once, on its first node: etcd, API server, controller manager, scheduler.

use super::files::{FOLDER, KUBECONFIG, VOLUME_PLUGINS};
use crate::cluster::dataplane::layout::{API_PORT, Node, SERVICE_CIDR};

/// Port of the store for its clients, as on MicroK8s.
pub const ETCD_PORT: u16 = 12379;

/// Port of the store for other stores.
const ETCD_PEER_PORT: u16 = 12380;

/// A component with the arguments that it is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name, which its log has as well.
    pub name: &'static str,
    /// Program and arguments.
    pub argv: Vec<String>,
}

impl Component {
    /// A component; its name is its program's.
    pub fn new(name: &'static str, program: impl Into<String>, arguments: &[&str]) -> Self {
        let argv = std::iter::once(program.into()).chain(arguments.iter().map(|&argument| argument.to_owned()));
        Self { name, argv: argv.collect() }
    }
}

/// The store. Nothing of it survives the lab, so nothing is forced to disk.
#[must_use]
pub fn etcd() -> Component {
    let clients = format!("http://0.0.0.0:{ETCD_PORT}");
    let (own, peers) = (format!("http://127.0.0.1:{ETCD_PORT}"), format!("http://127.0.0.1:{ETCD_PEER_PORT}"));
    let cluster = format!("default={peers}");
    let arguments = [
        "--data-dir=/var/lib/etcd",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--logger=zap",
        "--listen-client-urls",
        &clients,
        "--advertise-client-urls",
        &own,
        "--listen-peer-urls",
        &peers,
        "--initial-advertise-peer-urls",
        &peers,
        "--initial-cluster",
        &cluster,
    ];
    Component::new("etcd", "etcd", &arguments)
}

/// The API server.
pub fn api_server(programs: &str, node: &Node) -> Component {
    let arguments = [
        format!("--etcd-servers=http://127.0.0.1:{ETCD_PORT}"),
        format!("--secure-port={API_PORT}"),
        format!("--advertise-address={}", node.ip),
        format!("--cert-dir={FOLDER}/pki"),
        format!("--token-auth-file={FOLDER}/tokens.csv"),
        format!("--service-account-key-file={FOLDER}/service-account.key"),
        format!("--service-account-signing-key-file={FOLDER}/service-account.key"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-cluster-ip-range={SERVICE_CIDR}"),
        "--authorization-mode=AlwaysAllow".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--profiling=false".to_owned(),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Component::new("kube-apiserver", format!("{programs}/kube-apiserver"), &arguments)
}

/// The controller manager.
#[must_use]
pub fn controller_manager(programs: &str) -> Component {
    let (certificates, key) = (format!("--cert-dir={FOLDER}/pki"), format!("{FOLDER}/service-account.key"));
    let (kubeconfig, key) = (format!("--kubeconfig={KUBECONFIG}"), format!("--service-account-private-key-file={key}"));
    let plugins = format!("--flex-volume-plugin-dir={VOLUME_PLUGINS}");
    let arguments = [kubeconfig.as_str(), &certificates, &key, &plugins, "--leader-elect=false", "--profiling=false"];
    Component::new("kube-controller-manager", format!("{programs}/kube-controller-manager"), &arguments)
}

/// The scheduler.
#[must_use]
pub fn scheduler(programs: &str) -> Component {
    let (certificates, kubeconfig) = (format!("--cert-dir={FOLDER}/pki"), format!("--kubeconfig={KUBECONFIG}"));
    let arguments = [kubeconfig.as_str(), &certificates, "--leader-elect=false", "--profiling=false"];
    Component::new("kube-scheduler", format!("{programs}/kube-scheduler"), &arguments)
}
