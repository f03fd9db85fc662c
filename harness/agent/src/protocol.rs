//! The control protocol between the harness and an agent.
//!
//! One connection to the agent's unix socket carries one [`Request`] as a line of JSON, then the
//! agent's [`Reply`] lines, one per line, until [`Reply::Done`]. Replies to a batch come in the order in
//! which the probes end. The connection is the cancellation: closing it ends what is still under way.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// What the harness asks of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who are you? Answered with [`Reply::Hello`].
    Hello,
    /// Run these probes concurrently (at most `concurrency` at once) and report each.
    Probe {
        /// The probes; their ids are unique within the batch.
        probes: Vec<Probe>,
        /// How many run at the same time. 0 counts as 1.
        concurrency: usize,
    },
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// The agent's identity and version.
    Hello {
        /// Who it is.
        identity: Identity,
        /// The agent's package version.
        version: String,
    },
    /// The end of one probe.
    Result(ProbeResult),
    /// The request is answered in full.
    Done,
    /// The request was not understood or could not be carried out.
    Failed {
        /// Why.
        message: String,
    },
}

/// Who an echo server or prober is: what `PATHLAB_POD`, `PATHLAB_NODE` and `PATHLAB_DISTRO` say in its
/// environment, else its host name as `pod` and empty words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Pod name, or the machine's name outside of pods.
    pub pod: String,
    /// Node name.
    #[serde(default)]
    pub node: String,
    /// Distro id.
    #[serde(default)]
    pub distro: String,
}

/// One probe: where to, how, and which answer is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Chosen by the harness, unique within the batch.
    pub id: u32,
    /// How to probe.
    pub kind: ProbeKind,
    /// Time limit for the whole probe, in milliseconds.
    pub timeout_ms: u64,
    /// Pods whose answer is right; empty means that any agent's is.
    #[serde(default)]
    pub expected_pods: Vec<String>,
    /// How often the exchange is made, one after the other; the first that is not ok ends the probe. 0 counts as 1.
    #[serde(default)]
    pub repeat: u32,
    /// A name stands for its IPv6 addresses, not for an IPv4 address where it has one.
    #[serde(default)]
    pub ipv6: bool,
    /// Local port to start from, so that a packet trace can find this probe's packets.
    #[serde(default)]
    pub source_port: Option<u16>,
}

/// How a probe is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProbeKind {
    /// An HTTP/1.1 request; 200 with an echo's answer is ok, another status is `http-NNN`.
    Http {
        /// Where to connect.
        to: Endpoint,
        /// Path of the request, starting with `/`.
        path: String,
        /// `Host` header, when it differs from the endpoint.
        host: Option<String>,
        /// Bytes of body that the request carries and that the answer must carry: 0 for none.
        bytes: usize,
    },
    /// A TCP connection to an echo's stream port.
    Tcp {
        /// Where to connect.
        to: Endpoint,
        /// Bytes to send and to get back.
        bytes: usize,
    },
    /// A UDP datagram to an echo's stream port.
    Udp {
        /// Where to send.
        to: Endpoint,
        /// Bytes in the datagram and in its answer, beside the echo's own header.
        bytes: usize,
    },
    /// A DNS query for `name` (type A or AAAA); an answer that holds every address of `expected` is ok.
    Dns {
        /// The server; none means the first `nameserver` of `/etc/resolv.conf`.
        server: Option<SocketAddr>,
        /// Over TCP rather than UDP.
        tcp: bool,
        /// The name, fully qualified or relative to the search list of `/etc/resolv.conf`.
        name: String,
        /// Addresses that must be in the answer; empty means that any address will do.
        expected: Vec<IpAddr>,
    },
    /// Does a TCP connection open? Nothing is sent. Used to measure exposure.
    Connect {
        /// Where to connect.
        to: Endpoint,
    },
}

/// A host, as an address or a name that the prober resolves through `/etc/resolv.conf`, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Address or name.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The end of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// The probe's id.
    pub id: u32,
    /// What happened.
    pub outcome: Outcome,
    /// One line for a person: the error with its errno name, the unexpected answer, the phase that timed out.
    pub detail: String,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Source address that the backend saw.
    #[serde(default)]
    pub source_ip: Option<IpAddr>,
    /// The prober's own address of the connection.
    #[serde(default)]
    pub local_addr: Option<SocketAddr>,
    /// The address connected to, after name resolution.
    #[serde(default)]
    pub peer_addr: Option<SocketAddr>,
    /// Who answered last.
    #[serde(default)]
    pub backend: Option<Identity>,
    /// How many exchanges went well with each pod.
    #[serde(default)]
    pub backends: BTreeMap<String, u32>,
}
