//! A sandbox with a client, a router and a server, the agent's programs in it, and how to probe from the client.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use lab_agent::protocol::{Probe, ProbeResult, Reply, Request};
use pathlab::{agent_binary::LAB_AGENT, provider::needs::find_program};
use tempfile::TempDir;

const TOPOLOGY: &str = include_str!("topology.sh");

/// Programs that the sandbox is made with.
const PROGRAMS: [&str; 8] = ["unshare", "mount", "ip", "sysctl", "nft", "ss", "nginx", "dnsmasq"];

/// A running sandbox. Dropping it closes the standard input of its PID 1, which ends everything in it.
pub struct Lab {
    folder: TempDir,
    child: Child,
    stdin: Option<ChildStdin>,
}

/// `PATH` with the folders of administrators' programs, which other users often lack.
fn search_path() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default())
}

/// `unshare` into fresh user, network, mount and PID namespaces, of which the program becomes PID 1.
pub fn unshare(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(program).env("PATH", search_path());
    command
}

/// Why no sandbox can be made here.
pub fn missing() -> Option<String> {
    let absent: Vec<_> = PROGRAMS.into_iter().filter(|program| find_program(program).is_none()).collect();
    if !absent.is_empty() {
        return Some(format!("not installed: {}", absent.join(", ")));
    }
    match unshare(Path::new("true")).output() {
        Err(error) => Some(format!("unshare cannot be run: {error}")),
        Ok(output) if !output.status.success() => {
            Some(format!("no user namespaces here: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        Ok(_) => None,
    }
}

/// Writes the embedded agent into `folder`.
pub fn install_agent(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join("lab-agent");
    fs::write(&path, LAB_AGENT)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

impl Lab {
    /// Makes the sandbox and waits until all its servers are ready.
    pub fn start() -> Result<Self, String> {
        let folder = TempDir::with_prefix("pathlab-agent-").map_err(|error| error.to_string())?;
        let script = folder.path().join("topology.sh");
        fs::write(&script, TOPOLOGY).map_err(|error| error.to_string())?;
        let log = fs::File::create(folder.path().join("log")).map_err(|error| error.to_string())?;
        let mut child = unshare(Path::new("sh"))
            .arg(script)
            .env("DIR", folder.path())
            .env("AGENT", install_agent(folder.path())?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("piped above");
        let lab = Self { folder, child, stdin };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        if line == "ready\n" { Ok(lab) } else { Err(format!("the sandbox could not be made: {}", lab.log())) }
    }

    /// Runs the probes at the client; the results are in the order of their ids.
    pub fn probe(&self, probes: Vec<Probe>) -> Result<Vec<ProbeResult>, String> {
        let concurrency = probes.len();
        let request = Request::Probe { probes, concurrency };
        let mut replies = ask(&self.folder.path().join("client.sock"), &request)?;
        if replies.pop() != Some(Reply::Done) {
            return Err(format!("the agent did not end well: {}", self.log()));
        }
        let result = |reply| match reply {
            Reply::Result(result) => Ok(result),
            other => Err(format!("unexpected reply {other:?}")),
        };
        let mut results = replies.into_iter().map(result).collect::<Result<Vec<_>, _>>()?;
        results.sort_by_key(|result| result.id);
        Ok(results)
    }

    /// What the programs of the sandbox wrote.
    fn log(&self) -> String {
        let names = ["log", "client.log", "server.log", "nginx/out", "dnsmasq.log"];
        let read = |name: &&str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        names.iter().map(read).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Err(error) = self.child.wait() {
            eprintln!("failed to wait for the sandbox: {error}");
        }
    }
}

/// All replies of the agent at `socket`.
pub fn ask(socket: &Path, request: &Request) -> Result<Vec<Reply>, String> {
    let mut text = serde_json::to_string(request).map_err(|error| error.to_string())?;
    text.push('\n');
    let exchange = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(text.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = exchange().map_err(|error| format!("{}: {error}", socket.display()))?;
    answer.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))).collect()
}
