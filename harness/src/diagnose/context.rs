//! What a diagnosis has to know of a failing case: who talked to whom.

use std::net::{IpAddr, SocketAddr};

use crate::model::{AccessPath, Outcome};

/// One failing case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseContext {
    /// Case id.
    pub case: String,
    /// Distro id of each machine, for messages.
    pub distros: Vec<String>,
    /// The access path.
    pub path: AccessPath,
    /// Over what its packets run.
    pub transport: Transport,
    /// How the case ended.
    pub outcome: Outcome,
    /// How many exchanges it consists of: a probe that passes says little of a path that fails now and then.
    pub repeat: u32,
    /// Where the connection started.
    pub source: Source,
    /// What it aimed at, after name resolution. Where the name did not resolve: the address that it should have.
    pub destination: SocketAddr,
    /// Where the destination leads: the pods behind a service, node port, host port or ingress, or the
    /// destination itself. Empty when it is no pod (an API server on a node's address, for instance).
    pub backends: Vec<PodEndpoint>,
    /// For an ingress: where it connects to itself. Its own pods are then [`Self::backends`].
    pub upstream: Option<Vec<PodEndpoint>>,
    /// For a path by name: the name server as the prober knows it, and the pods behind it.
    pub dns: Option<NameServer>,
    /// Whether the same vantage reaches the same pod through its service.
    pub service_path_ok: bool,
    /// Whether the same path works with a small payload; none when it was not tried or is this one.
    pub small_path_ok: Option<bool>,
}

/// Over what packets run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Where a connection started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Index of the machine that it started on (in a pod or not); none for a host outside of the cluster.
    pub machine: Option<usize>,
    /// Whether it started in a pod.
    pub pod: bool,
    /// Its address, when it is known.
    pub address: Option<IpAddr>,
}

/// A pod's address and port, and the machine it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PodEndpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// Index of its machine.
    pub machine: usize,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Its address as in `/etc/resolv.conf`, with port 53.
    pub address: SocketAddr,
    /// The pods behind it.
    pub backends: Vec<PodEndpoint>,
}

impl Transport {
    /// The name that nft and reports use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}
