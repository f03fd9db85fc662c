//! A cluster of a lab that is up, seen through its keeper.

use std::{io, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use camino::Utf8PathBuf;
use serde::de::DeserializeOwned;

use super::{
    described::ClusterView,
    machine::KeptMachine,
    protocol::{Ask, Fault},
    socket,
};
use crate::{
    catalog::distro::FirewallKind,
    cluster::{
        Cluster, ClusterError, ClusterFault, ComponentLog,
        workload::{AgentSocket, Workload},
    },
    provider::{
        Machine,
        wire::{receive, send},
    },
};

/// A cluster of a lab that is up: made already, so that making it again does nothing.
pub(super) struct KeptCluster {
    index: usize,
    view: ClusterView,
    folder: Arc<Utf8PathBuf>,
    nodes: Vec<Arc<dyn Machine>>,
    workload: Workload,
}

/// The keeper's answer to something of a cluster.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    #[error("the lab's keeper does not answer: {0}")]
    Lost(#[from] io::Error),
    #[error("{0}")]
    Refused(String),
}

impl ClusterFault for KeeperError {}

impl KeptCluster {
    /// The cluster of this index in a lab's folder.
    pub(super) fn new(index: usize, view: &ClusterView, folder: &Arc<Utf8PathBuf>) -> Self {
        let machine = |machine: usize| -> Arc<dyn Machine> {
            let name = view.machines[machine].name.clone();
            Arc::new(KeptMachine { name, cluster: index, machine, folder: Arc::clone(folder) })
        };
        let nodes = (0..view.nodes()).map(machine).collect();
        let agents = view.agents.iter().map(|(vantage, (at, socket, address))| {
            (*vantage, AgentSocket { machine: machine(*at), socket: socket.clone(), address: *address })
        });
        let workload = Workload { addresses: view.addresses.clone(), agents: agents.collect() };
        Self { index, view: view.clone(), folder: Arc::clone(folder), nodes, workload }
    }

    async fn ask<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, ClusterError> {
        let answered = async {
            let mut stream = socket::connect(&self.folder).await?;
            send(&mut stream, &ask).await?;
            let answer: Result<T, Fault> = receive(&mut stream).await?;
            answer.map_err(|fault| match fault {
                Fault::Machine(error) => KeeperError::Refused(error.to_string()),
                Fault::Other(reason) => KeeperError::Refused(reason),
            })
        };
        answered.await.map_err(ClusterError::new)
    }
}

#[async_trait]
impl Cluster for KeptCluster {
    fn nodes(&self) -> &[Arc<dyn Machine>] {
        &self.nodes
    }

    fn node_ips(&self) -> Vec<IpAddr> {
        self.view.node_ips.clone()
    }

    async fn install_firewall(&self, _: usize, _: FirewallKind) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn connect(&self) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn start(&mut self) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn deploy(&mut self) -> Result<(), ClusterError> {
        Ok(())
    }

    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn logs(&self, node: usize) -> Vec<ComponentLog> {
        self.view.logs.get(node).cloned().unwrap_or_default()
    }

    async fn rules_intact(&self) -> Result<bool, ClusterError> {
        self.ask(Ask::RulesIntact { cluster: self.index }).await
    }

    async fn resync(&self) -> Result<(), ClusterError> {
        self.ask(Ask::Resync { cluster: self.index }).await
    }

    /// Settled before it stayed.
    async fn settle(&mut self) -> Result<(), ClusterError> {
        Ok(())
    }
}
