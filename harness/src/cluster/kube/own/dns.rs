//! The cluster's DNS, for a cluster that has none.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Program, container, deployment, files, manifest, pod_spec};
use crate::catalog::scenario::Manifest;

/// Namespace of the cluster's own services; it exists from the start.
const NAMESPACE: &str = "kube-system";

/// Name of its pods, as on MicroK8s.
const NAME: &str = "coredns";

/// A DNS server as a pod.
#[derive(Clone, Copy, Debug)]
pub struct Dns<'a> {
    /// The server. It has to answer on port 53, over UDP and TCP.
    pub program: Program<'a>,
    /// Name of its node.
    pub node: &'a str,
    /// Cluster address of its service, which kubelets tell to pods.
    pub cluster_ip: IpAddr,
}

/// The service alone: its address must be its own before the API server gives it to somebody else's.
#[must_use]
pub fn dns_service(cluster_ip: IpAddr) -> Manifest {
    manifest("dns-service.yaml", &[service(cluster_ip)])
}

/// A DNS server with its service, as a manifest.
#[must_use]
pub fn dns(dns: &Dns<'_>) -> Manifest {
    let labels = labels();
    let port = |name: &str, protocol: &str| json!({"name": name, "containerPort": 53, "protocol": protocol});
    let ports = json!([port("dns", "UDP"), port("dns-tcp", "TCP")]);
    let volume = json!({"name": "files", "configMap": {"name": NAME}});
    let mut spec = pod_spec(dns.node, &[container(NAME, &dns.program, &ports)], &[volume]);
    // Its own names come from nobody else.
    spec["dnsPolicy"] = json!("Default");
    let deployment = deployment(NAMESPACE, NAME, &labels, &dns.program, &spec);
    manifest("dns.yaml", &[files(NAMESPACE, NAME, &dns.program), deployment, service(dns.cluster_ip)])
}

fn service(cluster_ip: IpAddr) -> Value {
    let port = |name: &str, protocol: &str| json!({"name": name, "port": 53, "targetPort": name, "protocol": protocol});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": NAMESPACE, "labels": labels()},
        "spec": {
            "clusterIP": cluster_ip,
            "selector": labels(),
            "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")],
        },
    })
}

fn labels() -> Value {
    json!({"k8s-app": "kube-dns"})
}
