//! The catalogue for machines that stand in for those of the distributions.

use std::{os::unix::fs::symlink, process::Command};

use camino::Utf8Path;
use fs_err as fs;

use super::Failure;

/// Makes a catalogue in which a Debian machine may stand in for RHEL, with no SELinux and with packages that are there
/// already, and an image for Ubuntu's, of which the sum is known.
pub fn write(folder: &Utf8Path, image: &Utf8Path) -> Result<(), Failure> {
    let sum = Command::new("sha256sum").arg(image).output()?.stdout;
    let sum = String::from_utf8(sum)?.split_whitespace().next().ok_or("no sum")?.to_owned();
    let own = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize_utf8()?;
    symlink(own.join("scenarios"), folder.join("scenarios"))?;
    fs::create_dir(folder.join("vm-images"))?;
    for entry in own.join("vm-images").read_dir_utf8()? {
        let entry = entry?;
        if entry.path().extension() == Some("yaml") {
            let text = fs::read_to_string(entry.path())?;
            let text = text.replace("  - dnf -y install firewalld\n", "  - command -v firewall-cmd\n");
            let text = text.replace("selinux: enforcing", "selinux: disabled");
            let text = match text.lines().find(|line| line.trim_start().starts_with("sha256:")) {
                Some(line) if entry.file_name().starts_with("ubuntu") => {
                    text.replace(line, &format!("  sha256: {sum}"))
                }
                _ => text,
            };
            fs::write(folder.join("vm-images").join(entry.file_name()), text)?;
        }
    }
    Ok(())
}
