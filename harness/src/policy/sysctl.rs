//! Kernel settings of a host policy.

use std::collections::BTreeMap;

use crate::{
    catalog::distro::SysctlValue,
    provider::{Command, Machine, MachineError},
};

/// Sets every key. A key that this machine's network namespace does not have, or may not change, is returned
/// as not covered; a value that the kernel refuses is an error.
pub(super) async fn apply(
    machine: &dyn Machine,
    sysctls: &BTreeMap<String, SysctlValue>,
) -> Result<Vec<String>, MachineError> {
    if sysctls.is_empty() {
        return Ok(Vec::new());
    }
    let settings = sysctls.iter().map(|(key, value)| format!("{key}={value}"));
    let command = Command::new(["sysctl", "-q", "-w"].map(str::to_owned).into_iter().chain(settings));
    let output = machine.run(&command).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let missing: Vec<String> = sysctls.keys().filter(|key| unavailable(&said, key)).cloned().collect();
    if output.ok() || said.lines().filter(|line| !line.trim().is_empty()).count() == missing.len() {
        return Ok(missing.into_iter().map(|key| format!("sysctl {key}")).collect());
    }
    output.success(machine.name(), &command).map(|_| Vec::new())
}

fn unavailable(said: &str, key: &str) -> bool {
    let path = format!("/proc/sys/{}", key.replace('.', "/"));
    said.lines().any(|line| {
        (line.contains(key) || line.contains(&path))
            && (line.contains("No such file")
                || line.contains("ermission denied")
                || line.contains("Read-only file system"))
    })
}
