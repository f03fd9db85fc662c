//! Images of the harness, imported by a real containerd that leaves nothing behind.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use libtest_mimic::Failed;
use pathlab::{
    agent_binary::LAB_AGENT,
    cluster::image::{Entry, Image},
    provider::needs::find_program,
};

use crate::ensure;

/// Why containerd cannot run here.
pub fn missing() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("containerd needs root".to_owned());
    }
    ["containerd", "ctr", "unshare", "setpriv"]
        .into_iter()
        .find(|program| find_program(program).is_none())
        .map(|program| format!("there is no {program}"))
}

/// The agent's image, and one with everything that an image can have.
pub fn import_and_unpack() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let files = Image {
        name: "pathlab/files:1".to_owned(),
        entries: vec![
            Entry::File { path: "/usr/share/a".into(), content: b"content".to_vec(), mode: 0o640 },
            Entry::Link { path: "/a".into(), target: "usr/share/a".into() },
            Entry::Folder { path: "/tmp".into(), mode: 0o1777 },
        ],
        environment: vec!["A=b".to_owned()],
        ..Image::default()
    };
    fs::write(dir.path().join("agent.tar"), Image::agent().archive()?)?;
    fs::write(dir.path().join("files.tar"), files.archive()?)?;
    let output = in_containerd(dir.path())?;
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure(output.status.success(), || format!("{}: {said}{errors}", output.status))?;
    for expected in ["docker.io/pathlab/agent:1", "docker.io/pathlab/files:1", "linux/amd64"] {
        ensure(said.contains(expected), || format!("{said} lacks {expected}"))?;
    }
    ensure(said.contains("lab-agent 0."), || format!("the agent of the image does not run: {said}"))?;
    ensure(said.contains("640 0 0 /") && said.contains("1777 0 0 /"), || said.to_string())?;
    let unpacked = fs::read(dir.path().join("unpacked"))?;
    ensure(unpacked == LAB_AGENT, || "the agent is another one once unpacked".to_owned())
}

/// Runs the script beside this file in namespaces of its own, whose end is containerd's.
fn in_containerd(dir: &Path) -> Result<Output, Failed> {
    let script: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kube_api/containerd.sh");
    let output = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(script)
        .arg(dir)
        .stdin(Stdio::null())
        .output()?;
    Ok(output)
}
