//! What kubelets do, as far as the API sees it: nodes register, pods get addresses and become ready, or say why not.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube::{
    Api, Client, Error,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// The only image that the nodes have.
const IMAGE: &str = "pathlab/agent:1";

/// Registers nodes `node-1`, `node-2`, … with the addresses of the namespace lab.
pub async fn register(client: &Client, count: u8) -> Result<(), Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    for number in 1..=count {
        let name = format!("node-{number}");
        let labels =
            json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        nodes.create(&PostParams::default(), &serde_json::from_value(node).expect("a node")).await?;
        let size = json!({"cpu": "4", "memory": "4Gi", "pods": "60"});
        let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready"});
        let address = json!({"type": "InternalIP", "address": format!("192.0.2.1{number}")});
        let status =
            json!({"status": {"capacity": size, "allocatable": size, "conditions": [ready], "addresses": [address]}});
        nodes.patch_status(&name, &PatchParams::default(), &Patch::Strategic(status)).await?;
    }
    Ok(())
}

/// Does a kubelet's work for every node until it is dropped.
pub async fn work(client: Client) {
    let (mut slot, mut said) = (1, String::new());
    loop {
        // A conflict with a controller is nothing to worry about: there is a next time.
        if let Err(error) = once(&client, &mut slot).await
            && error.to_string() != said
        {
            said = error.to_string();
            eprintln!("kubelet: {said}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn once(client: &Client, slot: &mut u8) -> Result<(), Error> {
    let all: Api<Pod> = Api::all(client.clone());
    for pod in all.list(&ListParams::default()).await? {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) else { continue };
        let (name, namespace) =
            (pod.metadata.name.clone().expect("a name"), pod.metadata.namespace.clone().expect("one"));
        let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        if pod.metadata.deletion_timestamp.is_some() {
            pods.delete(&name, &DeleteParams::default().grace_period(0)).await?;
        } else if pod.status.as_ref().is_none_or(|status| status.container_statuses.is_none()) {
            let status = status(&pod, &node, slot);
            pods.patch_status(&name, &PatchParams::default(), &Patch::Strategic(&status)).await?;
            if let Some(message) = status.pointer("/status/containerStatuses/0/state/waiting/message") {
                let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
                events.create(&PostParams::default(), &event(&name, &namespace, message)).await?;
            }
        }
    }
    Ok(())
}

fn event(pod: &str, namespace: &str, message: &Value) -> Event {
    let event = json!({"metadata": {"name": format!("{pod}.1"), "namespace": namespace}, "type": "Warning",
        "reason": "Failed", "message": message, "involvedObject": {"kind": "Pod", "name": pod, "namespace": namespace}});
    serde_json::from_value(event).expect("an event")
}

/// The first status of a pod.
fn status(pod: &Pod, node: &str, slot: &mut u8) -> Value {
    let containers = &pod.spec.as_ref().expect("a spec").containers;
    let image = |image: &Option<String>| image.clone().unwrap_or_default();
    let bad = containers.iter().find(|container| image(&container.image) != IMAGE);
    let state = |own: &Option<String>| match image(own).as_str() {
        IMAGE => json!({"running": {}}),
        "crash:1" => {
            json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}})
        }
        unknown if unknown.starts_with("registry/") => {
            let message = format!("failed to resolve reference {unknown:?}: not found");
            json!({"waiting": {"reason": "ErrImagePull", "message": message}})
        }
        missing => {
            let message = format!("Container image {missing:?} is not present with pull policy of Never");
            json!({"waiting": {"reason": "ErrImageNeverPull", "message": message}})
        }
    };
    let one = |container: &k8s_openapi::api::core::v1::Container| {
        json!({"name": container.name, "image": container.image, "imageID": "", "ready": bad.is_none(), "restartCount": 3,
            "containerID": format!("containerd://{}-{}", pod.metadata.name.as_deref().unwrap_or_default(), container.name),
            "state": state(&container.image), "lastState": {"terminated": {"exitCode": 7, "reason": "Error"}}})
    };
    let statuses: Vec<Value> = containers.iter().map(one).collect();
    let number = node.trim_start_matches("node-");
    *slot += 1;
    let ip = format!("10.1.{number}.{slot}");
    let ready = if bad.is_none() { "True" } else { "False" };
    json!({"status": {
        "phase": if bad.is_none() { "Running" } else { "Pending" },
        "conditions": [{"type": "Ready", "status": ready}, {"type": "ContainersReady", "status": ready}],
        "hostIP": format!("192.0.2.1{number}"), "podIP": ip, "podIPs": [{"ip": ip}],
        "containerStatuses": statuses}})
}
