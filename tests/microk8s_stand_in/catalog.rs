//! The catalogue for machines that stand in for those of the distributions.

use std::os::unix::fs::symlink;

use camino::Utf8Path;
use fs_err as fs;

use super::Failure;

/// Makes a catalogue in which a Debian machine may stand in for RHEL: no SELinux, and packages that are there already.
pub fn write(folder: &Utf8Path) -> Result<(), Failure> {
    let own = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize_utf8()?;
    symlink(own.join("scenarios"), folder.join("scenarios"))?;
    fs::create_dir(folder.join("vm-images"))?;
    for entry in own.join("vm-images").read_dir_utf8()? {
        let entry = entry?;
        if entry.path().extension() == Some("yaml") {
            let text = fs::read_to_string(entry.path())?;
            let text = text.replace("  - dnf -y install firewalld\n", "  - command -v firewall-cmd\n");
            let text = text.replace("selinux: enforcing", "selinux: disabled");
            fs::write(folder.join("vm-images").join(entry.file_name()), text)?;
        }
    }
    Ok(())
}
