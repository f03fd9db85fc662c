//! MicroK8s as a [`Cluster`]: machines that become nodes, whatever made the machines.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use tokio::{sync::Mutex, time::Instant};

use super::{
    added::{Added, remove},
    additions::Notes,
    error::MicroK8sError,
    logs::logs,
    members::{Member, MicroK8sOptions},
    node::Node,
    snap_list::InstalledSnap,
};
use crate::{
    catalog::{
        distro::{Family, FirewallKind},
        scenario::Scenario,
    },
    cluster::{
        Cluster, ClusterError, ComponentLog,
        kube::{Applied, KubeApi},
        workload::{Addresses, Workload},
    },
    model::Vantage,
    provider::{Command, Machine, Running},
};

/// Says whether a node has the rules of kube-proxy. The programs that can tell differ: the host's own, of either kind,
/// or those of the snap.
const RULES: &str = r#"for save in iptables-save iptables-legacy-save iptables-nft-save /snap/microk8s/current/sbin/iptables-save; do
    if "$save" --table nat 2>/dev/null | grep -q -e '-A KUBE-SERVICES '; then exit 0; fi
done
exit 1"#;

/// A program that runs beside the cluster, and the vantage of an agent of a pod.
pub(super) type Kept = (Option<Vantage>, Box<dyn Running>);

/// A cluster of MicroK8s. What it added to its machines stays until [`MicroK8s::remove`].
pub struct MicroK8s {
    pub(super) members: Vec<Member>,
    pub(super) scenario: Arc<Scenario>,
    pub(super) options: MicroK8sOptions,
    pub(super) added: Vec<Vec<Added>>,
    /// Who hears of it; only what is somebody's is looked at as well as noted.
    pub(super) notes: Option<Arc<dyn Notes>>,
    pub(super) api: Option<KubeApi>,
    pub(super) applied: Applied,
    pub(super) workload: Workload,
    /// Agents and the relay, as long as the cluster lives.
    pub(super) running: Mutex<Vec<Kept>>,
    /// MicroK8s as it was found or installed, machine by machine.
    pub(super) installed: Vec<InstalledSnap>,
    machines: Vec<Arc<dyn Machine>>,
}

impl MicroK8s {
    /// A cluster that is to be made on these machines, the first of which has the first control plane.
    #[must_use]
    pub fn new(members: Vec<Member>, scenario: Arc<Scenario>, options: MicroK8sOptions) -> Self {
        Self {
            machines: members.iter().map(|member| Arc::clone(&member.machine)).collect(),
            added: vec![Vec::new(); members.len()],
            notes: None,
            members,
            scenario,
            options,
            api: None,
            applied: Applied::default(),
            workload: Workload { addresses: Addresses::default(), agents: BTreeMap::new() },
            running: Mutex::default(),
            installed: Vec::new(),
        }
    }

    /// The same on machines that are somebody's: what is added is noted before it is there, and nothing that the
    /// cluster has already is touched.
    #[must_use]
    pub fn noted(mut self, notes: Arc<dyn Notes>) -> Self {
        self.notes = Some(notes);
        self
    }

