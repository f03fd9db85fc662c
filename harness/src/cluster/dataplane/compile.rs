//! From manifests and nodes to the desired state.

use std::net::{Ipv4Addr, Ipv6Addr};

use miette::Diagnostic;

use super::{
    generate,
    layout::{MAX_NODES, Node, NodeSpec},
    policies,
    resolve::{PodFacts, Resolver},
    schedule::Scheduler,
    services::Allocator,
    state::{ClusterState, HostPort, Pod, PodRole},
    system::{self, SystemPod},
};
use crate::{
    catalog::scenario::{Backend, Manifest, Underlay},
    cluster::manifest::{
        self, ManifestError, ManifestErrors, Objects, Service as ServiceObject, Workload, WorkloadKind,
    },
    hex,
    model::IpFamily,
};

/// What a cluster is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The scenario's manifests.
    pub manifests: &'a [Manifest],
    /// The machines, in order.
    pub nodes: &'a [NodeSpec],
    /// The service whose pods answer.
    pub backend: &'a Backend,
    /// The network between the machines.
    pub underlay: &'a Underlay,
    /// Whether a path needs IPv6; a service may ask for it as well.
    pub ipv6: bool,
}

/// Why there is no cluster to be made.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CompileError {
    /// A manifest is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifest(#[from] ManifestErrors),
    /// The number of machines is out of range.
    #[error("a cluster has 1 to {MAX_NODES} machines, not {0}")]
    Nodes(usize),
    /// More pods than a node has addresses for.
    #[error("node {node} has no address left for pod {pod}")]
    Full {
        /// Node name.
        node: String,
        /// Pod name.
        pod: String,
    },
    /// The scenario's backend service is in no manifest.
    #[error("the manifests declare no service `{service}` in namespace `{namespace}`, the scenario's backend")]
    #[diagnostic(help("declared are: {declared}"))]
    NoBackend {
        /// Service name.
        service: String,
        /// Namespace.
        namespace: String,
        /// The services that there are.
        declared: String,
    },
    /// The scenario's backend service selects no pod.
    #[error("the backend service `{namespace}/{service}` selects no pod of the manifests")]
    #[diagnostic(help("compare its selector with the labels of the pods, and their number with 0"))]
    NoBackendPods {
        /// Service name.
        service: String,
        /// Namespace.
        namespace: String,
    },
}

impl From<ManifestError> for CompileError {
    fn from(error: ManifestError) -> Self {
        Self::Manifest(error.into())
    }
}

/// Reads the manifests and says what the cluster is to be. The same input always gives the same state.
pub fn compile(input: &Input<'_>) -> Result<ClusterState, CompileError> {
    if !(1..=MAX_NODES).contains(&input.nodes.len()) {
        return Err(CompileError::Nodes(input.nodes.len()));
    }
    let objects = manifest::parse(input.manifests)?;
    let nodes: Vec<Node> = input.nodes.iter().enumerate().map(|(index, spec)| Node::new(index, spec)).collect();
    let dual_stack = input.ipv6 || objects.services.iter().any(ServiceObject::needs_ipv6);
    let families = if dual_stack { vec![IpFamily::Ipv4, IpFamily::Ipv6] } else { vec![IpFamily::Ipv4] };
    let mut builder = Builder { nodes: &nodes, objects: &objects, dual_stack, pods: Vec::new() };
    for pod in system::pods(&nodes) {
        builder.add_system(&pod)?;
    }
    let mut scheduler = Scheduler::new(&nodes);
    for workload in &objects.workloads {
        for (index, node) in scheduler.place(workload)?.into_iter().enumerate() {
            builder.add_workload(workload, index, node)?;
        }
    }
    let mut allocator = Allocator::new(&objects.services, &families)?;
    let mut services = Vec::new();
    for declared in &objects.services {
        services.push(allocator.service(declared, &builder.pods)?);
    }
    let backend = find_backend(&services, input.backend)?;
    let backend_node = builder.pods[services[backend].pods[0]].node;
    for pod in system::probers(&nodes, backend_node) {
        builder.add_system(&pod)?;
    }
    let pods = builder.pods;
    services.extend(system::services(&nodes, &pods, &mut allocator, &families));
    let underlay_mtu = input.underlay.host_mtu();
    let policies = policies::resolve(&objects, &pods);
    Ok(ClusterState { underlay_mtu, families, pods, services, backend, policies, ingresses: objects.ingresses, nodes })
}

