//! Can this machine run virtual machines at full speed?

use fs_err::OpenOptions;

use super::{Check, Status};

const NAME: &str = "KVM";

/// A machine without it is `status` for the provider that asks.
pub(super) fn check(status: Status) -> Check {
    let processor = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let device = OpenOptions::new().read(true).write(true).open("/dev/kvm").map(drop);
    judge(status, &processor, device.map_err(|error| error.kind()))
}

/// The device alone proves nothing: it exists on machines whose processor lends no virtualisation to guests.
fn judge(status: Status, processor: &str, device: Result<(), std::io::ErrorKind>) -> Check {
    let capable = processor
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| line.split_whitespace().any(|flag| flag == "vmx" || flag == "svm"));
    let slow = if status == Status::Warning { "; QEMU emulates instead, many times slower" } else { "" };
    match device {
        _ if !capable => Check::lacking(
            NAME,
            status,
            format!("the processor offers no virtualisation (no vmx or svm flag){slow}"),
            "switch it on in the firmware, or allow nested virtualisation where this is a virtual machine itself",
        ),
        Ok(()) => Check::ok(NAME, "/dev/kvm opens and the processor has virtualisation"),
        Err(std::io::ErrorKind::PermissionDenied) => Check::lacking(
            NAME,
            status,
            format!("/dev/kvm may not be opened by this user{slow}"),
            "sudo usermod -aG kvm \"$USER\", then log in again",
        ),
        Err(kind) => Check::lacking(
            NAME,
            status,
            format!("/dev/kvm: {kind}{slow}"),
            "sudo modprobe -a kvm_intel (Intel) or kvm_amd (AMD)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::judge;
    use crate::provider::needs::Status;

    #[test]
    fn device_and_flag_are_both_needed() {
        let (intel, none) = ("flags\t\t: fpu vmx sse\n", "flags\t\t: fpu vmxish sse\n");
        let cases = [
            (intel, Ok(()), Status::Ok),
            (none, Ok(()), Status::Warning),
            (intel, Err(ErrorKind::PermissionDenied), Status::Warning),
            (intel, Err(ErrorKind::NotFound), Status::Warning),
        ];
        for (processor, device, status) in cases {
            let check = judge(Status::Warning, processor, device);
            assert_eq!(check.status, status, "{check:?}");
            assert_eq!(check.fix.is_none(), status == Status::Ok, "{check:?}");
        }
    }
}
