//! Providers whose machines are whole ones: virtual machines, and hosts that exist.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use super::{Machine, MachineError, ProviderError, Wanted};
use crate::ledger::{Entry, Reaper};
use async_trait::async_trait;

/// Makes whole machines.
#[async_trait]
pub trait Provider: Reaper {
    /// Whether it can make machines. Returns what somebody should know who waits for them, one line each.
    async fn check(&self) -> Result<Vec<String>, ProviderError>;

    /// What makes the machines and its version, one program each.
    async fn versions(&self) -> Result<BTreeMap<String, String>, ProviderError> {
        Ok(BTreeMap::new())
    }

    /// Makes all machines of a lab, at the same time, and waits until each can be logged into.
    ///
    /// Whatever is created stands in the lab's ledger first: after an error, or a kill,
    /// [`Entry::take_down`] with this provider as the [`Reaper`] removes what there is.
    async fn create(&self, lab: Arc<Entry>, wanted: &[Wanted]) -> Result<Box<dyn Machines>, ProviderError>;

    /// The machines of a lab that another process made.
    async fn attach(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError>;

    /// The machines of a lab that [`Machines::park`] has stopped, returned to their checkpoint.
    async fn resume(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError>;

    /// All that the serial consoles of a lab's machines have printed, by the machines' names; also of machines that did
    /// not come up. Nothing where there are no consoles.
    async fn consoles(&self, lab: Arc<Entry>) -> Result<Vec<(String, Vec<u8>)>, ProviderError>;
}

/// The machines of one lab.
#[async_trait]
pub trait Machines: Send + Sync {
    /// They, in the order in which they were asked for.
    fn all(&self) -> &[Arc<dyn WholeMachine>];

    /// Remembers the state of all machines, memory and disks: [`Self::restore`] returns to it. They go on.
    async fn checkpoint(&self) -> Result<(), ProviderError>;

    /// Whether a checkpoint and each return to it restart the machines, so that only what their disks hold comes back.
    fn restarts(&self) -> bool {
        false
    }

    /// Returns all machines to the checkpoint, as often as wanted. The values of [`Self::all`] stay valid.
    async fn restore(&self) -> Result<(), ProviderError>;

    /// Stops all machines. Their checkpoint stays, for [`Provider::resume`].
    async fn park(&self) -> Result<(), ProviderError>;

    /// Where on this host another one may be connected to the machines' network; none where the provider cannot say.
    fn socket_outside(&self) -> Option<SocketOutside> {
        None
    }
}

/// A free place in the network of a lab's machines, on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketOutside {
    /// The network's bridge.
    pub bridge: String,
    /// An address that no machine has, and the length of its network's prefix.
    pub address: (Ipv4Addr, u8),
}

/// A machine with a kernel of its own.
#[async_trait]
pub trait WholeMachine: Machine {
    /// Its address on the network that the machines of the lab share.
    fn address(&self) -> IpAddr;

    /// Restarts it and waits until it can be logged into again.
    async fn reboot(&self, limit: Duration) -> Result<(), MachineError>;

    /// How many times as long as on real hardware waiting for it may take: more than 1 where its processor is emulated.
    /// [`Machine::run`] reckons with it already.
    fn patience(&self) -> u32 {
        1
    }

    /// What runs its instructions, in a word for the report: `kvm`, or `tcg` where QEMU emulates them. None where nobody
    /// knows.
    fn processor(&self) -> Option<&'static str> {
        None
    }

    /// All that its serial console has printed; nothing where there is no console.
    async fn console(&self) -> Result<Vec<u8>, ProviderError>;
}
