//! What a whole machine keeps over a restart.

use std::{collections::BTreeMap, fmt::Write as _};

use super::files::Files;
use crate::{
    catalog::distro::{Selinux, SysctlValue},
    provider::{Command, Machine, MachineError},
};

/// Read after everything that a distro's packages bring, and before what an administrator adds as `99-…`.
const SYSCTLS: &str = "/etc/sysctl.d/98-pathlab-policy.conf";

/// Changes the mode of this boot (`$1`) and of the next ones (`$2`).
const SELINUX: &str = r#"setenforce "$1"; sed -i "s/^SELINUX=.*/SELINUX=$2/" /etc/selinux/config"#;

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
