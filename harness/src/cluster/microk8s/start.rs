//! From bare machines to nodes that are ready, and a way to their API.

use std::{net::Ipv4Addr, sync::Arc};

use futures_util::future::join_all;

use super::{
    added::Added,
    additions::{Additions, Noted},
    admit::{admit, dismiss},
    cluster::MicroK8s,
    error::MicroK8sError,
    images::import,
    install::install,
    join::{Role, join, nodes},
    kubeconfig::{API_PORT, kubeconfig},
    launch_config::LaunchConfig,
    limits::Limits,
    members::{Member, MicroK8sOptions},
    node::Node,
    ready::{enable, ready},
    snap_list::InstalledSnap,
    snapd::prepare,
    source::Source,
};
use crate::{
    agent_binary::LAB_AGENT,
    cluster::{
        image::Image,
        kube::{KubeAccess, KubeApi, MachineDial, RELAY_READY, relay},
    },
    model::Vantage,
    provider::Command,
};

/// Where the agent lies on every machine.
pub const AGENT: &str = "/var/lib/pathlab/lab-agent";

/// Folders on every machine that are Pathlab's own: the agent, and the agents' sockets.
pub const FOLDERS: [&str; 2] = ["/var/lib/pathlab", "/run/pathlab"];

/// Where the relay to the API server listens, on the first machine.
const API_SOCKET: &str = "/run/pathlab/api.sock";

impl MicroK8s {
    pub(super) async fn start_all(&mut self) -> Result<(), MicroK8sError> {
        let (members, options) = (&self.members, &self.options);
        let notes = self.notes.as_ref();
        let steps = members.iter().zip(&mut self.added).map(|(member, list)| async move {
            node(member, options, &mut Noted { list, notes, machine: member.machine.name() }).await
        });
        // All come to their end: a download that is cut off on one machine is begun anew, and says nothing of another.
        self.installed = join_all(steps).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        if self.members.len() == 1 || self.all_joined().await? {
            return self.finish().await;
        }
        let joined = self.join_all().await;
        let mut closed = Ok(());
        for (index, member) in self.members.iter().enumerate() {
            let node = Node::new(&*member.machine, &self.options.limits);
            closed = dismiss(node, &mut self.added[index]).await.and(closed);
        }
        joined.and(closed)
    }

    /// Whether every machine is a node of the cluster already.
    async fn all_joined(&self) -> Result<bool, MicroK8sError> {
        let known = nodes(self.node(0)).await?;
        Ok(self.names().iter().all(|name| known.iter().any(|known| known.eq_ignore_ascii_case(name))))
    }

    /// Makes all machines nodes of one cluster, past their own firewalls, and waits until they are ready.
    async fn join_all(&mut self) -> Result<(), MicroK8sError> {
        for (index, member) in self.members.iter().enumerate() {
            let (list, machine) = (&mut self.added[index], member.machine.name());
            let mut additions = Noted { list, notes: self.notes.as_ref(), machine };
            let others = self.members.iter().map(|other| other.ip).filter(|ip| *ip != member.ip);
            admit(Node::new(&*member.machine, &self.options.limits), others, &mut additions).await?;
        }
        let first = self.members[0].ip;
        for (index, member) in self.members.iter().enumerate().skip(1) {
            join(self.node(0), first, self.node(index), member.machine.name(), Role::ControlPlane).await?;
        }
        self.finish().await
    }

    /// Addons, and a way to the API of nodes that are ready.
    async fn finish(&mut self) -> Result<(), MicroK8sError> {
        let mut list = std::mem::take(&mut self.added[0]);
        let mut additions = Noted { list: &mut list, notes: self.notes.as_ref(), machine: self.node(0).name() };
        let enabled = enable(self.node(0), &self.options.addons, &mut additions).await;
        self.added[0] = list;
        enabled?;
        let api = self.connect_api().await?;
        api.nodes_ready(&self.names(), self.options.limits.ready).await?;
        self.api = Some(api);
        Ok(())
    }

    /// The API of the first node, through a relay that listens on its loopback's side: no path under test is used.
    async fn connect_api(&self) -> Result<KubeApi, MicroK8sError> {
        let machine = &self.members[0].machine;
        let argv = relay(AGENT, API_SOCKET.into(), (Ipv4Addr::LOCALHOST, API_PORT).into());
        self.keep(0, None, &Command::new(argv)).await?;
        let config = kubeconfig(self.node(0)).await?;
        let dial = Arc::new(MachineDial { machine: Arc::clone(machine), socket: API_SOCKET.into() });
        let access = KubeAccess::from_kubeconfig(config.expose(), dial).await?;
        let Limits { ready, answer, .. } = self.options.limits;
        Ok(KubeApi::connect(access, ready).await?.answering_within(answer))
    }

    /// Starts an agent of a machine, for as long as the cluster lives or until another one of its vantage takes its place,
    /// and waits until it listens.
    pub(super) async fn keep(
        &self,
        index: usize,
        vantage: Option<Vantage>,
        command: &Command,
    ) -> Result<(), MicroK8sError> {
        if let Some(vantage) = vantage {
            let replaced: Vec<_> =
                self.running.lock().await.extract_if(.., |(known, _)| *known == Some(vantage)).collect();
            for (_, before) in replaced {
                // Its pod has gone, perhaps with all that ran in it. What it would hold is one of few sessions.
                drop(before.stop().await);
            }
        }
        let mut running = self.members[index].machine.start(command).await?;
        running.wait_for(RELAY_READY, self.options.limits.appear).await?;
        self.running.lock().await.push((vantage, running));
        Ok(())
    }
}

/// One machine, until MicroK8s runs on it by itself.
async fn node(
    member: &Member,
    options: &MicroK8sOptions,
    added: &mut dyn Additions,
) -> Result<InstalledSnap, MicroK8sError> {
    let node = Node::new(&*member.machine, &options.limits);
    if options.source != Source::Present {
        prepare(node, member.distro.family, options.epel.as_deref(), added).await?;
    }
    let config = LaunchConfig { sans: vec![member.ip], kubelet: Vec::new() };
    let installed = install(node, &options.source, &config, added).await?;
    tracing::info!("{}: MicroK8s {} (revision {})", node.name(), installed.version, installed.revision);
    ready(node).await?;
    import(node, &Image::agent(), added).await?;
    for folder in FOLDERS {
        added.add(Added::Folder(folder.to_owned()))?;
    }
    node.machine().write_file(AGENT.into(), LAB_AGENT, 0o755).await?;
    Ok(installed)
}
