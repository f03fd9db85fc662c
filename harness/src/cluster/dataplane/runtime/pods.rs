//! Pods as namespaces, connected as Calico connects them, with real programs in them.

use std::fmt::Write as _;

use futures_util::future::try_join_all;

use super::{
    AGENT_SOCKET, RuntimeError,
    network::{identity, set_sysctls},
};
use crate::{
    cluster::dataplane::{
        calico::{self, PodLink},
        dnsmasq, nginx,
        state::{ClusterState, Container, Pod, PodRole},
    },
    model::Vantage,
    provider::{
        Machine as _,
        netns::{
            NetnsLab, NetnsMachine,
            underlay::{Hosts, links},
        },
    },
};

/// The namespaces of one pod.
pub(super) struct PodSpace {
    /// Index into [`ClusterState::pods`].
    pub(super) pod: usize,
    /// Its namespaces.
    pub(super) machine: NetnsMachine,
}

impl PodSpace {
    /// The vantage that the pod is, if any, and its agent's socket.
    pub(super) fn vantage(&self, state: &ClusterState) -> Option<(Vantage, String)> {
        let pod = &state.pods[self.pod];
        let own = |vantage| Some((vantage, AGENT_SOCKET.to_owned()));
        match pod.role {
            PodRole::LocalProber => own(Vantage::Pod),
            PodRole::RemoteProber => own(Vantage::RemotePod),
            PodRole::Ingress if pod.node == state.backend_node().index => own(Vantage::Ingress),
            PodRole::Workload if state.backend().pods.first() == Some(&self.pod) => {
                Some((Vantage::Backend, container_socket(pod.containers.first()?)))
            }
            PodRole::Ingress | PodRole::Dns | PodRole::Workload => None,
        }
    }
}

/// Makes and starts every pod.
pub(super) async fn start(
    lab: &NetnsLab,
    prefix: &str,
    state: &ClusterState,
    hosts: &Hosts,
) -> Result<Vec<PodSpace>, RuntimeError> {
    let spaces = state.pods.iter().enumerate().map(|(index, pod)| async move {
        let name = format!("{prefix}.pod.{}.{}", pod.namespace, pod.name);
        let machine = lab.machine(&name, &pod.name).await?;
        Ok::<_, RuntimeError>(PodSpace { pod: index, machine })
    });
    let spaces = try_join_all(spaces).await?;
    let link = |space: &PodSpace| calico::pod_link(state, &state.pods[space.pod], space.machine.netns());
    let all: Vec<PodLink> = spaces.iter().map(link).collect();
    let nodes = hosts.nodes.iter().enumerate().map(|(index, node)| {
        let own = spaces.iter().zip(&all).filter(move |(space, _)| state.pods[space.pod].node == index);
        let batch: String = own.clone().map(|(_, link)| link.node_batch.as_str()).collect();
        let sysctls: Vec<_> = own.flat_map(|(_, link)| link.node_sysctls.clone()).collect();
        async move {
            links(node, &batch).await?;
            set_sysctls(node, &sysctls).await
        }
    });
    try_join_all(nodes).await?;
    try_join_all(spaces.iter().zip(&all).map(|(space, link)| start_pod(state, space, link))).await?;
    Ok(spaces)
}

async fn start_pod(state: &ClusterState, space: &PodSpace, link: &PodLink) -> Result<(), RuntimeError> {
    let (pod, machine) = (&state.pods[space.pod], &space.machine);
    links(machine, &link.pod_batch).await?;
    write(machine, "/etc/resolv.conf", &dnsmasq::resolv_conf(&pod.namespace)).await?;
    let environment = identity(&pod.name, &state.nodes[pod.node]);
    match pod.role {
        PodRole::Workload => {
            for container in &pod.containers {
                start_container(machine, container, &environment).await?;
            }
            return Ok(());
        }
        PodRole::Dns => start_dns(state, pod, machine).await?,
        PodRole::Ingress => start_ingress(state, machine).await?,
        PodRole::LocalProber | PodRole::RemoteProber => {}
    }
    Ok(machine.daemon(&["lab-agent", "serve", "--socket", AGENT_SOCKET], &environment, "agent").await?)
}

/// Where the agent of a container listens: its socket says that its echo is there.
pub(super) fn container_socket(container: &Container) -> String {
    format!("/run/agent-{}.sock", container.name)
}

async fn start_container(
    machine: &NetnsMachine,
    container: &Container,
    identity: &[(String, String)],
) -> Result<(), RuntimeError> {
    for file in &container.files {
        machine.write_file(&file.path, &file.content, file.mode).await?;
    }
    let socket = container_socket(container);
    let mut argv = vec!["lab-agent"];
    if container.args.is_empty() {
        argv.push("echo");
    }
    argv.extend(container.args.iter().map(String::as_str));
    argv.extend(["--socket", &socket]);
    // What the manifest says goes before what the harness says.
    let environment: Vec<_> = identity.iter().chain(&container.env).cloned().collect();
    Ok(machine.daemon(&argv, &environment, &container.name).await?)
}

async fn start_dns(state: &ClusterState, pod: &Pod, machine: &NetnsMachine) -> Result<(), RuntimeError> {
    let files = dnsmasq::files(state, pod);
    write(machine, "/run/dnsmasq.conf", &files.config).await?;
    write(machine, dnsmasq::HOSTS_PATH, &files.hosts).await?;
    Ok(machine.daemon(&["dnsmasq", "--conf-file=/run/dnsmasq.conf"], &[], "dnsmasq").await?)
}

async fn start_ingress(state: &ClusterState, machine: &NetnsMachine) -> Result<(), RuntimeError> {
    write(machine, "/run/nginx.conf", &nginx::config(state)).await?;
    // nginx opens its built-in log before it reads its configuration.
    write(machine, "/var/log/nginx/error.log", "").await?;
    Ok(machine.daemon(&["nginx", "-c", "/run/nginx.conf"], &[], "nginx").await?)
}

async fn write(machine: &NetnsMachine, path: &str, content: &str) -> Result<(), RuntimeError> {
    Ok(machine.write_file(path.into(), content.as_bytes(), 0o644).await?)
}

/// What a daemon of a machine printed, for messages.
pub(super) async fn printed(machine: &NetnsMachine, daemon: &str) -> String {
    let log = machine.log(daemon);
    let command = crate::provider::Command::new(["tail", "-n", "20", log.as_str()]);
    let mut text = String::new();
    if let Ok(output) = machine.run(&command).await {
        write!(text, "{}", output.text().trim()).expect("a String takes all");
    }
    text
}
