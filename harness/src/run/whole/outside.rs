//! The vantage outside: an agent of the lab's own on this host, which ends with the lab.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    process,
    sync::{Arc, Mutex},
    time::Duration,
};

use camino::Utf8Path;

use crate::{
    agent_binary::LAB_AGENT,
    cluster::{kube::RELAY_READY, workload::AgentSocket},
    provider::{Command, Machine as _, MachineError, Machines, Running, SocketOutside, ThisHost},
    run::{
        observation::OutOfReach,
        ways::{self, CLUSTER_NETWORKS},
    },
};

/// How long the agent may take to listen.
const LIMIT: Duration = Duration::from_secs(20);

/// Makes a network of its own for what stands behind the first arguments: its link, the process whose network has the
/// bridge, the bridge, its address, a node, the networks behind that node, `--`. All of it goes with the program.
const CONNECTED: &str = r#"set -eu
link=$1 host=$2 bridge=$3 address=$4 node=$5
shift 5
ip link set lo up
ip link add eth0 type veth peer name "$link" netns "$host"
nsenter --net="/proc/$host/ns/net" ip link set "$link" master "$bridge" up
ip address add "$address" dev eth0
ip link set eth0 up
while [ "$1" != -- ]; do
  ip route add "$1" via "$node"
  shift
done
shift
exec "$@""#;

/// The agent outside. Dropping it ends it.
pub(super) struct Outside {
    seen: FromOutside,
    /// Behind a lock only so that others may look at the agent meanwhile.
    _running: Mutex<Box<dyn Running>>,
}

/// What can be looked at from outside.
#[derive(Clone, Default)]
pub(super) struct FromOutside {
    /// Who looks; none where there is nobody.
    pub(super) agent: Option<AgentSocket>,
    /// What it cannot reach, and why.
    pub(super) out_of_reach: Vec<OutOfReach>,
}

impl Outside {
    /// Starts the agent. Its files are in `folder`.
    ///
    /// Where the machines' network can be connected to, and this process may do it, the agent is a host of its own there
    /// that knows the cluster's networks to be behind the first machine, as in a namespace lab. Elsewhere it is this host,
    /// and aims at nothing that this host would send anywhere else than to a machine.
    pub(super) async fn start(folder: &Utf8Path, machines: &dyn Machines) -> Result<Option<Self>, MachineError> {
        let nodes: Vec<IpAddr> = machines.all().iter().map(|machine| machine.address()).collect();
        let Some(first) = nodes.first() else { return Ok(None) };
        let (program, socket) = (folder.join("lab-agent"), folder.join("outside.sock"));
        ThisHost.write_file(&program, LAB_AGENT, 0o700).await?;
        let own = machines.socket_outside().filter(|_| nix::unistd::geteuid().is_root());
        let mut command = own.as_ref().map(|own| connected(own, *first)).unwrap_or_default();
        command
            .extend(["env", "PATHLAB_POD=outside", "PATHLAB_NODE=outside", "PATHLAB_DISTRO=outside"].map(String::from));
        command.extend([program.as_str(), "serve", "--socket", socket.as_str()].map(String::from));
        let mut running = ThisHost.start(&Command::new(command)).await?;
        running.wait_for(RELAY_READY, LIMIT).await?;
        let (address, out_of_reach) = match own {
            Some(own) => (own.address.0.into(), Vec::new()),
            None => (own_address(*first), ways::missing(&ThisHost, "this host", &nodes).await?),
        };
        let agent = AgentSocket { machine: Arc::new(ThisHost), socket, address };
        let seen = FromOutside { agent: Some(agent), out_of_reach };
        Ok(Some(Self { seen, _running: Mutex::new(running) }))
    }

    /// What it can look at.
    pub(super) fn seen(&self) -> FromOutside {
        self.seen.clone()
    }
}

/// The start of a command that runs in a network of its own, connected to that of the machines.
fn connected(own: &SocketOutside, node: IpAddr) -> Vec<String> {
    let (address, prefix) = own.address;
    let mut command: Vec<String> = ["unshare", "--net", "sh", "-c", CONNECTED, "sh"].map(String::from).into();
    command.extend([format!("{}o", own.bridge), process::id().to_string(), own.bridge.clone()]);
    command.extend([format!("{address}/{prefix}"), node.to_string()]);
    command.extend(CLUSTER_NETWORKS.map(|(_, network)| network.to_owned()));
    command.push("--".to_owned());
    command
}

/// The address that this host has for another one; nothing is sent.
fn own_address(towards: IpAddr) -> IpAddr {
    let asked = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((towards, 9))?;
        socket.local_addr()
    });
    asked.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}
