//! An sshd of a test's own.

use std::{
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use libtest_mimic::Failed;
use pathlab::provider::ssh::{KeyPair, SshMachine, SshTarget, known_host};
use tempfile::TempDir;

pub const SSHD: &str = "/usr/sbin/sshd";

/// An sshd, its keys, and the keys that it lets in.
pub struct Server {
    folder: TempDir,
    port: u16,
    sshd: Child,
}

impl Server {
    pub fn start() -> Result<Self, Failed> {
        static PORT: AtomicU16 = AtomicU16::new(2200);
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::tempdir()?;
        let path = utf8(&folder);
        let (host, login) = (KeyPair::ed25519("host")?, KeyPair::ed25519("login")?);
        host.write_private(&path.join("host"))?;
        login.write_private(&path.join("login"))?;
        fs::write(path.join("authorized"), login.public())?;
        fs::write(path.join("known"), known_host("machine", host.public()))?;
        let lines = [
            format!("Port {port}"),
            "ListenAddress 127.0.0.1".to_owned(),
            format!("HostKey {path}/host"),
            format!("AuthorizedKeysFile {path}/authorized"),
            "PidFile none".to_owned(),
            "UsePAM no".to_owned(),
            "StrictModes no".to_owned(),
            "PermitRootLogin prohibit-password".to_owned(),
        ];
        fs::write(path.join("config"), lines.join("\n") + "\n")?;
        // The key that logs in is read by the users' own sessions.
        let sshd = spawn(path)?;
        Ok(Self { folder, port, sshd })
    }

    pub fn path(&self) -> &Utf8Path {
        utf8(&self.folder)
    }

    pub fn target(&self, user: &str) -> SshTarget {
        SshTarget {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: user.to_owned(),
            identity: self.path().join("login"),
            known_hosts: self.path().join("known"),
            alias: "machine".to_owned(),
            through: None,
        }
    }

    pub fn machine(&self, user: &str) -> SshMachine {
        SshMachine::new("rhel", self.target(user))
    }

    /// A connected machine; sshd needs a moment to listen.
    pub async fn connected(&self, user: &str) -> Result<SshMachine, Failed> {
        let machine = self.machine(user);
        machine.wait_until_up(None, Duration::from_secs(10)).await?;
        Ok(machine)
    }

    /// The processes of the sessions, not the one that listens.
    pub fn sessions(&self) -> Result<Vec<i32>, Failed> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.filter_map(Result::ok) {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
            if parent == Some(self.sshd.id()) {
                found.push(pid);
            }
        }
        Ok(found)
    }

    /// Sends a signal to the processes of the sessions, and of their users' own sshd.
    pub fn signal_sessions(&self, signal: &str) -> Result<(), Failed> {
        for pid in self.sessions()? {
            let children = Command::new("ps").args(["-o", "pid=,comm=", "--ppid", &pid.to_string()]).output()?;
            let children = String::from_utf8_lossy(&children.stdout).into_owned();
            let inner =
                children.lines().filter(|line| line.contains("sshd")).filter_map(|line| line.split_whitespace().next());
            for pid in inner.map(str::to_owned).chain([pid.to_string()]) {
                // One may have ended with the other.
                Command::new("kill").args([signal, &pid]).stderr(Stdio::null()).status()?;
            }
        }
        Ok(())
    }

    /// Ends sshd and all its sessions, as a machine that goes down.
    pub fn end(&mut self) -> Result<(), Failed> {
        self.signal_sessions("-KILL")?;
        self.sshd.kill()?;
        self.sshd.wait()?;
        Ok(())
    }

    pub fn start_again(&mut self) -> Result<(), Failed> {
        self.sshd = spawn(self.path())?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end());
    }
}

fn spawn(path: &Utf8Path) -> Result<Child, Failed> {
    let log = fs::File::create(path.join("log"))?;
    let mut command = Command::new(SSHD);
    command.args(["-D", "-e", "-f"]).arg(path.join("config"));
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.into_parts().0).spawn()?)
}

fn utf8(folder: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(folder.path()).expect("UTF-8")
}

/// Whether a process with exactly this argument is there.
pub fn runs(argument: &str) -> Result<bool, Failed> {
    let mine: Utf8PathBuf = "/proc".into();
    for entry in fs::read_dir(mine)?.filter_map(Result::ok) {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until no process has this argument.
pub async fn gone(argument: &str) -> Result<bool, Failed> {
    for _ in 0..50 {
        if !runs(argument)? {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}
