//! A stand-in for the snap MicroK8s that starts real Kubernetes: a folder for machines that are reached over SSH, and
//! the program in it that does a node's work.
//!
//! # How it is used
//!
//! A test program calls [`role`] first thing in its `main`, since a copy of it is what works on the machines. Then
//! ```ignore
//! let bundle = Bundle::make(folder)?;          // needs root, `just kube-binaries`, the packages of the group kubernetes
//! bundle.install_into(&machine).await?;        // copies it to /opt/stand-ins of a Machine, and makes `snap` a command
//! bundle.install_into_image(&from, &to)?;      // or: the image of `lab image build debian-12` with it, set up at the
//!                                              // first start, for programs that make their machines themselves
//! ```
//! and `snap`, then `microk8s` are there for `lab run --provider ssh|libvirt`, and for [`pathlab::cluster::microk8s`]. The
//! machine needs what `lab image build debian-12` puts on one: etcd, containerd, runc, the CNI plugins, iptables,
//! conntrack, ethtool. It needs no network. `/opt/stand-ins/set-up remove` takes the stand-ins away again.
//!
//! The ingress has host ports, whose rules a reload of firewalld before 2.0 removes for good (rancher/rke2#10469), so that a
//! remedy that ends in one does not repair `outside-to-ingress`. After [`Bundle::keep_ingress_port`] it has a Service as
//! well, as in `--cluster kubernetes`, and the verdicts are the same as there.
//!
//! # What is real
//! * etcd, kube-apiserver, controller manager, scheduler, kubelet, kube-proxy (1.20), containerd, runc, `host-local` and
//!   `portmap`: started with the arguments and files of `--cluster kubernetes`, from the same code. So are the network
//!   plugin, Calico's devices, routes and rules, and the images of DNS (dnsmasq) and ingress (nginx).
//! * Addons are pods, applied through the API: a Deployment `coredns`, a `DaemonSet` `nginx-ingress-microk8s-controller`
//!   with host ports. Images are imported by containerd. An ingress connects to pods; its configuration follows the API.
//! * Services of the names that the snap has (`snap.microk8s.daemon-kubelite`, …) in the machine's systemd; they start
//!   again with the machine.
//! * `join` fetches its credentials from the first node, over the network, at port 25000.
//! * snapd as a Debian package with a socket unit, seen by dpkg and systemd.
//!
//! # What is played
//! * What `snap` and `microk8s` print, and snapd's changes: `tests/vm_stand_ins/host` has the texts. Nothing is
//!   downloaded; every channel and revision brings the same. `rpm` and `dnf` on a machine that has none: they know snapd.
//! * calico-node is no pod: one program of the snap does its work. The same program writes the configuration of DNS and
//!   ingress. High availability: etcd is in the place of dqlite, on the first node only, and a node that joins has
//!   no API server of its own, whatever its role.
//! * kube-proxy looks after its rules every 5 seconds, not every 30: a reload of firewalld is waited for more often here than
//!   anywhere else.
//! * The addons hostpath-storage, metallb and others are switched on in the status, and nothing else.

mod api;
mod bundle;
pub mod catalog;
mod controllers;
mod image;
mod join;
mod kubectl;
mod network;
mod node;
mod observe;
mod serving;

use std::{
    path::Path,
    process::{ExitCode, Stdio},
    time::Duration,
};

use pathlab::cluster::kubernetes::cni;

pub use self::bundle::Bundle;

/// The name by which a test program does a node's work.
const NAME: &str = "stand-in-node";

/// Where the bundle lies on a machine.
const HERE: &str = "/opt/stand-ins";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Does the work of the network plugin or of a node, if this program was called by such a name.
pub fn role() -> Option<ExitCode> {
    if cni::asked() {
        return Some(cni::run());
    }
    let mut words = std::env::args();
    let name = words.next()?;
    if Path::new(&name).file_name()? != NAME {
        return None;
    }
    let words: Vec<String> = words.collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Some(match runtime.block_on(carry_out(&words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    })
}

async fn carry_out(words: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        // Facts of this node, and all files that its programs read.
        ["files", index, name, ip, server] => {
            node::Facts { index: index.parse()?, name: (*name).to_owned(), ip: ip.parse()?, server: server.parse()? }
                .write()
        }
        ["kubeconfig"] => api::kubeconfig().await,
        ["registered"] => api::registered().await,
        ["ready"] => api::ready().await,
        ["members"] => api::members().await,
        ["controllers"] => controllers::run().await,
        ["apply", file] => api::apply(file).await,
        ["delete", file] => api::delete(file).await,
        ["join", url, name, ip] => join::join(url, name, ip.parse()?).await,
        ["kubectl", arguments @ ..] => kubectl::run(arguments).await,
        _ => Err(format!("unknown: {}", words.join(" ")).into()),
    }
}

/// Runs a program with something to read, which must succeed; returns what it prints.
async fn sh(argv: &[&str], input: &str) -> Result<String, Failure> {
    use tokio::io::AsyncWriteExt as _;
    let mut command = tokio::process::Command::new(argv[0]);
    command.args(&argv[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", argv[0]))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await??;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(format!("{}: {}", argv.join(" "), String::from_utf8_lossy(&output.stderr).trim()).into())
}
