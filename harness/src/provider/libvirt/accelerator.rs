//! What runs the machines' instructions: the processor itself, or QEMU.

use std::time::Duration;

use askama::Template;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{
    names::{NAMESPACE, Names},
    options::LibvirtOptions,
    virsh::Virsh,
};
use crate::{
    ledger::{Entry, Resource},
    provider::ProviderError,
};

/// Long enough for a machine's first instructions, which is when a processor that lends no virtualisation shows.
const TRIAL: Duration = Duration::from_millis(400);

/// What runs the machines' instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The processor.
    Kvm,
    /// QEMU emulates it: many times slower.
    Tcg,
}

impl Accelerator {
    pub(super) const fn domain_type(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "qemu",
        }
    }

    pub(super) const fn cpu_mode(self) -> &'static str {
        match self {
            Self::Kvm => "host-passthrough",
            Self::Tcg => "maximum",
        }
    }

    /// How many times as long as on a real processor anything may take.
    pub(super) const fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 5,
        }
    }

    /// KVM where it truly works, else TCG and the reason.
    pub(super) async fn choose(
        virsh: &Virsh,
        options: &LibvirtOptions,
        lab: &Entry,
    ) -> Result<(Self, Option<String>), ProviderError> {
        let Some(reason) = Self::why_not_kvm(virsh, options, lab).await? else { return Ok((Self::Kvm, None)) };
        Ok((Self::Tcg, Some(format!("no KVM ({reason}): QEMU emulates the machines, which takes many times as long"))))
    }

    async fn why_not_kvm(
        virsh: &Virsh,
        options: &LibvirtOptions,
        lab: &Entry,
    ) -> Result<Option<String>, ProviderError> {
        if options.is_local() && !processor_is_capable() {
            return Ok(Some("the processor has no vmx or svm flag".to_owned()));
        }
        if !virsh.run(&["capabilities"]).await?.contains("<domain type='kvm'") {
            return Ok(Some("libvirt offers none: is /dev/kvm there, and may QEMU's user open it?".to_owned()));
        }
        trial(virsh, lab).await
    }
}

fn processor_is_capable() -> bool {
    let processor = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = processor.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm")
}

/// Starts a machine of nothing but firmware, and looks whether it runs. Returns what went wrong.
pub(super) async fn trial(virsh: &Virsh, lab: &Entry) -> Result<Option<String>, ProviderError> {
    let names = Names::of(&lab.record());
    let name = names.domain("kvm-trial");
    let resource = Resource::LibvirtDomain { uri: virsh.uri().to_owned(), name: name.clone() };
    lab.will_create(&resource)?;
    let xml = Trial { name: &name, id: &names.id, namespace: NAMESPACE }.render().unwrap_or_default();
    let reason = match virsh.feed(&["create", "/dev/stdin"], xml.as_bytes()).await {
        Ok(_) => {
            sleep(TRIAL).await;
            match virsh.run(&["domstate", "--reason", &name]).await {
                Ok(state) if state.starts_with("running") => None,
                Ok(state) => Some(format!("a machine with it is {} after {TRIAL:?}", state.trim())),
                Err(error) => Some(error.to_string()),
            }
        }
        // The rest is what was run, which says nothing more.
        Err(ProviderError::Command { reason, .. }) => reason.rsplit("internal error: ").next().map(str::to_owned),
        Err(error) => return Err(error),
    };
    // A machine that did not start, or ended by itself, is gone already.
    drop(virsh.run(&["destroy", &name]).await);
    lab.removed(&resource)?;
    Ok(reason)
}

/// A machine without disk and network.
#[derive(Template)]
#[template(path = "libvirt/trial.xml")]
struct Trial<'a> {
    name: &'a str,
    id: &'a str,
    namespace: &'a str,
}
