//! Reading a cluster back into what probes aim at, in the shape that the embedded cluster gives it.

use std::{net::IpAddr, time::Duration};

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use tokio::time::{Instant, sleep};

use super::{
    api::{KubeApi, PAUSE},
    applied::{Applied, AppliedObject},
    endpoints::Endpoint,
    error::KubeError,
    ingress::{Controller, pod_ips},
    nodes,
    pods::{Pods, is_ready},
    services,
};
use crate::{
    catalog::scenario::Backend,
    cluster::workload::{Addresses, HostPort, NodeAddress, PodAddress, SystemPod},
    model::IpFamily,
};

/// Port of the DNS service.
const DNS_PORT: u16 = 53;

/// Names of the DNS service in `kube-system`; its label counts first.
const DNS_NAMES: [&str; 2] = ["kube-dns", "coredns"];

/// Label of the DNS service and of its pods.
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

/// What to read back.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The service whose pods answer.
    pub backend: &'a Backend,
    /// Names of the nodes, in the harness's order.
    pub nodes: &'a [String],
    /// What was applied: pods of an earlier object come before those of a later one.
    pub applied: &'a Applied,
    /// Port of the API server on the first node.
    pub api_port: u16,
}

/// All that was read at one time.
struct Seen {
    nodes: Vec<Node>,
    service: Service,
    endpoints: Vec<Endpoint>,
    /// The backend's pods; the first is "the backend pod".
    pods: Vec<Pod>,
    dns: Option<(IpAddr, Vec<Endpoint>)>,
    ingress: Vec<Controller>,
    api_service: Option<(IpAddr, u16)>,
}

impl KubeApi {
    /// The addresses of a deployed scenario. Waits until every ready pod that the backend service, or the DNS service,
    /// selects is one of its endpoints.
    pub async fn addresses(&self, sought: &Sought<'_>, limit: Duration) -> Result<Addresses, KubeError> {
        let end = Instant::now() + limit;
        loop {
            let error = match self.look(sought).await {
                Ok(seen) => return all_families(&seen, sought),
                Err(error @ KubeError::Missing(_)) => error,
                Err(error) => return Err(error),
            };
            if Instant::now() >= end {
                return Err(error);
            }
            sleep(PAUSE).await;
        }
    }

    async fn look(&self, sought: &Sought<'_>) -> Result<Seen, KubeError> {
        let Backend { service: name, namespace } = sought.backend;
        let missing = |what: &str| KubeError::Missing(format!("the backend service {namespace}/{name} {what}"));
        let service = self.service(namespace, name).await?.ok_or_else(|| missing("does not exist"))?;
        let (endpoints, pods) = (self.endpoints(namespace, name).await?, self.pods(namespace).await?);
        if let Some(late) = late_pod(&service, &endpoints, &pods) {
            return Err(missing(&format!("does not lead to its ready pod {late} yet")));
        }
        let behind = backend_pods(&pods, &endpoints, sought);
        if behind.is_empty() {
            return Err(missing("has no ready pod"));
        }
        Ok(Seen {
            nodes: self.nodes().await?,
            service,
            endpoints,
            pods: behind,
            dns: self.dns().await?,
            ingress: self.ingress_controllers().await?,
            api_service: self.api_service().await?,
        })
    }

    /// The cluster's DNS service and what is behind it.
    async fn dns(&self) -> Result<Option<(IpAddr, Vec<Endpoint>)>, KubeError> {
        let all = self.services("kube-system").await?;
        let labelled = |service: &&Service| {
            let labels = service.metadata.labels.as_ref();
            labels.and_then(|labels| labels.get(DNS_LABEL.0)).is_some_and(|value| value == DNS_LABEL.1)
        };
        let named = |service: &&Service| DNS_NAMES.iter().any(|name| service.metadata.name.as_deref() == Some(name));
        let Some(service) = all.iter().find(labelled).or_else(|| all.iter().find(named)) else { return Ok(None) };
        let ips = services::cluster_ips(service);
        let Some(ip) = ips.iter().find(|ip| ip.is_ipv4()).or(ips.first()) else { return Ok(None) };
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let endpoints = self.endpoints("kube-system", name).await?;
        match late_pod(service, &endpoints, &self.pods("kube-system").await?) {
            Some(late) => Err(KubeError::Missing(format!(
                "the service kube-system/{name} does not lead to its ready pod {late} yet"
            ))),
            None => Ok(Some((*ip, endpoints))),
        }
    }

    /// The API's own service.
    async fn api_service(&self) -> Result<Option<(IpAddr, u16)>, KubeError> {
        let Some(service) = self.service("default", "kubernetes").await? else { return Ok(None) };
        let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let port = ports.into_iter().find_map(|port| services::number(port.port));
        Ok(services::cluster_ips(&service).first().copied().zip(port))
    }
}

/// A ready pod that the service selects and that is none of its endpoints yet.
fn late_pod(service: &Service, endpoints: &[Endpoint], pods: &Pods) -> Option<String> {
    let selector = service.spec.as_ref()?.selector.as_ref().filter(|selector| !selector.is_empty())?;
    let selected = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        selector.iter().all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)))
    };
    let lives = |pod: &&Pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none();
    let known = |pod: &&Pod| endpoints.iter().any(|endpoint| is_of(endpoint, pod));
    let late = pods.all.iter().find(|pod| selected(pod) && lives(pod) && !known(pod))?;
    late.metadata.name.clone()
}