fn find_backend(services: &[super::state::Service], backend: &Backend) -> Result<usize, CompileError> {
    let Backend { service, namespace } = backend;
    let found = services.iter().position(|known| known.namespace == *namespace && known.name == *service);
    let Some(found) = found else {
        let declared: Vec<String> = services.iter().map(super::state::Service::full_name).collect();
        let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
        return Err(CompileError::NoBackend { service: service.clone(), namespace: namespace.clone(), declared });
    };
    if services[found].pods.is_empty() {
        return Err(CompileError::NoBackendPods { service: service.clone(), namespace: namespace.clone() });
    }
    Ok(found)
}

struct Builder<'a> {
    nodes: &'a [Node],
    objects: &'a Objects,
    dual_stack: bool,
    pods: Vec<Pod>,
}

impl Builder<'_> {
    fn addresses(&self, node: usize, pod: &str) -> Result<(Ipv4Addr, Option<Ipv6Addr>), CompileError> {
        let used = self.pods.iter().filter(|pod| pod.node == node).count();
        let node = &self.nodes[node];
        let full = || CompileError::Full { node: node.name.clone(), pod: pod.to_owned() };
        let ip6 = node.pod_ip6(used).filter(|_| self.dual_stack);
        node.pod_ip(used).map(|ip| (ip, ip6)).ok_or_else(full)
    }

    fn add_system(&mut self, pod: &SystemPod) -> Result<(), CompileError> {
        let (ip, ip6) = self.addresses(pod.node, &pod.name)?;
        self.pods.push(Pod {
            namespace: pod.namespace.to_owned(),
            name: pod.name.clone(),
            labels: system::labels(pod),
            role: pod.role,
            node: pod.node,
            ip,
            ip6,
            containers: Vec::new(),
            host_ports: Vec::new(),
        });
        Ok(())
    }

    fn add_workload(&mut self, workload: &Workload, index: usize, node: usize) -> Result<(), CompileError> {
        let name = pod_name(workload, index);
        let (ip, ip6) = self.addresses(node, &name)?;
        let (template, namespace) = (&workload.template, &workload.meta.namespace);
        let facts = PodFacts { namespace, name: &name, labels: &template.labels, ip, node: &self.nodes[node] };
        let resolver = Resolver { pod: facts, config_maps: &self.objects.config_maps, origin: &workload.origin };
        let containers = template.containers.iter().map(|container| resolver.container(container));
        let containers = containers.collect::<Result<_, _>>()?;
        let host_ports = template.ports().filter_map(|port| {
            let host_port = port.host_port?;
            Some(HostPort { transport: port.transport, host_port, host_ip: port.host_ip, port: port.port })
        });
        let host_ports = host_ports.collect();
        let (namespace, labels) = (namespace.clone(), template.labels.clone());
        self.pods.push(Pod { namespace, name, labels, role: PodRole::Workload, node, ip, ip6, containers, host_ports });
        Ok(())
    }
}

/// A pod's name as its owner would make it.
fn pod_name(workload: &Workload, index: usize) -> String {
    let name = &workload.meta.name;
    let own = generate::suffix(&format!("{} {index}", workload.meta.full_name()), 5);
    match workload.kind {
        WorkloadKind::Pod => name.clone(),
        WorkloadKind::DaemonSet => format!("{name}-{own}"),
        WorkloadKind::Deployment { .. } => {
            let template = hex::sha256(format!("{} {:?}", workload.meta.full_name(), workload.template.labels));
            format!("{name}-{}-{own}", generate::suffix(&template, 9))
        }
    }
}
