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

/// What Calico writes again when it finds it gone. Felix sees to it that its jumps stand before all others; kube-proxy
/// does not care where its own are.
pub async fn write_calico(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), KubernetesError> {
    let all = nodes.iter().enumerate().map(|(index, machine)| async move {
        let (programs, before) = (calicos(state, index), saved(machine).await?);
        let mut behind = false;
        for jump in programs.iter().flat_map(|program| &program.ensure_jumps) {
            if stands_behind(&before, jump.table.as_str(), jump.chain, jump.target) {
                let head = ["iptables", "--wait", "-t", jump.table.as_str(), "-D"];
                let command = Command::new(head.into_iter().chain(jump.arguments()));
                machine.run(&command).await?.success(machine.name(), &command)?;
                behind = true;
            }
        }
        let saved = if behind { saved(machine).await? } else { before };
        let text: String = programs.iter().map(|program| program.sync(&saved)).collect();
        let command = Command::new(["iptables-restore", "--noflush", "--wait"]).stdin(text);
        machine.run(&command).await?.success(machine.name(), &command)?;
        Ok::<_, KubernetesError>(())
    });
    try_join_all(all).await.map(drop)
}

/// What is missing of the rules of Calico and of kube-proxy, on the first node where something is.
pub async fn missing(
    state: &ClusterState,
    nodes: &[NetnsMachine],
) -> Result<Option<(String, String)>, KubernetesError> {
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

/// Waits until kube-proxy has written its rules on every node.
pub async fn wait_for_proxy(state: &ClusterState, nodes: &[NetnsMachine]) -> Result<(), KubernetesError> {
    let end = Instant::now() + LIMIT;
    for machine in nodes {
        while let Some(missing) = missing_of_proxy(state, &saved(machine).await?) {
            if Instant::now() > end {
                let last = format!("{missing} is missing in its iptables");
                let machine = machine.name().to_owned();
                return Err(KubernetesError::NotReady { what: "kube-proxy", machine, limit: LIMIT, last });
            }
            sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// Whether a jump is there, and another rule of its chain stands before it.
fn stands_behind(saved: &str, table: &str, chain: &str, target: &str) -> bool {
    let (head, start, end) = (format!("*{table}"), format!("-A {chain} "), format!("-j {target}"));
    let own = saved.lines().skip_while(|line| *line != head).take_while(|line| *line != "COMMIT");
    own.filter(|line| line.starts_with(&start)).position(|line| line.ends_with(&end)).is_some_and(|place| place > 0)
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

#[cfg(test)]
mod tests {
    use super::stands_behind;

    #[test]
    fn the_place_of_a_jump_is_seen_in_its_own_table() {
        let saved = "*filter\n-A POSTROUTING -j OTHER\nCOMMIT\n*nat\n:POSTROUTING ACCEPT [0:0]\n\
            -A POSTROUTING -m comment --comment \"a b\" -j KUBE-POSTROUTING\n-A POSTROUTING -j cali-POSTROUTING\nCOMMIT\n";
        assert!(stands_behind(saved, "nat", "POSTROUTING", "cali-POSTROUTING"));
        assert!(!stands_behind(saved, "nat", "POSTROUTING", "KUBE-POSTROUTING"));
        assert!(!stands_behind(saved, "nat", "PREROUTING", "cali-PREROUTING"), "it is not there at all");
    }
}
