//! The cluster's state as its API reports it, in the words of the embedded cluster, whose code then writes rules, names
//! and the ingress's configuration.

use k8s_openapi::api::{
    core::v1::Namespace,
    networking::v1::{Ingress, NetworkPolicy},
};
use kube::{Api, Resource, api::ListParams};
use pathlab::{
    catalog::scenario::{Backend, Manifest},
    cluster::{
        dataplane::{ClusterState, Node},
        kube::KubeApi,
        kubernetes::observed,
        manifest::{self, Objects, SYSTEM_NAMESPACES},
    },
    model::IpFamily,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Failure;

/// Everything that runs.
pub async fn state(api: &KubeApi, nodes: &[Node], mtu: u16) -> Result<ClusterState, Failure> {
    let objects = objects(api).await?;
    let bare = ClusterState {
        nodes: nodes.to_vec(),
        underlay_mtu: mtu,
        families: vec![IpFamily::Ipv4],
        pods: Vec::new(),
        services: Vec::new(),
        ingresses: objects.ingresses.clone(),
        policies: Vec::new(),
        backend: 0,
    };
    // No service is under test here, and the state has to name one.
    let backend = Backend { service: "kubernetes".to_owned(), namespace: "default".to_owned() };
    Ok(observed::state(&bare, &objects, &backend, &api.inventory().await?))
}

/// The state of a cluster of which only the nodes are known.
pub fn bare(nodes: &[Node], mtu: u16) -> ClusterState {
    ClusterState {
        nodes: nodes.to_vec(),
        underlay_mtu: mtu,
        families: vec![IpFamily::Ipv4],
        pods: Vec::new(),
        services: Vec::new(),
        ingresses: Vec::new(),
        policies: Vec::new(),
        backend: 0,
    }
}

/// Ingresses and network policies, whoever applied them.
async fn objects(api: &KubeApi) -> Result<Objects, Failure> {
    let mut all = documents::<Namespace>(api, "v1", "Namespace").await?;
    all.extend(documents::<Ingress>(api, "networking.k8s.io/v1", "Ingress").await?);
    all.extend(documents::<NetworkPolicy>(api, "networking.k8s.io/v1", "NetworkPolicy").await?);
    let text: Vec<String> = all.iter().map(|object| format!("---\n{object:#}\n")).collect();
    let text = text.concat();
    if text.is_empty() {
        return Ok(Objects::default());
    }
    let manifest = Manifest { path: "cluster.yaml".into(), text: text.into(), sha256: String::new() };
    Ok(manifest::parse(&[manifest]).map_err(|error| error.to_string())?)
}

/// All objects of a kind as somebody would have written them.
async fn documents<K>(api: &KubeApi, version: &str, kind: &str) -> Result<Vec<Value>, Failure>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let all = Api::<K>::all(api.client().clone()).list(&ListParams::default()).await?.items;
    let mut documents = Vec::new();
    for object in all {
        let meta = object.meta();
        let (name, namespace) = (meta.name.clone().unwrap_or_default(), meta.namespace.clone());
        let place = namespace.as_deref().unwrap_or(&name);
        if SYSTEM_NAMESPACES.contains(&place) || ["default", "kube-public", "kube-node-lease"].contains(&name.as_str())
        {
            continue;
        }
        let mut metadata = json!({"name": name});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        if kind == "Namespace" {
            documents.push(json!({"apiVersion": version, "kind": kind, "metadata": metadata}));
        } else {
            let spec = serde_json::to_value(&object)?["spec"].clone();
            documents.push(json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}));
        }
    }
    Ok(documents)
}
