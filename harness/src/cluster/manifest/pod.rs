//! Pods and pod templates.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

use k8s_openapi::api::core::v1::{Container as KubeContainer, ContainerPort as KubePort, PodSpec};
use lab_agent::AGENT_IMAGE;

use super::{
    document::Document,
    environment::{self, EnvFrom, EnvVar},
    error::ManifestError,
    field::Field,
    mount::{self, Mount},
    name::NameKind,
    port::{self, Transport},
    selector::Labels,
};

/// What the pods of a workload are like.
#[derive(Clone, Debug)]
pub struct PodTemplate {
    /// Labels of the pods.
    pub labels: Labels,
    /// The node that the manifest names.
    pub node_name: Option<String>,
    /// Labels that the node must have.
    pub node_selector: Labels,
    /// The containers; never empty.
    pub containers: Vec<Container>,
    /// Where the pod's spec stands.
    pub field: Field,
}

/// A container as declared. Its image is the agent's.
#[derive(Clone, Debug)]
pub struct Container {
    /// Unique within the pod.
    pub name: String,
    /// Arguments of the agent, `$(VAR)` not yet expanded.
    pub args: Vec<String>,
    /// Environment, in order.
    pub env: Vec<EnvVar>,
    /// Environment from `ConfigMaps`, which `env` overrides.
    pub env_from: Vec<EnvFrom>,
    /// Its ports.
    pub ports: Vec<ContainerPort>,
    /// `ConfigMap` volumes.
    pub mounts: Vec<Mount>,
    /// Where it stands.
    pub field: Field,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// The number.
    pub port: u16,
    /// TCP or UDP.
    pub transport: Transport,
    /// The port of the node that leads to it.
    pub host_port: Option<u16>,
    /// The node's address that leads to it; none means every one.
    pub host_ip: Option<Ipv4Addr>,
    /// Where it stands.
    pub field: Field,
}

impl PodTemplate {
    /// Reads and checks a pod's spec at `field`.
    pub fn read(document: &Arc<Document>, field: Field, labels: Labels, spec: &PodSpec) -> Result<Self, ManifestError> {
        if spec.containers.is_empty() {
            return Err(document.error(&field.key("containers"), "a pod needs at least one container"));
        }
        if let Some(policy) = spec.dns_policy.as_deref().filter(|policy| *policy != "ClusterFirst") {
            let message = format!("`{policy}` is not implemented by the dataplane cluster; only ClusterFirst is");
            return Err(document.error(&field.key("dnsPolicy"), message));
        }
        if let Some(policy) = spec.restart_policy.as_deref().filter(|policy| *policy != "Always") {
            let message = format!("`{policy}` is not implemented by the dataplane cluster; only Always is");
            return Err(document.error(&field.key("restartPolicy"), message));
        }
        let volumes = mount::volumes(document, &field, spec)?;
        let (mut containers, mut names, mut ports) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for (index, declared) in spec.containers.iter().enumerate() {
            let container = container(document, field.key("containers").index(index), declared, &volumes)?;
            if !names.insert(container.name.clone()) {
                let field = container.field.key("name");
                return Err(document.error(&field, "another container of the pod has the same name"));
            }
            for port in &container.ports {
                if port.name.is_some() && !ports.insert(port.name.clone()) {
                    return Err(document.error(&port.field.key("name"), "another port of the pod has the same name"));
                }
            }
            containers.push(container);
        }
        Ok(Self {
            labels,
            node_name: spec.node_name.clone().filter(|name| !name.is_empty()),
            node_selector: spec.node_selector.clone().unwrap_or_default(),
            containers,
            field,
        })
    }

    /// Every port of every container.
    pub fn ports(&self) -> impl Iterator<Item = &ContainerPort> {
        self.containers.iter().flat_map(|container| &container.ports)
    }
}

fn container(
    document: &Arc<Document>,
    field: Field,
    declared: &KubeContainer,
    volumes: &mount::Volumes,
) -> Result<Container, ManifestError> {
    let name = field.key("name");
    if let Some(problem) = NameKind::Label.problem(&declared.name) {
        return Err(document.error(&name, format!("`{}` is no valid container name: it {problem}", declared.name)));
    }
    match declared.image.as_deref() {
        Some(AGENT_IMAGE) => {}
        Some(other) => {
            let message = format!("image `{other}` is not in the lab; every container runs `{AGENT_IMAGE}`");
            let help =
                format!("use `image: {AGENT_IMAGE}` with `args: [echo, --http=PORT]`; no registry is ever asked");
            return Err(document.error(&field.key("image"), message).help(help));
        }
        None => return Err(document.error(&field.key("image"), format!("a container needs `image: {AGENT_IMAGE}`"))),
    }
    let ports = declared.ports.iter().flatten().enumerate();
    let ports = ports.map(|(index, port)| container_port(document, field.key("ports").index(index), port));
    Ok(Container {
        name: declared.name.clone(),
        args: declared.args.clone().unwrap_or_default(),
        env: environment::variables(document, &field, declared)?,
        env_from: environment::from_config_maps(document, &field, declared)?,
        ports: ports.collect::<Result<_, _>>()?,
        mounts: mount::mounts(document, &field, declared, volumes)?,
        field,
    })
}

fn container_port(document: &Arc<Document>, field: Field, declared: &KubePort) -> Result<ContainerPort, ManifestError> {
    let name = declared.name.as_ref().map(|name| port::name(document, &field.key("name"), name)).transpose()?;
    let host_port = declared.host_port.filter(|port| *port != 0);
    let host_port = host_port.map(|number| port::number(document, &field.key("hostPort"), number)).transpose()?;
    let host_ip = declared.host_ip.as_deref().filter(|text| !text.is_empty() && *text != "0.0.0.0");
    let host_ip = host_ip.map(|text| {
        let message = || format!("`{text}` is no IPv4 address");
        text.parse().map_err(|_| document.error(&field.key("hostIP"), message()))
    });
    Ok(ContainerPort {
        name,
        port: port::number(document, &field.key("containerPort"), declared.container_port)?,
        transport: Transport::read(document, &field.key("protocol"), declared.protocol.as_deref())?,
        host_port,
        host_ip: host_ip.transpose()?,
        field,
    })
}
