//! Can this machine run virtual machines at full speed?

use fs_err::OpenOptions;

use super::{Check, Status};

const NAME: &str = "KVM";

/// Who opens the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opener {
    /// This user's own programs.
    User,
    /// A service, under a user of its own: what this user may do says nothing of it.
    Service,
}

/// A machine without it is `status` for the provider that asks.
pub(super) fn check(status: Status, opener: Opener) -> Check {
    let processor = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let device = OpenOptions::new().read(true).write(true).open("/dev/kvm").map(drop);
    judge(status, opener, &processor, device.map_err(|error| error.kind()))
}

/// The device alone proves nothing: it exists on machines whose processor lends no virtualisation to guests.
fn judge(status: Status, opener: Opener, processor: &str, device: Result<(), std::io::ErrorKind>) -> Check {
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
        Err(std::io::ErrorKind::PermissionDenied) if opener == Opener::Service => Check::ok(
            NAME,
            "/dev/kvm is there and the processor has virtualisation; whether QEMU's user may open it shows with the \
             first machine",
        ),
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

    use super::{Opener, judge};
    use crate::provider::needs::Status;

    #[test]
    fn device_and_flag_are_both_needed() {
        let (intel, none) = ("flags\t\t: fpu vmx sse\n", "flags\t\t: fpu vmxish sse\n");
        let cases = [
            (Opener::User, intel, Ok(()), Status::Ok),
            (Opener::User, none, Ok(()), Status::Warning),
            (Opener::User, intel, Err(ErrorKind::PermissionDenied), Status::Warning),
            (Opener::User, intel, Err(ErrorKind::NotFound), Status::Warning),
            (Opener::Service, none, Ok(()), Status::Warning),
            (Opener::Service, intel, Err(ErrorKind::PermissionDenied), Status::Ok),
            (Opener::Service, intel, Err(ErrorKind::NotFound), Status::Warning),
        ];
        for (opener, processor, device, status) in cases {
            let check = judge(Status::Warning, opener, processor, device);
            assert_eq!(check.status, status, "{check:?}");
            assert_eq!(check.fix.is_none(), status == Status::Ok, "{check:?}");
        }
    }
}
