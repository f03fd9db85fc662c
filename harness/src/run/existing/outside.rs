//! The agent on a host outside of the clusters.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use tokio::sync::Mutex;

use super::held::{Held, Lasts};
use crate::{
    agent_binary::LAB_AGENT,
    cluster::{
        kube::RELAY_READY,
        microk8s::{AGENT, Added, FOLDERS},
        workload::AgentSocket,
    },
    model::{Target, Vantage},
    provider::{Command, Machine, MachineError, Running, WholeMachine as _, existing::ExistingHost},
    run::observation::{LifeError, OutOfReach},
};

/// Where it listens.
const SOCKET: &str = "/run/pathlab/outside.sock";

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(30);

/// One address of each network that only the nodes know, as MicroK8s has them, and what is aimed at there.
const NETWORKS: [(Target, &str); 2] = [(Target::Service, "10.152.183.1"), (Target::PodIp, "10.1.0.1")];

/// The agent.
pub(super) struct Outside {
    host: Arc<ExistingHost>,
    running: Mutex<Box<dyn Running>>,
}

impl Outside {
    /// Copies and starts it.
    pub(super) async fn start(host: &Arc<ExistingHost>, held: &Held) -> Result<Self, LifeError> {
        for folder in FOLDERS {
            let added = Added::Folder(folder.to_owned());
            let removal = added.removal().into_iter().map(str::to_owned).collect();
            held.add(host.name(), added.to_string(), removal, Lasts::Turns)?;
        }
        host.write_file(AGENT.into(), LAB_AGENT, 0o755).await?;
        let who = ["env", "PATHLAB_POD=outside", "PATHLAB_NODE=outside", "PATHLAB_DISTRO=outside"];
        let serve = [AGENT, "serve", "--socket", SOCKET];
        let mut running = host.start(&Command::new(who.into_iter().chain(serve))).await?;
        running.wait_for(RELAY_READY, LIMIT).await?;
        Ok(Self { host: Arc::clone(host), running: Mutex::new(running) })
    }

    /// Where it listens.
    pub(super) fn agent(&self) -> AgentSocket {
        AgentSocket {
            machine: Arc::clone(&self.host) as Arc<dyn Machine>,
            socket: SOCKET.into(),
            address: self.host.address(),
        }
    }

    /// What cannot be looked at because no route leads there by one of these nodes.
    pub(super) async fn without_route(&self, nodes: &[IpAddr]) -> Result<Vec<OutOfReach>, MachineError> {
        let mut absent = Vec::new();
        for (target, address) in NETWORKS {
            let command = Command::new(["ip", "-o", "route", "get", address]);
            let said = self.host.run(&command).await?.text();
            if !next_hop(&said).is_some_and(|hop| nodes.contains(&hop)) {
                let reason = format!("{} has no route to {address} by a node of the cluster", self.host.destination());
                absent.push(OutOfReach { from: Some(Vantage::Outside), to: target, reason });
            }
        }
        Ok(absent)
    }

    /// Ends it.
    pub(super) async fn end(self) {
        if let Err(error) = self.running.into_inner().stop().await {
            tracing::debug!("the agent outside: {error}");
        }
    }
}

/// By whom a packet would go, as `ip route get` says it.
fn next_hop(said: &str) -> Option<IpAddr> {
    let mut words = said.split_whitespace().skip_while(|word| *word != "via").skip(1);
    // `via inet6 …` is of another version of IP.
    words.next()?.parse().ok().filter(|hop| *hop != IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests {
    use super::next_hop;

    #[test]
    fn the_next_hop_is_read() {
        let said = "10.152.183.1 via 192.0.2.11 dev eth0 src 192.0.2.100 uid 0 \\    cache \n";
        assert_eq!(next_hop(said), Some([192, 0, 2, 11].into()));
        assert_eq!(next_hop("10.1.0.1 dev eth0 src 192.0.2.100 uid 0 \\    cache"), None);
        assert_eq!(next_hop("RTNETLINK answers: Network is unreachable"), None);
    }
}
