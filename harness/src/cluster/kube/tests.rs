//! Replayed answers of a current server (1.33, `MicroK8s`): shapes that a server of 1.20 does not have.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use http::{Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{Applied, AppliedObject, KubeApi, KubeError, ServerVersion, Sought};
use crate::catalog::scenario::Backend;

const LIMIT: Duration = Duration::from_millis(10);

/// An API that has these answers by path and knows nothing else.
fn replayed(answers: &[(&str, Value)]) -> KubeApi {
    let answers: BTreeMap<String, Value> =
        answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
    let answers = Arc::new(answers);
    let service = tower::service_fn(move |request: Request<Body>| {
        let found = answers.get(request.uri().path()).cloned();
        let absent = || json!({"kind": "Status", "status": "Failure", "code": 404, "message": "not found", "reason": "NotFound"});
        let status = if found.is_some() { 200 } else { 404 };
        let body = Body::from(found.unwrap_or_else(absent).to_string().into_bytes());
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).expect("a response")) }
    });
    let version = ServerVersion { git: "v1.33.1".to_owned(), minor: 33 };
    KubeApi::with_client(Client::new(service, "default"), version).expect("new enough")
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items})
}

fn node(name: &str, number: u8) -> Value {
    let address = |address: String| json!({"type": "InternalIP", "address": address});
    json!({"metadata": {"name": name}, "status": {
        "addresses": [address(format!("192.0.2.1{number}")), address(format!("2001:db8::1{number}"))],
        "conditions": [{"type": "Ready", "status": "True"}]}})
}

/// A ready pod with its controller, and the other things that differ between pods.
fn pod(name: &str, owner: &str, node: &str, ips: &[&str], labels: &Value, ports: &Value) -> Value {
    let ips: Vec<Value> = ips.iter().map(|ip| json!({"ip": ip})).collect();
    json!({
        "metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "set", "uid": owner, "controller": true}]},
        "spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]},
        "status": {"phase": "Running", "podIP": ips[0]["ip"], "podIPs": ips, "conditions": [{"type": "Ready", "status": "True"}]}})
}

fn slice(family: &str, port: u16, endpoints: &[(&str, &str, &str)]) -> Value {
    let endpoint = |(ip, pod, node): &(&str, &str, &str)| json!({"addresses": [ip], "conditions": {"ready": true}, "nodeName": node, "targetRef": {"kind": "Pod", "name": pod}});
    let endpoints: Vec<Value> = endpoints.iter().map(endpoint).collect();
    json!({"metadata": {"name": "s"}, "addressType": family, "endpoints": endpoints,
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}]})
}

