//! What is behind a service, from whichever API the server has for it.

use std::net::IpAddr;

use kube::api::ListParams;
use serde_json::Value;

use super::{api::KubeApi, error::KubeError};

/// Newest first: `Endpoints` go by and by, slices come with 1.21.
const SLICE_VERSIONS: [&str; 2] = ["discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"];

/// One ready address behind a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) ip: IpAddr,
    /// The pod, where it is one.
    pub(super) pod: Option<String>,
    pub(super) node: Option<String>,
    pub(super) ports: Vec<EndpointPort>,
}

/// A port of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndpointPort {
    pub(super) name: Option<String>,
    pub(super) port: u16,
    pub(super) udp: bool,
}

impl KubeApi {
    /// The ready endpoints of a service, in no order that means anything.
    pub(super) async fn endpoints(&self, namespace: &str, service: &str) -> Result<Vec<Endpoint>, KubeError> {
        let what = format!("read the endpoints of service {namespace}/{service}");
        if let Some(kind) = self.first_kind(&SLICE_VERSIONS, "EndpointSlice").await? {
            let own = ListParams::default().labels(&format!("kubernetes.io/service-name={service}"));
            let slices = self.dynamic(&kind, Some(namespace));
            let slices = self.patiently(what, || slices.list(&own)).await?;
            return Ok(slices.items.iter().flat_map(|slice| of_slice(&slice.data)).collect());
        }
        let Some(kind) = self.kind("v1", "Endpoints").await? else {
            return Err(KubeError::Missing(self.absent("v1", "Endpoints").await));
        };
        let all = self.dynamic(&kind, Some(namespace));
        let found = self.patiently(what, || all.get_opt(service)).await?;
        Ok(found.map(|found| of_endpoints(&found.data)).unwrap_or_default())
    }
}

/// Of an `EndpointSlice`, `v1` or `v1beta1`.
fn of_slice(slice: &Value) -> Vec<Endpoint> {
    let ports = ports(slice);
    let of_one = |endpoint: &Value| {
        // Not knowing means ready.
        if endpoint.pointer("/conditions/ready") == Some(&Value::Bool(false)) {
            return Vec::new();
        }
        let node = text(endpoint, "/nodeName").or_else(|| text(endpoint, "/topology/kubernetes.io~1hostname"));
        let pod = pod(endpoint);
        let ip = |address: &Value| {
            let (ip, pod) = (address.as_str()?.parse().ok()?, pod.clone());
            Some(Endpoint { ip, pod, node: node.clone(), ports: ports.clone() })
        };
        items(endpoint, "addresses").filter_map(ip).collect()
    };
    items(slice, "endpoints").flat_map(of_one).collect()
}

/// Of core `Endpoints`.
fn of_endpoints(endpoints: &Value) -> Vec<Endpoint> {
    let of_subset = |subset: &Value| {
        let ports = ports(subset);
        let ready = items(subset, "addresses").filter_map(|address| {
            let ip = address.get("ip")?.as_str()?.parse().ok()?;
            Some(Endpoint { ip, pod: pod(address), node: text(address, "/nodeName"), ports: ports.clone() })
        });
        ready.collect::<Vec<_>>()
    };
    items(endpoints, "subsets").flat_map(of_subset).collect()
}

fn ports(value: &Value) -> Vec<EndpointPort> {
    let port = |port: &Value| {
        Some(EndpointPort {
            name: text(port, "/name").filter(|name| !name.is_empty()),
            port: port.get("port")?.as_u64()?.try_into().ok()?,
            udp: text(port, "/protocol").as_deref() == Some("UDP"),
        })
    };
    items(value, "ports").filter_map(port).collect()
}

fn pod(value: &Value) -> Option<String> {
    text(value, "/targetRef/name").filter(|_| text(value, "/targetRef/kind").as_deref() == Some("Pod"))
}

fn items<'a>(value: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Endpoint, EndpointPort, of_endpoints, of_slice};

    fn expected() -> Vec<Endpoint> {
        let port = |name: &str, port, udp| EndpointPort { name: Some(name.to_owned()), port, udp };
        let (ip, pod, node) = ("10.1.0.5".parse().expect("an address"), Some("web-1".into()), Some("node-1".into()));
        vec![Endpoint { ip, pod, node, ports: vec![port("http", 8080, false), port("echo", 8081, true)] }]
    }

    #[test]
    fn all_three_shapes_say_the_same() {
        let ports = json!([{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "echo", "port": 8081, "protocol": "UDP"}]);
        let pod = json!({"kind": "Pod", "name": "web-1"});
        let v1 = json!({"addressType": "IPv4", "ports": ports, "endpoints": [
            {"addresses": ["10.1.0.5"], "conditions": {"ready": true, "serving": true}, "nodeName": "node-1", "targetRef": pod},
            {"addresses": ["10.1.0.6"], "conditions": {"ready": false}, "nodeName": "node-1", "targetRef": pod}]});
        assert_eq!(of_slice(&v1), expected());
        let v1beta1 = json!({"ports": ports, "endpoints": [
            {"addresses": ["10.1.0.5"], "topology": {"kubernetes.io/hostname": "node-1"}, "targetRef": pod}]});
        assert_eq!(of_slice(&v1beta1), expected());
        let endpoints = json!({"subsets": [{"ports": ports,
            "addresses": [{"ip": "10.1.0.5", "nodeName": "node-1", "targetRef": pod}],
            "notReadyAddresses": [{"ip": "10.1.0.6", "nodeName": "node-1", "targetRef": pod}]}]});
        assert_eq!(of_endpoints(&endpoints), expected());
    }

    #[test]
    fn what_is_no_pod_has_no_pod() {
        let slice = json!({"ports": [{"name": "", "port": 6443}], "endpoints": [{"addresses": ["192.0.2.10"]}]});
        let found = of_slice(&slice);
        assert_eq!((found.len(), &found[0].pod, &found[0].node, &found[0].ports[0].name), (1, &None, &None, &None));
    }
}
