//! The bench: a small catalogue of good files in a fresh folder, and the real program.

use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Bad, Input};

/// A scenario without a fault, of which each case of the table makes a bad one.
pub const SCENARIO: &str = "\
id: good
title: A scenario without a fault
upstream: [canonical/microk8s#4903]
distros: [testos]
nodes: 1
manifests: [zeus.yaml]
backend: { service: zeus }
paths:
  - { from: [node, pod], to: [service] }
  - { from: pod, to: pod-ip }
  - { from: outside, to: ingress, http: { path: /setup } }
conditions:
  - { name: forwarding off, on: [testos], when: before-cluster, run: [\"sysctl -w net.ipv4.ip_forward=0\"] }
known_issues:
  - { distro: testos, upstream: canonical/microk8s#4903, paths: [pod-to-pod-ip], outcome: rejected }
remedies:
  - id: trusted-source
    title: Trust the pod network
    recommended: true
    applies_to: firewalld
    run: [\"true\"]
timeout: 2s
underlay: { mtu: 1500 }
";

/// A distro without a fault.
pub const DISTRO: &str = "\
id: testos-1
title: Test OS 1
aliases: [testos]
family: el
image: { filename: testos.qcow2, user: root }
prepare: [\"true\"]
policy:
  firewall:
    kind: firewalld
    zones: { public: { services: [ssh], ports: [8080/tcp] } }
  sysctls: { net.ipv4.ip_forward: 1 }
";

/// A manifest without a fault.
pub const MANIFEST: &str = "\
apiVersion: v1
kind: Service
metadata: { name: zeus }
spec: { selector: { app: zeus }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: zeus }
spec:
  selector: { matchLabels: { app: zeus } }
  template:
    metadata: { labels: { app: zeus } }
    spec: { containers: [{ name: echo, image: pathlab/agent:1, ports: [{ containerPort: 8080 }] }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: zeus }
spec:
  rules:
    - http:
        paths:
          - { path: /setup, pathType: Prefix, backend: { service: { name: zeus, port: { number: 80 } } } }
";

/// A fresh folder with a home (`vm-images`, `scenarios/good`), an empty working directory and an empty
/// folder for temporary files.
pub struct Bench {
    folder: tempfile::TempDir,
    scenario: String,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a fresh folder");
        let mut bench = Self { folder, scenario: String::new() };
        bench.scenario = bench.path("home/scenarios/good").into_string();
        bench.write("home/scenarios/good/scenario.yaml", SCENARIO.as_bytes());
        bench.write("home/scenarios/good/zeus.yaml", MANIFEST.as_bytes());
        bench.write("home/vm-images/testos-1.yaml", DISTRO.as_bytes());
        for empty in ["cwd", "tmp"] {
            std::fs::create_dir(bench.path(empty)).expect(empty);
        }
        bench
    }

    /// Where a file of the bench is.
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        let folder = Utf8Path::from_path(self.folder.path()).expect("UTF-8");
        folder.canonicalize_utf8().expect("it is there").join(name)
    }

    /// The folder of the good scenario.
    pub fn scenario(&self) -> &str {
        &self.scenario
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("in a folder")).expect(name);
        std::fs::write(path, content).expect(name);
    }

    /// Copies the files of one folder into another.
    pub fn copy(&self, from: &str, to: &str) {
        for entry in self.path(from).read_dir_utf8().expect(from) {
            let entry = entry.expect(from);
            self.write(&format!("{to}/{}", entry.file_name()), &std::fs::read(entry.path()).expect(from));
        }
    }

    /// Runs the program in the empty working directory.
    pub fn lab(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Runs the program with a standard output that nobody reads.
    pub fn lab_into_closed_pipe(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = self
            .command(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output);
        let output = output.expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// What is not as it must be when this input is given.
    pub fn faults(&self, bad: &Bad) -> Vec<String> {
        self.prepare(&bad.input);
        let mut faults = Vec::new();
        match bad.input {
            Input::Arguments(arguments) => self.check(bad, arguments, &mut faults),
            _ => {
                for command in ["plan", "run"] {
                    self.check(bad, &[command, "-s", self.scenario()], &mut faults);
                }
            }
        }
        faults
    }

    fn prepare(&self, input: &Input) {
        let edited = |text: &str, old: &str, new: &str| {
            assert_eq!(text.matches(old).count(), 1, "`{old}` stands once in the good file");
            text.replace(old, new).into_bytes()
        };
        match input {
            Input::Scenario(old, new) => self.write("home/scenarios/good/scenario.yaml", &edited(SCENARIO, old, new)),
            Input::ScenarioFile(content) => self.write("home/scenarios/good/scenario.yaml", &content()),
            Input::Folder(change) => change(Utf8Path::new(self.scenario())),
            Input::Distro(old, new) => self.write("home/vm-images/testos-1.yaml", &edited(DISTRO, old, new)),
            Input::DistroFile(content) => self.write("home/vm-images/testos-1.yaml", &content()),
            Input::Arguments(_) => {}
        }
    }

    fn check(&self, bad: &Bad, arguments: &[&str], faults: &mut Vec<String>) {
        let output = self.lab(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut fault = |what: String| faults.push(format!("{}: {what}\n{}\n{stderr}", bad.name, arguments.join(" ")));
        if output.status.code() != Some(2) {
            fault(format!("ended with {:?}, not 2", output.status));
        }
        if !output.stdout.is_empty() {
            fault("wrote to standard output".to_owned());
        }
        for word in bad.says.iter().chain((!bad.place.is_empty()).then_some(&bad.place)) {
            if !stderr.contains(word) {
                fault(format!("does not say `{word}`"));
            }
        }
        for folder in ["cwd", "tmp"] {
            if self.path(folder).read_dir_utf8().expect(folder).next().is_some() {
                fault(format!("left something in {folder}"));
            }
        }
    }

    /// The program in the empty working directory, with nothing of the caller's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args(arguments)
            .current_dir(self.path("cwd"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PATHLAB_HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }
}
