//! The agent on a host outside of the clusters.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::held::{Held, Lasts};
use crate::{
    agent_binary::LAB_AGENT,
    cluster::{
        kube::RELAY_READY,
        microk8s::{AGENT, Added, FOLDERS},
        workload::AgentSocket,
    },
    provider::{Command, Machine, MachineError, Running, WholeMachine as _, existing::ExistingHost},
    run::{
        observation::{LifeError, OutOfReach},
        ways,
    },
};

/// Where it listens.
const SOCKET: &str = "/run/pathlab/outside.sock";

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(30);

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
        ways::missing(&*self.host, &self.host.destination().to_string(), nodes).await
    }

    /// Ends it.
    pub(super) async fn end(self) {
        if let Err(error) = self.running.into_inner().stop().await {
            tracing::debug!("the agent outside: {error}");
        }
    }
}
