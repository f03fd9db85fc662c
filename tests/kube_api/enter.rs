//! An agent in the network of a container that has no socket of its own; any process with namespaces stands for it.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use camino::Utf8PathBuf;
use lab_agent::{
    outcome::Outcome,
    protocol::{Endpoint, Probe, ProbeKind, ProbeResult},
};
use libtest_mimic::Failed;
use pathlab::{
    agent_binary::LAB_AGENT,
    cluster::{
        kube::{RunningContainer, agent_in_container},
        workload::AgentSocket,
    },
    probe::run_batch,
};
use tokio::runtime::Runtime;

use crate::{ensure, machine::Here};

/// The name server that only the container's `resolv.conf` names.
const NAME_SERVER: &str = "127.0.0.77";

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The agent sees the container's network and name server, and is reached on the node.
pub fn an_agent_stands_in_the_pod() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let agent = dir.path().join("lab-agent");
    fs::write(&agent, LAB_AGENT)?;
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
    let container = Ended(container(dir.path())?);
    let here = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = here.local_addr()?.port();

    let list = format!("TASK PID STATUS\\nother 1 RUNNING\\nabc {} RUNNING\\n%.0s%.0s", container.0.id());
    let running = RunningContainer { pod: "web-1".to_owned(), id: "abc".to_owned() };
    let socket = Utf8PathBuf::try_from(dir.path().join("agent.sock"))?;
    let path = agent.to_str().ok_or("UTF-8")?;
    Runtime::new()?.block_on(async {
        let command = agent_in_container(&Here, &["printf", &list], &running, path, &socket).await?;
        let _entered = Ended(Command::new(&command.argv[0]).args(&command.argv[1..]).stdout(Stdio::null()).spawn()?);
        wait_for(socket.as_std_path())?;
        let address = Ipv4Addr::LOCALHOST.into();
        let agent = AgentSocket { machine: Arc::new(Here), socket: socket.clone(), address };
        let to = Endpoint { host: "127.0.0.1".to_owned(), port };
        let dns = ProbeKind::Dns { server: None, tcp: true, name: "web.".to_owned(), expected: Vec::new() };
        let mut results = run_batch(&agent, vec![probe(1, ProbeKind::Connect { to }), probe(2, dns)]).await?;
        results.sort_by_key(|result: &ProbeResult| result.id);
        // The listener is in another network.
        ensure(results[0].outcome == Outcome::Refused, || format!("{results:?}"))?;
        let asked = results[1].peer_addr.map(|address| address.to_string());
        ensure(asked == Some(format!("{NAME_SERVER}:53")), || format!("{results:?}"))?;

        let gone = RunningContainer { id: "gone".to_owned(), ..running };
        let error = agent_in_container(&Here, &["printf", &list], &gone, path, &socket).await.err();
        let said = error.ok_or("entered nothing")?.to_string();
        ensure(said == "containerd on here runs no container gone", || said.clone())
    })
}

fn probe(id: u32, kind: ProbeKind) -> Probe {
    Probe { id, kind, timeout_ms: 2000, expected_pods: Vec::new(), repeat: 1, ipv6: false, source_port: None }
}

/// A process with a network and a `resolv.conf` of its own.
fn container(dir: &Path) -> Result<Child, Failed> {
    let (resolv_conf, ready) = (dir.join("resolv.conf"), dir.join("ready"));
    fs::write(&resolv_conf, format!("nameserver {NAME_SERVER}\n"))?;
    let script = r#"ip link set lo up && mount --bind "$1" /etc/resolv.conf && : >"$2" && exec sleep 600"#;
    let child = Command::new("unshare")
        .args(["--net", "--mount", "--", "sh", "-c", script, "sh"])
        .args([&resolv_conf, &ready])
        .spawn()?;
    wait_for(&ready)?;
    Ok(child)
}

fn wait_for(path: &Path) -> Result<(), Failed> {
    let end = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        if Instant::now() > end {
            return Err(format!("no {} yet", path.display()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