fn service(name: &str, namespace: &str, ips: &[&str], spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec["clusterIP"] = json!(ips[0]);
    spec["clusterIPs"] = json!(ips);
    json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

/// Two machines with a dual-stack service; the ingress is MicroK8s' own, on host ports.
fn microk8s() -> Vec<(&'static str, Value)> {
    let web = json!({"app": "web"});
    let ports = json!([{"name": "http", "containerPort": 8080, "hostPort": 8088}]);
    let web_pods = [
        pod("web-a", "set-2", "vm-1", &["10.1.1.5", "fd01::5"], &web, &ports),
        pod("web-b", "set-1", "vm-2", &["10.1.2.5", "fd01::2:5"], &web, &ports),
        pod("web-c", "set-1", "vm-1", &["10.1.1.6", "fd01::6"], &web, &ports),
    ];
    let nginx = json!({"name": "nginx-ingress-microk8s"});
    let nginx_ports = json!([
        {"name": "health", "containerPort": 10254}, {"name": "https", "containerPort": 443, "hostPort": 443},
        {"name": "http", "containerPort": 80, "hostPort": 80}]);
    let mut ingress = pod("nginx-1", "daemons", "vm-2", &["10.1.2.9"], &nginx, &nginx_ports);
    ingress["metadata"]["namespace"] = json!("ingress");
    let sets = [("set-1", "deployment-1"), ("set-2", "deployment-2")].map(|(uid, owner)| {
        json!({"metadata": {"name": uid, "uid": uid, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": owner, "controller": true}]}})
    });
    let slices = json!({"kind": "APIResourceList", "groupVersion": "discovery.k8s.io/v1", "resources": [
        {"name": "endpointslices", "singularName": "endpointslice", "namespaced": true, "kind": "EndpointSlice", "verbs": ["list"]}]});
    let web_service = json!({"type": "NodePort", "selector": web, "ipFamilies": ["IPv4", "IPv6"],
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080, "protocol": "TCP"}]});
    let dns_label = json!({"k8s-app": "kube-dns"});
    let coredns = pod("coredns", "set-3", "vm-1", &["10.1.1.2"], &dns_label, &json!([]));
    let dns = json!({"selector": dns_label, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]});
    let mut dns = service("kube-dns", "kube-system", &["10.152.183.10"], &dns);
    dns["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
    let kubernetes = json!({"ports": [{"name": "https", "port": 443, "targetPort": 16443}]});
    let seen = [("10.1.1.5", "web-a", "vm-1"), ("10.1.2.5", "web-b", "vm-2"), ("10.1.1.6", "web-c", "vm-1")];
    let seen6 = [("fd01::5", "web-a", "vm-1"), ("fd01::2:5", "web-b", "vm-2"), ("fd01::6", "web-c", "vm-1")];
    let dns_slice = json!({"metadata": {"name": "d"}, "addressType": "IPv4", "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}],
        "endpoints": [{"addresses": ["10.1.1.2"], "nodeName": "vm-1", "targetRef": {"kind": "Pod", "name": "coredns"}}]});
    let all: Vec<Value> = web_pods.iter().cloned().chain([ingress]).collect();
    vec![
        ("/apis/discovery.k8s.io/v1", slices),
        ("/api/v1/nodes", list(&[node("vm-2", 2), node("vm-1", 1)])),
        ("/api/v1/pods", list(&all)),
        ("/api/v1/namespaces/shop/pods", list(&web_pods)),
        ("/apis/apps/v1/namespaces/shop/replicasets", list(&sets)),
        ("/api/v1/namespaces/kube-system/pods", list(&[coredns])),
        ("/apis/apps/v1/namespaces/kube-system/replicasets", list(&[])),
        ("/api/v1/namespaces/shop/services/web", service("web", "shop", &["10.152.183.77", "fd98::77"], &web_service)),
        ("/api/v1/namespaces/kube-system/services", list(&[dns])),
        ("/api/v1/namespaces/ingress/services", list(&[])),
        (
            "/api/v1/namespaces/default/services/kubernetes",
            service("kubernetes", "default", &["10.152.183.1"], &kubernetes),
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
            list(&[slice("IPv4", 8080, &seen), slice("IPv6", 8080, &seen6)]),
        ),
        ("/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", list(&[dns_slice])),
    ]
}

/// Two Deployments, applied in the other order than their pods' names.
fn applied() -> Applied {
    let deployment = |uid: &str| AppliedObject {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        plural: "deployments".to_owned(),
        namespace: Some("shop".to_owned()),
        name: uid.to_owned(),
        uid: uid.to_owned(),
        own: true,
        file: "web.yaml".into(),
        document: 1,
    };
    Applied { objects: vec![deployment("deployment-1"), deployment("deployment-2")] }
}

async fn addresses(answers: &[(&str, Value)]) -> Result<crate::cluster::workload::Addresses, KubeError> {
    let (backend, nodes) = (Backend { service: "web".to_owned(), namespace: "shop".to_owned() }, ["vm-1", "vm-2"]);
    let (nodes, applied) = (nodes.map(str::to_owned), applied());
    let sought = Sought { backend: &backend, nodes: &nodes, applied: &applied, api_port: 16443 };
    replayed(answers).addresses(&sought, LIMIT).await
}

#[tokio::test]
async fn a_dual_stack_cluster_with_slices_is_read() {
    let found = addresses(&microk8s()).await.expect("complete");
    let pods = |addresses: &crate::cluster::workload::Addresses| -> Vec<String> {
        addresses.pods.iter().map(|pod| format!("{} {} {}", pod.name, pod.ip, pod.node)).collect()
    };
    // By the order of their Deployments, then by node.
    assert_eq!(pods(&found), ["web-c 10.1.1.6 0", "web-b 10.1.2.5 1", "web-a 10.1.1.5 0"]);
    assert_eq!(found.nodes[0].ip.to_string(), "192.0.2.11");
    assert_eq!(found.service.ips.len(), 1);
    assert_eq!((found.service.ports.len(), found.service.ports[0].target), (1, 8080));
    assert_eq!(found.dns_pods[0].address.to_string(), "10.1.1.2:53");
    assert_eq!((found.ingress_port, found.ingress_pods[0].address.to_string()), (Some(80), "10.1.2.9:80".to_owned()));
    assert_eq!(found.ingress_pods[0].node, 1);
    assert_eq!(found.api_service.map(|(ip, port)| format!("{ip}:{port}")).as_deref(), Some("10.152.183.1:443"));

    let ipv6 = found.ipv6.expect("the cluster has it");
    assert_eq!(pods(&ipv6), ["web-c fd01::6 0", "web-b fd01::2:5 1", "web-a fd01::5 0"]);
    assert_eq!(
        (ipv6.nodes[1].ip.to_string(), ipv6.service.ips[0].to_string()),
        ("2001:db8::12".into(), "fd98::77".into())
    );
    assert!(!ipv6.service.absent && ipv6.api_service.is_none() && ipv6.ingress_pods.is_empty());
    assert_eq!(ipv6.dns.map(|ip| ip.to_string()).as_deref(), Some("10.152.183.10"));
}

#[tokio::test]
async fn what_a_scenario_needs_is_missed_by_name() {
    let without = |path: &str| -> Vec<(&'static str, Value)> {
        microk8s().into_iter().filter(|(known, _)| *known != path).collect()
    };
    let error = addresses(&without("/api/v1/namespaces/shop/services/web")).await.expect_err("no service");
    assert_eq!(error.to_string(), "the backend service shop/web does not exist");

    let slices = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices";
    let mut late = without(slices);
    late.push((slices, list(&[slice("IPv4", 8080, &[("10.1.1.5", "web-a", "vm-1")])])));
    let error = addresses(&late).await.expect_err("two pods are missing");
    assert_eq!(error.to_string(), "the backend service shop/web does not lead to its ready pod web-b yet");

    let slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices";
    let mut late = without(slices);
    late.push((slices, list(&[])));
    let error = addresses(&late).await.expect_err("the DNS pod is missing");
    assert_eq!(error.to_string(), "the service kube-system/kube-dns does not lead to its ready pod coredns yet");

    // What is going is no backend.
    let pods = "/api/v1/namespaces/shop/pods";
    let mut going = microk8s();
    let all = going.iter_mut().find(|(known, _)| *known == pods).expect("the pods");
    all.1["items"][1]["metadata"]["deletionTimestamp"] = json!("2026-11-29T12:00:00Z");
    let found = addresses(&going).await.expect("complete");
    assert!(found.pods.len() == 2 && found.pods.iter().all(|pod| pod.name != "web-b"), "{:?}", found.pods);
}

#[tokio::test]
async fn only_servers_that_this_is_made_for_are_taken() {
    let service = tower::service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let version = ServerVersion { git: "v1.19.3".to_owned(), minor: 19 };
    let error = KubeApi::with_client(Client::new(service, "default"), version).err().expect("too old");
    assert_eq!(error.to_string(), "the cluster is v1.19.3; 1.20 or later is needed");
}
