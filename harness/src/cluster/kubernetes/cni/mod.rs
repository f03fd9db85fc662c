//! The network plugin of the nodes: links as Calico makes them, addresses from the reference plugin `host-local`.
//!
//! containerd starts this program by the name [`NAME`] for every pod (Container Network Interface 0.4). `portmap` is
//! chained behind it for host ports.

mod config;
mod link;

use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use serde_json::{Value, json};

pub use self::config::conflist;
use self::link::Link;

/// The name by which this program is the plugin.
pub const NAME: &str = "pathlab-calico";

/// Versions of the interface that are understood.
const VERSIONS: [&str; 4] = ["0.3.0", "0.3.1", "0.4.0", "1.0.0"];

/// Number of failures that the interface leaves to plugins.
const FAILED: u32 = 100;

/// Whether this process was started as the plugin.
#[must_use]
pub fn asked() -> bool {
    let name = std::env::args_os().next().unwrap_or_default();
    Path::new(&name).file_name().is_some_and(|name| name == NAME)
}

/// Does what the interface asks for and prints the result, or the error.
#[must_use]
pub fn run() -> ExitCode {
    let (answer, code) = match carry_out() {
        Ok(answer) => (answer, ExitCode::SUCCESS),
        Err(error) => {
            let error = json!({"cniVersion": VERSIONS[1], "code": FAILED, "msg": error.to_string()});
            (Some(error), ExitCode::FAILURE)
        }
    };
    // Nobody is left to tell when the reader is gone.
    drop(answer.map(|answer| writeln!(io::stdout(), "{answer}")));
    code
}

fn carry_out() -> io::Result<Option<Value>> {
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    match variable("CNI_COMMAND")?.as_str() {
        "VERSION" => Ok(Some(json!({"cniVersion": VERSIONS[2], "supportedVersions": VERSIONS}))),
        "ADD" => add(&input).map(Some),
        "DEL" => del(&input).map(|()| None),
        // What a link needs is in the kernel, where the tests of the lab look at it.
        "CHECK" => Ok(None),
        other => Err(io::Error::other(format!("CNI_COMMAND {other} is unknown"))),
    }
}

fn add(input: &str) -> io::Result<Value> {
    let config: Value = serde_json::from_str(input)?;
    let mut result: Value = serde_json::from_slice(&addresses(&config, input)?)?;
    let pod = pod()?;
    let netns = variable("CNI_NETNS")?;
    let mtu = config["mtu"].as_u64().ok_or_else(|| io::Error::other("the configuration has no mtu"))?;
    let mut ips = Vec::new();
    for ip in result["ips"].as_array_mut().into_iter().flatten() {
        let text = ip["address"].as_str().and_then(|address| address.split('/').next()).unwrap_or_default();
        ips.push(text.parse().map_err(|_| io::Error::other(format!("`{text}` is no address")))?);
        // A pod is alone on its link.
        let alone = json!(format!("{text}/{}", if text.contains(':') { 128 } else { 32 }));
        ip["address"] = alone;
        ip["interface"] = json!(1);
        ip.as_object_mut().map(|ip| ip.remove("gateway"));
    }
    let link = Link { namespace: &pod.0, pod: &pod.1, ips: &ips, mtu, netns: &netns };
    if let Err(error) = link.make() {
        // Its address would be taken for good.
        drop(release(&config, input));
        return Err(error);
    }
    result["cniVersion"] = config["cniVersion"].clone();
    result["interfaces"] = json!([{"name": link.interface()}, {"name": "eth0", "sandbox": netns}]);
    Ok(result)
}

/// The link goes with the pod's network namespace, or is taken away here, whichever is first.
fn del(input: &str) -> io::Result<()> {
    let config: Value = serde_json::from_str(input)?;
    let (namespace, pod) = pod()?;
    link::remove(&namespace, &pod)?;
    release(&config, input)
}

fn addresses(config: &Value, input: &str) -> io::Result<Vec<u8>> {
    delegate(config, input)
}

fn release(config: &Value, input: &str) -> io::Result<()> {
    delegate(config, input).map(drop)
}

/// Asks the plugin that gives addresses, in the words in which this one is asked.
fn delegate(config: &Value, input: &str) -> io::Result<Vec<u8>> {
    let plugin = config["ipam"]["type"].as_str().ok_or_else(|| io::Error::other("the configuration has no ipam"))?;
    let folders = variable("CNI_PATH")?;
    let file = folders.split(':').map(|folder| PathBuf::from(folder).join(plugin)).find(|file| file.exists());
    let file = file.ok_or_else(|| io::Error::other(format!("{plugin} is not in {folders}")))?;
    let mut child = Command::new(file).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(io::Error::other(format!("{plugin}: {}", String::from_utf8_lossy(&output.stdout).trim())))
}

/// Namespace and name of the pod.
fn pod() -> io::Result<(String, String)> {
    let arguments = variable("CNI_ARGS")?;
    let find = |key: &str| {
        let found = arguments.split(';').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        found.map(str::to_owned).ok_or_else(|| io::Error::other(format!("CNI_ARGS has no {key}")))
    };
    Ok((find("K8S_POD_NAMESPACE")?, find("K8S_POD_NAME")?))
}

fn variable(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|_| io::Error::other(format!("{name} is not set")))
}
