//! A fresh system, unpacked for one test, and what the tests ask of it.

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use libtest_mimic::Failed;
use tempfile::TempDir;

use super::base;

const ENTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/setup_host/enter.sh");
const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/setup");

/// The set-up, as the recipes call it.
pub const SET_UP: &str = "sh /pathlab/setup/packages.sh netns";

/// Services that a package of the set-up brings and that would be enabled.
const SERVICES: [&str; 5] = ["firewalld", "FirewallD1", "ufw", "nginx", "dnsmasq"];

/// A fresh system.
pub struct System {
    root: Utf8PathBuf,
    _dir: TempDir,
}

impl System {
    /// Unpacks one, with the set-up in `/pathlab/setup`.
    pub fn fresh() -> Result<Self, Failed> {
        let archive = base::archive()?;
        let dir = tempfile::Builder::new().prefix("setup_host-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let root = Utf8Path::from_path(dir.path()).ok_or("the target folder's path is not UTF-8")?.to_owned();
        let status =
            Command::new("tar").args(["--extract", "--directory", root.as_str(), "--file"]).arg(archive).status()?;
        if !status.success() {
            return Err("failed to unpack the fresh system".into());
        }
        fs::create_dir(root.join("pathlab"))?;
        fs::create_dir(root.join("pathlab/setup"))?;
        for file in Utf8Path::new(SETUP).read_dir_utf8()? {
            let file = file?;
            fs::copy(file.path(), root.join("pathlab/setup").join(file.file_name()))?;
        }
        Ok(Self { root, _dir: dir })
    }

    /// Runs a script (`sh -euc`) in it, whatever its status.
    pub fn try_run(&self, script: &str) -> Result<Output, Failed> {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child=KILL", "sh", ENTER]);
        Ok(unshare.arg(&self.root).arg(script).output()?)
    }

    /// Runs a script in it that must succeed; returns what it printed, errors included.
    pub fn run(&self, script: &str) -> Result<String, Failed> {
        let output = self.try_run(script)?;
        let said = said(&output);
        if output.status.success() {
            Ok(said)
        } else {
            Err(format!("`{script}` ended with {}:\n{said}", output.status).into())
        }
    }

    /// A file of it, by its absolute path inside.
    pub fn path(&self, inside: &str) -> Utf8PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }

    /// A file of it that may be absent.
    pub fn text(&self, inside: &str) -> String {
        fs::read_to_string(self.path(inside)).unwrap_or_default()
    }

    /// Links by which a service of the set-up would start, or by which it is masked.
    pub fn links_of_services(&self) -> Result<Vec<String>, Failed> {
        let find = "find /etc/systemd /etc/rc?.d -type l -printf '%p -> %l\\n'";
        let links = self.run(find)?;
        let is_start = |link: &&str| !link.contains("/etc/rc") || link.contains("/S0");
        let is_ours = |link: &&str| SERVICES.iter().any(|service| link.contains(service));
        Ok(links.lines().filter(is_start).filter(is_ours).map(str::to_owned).collect())
    }

    /// Starts of services that packages asked for and got.
    pub fn starts(&self) -> Vec<String> {
        let log = self.text("/srv/log/systemctl");
        log.lines()
            .filter(|line| line.split(' ').any(|word| word == "start" || word == "restart"))
            .map(str::to_owned)
            .collect()
    }

    /// That nothing of the set-up is left which only serves while it runs.
    pub fn is_tidy(&self) -> Result<(), Failed> {
        let left: Vec<_> =
            ["/usr/sbin/policy-rc.d", "/usr/sbin/policy-rc.d.pathlab-kept", "/usr/sbin/policy-rc.d.pathlab-new"]
                .into_iter()
                .chain(["/var/lib/pathlab-setup", "/var/lib/pathlab-setup.new"])
                .filter(|file| self.path(file).symlink_metadata().is_ok())
                .collect();
        let masks = self.run("find /etc/systemd -lname /dev/null")?;
        if left.is_empty() && masks.is_empty() { Ok(()) } else { Err(format!("left behind: {left:?} {masks}").into()) }
    }
}

/// Both outputs of a script.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
