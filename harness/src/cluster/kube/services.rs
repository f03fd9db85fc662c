//! Services as probes know them.

use std::net::IpAddr;

use k8s_openapi::{
    api::core::v1::{Service, ServicePort as DeclaredPort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, api::ListParams};

use super::{api::KubeApi, endpoints::Endpoint, error::KubeError};
use crate::{
    cluster::workload::{ServiceAddress, ServicePort},
    model::IpFamily,
};

/// The cluster's domain; MicroK8s and every other installer's default.
const DOMAIN: &str = "cluster.local";

impl KubeApi {
    /// A service; none when it does not exist.
    pub(super) async fn service(&self, namespace: &str, name: &str) -> Result<Option<Service>, KubeError> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        self.patiently(format!("read service {namespace}/{name}"), || services.get_opt(name)).await
    }

    /// All services of a namespace.
    pub(super) async fn services(&self, namespace: &str) -> Result<Vec<Service>, KubeError> {
        let services: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        let params = ListParams::default();
        let what = format!("list the services of namespace {namespace}");
        Ok(self.patiently(what, || services.list(&params)).await?.items)
    }
}

/// Cluster addresses of a service; none for a headless one.
pub(super) fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let Some(spec) = &service.spec else { return Vec::new() };
    // Servers before 1.20 know one address only.
    let all = spec.cluster_ips.clone().filter(|all| !all.is_empty());
    let all = all.unwrap_or_else(|| spec.cluster_ip.iter().cloned().collect());
    all.iter().filter_map(|ip| ip.parse().ok()).collect()
}

/// Versions of IP over which a service is served, its own first. A server without dual stack does not say.
fn families(service: &Service, endpoints: &[Endpoint]) -> Vec<IpFamily> {
    let said = service.spec.iter().flat_map(|spec| spec.ip_families.iter().flatten());
    let said: Vec<IpFamily> =
        said.map(|family| if family == "IPv6" { IpFamily::Ipv6 } else { IpFamily::Ipv4 }).collect();
    if !said.is_empty() {
        return said;
    }
    let mut seen: Vec<IpFamily> = cluster_ips(service).into_iter().map(IpFamily::of).collect();
    if seen.is_empty() {
        seen.extend(endpoints.iter().map(|endpoint| IpFamily::of(endpoint.ip)));
    }
    seen.sort_unstable();
    seen.dedup();
    seen
}

/// The service as probes of one version of IP know it.
pub(super) fn address(service: &Service, endpoints: &[Endpoint], family: IpFamily) -> ServiceAddress {
    let meta = &service.metadata;
    let (name, namespace) = (meta.name.as_deref().unwrap_or_default(), meta.namespace.as_deref().unwrap_or_default());
    let declared = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ServiceAddress {
        fqdn: format!("{name}.{namespace}.svc.{DOMAIN}"),
        ips: cluster_ips(service).into_iter().filter(|ip| IpFamily::of(*ip) == family).collect(),
        ports: declared.filter_map(|declared| port(declared, endpoints)).collect(),
        absent: !families(service, endpoints).contains(&family),
    }
}

/// None for a protocol that is neither TCP nor UDP.
fn port(declared: &DeclaredPort, endpoints: &[Endpoint]) -> Option<ServicePort> {
    let udp = match declared.protocol.as_deref() {
        None | Some("TCP") => false,
        Some("UDP") => true,
        Some(_) => return None,
    };
    let port = number(declared.port)?;
    let name = declared.name.clone().filter(|name| !name.is_empty());
    let behind = endpoints.iter().flat_map(|endpoint| &endpoint.ports);
    let found = behind.into_iter().find(|behind| behind.name == name && behind.udp == udp);
    let said = match &declared.target_port {
        Some(IntOrString::Int(said)) => number(*said),
        _ => None,
    };
    let target = found.map(|found| found.port).or(said).unwrap_or(port);
    Some(ServicePort { name, port, target, node_port: declared.node_port.and_then(number), udp })
}

/// A port; 0 means none.
pub(super) fn number(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;
    use serde_json::{Value, json};

    use super::{address, families};
    use crate::{
        cluster::kube::endpoints::{Endpoint, EndpointPort},
        model::IpFamily,
    };

    fn service(spec: &Value) -> Service {
        let service = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
        serde_json::from_value(service).expect("a service")
    }

    fn endpoint(ip: &str) -> Endpoint {
        let ports = vec![EndpointPort { name: Some("http".into()), port: 8080, udp: false }];
        Endpoint { ip: ip.parse().expect("an address"), pod: None, node: None, ports }
    }

    #[test]
    fn targets_are_those_of_the_endpoints() {
        let ports = json!([
            {"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080, "protocol": "TCP"},
            {"name": "echo", "port": 81, "targetPort": 8081, "protocol": "UDP"},
            {"name": "s", "port": 82, "protocol": "SCTP"}]);
        let service =
            service(&json!({"clusterIP": "10.152.183.7", "clusterIPs": ["10.152.183.7", "fd98::7"], "ports": ports}));
        let found = address(&service, &[endpoint("10.1.0.5")], IpFamily::Ipv4);
        assert_eq!(found.fqdn, "web.shop.svc.cluster.local");
        assert_eq!(found.ips, ["10.152.183.7".parse::<std::net::IpAddr>().expect("an address")]);
        let shown: Vec<_> = found.ports.iter().map(|port| (port.port, port.target, port.node_port, port.udp)).collect();
        assert_eq!(shown, [(80, 8080, Some(30080), false), (81, 8081, None, true)]);
        assert!(!found.absent);
    }

    #[test]
    fn versions_of_ip_are_those_that_the_server_knows() {
        let of = |spec: &Value, endpoints: &[Endpoint]| families(&service(spec), endpoints);
        assert_eq!(of(&json!({"ipFamilies": ["IPv6", "IPv4"]}), &[]), [IpFamily::Ipv6, IpFamily::Ipv4]);
        assert_eq!(of(&json!({"clusterIP": "10.152.183.7"}), &[]), [IpFamily::Ipv4]);
        assert_eq!(of(&json!({"clusterIP": "None"}), &[endpoint("fd01::5")]), [IpFamily::Ipv6]);
        let headless = address(&service(&json!({"clusterIP": "None"})), &[endpoint("10.1.0.5")], IpFamily::Ipv6);
        assert!(headless.absent && headless.ips.is_empty());
    }
}
