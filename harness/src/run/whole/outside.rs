//! The vantage outside: an agent of the lab's own on this host, which ends with the lab.

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex},
    time::Duration,
};

use camino::Utf8Path;

use crate::{
    agent_binary::LAB_AGENT,
    cluster::{kube::RELAY_READY, workload::AgentSocket},
    provider::{Command, Machine as _, MachineError, Running, ThisHost},
};

/// How long the agent may take to listen.
const LIMIT: Duration = Duration::from_secs(20);

/// The agent on this host. Dropping it ends it.
pub(super) struct Outside {
    agent: AgentSocket,
    /// Behind a lock only so that others may look at the agent meanwhile.
    _running: Mutex<Box<dyn Running>>,
}

impl Outside {
    /// Starts the agent. Its files are in `folder`; `towards` is a machine that it will look at.
    pub(super) async fn start(folder: &Utf8Path, towards: IpAddr) -> Result<Self, MachineError> {
        let (program, socket) = (folder.join("lab-agent"), folder.join("outside.sock"));
        ThisHost.write_file(&program, LAB_AGENT, 0o700).await?;
        let who = ["env", "PATHLAB_POD=outside", "PATHLAB_NODE=outside", "PATHLAB_DISTRO=outside"];
        let serve = [program.as_str(), "serve", "--socket", socket.as_str()];
        let mut running = ThisHost.start(&Command::new(who.into_iter().chain(serve))).await?;
        running.wait_for(RELAY_READY, LIMIT).await?;
        let agent = AgentSocket { machine: Arc::new(ThisHost), socket, address: own_address(towards) };
        Ok(Self { agent, _running: Mutex::new(running) })
    }

    /// Where it listens.
    pub(super) fn agent(&self) -> AgentSocket {
        self.agent.clone()
    }
}

/// The address that this host has for another one; nothing is sent.
fn own_address(towards: IpAddr) -> IpAddr {
    let asked = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((towards, 9))?;
        socket.local_addr()
    });
    asked.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip())
}
