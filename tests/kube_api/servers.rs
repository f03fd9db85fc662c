//! A control plane for one test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use libtest_mimic::Failed;
use pathlab::{
    agent_binary::LAB_AGENT,
    cluster::{
        kube::{KubeAccess, KubeApi, MachineDial, kubeconfig},
        kubernetes::programs,
    },
    provider::needs::find_program,
};
use tempfile::TempDir;

use crate::{machine::Here, namespaces};

/// What the API server may take to come up on a busy machine.
const START: Duration = Duration::from_secs(90);

/// Programs of Kubernetes that a test needs.
const PROGRAMS: [&str; 3] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Where they are: `PATHLAB_KUBE_BIN`, else where they are built to.
fn binaries() -> Utf8PathBuf {
    let named = std::env::var("PATHLAB_KUBE_BIN").ok();
    programs::folder(named.as_deref().map(Utf8Path::new)).unwrap_or_default()
}

/// Why no control plane can run here.
pub fn missing() -> Option<String> {
    let folder = binaries();
    if let Some(program) = PROGRAMS.iter().find(|program| !folder.join(program).is_file()) {
        return Some(format!("{folder} has no {program}; PATHLAB_KUBE_BIN names another folder"));
    }
    let program = ["etcd", "openssl", "ip", "setpriv"].into_iter().find(|program| find_program(program).is_none());
    if let Some(program) = program {
        return Some(format!("there is no {program}"));
    }
    namespaces::no_namespaces()
}

/// A control plane; it ends with this.
pub struct Servers {
    dir: TempDir,
    child: Child,
}

impl Servers {
    /// Starts one.
    pub fn start() -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let agent = dir.path().join("lab-agent");
        fs::write(&agent, LAB_AGENT)?;
        fs::set_permissions(&agent, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube_api/servers.sh");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--user", "--map-root-user", "--net", "--pid", "--mount-proc"])
            .args(["--fork", "--kill-child"])
            .arg(script)
            .args([dir.path(), binaries().as_std_path(), &agent])
            .stdin(Stdio::null())
            .stdout(fs::File::create(dir.path().join("script.log"))?)
            .stderr(fs::File::create(dir.path().join("script.err"))?)
            .spawn()?;
        let servers = Self { dir, child };
        servers.wait_for("kubeconfig")?;
        Ok(servers)
    }

    fn wait_for(&self, file: &str) -> Result<(), Failed> {
        let end = Instant::now() + START;
        while !self.path(file).exists() {
            if Instant::now() > end {
                return Err(format!("no {file} yet: {}", self.said()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What the servers wrote last, for messages.
    fn said(&self) -> String {
        let tail = |name: &str| {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(5).collect();
            format!("\n{name}: {}", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        ["script.err", "apiserver.log", "etcd.log", "relay.log"].map(tail).concat()
    }

    /// A file of the control plane's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default().trim().to_owned()
    }

    /// The kubeconfig with this CA and token.
    pub fn kubeconfig(&self, ca: Option<&str>, token: Option<&str>) -> String {
        let (own_ca, own_token) = (self.text("certs/apiserver.crt") + "\n", self.text("token"));
        let (ca, token) = (ca.unwrap_or(&own_ca), token.unwrap_or(&own_token));
        kubeconfig("https://192.0.2.11:16443", ca, Some("localhost"), token)
    }

    /// The way to the API server, with this kubeconfig.
    pub async fn access(&self, kubeconfig: &str) -> Result<KubeAccess, Failed> {
        let socket = Utf8PathBuf::try_from(self.path("api.sock"))?;
        let dial = Arc::new(MachineDial { machine: Arc::new(Here), socket });
        Ok(KubeAccess::from_kubeconfig(kubeconfig, dial).await?)
    }

    /// The API.
    pub async fn api(&self) -> Result<KubeApi, Failed> {
        let access = self.access(&self.kubeconfig(None, None)).await?;
        KubeApi::connect(access, START).await.map_err(|error| format!("{error}{}", self.said()).into())
    }

    /// Ends all of it, as a machine that loses its power.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.kill();
    }
}
