//! Hosts at a bridge: namespaces that are reached over SSH.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::{Child, Command as Process, ExitCode, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use pathlab::provider::{
    Command, Machine as _,
    ssh::{KeyPair, SshMachine, SshTarget, known_host},
};

use crate::stand_in::Bundle;

/// Where the bundle is in these namespaces; hosts that start later have it.
const BUNDLE: &str = "/mnt/bundle";

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/microk8s_over_ssh/host");

/// A control group in every hierarchy, which is removed with this value.
pub struct ControlGroup {
    pub name: String,
}

impl ControlGroup {
    pub fn new() -> std::io::Result<Self> {
        // Those of runs that were killed.
        sh("for folder in $(find /sys/fs/cgroup -depth -type d -path '*/pathlab-over-ssh-*'); do
                pid=${folder##*pathlab-over-ssh-}
                [ -e /proc/${pid%%/*} ] || rmdir $folder || :
            done")?;
        let group = Self { name: format!("pathlab-over-ssh-{}", std::process::id()) };
        let made = sh(&format!(
            "for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
                 [ -e $folder/cgroup.procs ] || continue
                 [ ! -e /sys/fs/cgroup/cgroup.controllers ] || [ $folder = /sys/fs/cgroup ] || continue
                 mkdir $folder/{0}
                 for file in cpuset.cpus cpuset.mems; do
                     [ -e $folder/cgroup.controllers ] || [ ! -e $folder/$file ] || cat $folder/$file >$folder/{0}/$file
                 done
             done",
            group.name
        ));
        made.map(|()| group)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // What was killed needs a moment to be gone.
        let line = "for look in $(seq 600); do
                 left=$(find /sys/fs/cgroup -depth -type d -path \"*/$0*\")
                 [ -n \"$left\" ] || exit 0
                 rmdir $left 2>/dev/null || sleep 0.1
             done
             echo \"control groups are left: $left\" >&2";
        drop(Process::new("sh").args(["-c", line, &self.name]).status());
    }
}

/// Runs this program again by a script of `tests`, in namespaces and control groups of its own.
pub fn enter(script: &str) -> ExitCode {
    match ControlGroup::new() {
        Ok(group) => crate::inside::enter(script, &[group.name.clone().into()], &[]),
        Err(error) => {
            eprintln!("no control group: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A network of hosts.
#[derive(Clone, Copy)]
pub struct Lan(u8);

impl Lan {
    pub fn new(number: u8) -> Self {
        let lan = Self(number);
        let bridge = lan.bridge();
        sh(&format!(
            "ip link delete {bridge} 2>/dev/null || :; ip link add {bridge} type bridge; ip address add {}/24 dev {bridge}; ip link set {bridge} up",
            lan.ip(254)
        ))
        .expect("a bridge");
        lan
    }

    fn bridge(self) -> String {
        format!("lan{}", self.0)
    }

    /// An address of a network that is for documentation.
    pub fn ip(self, last: u8) -> Ipv4Addr {
        let [a, b, c] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]][usize::from(self.0)];
        Ipv4Addr::new(a, b, c, last)
    }
}

/// A host.
pub struct Host {
    pub machine: Arc<SshMachine>,
    pub ip: IpAddr,
    pub folder: Utf8PathBuf,
    process: Child,
}

impl Host {
    /// Starts one; its default route leads to the host 1 of its network, which is outside of every cluster.
    pub async fn start(lan: Lan, name: &str, last: u8) -> Self {
        let folder = Utf8PathBuf::from(format!("/mnt/hosts/{name}"));
        let ip = lan.ip(last);
        let target = keys(&folder, name, ip);
        let gateway = if last == 1 { String::new() } else { lan.ip(1).to_string() };
        let log = fs::File::create(folder.join("log")).expect("a file").into_parts().0;
        let process = Process::new("setpriv")
            .args(["--pdeathsig", "KILL", "sh", &format!("{SCRIPTS}/start.sh")])
            .args([name, &lan.bridge(), &format!("{ip}/24"), &gateway])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("starts");
        let machine = Arc::new(SshMachine::new(name, target));
        let up = machine.wait_until_up(None, Duration::from_secs(30)).await;
        up.unwrap_or_else(|error| panic!("{error}: {}", fs::read_to_string(folder.join("log")).unwrap_or_default()));
        Self { machine, ip: ip.into(), folder, process }
    }

    /// What a line of shell prints; it must end with 0.
    pub async fn sh(&self, line: &str) -> String {
        let command = Command::shell(line).limit(Duration::from_secs(600));
        let output = self.machine.run(&command).await.expect("runs");
        assert_eq!(output.status, 0, "{line}: {}{}", output.text(), String::from_utf8_lossy(&output.stderr));
        output.text().trim().to_owned()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        // Another test may have a host of this name.
        let line = "ip netns delete $0; rm -rf --one-file-system /mnt/hosts/$0
            for look in $(seq 600); do
                left=$(find /sys/fs/cgroup -depth -type d -path \"*/$1/$0*\")
                [ -n \"$left\" ] || exit 0
                rmdir $left 2>/dev/null || sleep 0.1
            done";
        let group = std::env::var_os(crate::INSIDE).unwrap_or_default();
        drop(Process::new("sh").args(["-c", line, self.machine.name()]).arg(group).status());
    }
}

/// Makes the bundle where hosts will look for it.
pub fn bundle() -> Bundle {
    let started = Instant::now();
    // Another test's.
    drop(fs::remove_dir_all(BUNDLE));
    let bundle = Bundle::make(Utf8Path::new(BUNDLE)).expect("a bundle");
    println!("bundle: {:?}", started.elapsed());
    bundle
}

/// Keys of the host and of its login; its sshd reads the folder as `/run/ssh`.
fn keys(folder: &Utf8Path, name: &str, ip: Ipv4Addr) -> SshTarget {
    let ssh = folder.join("ssh");
    fs::create_dir_all(&ssh).expect("made");
    let (host, login) = (KeyPair::ed25519("host").expect("a key"), KeyPair::ed25519("login").expect("a key"));
    host.write_private(&ssh.join("host")).expect("written");
    login.write_private(&folder.join("login")).expect("written");
    fs::write(ssh.join("authorized"), login.public()).expect("written");
    fs::write(folder.join("known"), known_host(name, host.public())).expect("written");
    let config = "Port 22\nHostKey /run/ssh/host\nAuthorizedKeysFile /run/ssh/authorized\nPidFile none\nUsePAM no\n\
        StrictModes no\nPermitRootLogin prohibit-password\nMaxSessions 100\n";
    fs::write(ssh.join("config"), config).expect("written");
    SshTarget {
        host: ip.to_string(),
        port: 22,
        user: "root".to_owned(),
        identity: folder.join("login"),
        known_hosts: folder.join("known"),
        alias: name.to_owned(),
        through: None,
    }
}

fn sh(script: &str) -> std::io::Result<()> {
    let output = Process::new("sh").args(["-ec", script]).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
