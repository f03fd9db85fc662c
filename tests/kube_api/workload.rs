//! From manifests to addresses and back to nothing.

use std::{net::IpAddr, time::Duration};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{Api, api::ListParams};
use libtest_mimic::Failed;
use pathlab::{
    catalog::scenario::{Backend, Manifest},
    cluster::{
        kube::{
            Applied, Sought,
            own::{Dns, IngressNode, Prober, Program, dns, ingress, probers},
        },
        workload::{Addresses, HostPort, NodeAddress, PodAddress, ServiceAddress, ServicePort, SystemPod},
    },
};

use crate::{Cluster, ensure};

const LIMIT: Duration = Duration::from_secs(60);

/// What the namespace lab's second cluster kind will be asked for: a deployment on two nodes, with every kind of address.
const SHOP: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      topologySpreadConstraints:
        - { maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: { matchLabels: { app: web } } }
      containers:
        - name: web
          image: pathlab/agent:1
          ports:
            - { name: http, containerPort: 8080, hostPort: 8088 }
            - { name: echo, containerPort: 8081, protocol: UDP }
---
# The namespace stands last, and comes first.
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  type: NodePort
  clusterIP: 10.152.183.77
  selector: { app: web }
  ports:
    - { name: http, port: 80, targetPort: http, nodePort: 30080 }
    - { name: echo, port: 81, targetPort: 8081, protocol: UDP, nodePort: 30081 }
";

/// A manifest with this text.
pub fn manifest(name: &str, text: &str) -> Manifest {
    Manifest { path: name.into(), text: text.into(), sha256: String::new() }
}

/// Applies, waits, reads back, deletes.
pub async fn whole_life(cluster: Cluster) -> Result<(), Failed> {
    let api = &cluster.api;
    ensure(api.version().git == "v1.20.2" && api.version().minor == 20, || format!("{:?}", api.version()))?;
    let mut applied = Applied::default();
    let system = system_pods(&cluster);
    api.apply(&system, &mut applied).await?;
    api.apply(&[manifest("shop.yaml", SHOP)], &mut applied).await?;
    api.rolled_out(&applied, LIMIT).await?;
    bytes_are_as_they_were(&cluster).await?;

    let backend = Backend { service: "web".to_owned(), namespace: "shop".to_owned() };
    let sought = Sought { backend: &backend, nodes: &cluster.nodes, applied: &applied, api_port: 16443 };
    let found = api.addresses(&sought, LIMIT).await?;
    let expected = expected(&found, &cluster).await?;
    ensure(found == expected, || format!("found    {found:#?}\nexpected {expected:#?}"))?;

    let container = api.running_container("shop", &found.pods[0]).await?;
    ensure(container.id == format!("{}-web", found.pods[0].name), || format!("{container:?}"))?;

    // Another run knows what to delete by what this one has written down.
    let kept: Applied = serde_json::from_str(&serde_json::to_string(&applied)?)?;
    api.delete(&kept, LIMIT).await?;
    for object in &applied.objects {
        let request = http::Request::get(url(object)).body(Vec::new())?;
        let there = api.client().request_text(request).await;
        ensure(there.is_err(), || format!("{object} is still there"))?;
    }
    api.delete(&kept, LIMIT).await.map_err(|error| format!("a second time: {error}"))?;
    Ok(())
}

fn url(object: &pathlab::cluster::kube::AppliedObject) -> String {
    let root = if object.api_version.contains('/') { "/apis" } else { "/api" };
    let namespace = object.namespace.as_ref().map(|name| format!("namespaces/{name}/")).unwrap_or_default();
    format!("{root}/{}/{namespace}{}/{}", object.api_version, object.plural, object.name)
}

