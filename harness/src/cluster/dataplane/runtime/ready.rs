//! Waiting until everything that was started answers.

use std::{net::SocketAddr, time::Duration};

use futures_util::future::{try_join, try_join_all};
use lab_agent::protocol::{Endpoint, Probe, ProbeKind};
use tokio::time::{Instant, sleep};

use super::{
    AGENT_SOCKET, Dataplane, RuntimeError,
    pods::{PodSpace, container_socket, printed},
};
use crate::{
    cluster::{
        dataplane::{INGRESS_PORT, state::PodRole},
        workload::AgentSocket,
    },
    model::Outcome,
    probe::run_batch,
    provider::{Machine as _, netns::NetnsMachine},
};

/// How long anything may take to answer. Dozens of clusters may be coming up on few processors.
const LIMIT: Duration = Duration::from_secs(60);

/// Time between the first two looks. It doubles up to [`LONGEST_PAUSE`]: who looks takes time from who is looked for.
const PAUSE: Duration = Duration::from_millis(10);

const LONGEST_PAUSE: Duration = Duration::from_millis(160);

pub(super) async fn wait(cluster: &Dataplane) -> Result<(), RuntimeError> {
    let hosts = cluster.hosts.nodes.iter().chain([&cluster.hosts.outside]);
    let hosts = try_join_all(hosts.map(|host| socket(host, AGENT_SOCKET, "agent")));
    let pods = try_join_all(cluster.pods.iter().map(|space| pod(cluster, space)));
    try_join(hosts, pods).await.map(drop)
}

async fn pod(cluster: &Dataplane, space: &PodSpace) -> Result<(), RuntimeError> {
    let (pod, machine) = (&cluster.state.pods[space.pod], &space.machine);
    if pod.role == PodRole::Workload {
        let all = pod
            .containers
            .iter()
            .map(|container| async move { socket(machine, &container_socket(container), &container.name).await });
        return try_join_all(all).await.map(drop);
    }
    socket(machine, AGENT_SOCKET, "agent").await?;
    match pod.role {
        PodRole::Ingress => {
            let to = Endpoint { host: "127.0.0.1".to_owned(), port: INGRESS_PORT };
            answers(space, ProbeKind::Connect { to }, "nginx").await
        }
        PodRole::Dns => {
            let (server, name) =
                (SocketAddr::new(pod.ip.into(), 53), "kubernetes.default.svc.cluster.local.".to_owned());
            let kind = ProbeKind::Dns { server: Some(server), tcp: false, name, expected: Vec::new() };
            answers(space, kind, "dnsmasq").await
        }
        PodRole::Workload | PodRole::LocalProber | PodRole::RemoteProber => Ok(()),
    }
}

/// Waits until somebody listens on a unix socket.
async fn socket(machine: &NetnsMachine, path: &str, daemon: &str) -> Result<(), RuntimeError> {
    let end = Instant::now() + LIMIT;
    let mut pause = PAUSE;
    loop {
        let Err(error) = machine.connect(path.into()).await else { return Ok(()) };
        if Instant::now() > end {
            return Err(not_ready(machine, daemon, &error.to_string()).await);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Waits until a program of the pod answers the pod's own agent.
async fn answers(space: &PodSpace, kind: ProbeKind, daemon: &str) -> Result<(), RuntimeError> {
    let machine = &space.machine;
    let agent = AgentSocket {
        machine: std::sync::Arc::new(machine.clone()),
        socket: AGENT_SOCKET.into(),
        address: std::net::Ipv4Addr::LOCALHOST.into(),
    };
    let end = Instant::now() + LIMIT;
    let mut pause = PAUSE;
    loop {
        let probe = Probe {
            id: 0,
            kind: kind.clone(),
            timeout_ms: 500,
            expected_pods: Vec::new(),
            repeat: 1,
            ipv6: false,
            source_port: None,
        };
        let last = match run_batch(&agent, vec![probe]).await {
            Ok(results) if results.iter().any(|result| result.outcome == Outcome::Ok) => return Ok(()),
            Ok(results) => results.first().map(|result| result.detail.clone()).unwrap_or_default(),
            Err(error) => error.to_string(),
        };
        if Instant::now() > end {
            return Err(not_ready(machine, daemon, &last).await);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn not_ready(machine: &NetnsMachine, daemon: &str, last: &str) -> RuntimeError {
    let printed = printed(machine, daemon).await;
    let last = if printed.is_empty() { last.to_owned() } else { format!("{last}; it printed: {printed}") };
    RuntimeError::NotReady { what: daemon.to_owned(), machine: machine.name().to_owned(), limit: LIMIT, last }
}
