//! The folder for machines: made once, copied to each.

use std::{os::unix::fs::symlink, path::Path, process::Command as Process, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use pathlab::{
    cluster::kubernetes::{images, programs},
    provider::{Command, Machine},
};

use super::{Failure, HERE, NAME};

/// Parts of Kubernetes that run on nodes.
const PROGRAMS: [&str; 5] = programs::BUILT;

/// What `tests` has for it, with the place in the bundle.
const TEXTS: [(&str, &str); 12] = [
    ("vm_stand_ins/fail.sh", "fail.sh"),
    ("vm_stand_ins/host/snap", "host/snap"),
    ("vm_stand_ins/host/microk8s", "host/microk8s"),
    ("vm_stand_ins/host/rpm", "host/rpm"),
    ("vm_stand_ins/host/dnf", "host/dnf"),
    ("microk8s_stand_in/real.sh", "host/real.sh"),
    ("microk8s_stand_in/node", "node"),
    ("microk8s_stand_in/set-up", "set-up"),
    ("microk8s_stand_in/addons/dns.yaml", "addons/dns.yaml"),
    ("microk8s_stand_in/addons/ingress.yaml", "addons/ingress.yaml"),
    ("microk8s_stand_in/addons/ingress-service.yaml", "addons/ingress-service.yaml"),
    ("microk8s_stand_in/snapd.control", "snapd/DEBIAN/control"),
];

/// How long a copy may take, emulated machines included.
const COPYING: Duration = Duration::from_secs(1800);

/// The folder.
pub struct Bundle {
    folder: Utf8PathBuf,
}

impl Bundle {
    /// Why none can be made here.
    pub fn lacking() -> Option<String> {
        if let Err(lacking) = programs::find(None) {
            return Some(format!("{lacking}; {}", lacking.help.replace('\n', "; ")));
        }
        let mut programs = ["dpkg-deb", "tar", "gzip"].into_iter();
        let missing = programs.find(|name| pathlab::provider::needs::find_program(name).is_none())?;
        Some(format!("there is no {missing}"))
    }

    /// Makes it in this folder, which must not exist. Programs are links there, until they are copied.
    pub fn make(folder: &Utf8Path) -> Result<Self, Failure> {
        let tests = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests").canonicalize_utf8()?;
        for name in ["bin", "images", "snapd/usr/bin", "snapd/lib/systemd/system", "snapd/var/snap"] {
            fs::create_dir_all(folder.join(name))?;
        }
        for (from, to) in TEXTS {
            let to = folder.join(to);
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            fs::copy(tests.join(from), to)?;
        }
        let programs = programs::find(None)?;
        for name in PROGRAMS {
            symlink(programs.join(name), folder.join("bin").join(name))?;
        }
        own_program(&folder.join("bin").join(NAME))?;
        for (number, (name, archive)) in images::all()?.into_iter().enumerate() {
            // The agent's image is Pathlab's to import.
            if !name.contains(lab_agent::AGENT_IMAGE) {
                fs::write(folder.join(format!("images/{number}.tar")), archive)?;
            }
        }
        snapd(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The addon ingress gets a Service beside its host ports, so that a reload of firewalld does not cost it its port
    /// for good. To be called before the bundle is installed anywhere.
    pub fn keep_ingress_port(&self) -> Result<(), Failure> {
        Ok(fs::write(self.folder.join("ingress-service"), "")?)
    }

    /// Where it is on this machine.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Copies it to a machine, unless it is there, and makes snapd installed there, without any snap.
    pub async fn install_into(&self, machine: &dyn Machine) -> Result<(), Failure> {
        let there = Command::new(["test", "-x", &format!("{HERE}/set-up")]);
        if !machine.run(&there).await?.ok() {
            let archive = Process::new("tar")
                .args(["--create", "--dereference", "--gzip", "--directory", self.folder.as_str(), "."])
                .env("GZIP", "-1")
                .output()?;
            let line = format!("mkdir -p {HERE} && tar --extract --gzip --no-same-owner --directory {HERE}");
            let unpack = Command::shell(&line).stdin(archive.stdout).limit(COPYING);
            machine.run(&unpack).await?.success(machine.name(), &unpack)?;
        }
        let set_up = Command::new([format!("{HERE}/set-up")]).limit(COPYING);
        machine.run(&set_up).await?.success(machine.name(), &set_up)?;
        Ok(())
    }
}

/// This test program without what only debuggers read.
fn own_program(to: &Utf8Path) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let stripped = Process::new("strip").arg("-o").args([to.as_std_path(), Path::new(&own)]).status();
    if !stripped.is_ok_and(|status| status.success()) {
        fs::copy(own, to)?;
    }
    Ok(())
}

/// The Debian package: a command, a socket unit, and the folder of snaps' data.
fn snapd(folder: &Utf8Path) -> Result<(), Failure> {
    let root = folder.join("snapd");
    symlink(format!("{HERE}/host/snap"), root.join("usr/bin/snap"))?;
    let units = root.join("lib/systemd/system");
    fs::write(
        units.join("snapd.socket"),
        "[Unit]\nDescription=Stand-in for snapd's socket\n[Socket]\nListenStream=/run/snapd.socket\nService=snapd.service\n\
         [Install]\nWantedBy=sockets.target\n",
    )?;
    fs::write(units.join("snapd.service"), "[Service]\nExecStart=/bin/sleep infinity\n")?;
    let (root, package) = (root.as_str(), folder.join("snapd.deb"));
    let built = Process::new("dpkg-deb").args(["--build", "-Znone", root, package.as_str()]).output()?;
    if built.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&built.stderr).into()) }
}
