//! What a whole machine keeps over a restart.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::files::Files;
use crate::{
    catalog::distro::{Selinux, SysctlValue},
    provider::{Command, Machine, MachineError},
};

/// Read after everything that a distro's packages bring, and before what an administrator adds as `99-…`.
const SYSCTLS: &str = "/etc/sysctl.d/98-pathlab-policy.conf";

/// Changes the mode of this boot (`$1`) and of the next ones (`$2`).
const SELINUX: &str = r#"setenforce "$1"; sed -i "s/^SELINUX=.*/SELINUX=$2/" /etc/selinux/config"#;

/// Takes cloud-init's network stage out of firewalld's way at the next boot. As Debian and Ubuntu package it, the stage is
/// before `sysinit.target` and after the network, while firewalld is after `sysinit.target` and before the network: systemd
/// breaks the circle by leaving out one of them, not always the same (firewalld/firewalld#414, canonical/cloud-init#6502).
/// From here on `sysinit.target` does not wait for the stage, as on Enterprise Linux. Only a whole unit takes an order back
/// (systemd.unit(5)). The stage is `cloud-init-network` since cloud-init 24.3, but for releases of Ubuntu before it.
pub(super) const FIREWALLD_STARTS: &str = r#"for stage in cloud-init cloud-init-network; do
    packaged=/lib/systemd/system/$stage.service own=/etc/systemd/system/$stage.service
    if [ ! -e "$own" ] && grep -qsx Before=sysinit.target "$packaged"; then
        sed '/^Before=sysinit.target$/d' "$packaged" >"$own.new"
        mv -fT "$own.new" "$own"
    fi
done
"#;

/// Waits for a unit that starts with the machine, at least 100 s. One that is not there once systemd has done all that it
/// starts a machine with does not come: what systemd knows of it is told.
const BACK: &str = r#"for try in $(seq 200); do
    case $(systemctl is-active "$1") in
    active) exit ;;
    activating | reloading) ;;
    *) case $(systemctl is-system-running) in initializing | starting) ;; *) break ;; esac ;;
    esac
    sleep 0.5
done
echo "$1 is enabled and does not run after a restart of the machine" >&2
journalctl --boot --quiet --output cat --identifier systemd 2>/dev/null | grep -F "$1.service" | tail -n 5 >&2
exit 1"#;

/// Longer than [`BACK`] waits, however slowly its programs answer.
const BACK_LIMIT: Duration = Duration::from_secs(300);

/// Whether a firewall runs and will run again when its machine starts.
pub(super) async fn stays(machine: &dyn Machine, unit: &str) -> Result<bool, MachineError> {
    for question in ["is-active", "is-enabled"] {
        if !machine.run(&Command::new(["systemctl", question, "--quiet", unit])).await?.ok() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until a firewall that [`stays`] runs again.
pub(super) async fn back(machine: &dyn Machine, unit: &str) -> Result<(), MachineError> {
    let command = Command::new(["sh", "-c", BACK, "sh", unit]).limit(BACK_LIMIT);
    let shown = Command::new(["systemctl", "is-active", unit]);
    machine.run(&command).await?.success(machine.name(), &shown).map(drop)
}

/// The kernel settings, where the machine reads them when it starts.
pub(super) fn sysctls(sysctls: &BTreeMap<String, SysctlValue>, files: &mut Files) {
    if sysctls.is_empty() {
        return;
    }
    let mut text = String::new();
    for (key, value) in sysctls {
        writeln!(text, "{key} = {value}").expect("a String takes everything");
    }
    files.add(SYSCTLS.into(), &text);
}

/// Sets the SELinux mode where there is SELinux. It cannot be switched on or off in a running machine: one that has
/// it off, or not at all, stays so, and is found when the policy is read back.
pub(super) async fn selinux(machine: &dyn Machine, mode: Selinux) -> Result<(), MachineError> {
    let is = match machine.run(&Command::new(["getenforce"])).await {
        Ok(output) => output.text().trim().to_lowercase(),
        Err(MachineError::NotStarted { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    let (number, word) = match mode {
        Selinux::Disabled => return Ok(()),
        Selinux::Permissive => ("0", "permissive"),
        Selinux::Enforcing => ("1", "enforcing"),
    };
    if is == word || is == "disabled" {
        return Ok(());
    }
    let command = Command::new(["sh", "-ec", SELINUX, "sh", number, word]);
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}
