//! The bundle in the image of a machine, for programs that make their machines themselves.

use std::{fmt::Write as _, process::Command as Process};

use camino::Utf8Path;
use fs_err as fs;

use super::{Failure, HERE, bundle::Bundle};

/// Where `lab image build` puts the root file system, in bytes.
const ROOT: u64 = 65 << 20;

/// Sets everything up when the machine starts for the first time, before anybody can log in. Not before `sysinit.target`,
/// which the socket that it starts comes after.
const UNIT: &str = "[Unit]
Description=Stand-ins for snapd and MicroK8s
ConditionPathExists=!/var/lib/stand-in/packages
Before=ssh.service
[Service]
Type=oneshot
ExecStart=/opt/stand-ins/set-up
[Install]
WantedBy=multi-user.target
";

impl Bundle {
    /// Makes an image at `to` that is the one of `lab image build` at `from`, with this bundle set up at its first start.
    pub fn install_into_image(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), Failure> {
        let work = tempfile::tempdir()?;
        let work = Utf8Path::from_path(work.path()).ok_or("UTF-8")?;
        let disk = work.join("disk.raw");
        program("qemu-img", &["convert", "-O", "raw", from.as_str(), disk.as_str()])?;
        fs::write(work.join("unit"), UNIT)?;
        let commands = work.join("commands");
        fs::write(&commands, self.commands(work)?)?;
        let file_system = format!("{disk}?offset={ROOT}");
        let said = program("debugfs", &["-w", "-f", commands.as_str(), &file_system])?;
        // It goes on after an error, and ends well.
        let mut wrong =
            said.lines().filter(|line| !line.starts_with("debugfs") && !line.starts_with("Allocated inode"));
        if let Some(line) = wrong.find(|line| !line.trim().is_empty()) {
            return Err(format!("debugfs: {line}").into());
        }
        program("qemu-img", &["convert", "-O", "qcow2", disk.as_str(), to.as_str()]).map(drop)
    }

    /// What `debugfs` has to do.
    fn commands(&self, work: &Utf8Path) -> Result<String, Failure> {
        let mut commands = format!("mkdir {HERE}\n");
        let listed = program("find", &["-L", self.folder().as_str(), "-mindepth", "1", "-printf", "%y %P\\n"])?;
        for line in listed.lines().filter(|line| !line.contains(" snapd/") && !line.ends_with(" snapd")) {
            let (kind, path) = line.split_once(' ').ok_or("find")?;
            if kind == "d" {
                writeln!(commands, "mkdir {HERE}/{path}")?;
            } else {
                let own = self.folder().join(path).canonicalize_utf8()?;
                writeln!(commands, "write {own} {HERE}/{path}\nsif {HERE}/{path} mode 0100755")?;
                writeln!(commands, "sif {HERE}/{path} uid 0\nsif {HERE}/{path} gid 0")?;
            }
        }
        let unit = "/etc/systemd/system/stand-ins.service";
        writeln!(commands, "write {work}/unit {unit}\nsif {unit} mode 0100644")?;
        writeln!(commands, "symlink /etc/systemd/system/multi-user.target.wants/stand-ins.service {unit}")?;
        Ok(commands)
    }
}

fn program(name: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Process::new(name).args(arguments).output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &said);
    }
    Err(format!("{name}: {said}").into())
}
