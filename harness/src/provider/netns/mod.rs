//! The `netns` provider: machines as namespaces in one sandbox. No root, no VM, no download.
//!
//! A sandbox has no uplink: its network namespace has nothing but what the lab makes in it. Its processes
//! end with its PID 1, and with them every interface, mount and rule.

mod cgroup;
mod enter;
mod exec;
mod machine;
mod mounts;
mod packages;
mod protocol;
mod root;
mod root_mounts;
mod sandbox;
mod space;
mod supervisor;
pub mod systemctl;
pub mod underlay;

use std::sync::Arc;

use camino::Utf8Path;

use crate::{catalog::distro::FirewallKind, provider::MachineError};

pub use self::{
    enter::enter_if_asked,
    machine::NetnsMachine,
    mounts::{BIN, LAB, OWN_BIN},
    protocol::NewSpace,
    root_mounts::PROGRAMS,
    sandbox::{Sandbox, SandboxError},
    space::CONTAINERS,
};

/// A running lab of namespaces.
#[derive(Clone, Debug)]
pub struct NetnsLab {
    sandbox: Arc<Sandbox>,
}

impl NetnsLab {
    /// Starts the sandbox.
    pub async fn start() -> Result<Self, SandboxError> {
        Ok(Self { sandbox: Arc::new(Sandbox::start(None).await?) })
    }

    /// Starts a sandbox that keeps root; every machine finds what is in the folder at [`PROGRAMS`].
    pub async fn start_as_root(programs: &Utf8Path) -> Result<Self, SandboxError> {
        Ok(Self { sandbox: Arc::new(Sandbox::start(Some(programs.into())).await?) })
    }

    /// Makes a host or pod: fresh network, mount and UTS namespaces. `name` is unique in the lab.
    pub async fn machine(&self, name: &str, hostname: &str) -> Result<NetnsMachine, SandboxError> {
        let new = NewSpace { name: name.to_owned(), hostname: hostname.to_owned() };
        let (id, netns) = self.sandbox.space(new).await?;
        Ok(NetnsMachine::new(hostname.to_owned(), Arc::clone(&self.sandbox), id, netns))
    }

    /// Ends the machines whose names start with `prefix`, and every process on them.
    pub async fn remove(&self, prefix: &str) -> Result<(), SandboxError> {
        self.sandbox.remove(prefix).await
    }

    /// Makes a firewall installed, but not running, on a machine: its programs are this host's own.
    pub async fn install(&self, machine: &NetnsMachine, firewall: FirewallKind) -> Result<(), MachineError> {
        packages::install(machine, firewall).await
    }
}