    pub(super) fn node(&self, index: usize) -> Node<'_> {
        Node::new(&*self.members[index].machine, &self.options.limits)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.machine.name().to_owned()).collect()
    }

    /// What this cluster added to each machine so far.
    #[must_use]
    pub fn added(&self) -> &[Vec<Added>] {
        &self.added
    }

    /// MicroK8s as it was found or installed, machine by machine; none before it was started.
    #[must_use]
    pub fn installed(&self) -> &[InstalledSnap] {
        &self.installed
    }

    /// Ends what runs beside the cluster for the harness: agents and the relay. The cluster goes on, and another
    /// [`Cluster::start`] finds it.
    pub async fn disconnect(&mut self) -> Result<(), ClusterError> {
        self.workload.agents.clear();
        self.api = None;
        for (_, running) in self.running.lock().await.drain(..) {
            running.stop().await.map_err(ClusterError::new)?;
        }
        Ok(())
    }

    /// Takes away what the cluster added to its machines: objects, agents, addons, snaps, packages. Goes on after what
    /// fails, and returns all that failed.
    pub async fn remove(&mut self) -> Vec<MicroK8sError> {
        let mut failed = Vec::new();
        if let Some(api) = &self.api
            && let Err(error) = api.delete(&self.applied, self.options.limits.ready).await
        {
            failed.push(error.into());
        }
        for (_, running) in self.running.lock().await.drain(..) {
            if let Err(error) = running.stop().await {
                failed.push(error.into());
            }
        }
        for (index, added) in self.added.iter().enumerate() {
            failed.extend(remove(self.node(index), added).await);
        }
        failed
    }

    async fn has_rules(&self) -> Result<bool, MicroK8sError> {
        for index in 0..self.members.len() {
            if !self.node(index).holds(&["sh", "-c", RULES]).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn wait_for_rules(&self) -> Result<(), MicroK8sError> {
        let began = Instant::now();
        let waiting = self.node(0).waiting("kube-proxy to write its rules again", self.options.limits.rules);
        while !self.has_rules().await? {
            waiting.again(format!("a node has none after {:?}", began.elapsed())).await?;
        }
        Ok(())
    }

    /// A firewall's package, unless it is there. It is the policy that starts it.
    async fn install_package(&self, index: usize, firewall: FirewallKind) -> Result<(), MicroK8sError> {
        let node = self.node(index);
        let (program, package) = match firewall {
            FirewallKind::Firewalld => ("firewall-cmd", "firewalld"),
            FirewallKind::Ufw => ("ufw", "ufw"),
        };
        if node.holds(&["sh", "-c", &format!("command -v {program}")]).await? {
            return Ok(());
        }
        let limit = self.options.limits.packages;
        match self.members[index].distro.family {
            Family::El => node.done(&["dnf", "-y", "install", package], limit).await?,
            Family::Debian => {
                let apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "install", package];
                node.done(&apt, limit).await?
            }
        };
        Ok(())
    }
}

#[async_trait]
impl Cluster for MicroK8s {
    fn nodes(&self) -> &[Arc<dyn Machine>] {
        &self.machines
    }

    fn node_ips(&self) -> Vec<IpAddr> {
        self.members.iter().map(|member| member.ip).collect()
    }

    async fn install_firewall(&self, node: usize, firewall: FirewallKind) -> Result<(), ClusterError> {
        self.install_package(node, firewall).await.map_err(ClusterError::new)
    }

    /// Machines are connected from the start.
    async fn connect(&self) -> Result<(), ClusterError> {
        Ok(())
    }

    async fn start(&mut self) -> Result<(), ClusterError> {
        self.start_all().await.map_err(ClusterError::new)
    }

    async fn deploy(&mut self) -> Result<(), ClusterError> {
        self.deploy_all().await.map_err(ClusterError::new)
    }

    fn workload(&self) -> &Workload {
        &self.workload
    }

    fn logs(&self, node: usize) -> Vec<ComponentLog> {
        let mut all = logs(self.members[node].machine.name());
        let listing = Command::new(["snap", "list"]);
        all.push(ComponentLog { component: "snaps".to_owned(), command: listing });
        all
    }

    async fn rules_intact(&self) -> Result<bool, ClusterError> {
        self.has_rules().await.map_err(ClusterError::new)
    }

    async fn resync(&self) -> Result<(), ClusterError> {
        self.wait_for_rules().await.map_err(ClusterError::new)
    }

    async fn settle(&mut self) -> Result<(), ClusterError> {
        self.look_again().await.map_err(ClusterError::new)
    }

    async fn restarted(&mut self) -> Result<(), ClusterError> {
        self.come_back().await.map_err(ClusterError::new)
    }
}