/// The lab's own pods.
fn system_pods(cluster: &Cluster) -> Vec<Manifest> {
    let distro = "debian-12".to_owned();
    let named: Vec<_> = cluster.nodes.iter().map(|node| (node.clone(), distro.clone())).collect();
    let program = Program { image: "pathlab/agent:1", command: &[], files: &[("dns.conf", "port=53\n")] };
    let cluster_ip = IpAddr::from([10, 152, 183, 10]);
    let nodes: Vec<_> = (1..)
        .zip(&cluster.nodes)
        .map(|(number, name)| IngressNode {
            name: name.clone(),
            distro: distro.clone(),
            ips: vec![IpAddr::from([192, 0, 2, 10 + number])],
        })
        .collect();
    vec![
        probers(&Prober::of(&named, 0)),
        dns(&Dns { program, node: "node-1", cluster_ip }),
        ingress(&program, 80, &nodes),
    ]
}

/// The field manager owns what the manifest says and nothing else.
async fn bytes_are_as_they_were(cluster: &Cluster) -> Result<(), Failed> {
    let deployments: Api<Deployment> = Api::namespaced(cluster.api.client().clone(), "shop");
    let fields = deployments.get("web").await?.metadata.managed_fields.unwrap_or_default();
    let own = fields.iter().find(|entry| entry.manager.as_deref() == Some("pathlab"));
    let own = own.ok_or("pathlab owns nothing")?;
    let text = serde_json::to_string(&own.fields_v1)?;
    ensure(own.operation.as_deref() == Some("Apply"), || format!("{:?}", own.operation))?;
    ensure(text.contains("topologySpreadConstraints") && !text.contains("strategy"), || text.clone())
}

/// The addresses as they should be, with the pods' names and addresses as the API says them.
async fn expected(found: &Addresses, cluster: &Cluster) -> Result<Addresses, Failed> {
    let all: Api<Pod> = Api::all(cluster.api.client().clone());
    let all = all.list(&ListParams::default()).await?.items;
    let labelled = |key: &str, value: &str| -> Vec<(String, IpAddr, usize)> {
        let has = |pod: &&Pod| {
            pod.metadata.labels.as_ref().and_then(|labels| labels.get(key)).is_some_and(|own| own == value)
        };
        let shown = |pod: &Pod| {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).expect("placed");
            let ip =
                pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()?.parse().ok()).expect("has an address");
            (pod.metadata.name.clone().expect("a name"), ip, usize::from(node == "node-2"))
        };
        let mut pods: Vec<_> = all.iter().filter(has).map(shown).collect();
        pods.sort_by_key(|(_, _, node)| *node);
        pods
    };
    let system = |port: u16, pods: Vec<(String, IpAddr, usize)>| -> Vec<SystemPod> {
        pods.into_iter().map(|(_, ip, node)| SystemPod { address: (ip, port).into(), node }).collect()
    };
    let pod = |(name, ip, node)| PodAddress {
        name,
        ip,
        node,
        host_ports: vec![HostPort { host: 8088, container: 8080, udp: false }],
    };
    let port = |name: &str, port, target, node_port, udp| ServicePort {
        name: Some(name.to_owned()),
        port,
        target,
        node_port: Some(node_port),
        udp,
    };
    let node =
        |(number, name): (u8, &String)| NodeAddress { name: name.clone(), ip: IpAddr::from([192, 0, 2, 10 + number]) };
    let pods: Vec<PodAddress> = labelled("app", "web").into_iter().map(pod).collect();
    ensure(pods.len() == 2 && pods[1].node == 1, || format!("the scheduler spread nothing: {found:#?}"))?;
    Ok(Addresses {
        nodes: (1..).zip(&cluster.nodes).map(node).collect(),
        pods,
        service: ServiceAddress {
            fqdn: "web.shop.svc.cluster.local".to_owned(),
            ips: vec![IpAddr::from([10, 152, 183, 77])],
            ports: vec![port("http", 80, 8080, 30080, false), port("echo", 81, 8081, 30081, true)],
            absent: false,
        },
        dns: Some(IpAddr::from([10, 152, 183, 10])),
        dns_pods: system(53, labelled("k8s-app", "kube-dns")),
        ingress_pods: system(80, labelled("name", "nginx-ingress-microk8s")),
        ingress_port: Some(80),
        without_ingress: true,
        api_service: Some((IpAddr::from([10, 152, 183, 1]), 443)),
        api_port: 16443,
        ipv6: None,
    })
}