/// Whether the endpoint is the pod as it is now. After a restart of its node a pod keeps its name and gets another address,
/// and for a while the endpoint has the one before.
fn is_of(endpoint: &Endpoint, pod: &Pod) -> bool {
    endpoint.pod == pod.metadata.name && pod_ips(pod).contains(&endpoint.ip)
}

/// The pods behind the service in the order of the embedded cluster: as their objects were applied, then by node, then
/// by age and name.
fn backend_pods(pods: &Pods, endpoints: &[Endpoint], sought: &Sought<'_>) -> Vec<Pod> {
    let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
    let is_behind = |pod: &&Pod| stays(pod) && endpoints.iter().any(|endpoint| is_of(endpoint, pod));
    let mut behind: Vec<Pod> = pods.all.iter().filter(is_behind).cloned().collect();
    behind.sort_by_cached_key(|pod| {
        let objects = &sought.applied.objects;
        let owner = objects.iter().position(|object| pods.is_of(pod, object)).unwrap_or(objects.len());
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (owner, node_index(pod, sought.nodes).unwrap_or(usize::MAX), created, pod.metadata.name.clone())
    });
    behind
}

fn node_index(pod: &Pod, nodes: &[String]) -> Option<usize> {
    index_of(pod.spec.as_ref()?.node_name.as_deref()?, nodes)
}

fn index_of(node: &str, nodes: &[String]) -> Option<usize> {
    nodes.iter().position(|known| known.eq_ignore_ascii_case(node))
}

fn all_families(seen: &Seen, sought: &Sought<'_>) -> Result<Addresses, KubeError> {
    let names = || sought.nodes.join(", ");
    let nodes = nodes::addresses(&seen.nodes, sought.nodes, IpFamily::Ipv4);
    let nodes =
        nodes.ok_or_else(|| KubeError::Missing(format!("not all of the nodes {} have an IPv4 address", names())))?;
    let ipv6 = nodes::addresses(&seen.nodes, sought.nodes, IpFamily::Ipv6)
        .filter(|_| seen.pods.iter().any(|pod| pod_ips(pod).iter().any(IpAddr::is_ipv6)));
    let ipv6 = ipv6.map(|nodes| Box::new(in_family(seen, sought, nodes, IpFamily::Ipv6)));
    Ok(Addresses { ipv6, ..in_family(seen, sought, nodes, IpFamily::Ipv4) })
}

fn in_family(seen: &Seen, sought: &Sought<'_>, nodes: Vec<NodeAddress>, family: IpFamily) -> Addresses {
    // As in the embedded cluster, the DNS is asked at its own address whatever is asked for.
    let dns_pods = seen.dns.iter().flat_map(|(_, endpoints)| endpoints);
    let dns_pods = dns_pods.filter(|endpoint| endpoint.ip.is_ipv4()).filter_map(|endpoint| {
        let port = endpoint.ports.iter().find(|port| port.udp).map_or(DNS_PORT, |port| port.port);
        let node = index_of(endpoint.node.as_deref()?, sought.nodes)?;
        Some(SystemPod { address: (endpoint.ip, port).into(), node })
    });
    let ingress_pods = seen.ingress.iter().filter_map(|controller| {
        let ip = pod_ips(&controller.pod).into_iter().find(|ip| IpFamily::of(*ip) == family)?;
        Some(SystemPod { address: (ip, controller.port).into(), node: node_index(&controller.pod, sought.nodes)? })
    });
    Addresses {
        nodes,
        pods: seen.pods.iter().filter_map(|pod| pod_address(pod, sought.nodes, family)).collect(),
        service: services::address(&seen.service, &seen.endpoints, family),
        dns: seen.dns.as_ref().map(|(ip, _)| *ip),
        dns_pods: by_node(dns_pods.collect()),
        ingress_pods: by_node(ingress_pods.collect()),
        ingress_port: seen.ingress.iter().find_map(|controller| controller.node_port),
        without_ingress: !sought.applied.objects.iter().any(routes_requests),
        api_service: seen.api_service.filter(|(ip, _)| IpFamily::of(*ip) == family),
        api_port: sought.api_port,
        ipv6: None,
    }
}

/// Ingress, and the kinds that controllers know beside it: `IngressRoute`, `HTTPRoute`.
fn routes_requests(object: &AppliedObject) -> bool {
    object.kind.starts_with("Ingress") || object.kind.ends_with("Route")
}

fn by_node(mut pods: Vec<SystemPod>) -> Vec<SystemPod> {
    pods.sort_by_key(|pod| (pod.node, pod.address));
    pods.dedup();
    pods
}

/// None for a pod without an address of this version of IP.
fn pod_address(pod: &Pod, nodes: &[String], family: IpFamily) -> Option<PodAddress> {
    let ports =
        pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|container| container.ports.iter().flatten());
    let host_ports = ports.filter_map(|port| {
        let (host, container) = (services::number(port.host_port?)?, services::number(port.container_port)?);
        Some(HostPort { host, container, udp: port.protocol.as_deref() == Some("UDP") })
    });
    Some(PodAddress {
        name: pod.metadata.name.clone()?,
        ip: pod_ips(pod).into_iter().find(|ip| IpFamily::of(*ip) == family)?,
        node: node_index(pod, nodes)?,
        host_ports: host_ports.collect(),
    })
}
