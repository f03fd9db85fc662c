//! Scenarios by the dozen, for matrices of a wanted size.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use super::LAB;

const MANIFEST: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: echo }
spec:
  selector: { matchLabels: { app: echo } }
  template:
    metadata: { labels: { app: echo } }
    spec: { containers: [{ name: echo, image: \"pathlab/agent:1\" }] }
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec:
  type: NodePort
  selector: { app: echo }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: tcp, port: 8081, targetPort: 8081, protocol: TCP }
    - { name: udp, port: 8081, targetPort: 8081, protocol: UDP }
";

/// 20 cases over each protocol: each vantage and target of one node without a firewall.
fn scenario(id: &str, protocols: &[&str]) -> String {
    let protocols = protocols.join(", ");
    format!(
        "\
id: {id}
title: A part of a large matrix
distros: [ubuntu-22.04]
manifests: [echo.yaml]
backend: {{ service: echo }}
# What waits for a processor that hundreds of others want is not lost.
timeout: 30s
paths:
  - {{ from: [node, pod, ingress, outside], to: [service, pod-ip], protocol: [{protocols}], payload: [small, large] }}
  - {{ from: [node, outside], to: [node-port], protocol: [{protocols}], payload: [small, large] }}
"
    )
}

/// Scenario folders with at least as many cases in all as were asked for.
pub struct Matrix {
    dir: TempDir,
    ids: Vec<String>,
    /// How many cases they have.
    pub cases: usize,
}

impl Matrix {
    /// Writes the folders; the cases are over these protocols.
    pub fn of(cases: usize, protocols: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let id = |number: usize| format!("part-{number}");
        write(dir.path(), &id(0), protocols);
        let first = dir.path().join(id(0));
        let each = planned(&["--scenario".to_owned(), first.to_str().expect("UTF-8").to_owned()]).len();
        let ids: Vec<String> = (0..cases.div_ceil(each)).map(id).collect();
        for id in &ids[1..] {
            write(dir.path(), id, protocols);
        }
        Self { cases: each * ids.len(), dir, ids }
    }

    /// The ids of all cases, in their order.
    pub fn ids(&self) -> Vec<String> {
        planned(&self.arguments())
    }

    /// The arguments that select them all.
    pub fn arguments(&self) -> Vec<String> {
        let folder = |id: &String| self.dir.path().join(id).to_str().expect("UTF-8").to_owned();
        self.ids.iter().flat_map(|id| ["--scenario".to_owned(), folder(id)]).collect()
    }
}

fn write(dir: &Path, id: &str, protocols: &[&str]) {
    let folder = dir.join(id);
    fs::create_dir(&folder).expect("a new folder");
    fs::write(folder.join("scenario.yaml"), scenario(id, protocols)).expect("a file");
    fs::write(folder.join("echo.yaml"), MANIFEST).expect("a file");
}

/// The ids of the cases that these arguments select, as `lab plan` has them.
fn planned(arguments: &[String]) -> Vec<String> {
    let output = Command::new(LAB).args(["plan", "--format", "json"]).args(arguments).output().expect("lab runs");
    assert!(output.status.success(), "lab plan: {}", String::from_utf8_lossy(&output.stderr));
    let cases: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("a list");
    cases.iter().map(|case| case["id"].as_str().expect("an id").to_owned()).collect()
}
