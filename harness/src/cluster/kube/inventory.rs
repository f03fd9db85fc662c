//! All pods and services of a cluster, for whoever has to write rules or names from them.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::{Api, api::ListParams};

use super::{
    api::KubeApi,
    error::KubeError,
    ingress::pod_ips,
    services::{cluster_ips, number},
};

/// What a cluster runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The pods that have an address and are not on their way out.
    pub pods: Vec<SeenPod>,
    /// The services that lead somewhere.
    pub services: Vec<SeenService>,
}

/// A pod as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Name of its node.
    pub node: String,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
    /// Ports of its containers.
    pub ports: Vec<SeenPort>,
}

/// A service as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenService {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its cluster addresses; empty for a headless one.
    pub ips: Vec<IpAddr>,
    /// Its ports.
    pub ports: Vec<SeenPort>,
    /// What is behind it: the pod's address with the ports there, by their names.
    pub endpoints: Vec<(IpAddr, Vec<SeenPort>)>,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPort {
    /// Its name.
    pub name: Option<String>,
    /// The number.
    pub port: u16,
    /// Whether it is UDP.
    pub udp: bool,
    /// The port of the node that leads there.
    pub node_port: Option<u16>,
}

impl KubeApi {
    /// All pods and services.
    pub async fn inventory(&self) -> Result<Inventory, KubeError> {
        let (pods, services): (Api<Pod>, Api<Service>) = (Api::all(self.client.clone()), Api::all(self.client.clone()));
        let all = ListParams::default();
        let pods = self.patiently("list all pods", || pods.list(&all)).await?.items;
        let listed = self.patiently("list all services", || services.list(&all)).await?.items;
        let mut services = Vec::new();
        for service in &listed {
            services.extend(self.seen_service(service).await?);
        }
        Ok(Inventory { pods: pods.iter().filter_map(seen_pod).collect(), services })
    }

    async fn seen_service(&self, service: &Service) -> Result<Option<SeenService>, KubeError> {
        let (Some(namespace), Some(name)) = (&service.metadata.namespace, &service.metadata.name) else {
            return Ok(None);
        };
        let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()).filter_map(|port| {
            Some(SeenPort {
                name: port.name.clone(),
                port: number(port.port)?,
                udp: port.protocol.as_deref() == Some("UDP"),
                node_port: port.node_port.and_then(number),
            })
        });
        let endpoints = self.endpoints(namespace, name).await?.into_iter().map(|endpoint| {
            let ports = endpoint.ports.into_iter();
            let ports = ports.map(|port| SeenPort { name: port.name, port: port.port, udp: port.udp, node_port: None });
            (endpoint.ip, ports.collect())
        });
        Ok(Some(SeenService {
            namespace: namespace.clone(),
            name: name.clone(),
            ips: cluster_ips(service),
            ports: ports.collect(),
            endpoints: endpoints.collect(),
        }))
    }
}

fn seen_pod(pod: &Pod) -> Option<SeenPod> {
    let spec = pod.spec.as_ref()?;
    let ips = pod_ips(pod);
    let ended = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if ips.is_empty() || pod.metadata.deletion_timestamp.is_some() || matches!(ended, Some("Succeeded" | "Failed")) {
        return None;
    }
    let ports = spec.containers.iter().flat_map(|container| container.ports.iter().flatten()).filter_map(|port| {
        Some(SeenPort {
            name: port.name.clone(),
            port: number(port.container_port)?,
            udp: port.protocol.as_deref() == Some("UDP"),
            node_port: port.host_port.and_then(number),
        })
    });
    Some(SeenPod {
        namespace: pod.metadata.namespace.clone()?,
        name: pod.metadata.name.clone()?,
        labels: pod.metadata.labels.clone().unwrap_or_default(),
        node: spec.node_name.clone()?,
        ips,
        ports: ports.collect(),
    })
}
