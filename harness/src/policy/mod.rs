//! Host policy: makes a machine what a normal installation of its distro is.
//!
//! Everything is done with the distro's own programs through [`Machine`], the same way on every provider.

mod firewalld;
mod lasting;
mod sysctl;
mod ufw;
mod verify;

use crate::{
    catalog::distro::{Firewall, Policy, Selinux},
    provider::{Command, Machine, MachineError},
};

pub use self::verify::{Verified, verify};

/// What kind of host a policy is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Shares the kernel with this host: no kernel version and no SELinux of its own.
    Namespace,
    /// A machine of its own.
    Whole,
}

/// Switches firewalld on. One that ran already, as an installation leaves it, has read other files.
const ENABLE_FIREWALLD: &str = "state=$(systemctl is-active firewalld) || :
systemctl enable --now firewalld
case $state in inactive | failed | unknown) ;; *) firewall-cmd --reload ;; esac";

/// Applies a policy. Returns what of it this kind of host cannot carry, one line each.
pub async fn apply(machine: &dyn Machine, policy: &Policy, kind: HostKind) -> Result<Vec<String>, MachineError> {
    let mut not_covered = sysctl::apply(machine, &policy.sysctls).await?;
    match &policy.firewall {
        Firewall::None => {}
        Firewall::Firewalld { default_zone, conf, zones } => {
            firewalld::write_configuration(machine, default_zone, conf, zones).await?;
            match kind {
                HostKind::Namespace => must_run(machine, &["systemctl", "enable", "--now", "firewalld"]).await?,
                HostKind::Whole => must_run(machine, &["sh", "-ec", ENABLE_FIREWALLD]).await?,
            }
        }
        Firewall::Ufw { enabled, rules } => {
            if *enabled {
                ufw::enable(machine, rules).await?;
            }
        }
    }
    if kind == HostKind::Whole {
        lasting::sysctls(machine, &policy.sysctls).await?;
        lasting::selinux(machine, policy.selinux).await?;
    }
    if kind == HostKind::Namespace && policy.selinux != Selinux::Disabled {
        not_covered.push(format!("SELinux {}", format!("{:?}", policy.selinux).to_lowercase()));
    }
    Ok(not_covered)
}

/// Runs a program that must succeed.
async fn must_run(machine: &dyn Machine, argv: &[&str]) -> Result<(), MachineError> {
    let command = Command::new(argv.iter().copied());
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}
