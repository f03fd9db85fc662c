//! Making a namespace host a node: the network that Calico gives it, files, images, and the daemons of every node.

use camino::Utf8Path;
use futures_util::future::try_join_all;
use tokio::time::{Duration, Instant, sleep};

use super::{
    Kubernetes, cni,
    control_plane::Component,
    error::KubernetesError,
    files::{CNI_BIN, CNI_CONFIG, FOLDER},
    programs::{self, CNI_PLUGINS},
    stand_ins, worker,
};
use crate::{
    cluster::dataplane::{
        Node,
        runtime::network::{self, identity},
    },
    provider::{
        Command, Machine as _,
        netns::{BIN, NetnsMachine, PROGRAMS, underlay::must},
    },
};

/// Ports on which a MicroK8s node listens and plain Kubernetes has nobody: dqlite and the cluster agent. An echo stands
/// in for each, as in the embedded cluster, so that exposure means the same.
const MICROK8S_PORTS: [u16; 2] = [19001, 25000];

/// Where the agent of every host listens.
pub(super) const AGENT_SOCKET: &str = "/run/agent.sock";

/// How long containerd may take to answer.
const LIMIT: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(50);

impl Kubernetes {
    /// The network, the files, containerd with its images, and the host's agent: all that needs no API server.
    pub(super) async fn prepare_node(&self, index: usize) -> Result<(), KubernetesError> {
        let (node, machine) = (&self.state.nodes[index], &self.hosts.nodes[index]);
        network::connect(&self.state, index, machine).await?;
        self.files(node, machine).await?;
        start(machine, &worker::containerd(), &[]).await?;
        let identity = identity(&node.name, node);
        machine.daemon(&["lab-agent", "serve", "--socket", AGENT_SOCKET], &identity, "agent").await?;
        let ports: Vec<String> = MICROK8S_PORTS.iter().map(|port| format!("--http={port}")).collect();
        let argv: Vec<&str> = ["lab-agent", "echo"].into_iter().chain(ports.iter().map(String::as_str)).collect();
        machine.daemon(&argv, &identity, "node-daemons").await?;
        self.images(machine).await
    }

    async fn files(&self, node: &Node, machine: &NetnsMachine) -> Result<(), KubernetesError> {
        let own = |name: &str| format!("{FOLDER}/{name}");
        for (path, content) in [
            (own("containerd.toml"), worker::containerd_config()),
            ("/etc/resolv.conf".to_owned(), "nameserver 127.0.0.1\n".to_owned()),
            // Who asks for a name that is not the cluster's learns at once that there is nobody to ask.
            (own("resolv.conf"), "nameserver 127.0.0.1\n".to_owned()),
            (CNI_CONFIG.to_owned(), cni::conflist(node, self.state.pod_mtu())),
        ] {
            machine.write_file(Utf8Path::new(&path), content.as_bytes(), 0o600).await?;
        }
        let plugins =
            CNI_PLUGINS.iter().filter_map(|name| Some(format!("ln -s {} {CNI_BIN}/{name}", programs::plugin(name)?)));
        let own = format!("ln -s {BIN}/lab {CNI_BIN}/{}", cni::NAME);
        let lines: Vec<String> = [format!("mkdir -p {CNI_BIN}"), own].into_iter().chain(plugins).collect();
        Ok(must(machine, Command::shell(&lines.join("\n"))).await?)
    }

    async fn images(&self, machine: &NetnsMachine) -> Result<(), KubernetesError> {
        let end = Instant::now() + LIMIT;
        let version = Command::new(worker::CTR.into_iter().chain(["version"]));
        loop {
            let output = machine.run(&version).await?;
            if output.ok() {
                break;
            }
            if Instant::now() > end {
                let (what, machine) = ("containerd", machine.name().to_owned());
                let last = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(KubernetesError::NotReady { what, machine, limit: LIMIT, last });
            }
            sleep(PAUSE).await;
        }
        let imports = self.images.iter().map(|(_, archive)| {
            let import = ["images", "import", "--snapshotter", worker::SNAPSHOTTER, "-"];
            let command = Command::new(worker::CTR.into_iter().chain(import)).stdin(archive.clone());
            must(machine, command)
        });
        Ok(try_join_all(imports).await.map(drop)?)
    }

    /// The kubelet, once there is an API server to talk to. All programs are of one release: the server says which.
    pub(super) async fn start_kubelet(&self, index: usize) -> Result<(), KubernetesError> {
        let (node, machine) = (&self.state.nodes[index], &self.hosts.nodes[index]);
        let minor = self.api()?.version().minor;
        let config = worker::kubelet_config(&self.group(node), minor);
        let path = format!("{FOLDER}/kubelet.json");
        machine.write_file(Utf8Path::new(&path), config.as_bytes(), 0o600).await?;
        start(machine, &worker::kubelet(PROGRAMS, node, minor), &worker::environment()).await
    }

    /// kube-proxy, once its node is known: it would wait ever longer between two looks for it.
    pub(super) async fn start_proxy(&self, index: usize) -> Result<(), KubernetesError> {
        let (node, machine) = (&self.state.nodes[index], &self.hosts.nodes[index]);
        let kubelet = worker::kubelet(PROGRAMS, node, self.api()?.version().minor);
        let kube_proxy = worker::kube_proxy(PROGRAMS, node);
        start(machine, &kube_proxy, &[]).await?;
        stand_ins::install(machine, &[kubelet, kube_proxy]).await
    }
}

/// Starts a component, for as long as the lab lives.
pub(super) async fn start(
    machine: &NetnsMachine,
    component: &Component,
    environment: &[(String, String)],
) -> Result<(), KubernetesError> {
    let argv: Vec<&str> = component.argv.iter().map(String::as_str).collect();
    Ok(machine.daemon(&argv, environment, component.name).await?)
}
