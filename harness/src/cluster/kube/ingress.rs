//! Ingress controllers, whichever a cluster has.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Container, ContainerPort, Pod, Service};
use kube::{Api, api::ListParams};

use super::{api::KubeApi, error::KubeError, services::number};

/// Labels by which controllers are known: of MicroK8s up to 1.34, of ingress-nginx, of Traefik.
const LABELS: [(&str, &str); 3] = [
    ("name", "nginx-ingress-microk8s"),
    ("app.kubernetes.io/name", "ingress-nginx"),
    ("app.kubernetes.io/name", "traefik"),
];

/// Names of the port for plain HTTP.
const HTTP_NAMES: [&str; 2] = ["http", "web"];

/// The port of HTTP on every host.
const HTTP_PORT: u16 = 80;

/// A controller's pod.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Controller {
    pub(super) pod: Pod,
    /// Where it serves HTTP.
    pub(super) port: u16,
    /// Where its node serves it.
    pub(super) node_port: Option<u16>,
}

impl KubeApi {
    /// The running pods of the cluster's ingress controllers. Ready they need not be: what keeps them from it may be what
    /// the scenario is about.
    pub(super) async fn ingress_controllers(&self) -> Result<Vec<Controller>, KubeError> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let params = ListParams::default();
        let all = self.patiently("look for ingress controllers", || pods.list(&params)).await?.items;
        let mut found: Vec<Controller> = all.into_iter().filter_map(controller).collect();
        let namespaces: Vec<String> = found.iter().filter_map(|one| one.pod.metadata.namespace.clone()).collect();
        let mut services = Vec::new();
        for (index, namespace) in namespaces.iter().enumerate() {
            if !namespaces[..index].contains(namespace) {
                services.extend(self.services(namespace).await?);
            }
        }
        for one in &mut found {
            one.node_port = one.node_port.or_else(|| services.iter().find_map(|service| by_service(service, one)));
        }
        Ok(found)
    }
}

fn controller(pod: Pod) -> Option<Controller> {
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let known = LABELS.iter().any(|(key, value)| labels.get(*key).is_some_and(|own| own == value));
    let spec = pod.spec.as_ref().filter(|_| known && runs(&pod))?;
    let ports = spec.containers.iter().flat_map(|container: &Container| container.ports.iter().flatten());
    let port =
        ports.filter(|port| serves_http(port)).min_by_key(|port| port.host_port != Some(i32::from(HTTP_PORT)))?;
    let own = number(port.container_port)?;
    let node_port = port.host_port.and_then(number).or_else(|| (spec.host_network == Some(true)).then_some(own));
    Some(Controller { port: own, node_port, pod })
}

fn runs(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}

fn serves_http(port: &ContainerPort) -> bool {
    let tcp = port.protocol.as_deref().unwrap_or("TCP") == "TCP";
    let named = port.name.as_deref().is_some_and(|name| HTTP_NAMES.contains(&name));
    let http = i32::from(HTTP_PORT);
    tcp && (named || port.container_port == http || port.host_port == Some(http))
}

/// The port of the node at which a service leads to the controller.
fn by_service(service: &Service, controller: &Controller) -> Option<u16> {
    let spec = service.spec.as_ref()?;
    let (labels, selector) = (controller.pod.metadata.labels.as_ref()?, spec.selector.as_ref()?);
    let selects = !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value));
    if !selects || service.metadata.namespace != controller.pod.metadata.namespace {
        return None;
    }
    let ports = spec.ports.iter().flatten();
    let mut http = ports.filter(|port| {
        port.port == i32::from(HTTP_PORT) || port.name.as_deref().is_some_and(|name| HTTP_NAMES.contains(&name))
    });
    let port = http.next()?;
    let host = controller.pod.status.as_ref().and_then(|status| status.host_ip.clone());
    let external = spec.external_ips.iter().flatten().any(|ip| Some(ip) == host.as_ref());
    if external { number(port.port) } else { port.node_port.and_then(number) }
}

/// The pod's addresses.
pub(super) fn pod_ips(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let many: Vec<IpAddr> = status.pod_ips.iter().flatten().filter_map(|one| one.ip.parse().ok()).collect();
    if many.is_empty() { status.pod_ip.iter().filter_map(|ip| ip.parse().ok()).collect() } else { many }
}
