//! Host policy: makes a machine what a normal installation of its distro is.
//!
//! Everything is done with the distro's own programs through [`Machine`], the same way on every provider.

mod existing;
mod files;
mod firewalld;
mod lasting;
mod sysctl;
mod ufw;
mod verify;
mod zones;

use crate::{
    catalog::distro::{Firewall, Policy, Selinux},
    provider::{Command, Machine, MachineError},
};

use self::files::Files;
pub use self::{
    existing::verify_existing,
    verify::{Verified, verify},
};

/// What kind of host a policy is applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Shares the kernel with this host: no kernel version and no SELinux of its own.
    Namespace,
    /// A machine of its own.
    Whole,
}

/// Switches firewalld on. One that ran already, as an installation leaves it, has read other files. Nothing of the unit
/// changes, so that systemd need not read all units again for it.
const ENABLE_FIREWALLD: &str = "state=$(systemctl is-active firewalld) || :
systemctl --no-reload enable firewalld
systemctl start firewalld
case $state in inactive | failed | unknown) ;; *) firewall-cmd --reload ;; esac";

/// Applies a policy. Returns what of it this kind of host cannot carry, one line each.
///
/// Firewalls bring kernel settings of their own, so that those that are declared come after them.
pub async fn apply(machine: &dyn Machine, policy: &Policy, kind: HostKind) -> Result<Vec<String>, MachineError> {
    let network = async {
        files_and_firewall(machine, policy, kind).await?;
        sysctl::apply(machine, &policy.sysctls).await
    };
    let (mut not_covered, ()) = tokio::try_join!(network, mode(machine, policy.selinux, kind))?;
    if kind == HostKind::Namespace && policy.selinux != Selinux::Disabled {
        not_covered.push(format!("SELinux {}", format!("{:?}", policy.selinux).to_lowercase()));
    }
    Ok(not_covered)
}

async fn files_and_firewall(machine: &dyn Machine, policy: &Policy, kind: HostKind) -> Result<(), MachineError> {
    let mut files = Files::default();
    if kind == HostKind::Whole {
        lasting::sysctls(&policy.sysctls, &mut files);
    }
    match &policy.firewall {
        Firewall::None | Firewall::Ufw { enabled: false, .. } => files.write_and_run(machine, "").await,
        Firewall::Firewalld { default_zone, conf, zones } => {
            firewalld::configuration(default_zone, conf, zones, &mut files);
            let enable = match kind {
                HostKind::Namespace => "systemctl enable --now firewalld",
                HostKind::Whole => {
                    files.also_run(lasting::FIREWALLD_STARTS);
                    ENABLE_FIREWALLD
                }
            };
            files.write_and_run(machine, enable).await?;
            settle(machine, kind).await
        }
        Firewall::Ufw { enabled: true, rules } => {
            files.write_and_run(machine, "").await?;
            ufw::enable(machine, rules).await
        }
    }
}

async fn mode(machine: &dyn Machine, selinux: Selinux, kind: HostKind) -> Result<(), MachineError> {
    match kind {
        HostKind::Namespace => Ok(()),
        HostKind::Whole => lasting::selinux(machine, selinux).await,
    }
}

/// Reloads the firewall of a policy if it runs; says whether it did. When this returns, the new rules are in force.
///
/// Of firewalld, systemd only sends a signal on a whole machine: until the daemon has come to it the old rules are in
/// force, and then for a while `ReloadPolicy` (firewalld.conf(5)), which drops everything new. `firewall-cmd` waits. The
/// units of namespace hosts are the lab's own, and theirs waits as well.
pub async fn reload(machine: &dyn Machine, policy: &Policy, kind: HostKind) -> Result<bool, MachineError> {
    let Some(unit) = unit(&policy.firewall) else { return Ok(false) };
    let command: &[&str] = match (&policy.firewall, kind) {
        (Firewall::Firewalld { .. }, HostKind::Whole) => &["firewall-cmd", "--reload"],
        _ => &["systemctl", "reload", unit],
    };
    if !machine.run(&Command::new(["systemctl", "is-active", "--quiet", unit])).await?.ok() {
        return Ok(false);
    }
    must_run(machine, command).await.map(|()| true)
}

/// Waits while firewalld, if it is active, has rules to write. systemd says that it is started when it has its name, and
/// that it is reloaded when it was told to; until it has done what it was told it answers nobody. Its answers are that it
/// runs, or that it runs with rules that failed (`state` in firewalld.dbus(5), 0 and 251 in firewall-cmd(1)); all else, as
/// that nobody answered in time, is none. Without one the wait fails: of a firewall on its way nothing can be said.
///
/// `busctl` comes with systemd, and asks in a tenth of the time: `firewall-cmd` starts Python for it, which takes seconds
/// on an emulated processor.
const WRITTEN: &str = r"state() {
  if command -v busctl; then
    set -- org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1
    busctl get-property $1 $2 $1 state | grep -e RUNNING -e FAILED
  else
    firewall-cmd --state || [ $? = 251 ]
  fi
} >/dev/null 2>&1
tries=0
while systemctl is-active --quiet firewalld; do
  if state; then exit; fi
  tries=$((tries + 1))
  if [ $tries -ge 100 ]; then
    echo 'firewalld is active, and does not say that it runs' >&2
    exit 1
  fi
  sleep 0.2
done";

/// Waits until what somebody made a machine's firewall do (start, restart, reload) is in force.
pub async fn settle(machine: &dyn Machine, kind: HostKind) -> Result<(), MachineError> {
    match kind {
        // Its units are the lab's own, and wait by themselves.
        HostKind::Namespace => Ok(()),
        HostKind::Whole => must_run(machine, &["sh", "-c", WRITTEN]).await,
    }
}

/// Whether the policy's firewall runs on a whole machine, and will run again when the machine starts.
pub async fn stays(machine: &dyn Machine, policy: &Policy) -> Result<bool, MachineError> {
    match unit(&policy.firewall) {
        Some(unit) => lasting::stays(machine, unit).await,
        None => Ok(false),
    }
}

/// After a restart of a whole machine: waits until the policy's firewall, which [`stays`], is in force again. The error of
/// one that does not come has what systemd says of it.
pub async fn back(machine: &dyn Machine, policy: &Policy) -> Result<(), MachineError> {
    if let Some(unit) = unit(&policy.firewall) {
        lasting::back(machine, unit).await?;
    }
    settle(machine, HostKind::Whole).await
}

/// The unit of a firewall.
const fn unit(firewall: &Firewall) -> Option<&'static str> {
    match firewall {
        Firewall::None => None,
        Firewall::Firewalld { .. } => Some("firewalld"),
        Firewall::Ufw { .. } => Some("ufw"),
    }
}

/// Runs a program that must succeed.
async fn must_run(machine: &dyn Machine, argv: &[&str]) -> Result<(), MachineError> {
    let command = Command::new(argv.iter().copied());
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}
