//! Does libvirt answer, and to this user?

use std::process::{Command, Stdio};

use super::{Check, Status};
use crate::provider::libvirt::advice;

const NAME: &str = "libvirt";

/// Asks libvirt for its version.
pub(super) fn check(uri: &str) -> Check {
    let mut command = Command::new("virsh");
    command.args(["--connect", uri, "version"]).env("LC_ALL", "C").stdin(Stdio::null());
    match command.output() {
        Ok(output) => {
            let said = if output.status.success() { output.stdout } else { output.stderr };
            judge(uri, output.status.success(), &String::from_utf8_lossy(&said))
        }
        Err(error) => Check::lacking(NAME, Status::Missing, format!("virsh: {error}"), "install virsh first"),
    }
}

fn judge(uri: &str, answers: bool, said: &str) -> Check {
    if answers {
        let hypervisor = said.lines().find_map(|line| line.strip_prefix("Running hypervisor: ")).unwrap_or("libvirt");
        return Check::ok(NAME, format!("{uri} runs {hypervisor}"));
    }
    let lines: Vec<&str> = said.lines().map(|line| line.trim_start_matches("error: ").trim()).collect();
    let reason = lines.iter().rfind(|line| !line.is_empty()).copied().unwrap_or("no answer");
    Check::lacking(NAME, Status::Missing, format!("{uri}: {reason}"), advice(uri, said))
}

#[cfg(test)]
mod tests {
    use super::{Status, judge};

    #[test]
    fn the_answer_names_the_hypervisor_and_the_silence_what_to_do() {
        let check = judge("qemu:///system", true, "Using API: QEMU 9.0.0\nRunning hypervisor: QEMU 7.2.22\n");
        assert_eq!((check.status, check.detail.as_str()), (Status::Ok, "qemu:///system runs QEMU 7.2.22"));
        let said = "error: failed to connect to the hypervisor\nerror: Failed to connect socket: Permission denied\n";
        let check = judge("qemu:///system", false, said);
        assert_eq!(check.detail, "qemu:///system: Failed to connect socket: Permission denied");
        assert!(check.fix.is_some_and(|fix| fix.contains("usermod -aG libvirt")));
    }
}
