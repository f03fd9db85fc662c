//! What runs the machines' instructions: the processor itself, or QEMU.

use std::time::Duration;

use askama::Template;
use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::{
    names::{NAMESPACE, Names},
    options::LibvirtOptions,
    virsh::{Virsh, is_absent},
};
use crate::{
    ledger::{Entry, Resource},
    provider::ProviderError,
};

/// Long enough for a machine's first instructions, which is when a processor that lends no virtualisation shows.
const TRIAL: Duration = Duration::from_millis(400);

/// The door to KVM.
const DEVICE: &str = "/dev/kvm";

/// What a processor without virtualisation is said to lack.
const NO_FLAG: &str = "the processor has no vmx or svm flag";

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

    /// The word for it in reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    /// How many times as long as on a real processor anything may take.
    pub(super) const fn patience(self) -> u32 {
        match self {
            Self::Kvm => 1,
            Self::Tcg => 5,
        }
    }

    /// KVM where it truly works, else TCG, with a notice where [`Self::notice`] has none.
    pub(super) async fn choose(
        virsh: &Virsh,
        options: &LibvirtOptions,
        lab: &Entry,
    ) -> Result<(Self, Option<String>), ProviderError> {
        if lacking(virsh, options).await?.is_some() {
            return Ok((Self::Tcg, None));
        }
        Ok(match trial(virsh, lab).await? {
            Some(reason) => (Self::Tcg, Some(emulates(virsh, &reason, options))),
            None => (Self::Kvm, None),
        })
    }

    /// What somebody should know who waits for machines, as far as it shows before there is any.
    pub(super) async fn notice(virsh: &Virsh, options: &LibvirtOptions) -> Result<Option<String>, ProviderError> {
        Ok(lacking(virsh, options).await?.map(|reason| emulates(virsh, &reason, options)))
    }
}

/// Why there is no KVM, as far as it shows before a machine tries it.
async fn lacking(virsh: &Virsh, options: &LibvirtOptions) -> Result<Option<String>, ProviderError> {
    if options.is_local() && !processor_is_capable() {
        return Ok(Some(NO_FLAG.to_owned()));
    }
    if virsh.run(&["capabilities"]).await?.contains("<domain type='kvm'") {
        return Ok(None);
    }
    let why = if options.is_local() && !Utf8Path::new(DEVICE).exists() { "there is no" } else { "QEMU may not open" };
    Ok(Some(format!("libvirt offers none: {why} {DEVICE}")))
}

fn emulates(virsh: &Virsh, reason: &str, options: &LibvirtOptions) -> String {
    let (uri, help) = (virsh.uri(), kvm_advice(reason, options.is_session()));
    format!("no KVM at {uri} ({reason}): QEMU emulates the machines, which takes many times as long; {help}")
}

/// What to do where there is no KVM, for what was said of it. `session` is the libvirt of one user.
#[must_use]
pub fn kvm_advice(reason: &str, session: bool) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    if has(&["flag"]) {
        "switch virtualisation on in the firmware, or allow nested virtualisation where this is a virtual machine itself"
    } else if has(&["there is no", "No such file", "No such device", "not found"]) {
        "sudo modprobe -a kvm_intel (Intel) or kvm_amd (AMD)"
    } else if has(&["ermission denied", "may not"]) && session {
        "sudo usermod -aG kvm \"$USER\", then log in again"
    } else if has(&["ermission denied", "may not"]) {
        "let QEMU's user open /dev/kvm: sudo usermod -aG kvm libvirt-qemu (Debian, Ubuntu) or qemu (Enterprise Linux), \
         then sudo systemctl restart libvirtd"
    } else {
        "`sudo virt-host-validate qemu` says what this host lacks for it"
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
    // A machine that did not start, or ended by itself, is gone already; one that goes on stays known.
    match virsh.run(&["destroy", &name]).await {
        Err(error) if !is_absent(&error) => tracing::warn!("the trial of KVM goes on: {error}"),
        _ => lab.removed(&resource)?,
    }
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

#[cfg(test)]
mod tests {
    use super::{NO_FLAG, kvm_advice};

    #[test]
    fn what_to_do_depends_on_why_there_is_no_kvm() {
        let denied = "Could not access KVM kernel module: Permission denied qemu: failed to initialize kvm";
        let cases = [
            (NO_FLAG, false, "nested virtualisation"),
            ("libvirt offers none: there is no /dev/kvm", false, "modprobe"),
            ("Could not access KVM kernel module: No such file or directory", false, "modprobe"),
            ("libvirt offers none: QEMU may not open /dev/kvm", false, "libvirt-qemu"),
            (denied, false, "usermod -aG kvm libvirt-qemu"),
            (denied, true, "usermod -aG kvm \"$USER\""),
            ("a machine with it is crashed after 400ms", false, "virt-host-validate"),
        ];
        for (reason, session, expected) in cases {
            let advice = kvm_advice(reason, session);
            assert!(advice.contains(expected), "{reason}: {advice}");
        }
    }
}
