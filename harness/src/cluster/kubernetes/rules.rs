//! Rules on the nodes: Calico's are written by the lab from what the API reports, the services' by real kube-proxy.
//!
//! kube-proxy writes everything whenever a service or endpoint changes, and looks every half minute whether its rules
//! are still there. When that look is, is the lab's to say: it changes a service that leads nowhere.

use std::{fmt::Write as _, time::Duration};

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::error::KubernetesError;
use crate::{
    catalog::scenario::Manifest,
    cluster::{
        dataplane::{ClusterState, Endpoint, calico, felix, iptables::IptablesProgram},
        kube::{Applied, KubeApi},
    },
    model::IpFamily,
    provider::{Command, Machine as _, netns::NetnsMachine},
};

/// Name of the service that is changed for it.
pub const POKE: &str = "pathlab-resync";

/// How long kube-proxy may take to write its rules.
const LIMIT: Duration = Duration::from_secs(30);

const PAUSE: Duration = Duration::from_millis(50);

/// Has kube-proxy on every node write all its rules. `number` must differ from the last one.
pub async fn poke(api: &KubeApi, number: u16) -> Result<(), KubernetesError> {
    let mut text = String::new();
    write!(
        text,
        "{{apiVersion: v1, kind: Service, metadata: {{name: {POKE}, namespace: kube-system}}, \
         spec: {{ports: [{{name: p, port: {}}}]}}}}",
        1000 + number
    )
    .expect("a String takes all");
    let manifest = Manifest { path: "pathlab/resync.yaml".into(), text: text.into(), sha256: String::new() };
    Ok(api.apply(&[manifest], &mut Applied::default()).await?)
}

/// What Calico writes again when it finds it gone.
pub async fn write_calico(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), KubernetesError> {
    let all = nodes.iter().enumerate().map(|(index, machine)| async move {
        let saved = saved(machine).await?;
        let text: String = calicos(state, index).iter().map(|program| program.sync(&saved)).collect();
        let command = Command::new(["iptables-restore", "--noflush", "--wait"]).stdin(text);
        machine.run(&command).await?.success(machine.name(), &command)?;
        Ok::<_, KubernetesError>(())
    });
    try_join_all(all).await.map(drop)
}

/// What is missing of the rules of Calico and of kube-proxy, on the first node where something is.
pub async fn missing(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<Option<(String, String)>, KubernetesError> {
    for (index, machine) in nodes.iter().enumerate() {
        let saved = saved(machine).await?;
        let of_calico = calicos(state, index).iter().any(|program| program.is_damaged(&saved));
        let missing = of_calico.then(|| "Calico's rules".to_owned()).or_else(|| missing_of_proxy(state, &saved));
        if let Some(missing) = missing {
            return Ok(Some((machine.name().to_owned(), missing)));
        }
    }
    Ok(None)
}

/// Waits until all is there.
pub async fn wait(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), KubernetesError> {
    let end = Instant::now() + LIMIT;
    while let Some((machine, last)) = missing(state, nodes).await? {
        if Instant::now() > end {
            let last = format!("{last} is missing in its iptables");
            return Err(KubernetesError::NotReady { what: "kube-proxy", machine, limit: LIMIT, last });
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

fn calicos(state: &ClusterState, node: usize) -> Vec<IptablesProgram> {
    let always = [calico::program(IpFamily::Ipv4)];
    always.into_iter().chain(felix::program(state, node, IpFamily::Ipv4)).collect()
}

/// The first of kube-proxy's rules that `iptables-save` does not show: its jumps, and the way to every endpoint.
fn missing_of_proxy(state: &ClusterState, saved: &str) -> Option<String> {
    let jumps = [("PREROUTING", "KUBE-SERVICES"), ("OUTPUT", "KUBE-SERVICES"), ("FORWARD", "KUBE-FORWARD")];
    for (chain, target) in jumps {
        let (start, end) = (format!("-A {chain} "), format!("-j {target}"));
        if !saved.lines().any(|line| line.starts_with(&start) && line.ends_with(&end)) {
            return Some(format!("the jump from {chain} to {target}"));
        }
    }
    let led = state.services.iter().filter(|service| !service.cluster_ips.is_empty());
    let mut endpoints = led.flat_map(|service| &service.ports).flat_map(|port| &port.endpoints);
    let ends = |endpoint: &&Endpoint| {
        let end = format!("--to-destination {}", endpoint.socket());
        !saved.lines().any(|line| line.ends_with(&end))
    };
    endpoints.find(ends).map(|endpoint| format!("the way to {}", endpoint.socket()))
}

async fn saved(machine: &NetnsMachine) -> Result<String, KubernetesError> {
    let command = Command::new(["iptables-save"]);
    Ok(machine.run(&command).await?.success(machine.name(), &command)?.text())
}
