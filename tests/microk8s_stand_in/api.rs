//! The cluster's API as a node's own programs reach it, and the questions that the commands have.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use fs_err as fs;
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::{Api, api::ListParams};
use pathlab::{
    catalog::scenario::Manifest,
    cluster::{
        dataplane::{Node, layout::API_PORT},
        kube::{Applied, KubeAccess, KubeApi, TcpDial, kubeconfig as kubeconfig_of},
    },
};
use tokio::time::sleep;

use super::{
    Failure,
    node::{CLIENT_CONFIG, DATA, Facts, INDEX_LABEL, node, secret, v4},
};

/// How long the API server may take to come up on an emulated machine.
const START: Duration = Duration::from_secs(900);

/// How long an API server that runs may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What it is called in the server's certificate.
const TLS_NAME: &str = "kubernetes";

/// Waits for the certificate of the API server, writes the kubeconfigs of this node, and waits until the server is ready.
pub async fn kubeconfig() -> Result<(), Failure> {
    let end = Instant::now() + START;
    let certificate = loop {
        let text = fs::read_to_string(format!("{DATA}/pki/apiserver.crt")).unwrap_or_default();
        if text.trim_end().ends_with("-----END CERTIFICATE-----") {
            break text;
        }
        if Instant::now() > end {
            return Err("the API server made no certificate".into());
        }
        sleep(Duration::from_millis(100)).await;
    };
    let tokens = fs::read_to_string(format!("{DATA}/tokens.csv"))?;
    let token = tokens.split(',').next().unwrap_or_default();
    write_configs(Facts::load()?.server, &certificate, token)?;
    connect(START).await.map(drop)
}

/// One for the node's own programs, and one as `microk8s config` prints it.
pub fn write_configs(server: Ipv4Addr, certificate: &str, token: &str) -> Result<(), Failure> {
    let text = |host: Ipv4Addr| {
        kubeconfig_of(&format!("https://{}", SocketAddr::from((host, API_PORT))), certificate, Some(TLS_NAME), token)
    };
    secret(&format!("{DATA}/credentials/node.config"), &text(server))?;
    secret(CLIENT_CONFIG, &text(Ipv4Addr::LOCALHOST))
}

pub async fn connect(limit: Duration) -> Result<KubeApi, Failure> {
    let dial = Arc::new(TcpDial((Facts::load()?.server, API_PORT).into()));
    let text = fs::read_to_string(format!("{DATA}/credentials/node.config"))?;
    Ok(KubeApi::connect(KubeAccess::from_kubeconfig(&text, dial).await?, limit).await?)
}

pub async fn nodes(api: &KubeApi) -> Result<Vec<KubeNode>, Failure> {
    Ok(Api::<KubeNode>::all(api.client().clone()).list(&ListParams::default()).await?.items)
}

/// The cluster's nodes by their number; those that are not complete yet are not among them.
pub fn numbered(nodes: &[KubeNode]) -> Vec<Node> {
    let mut all: Vec<Node> = nodes.iter().filter_map(one).collect();
    all.sort_by_key(|node| node.index);
    all
}

fn one(seen: &KubeNode) -> Option<Node> {
    let index = seen.metadata.labels.as_ref()?.get(INDEX_LABEL)?.parse().ok()?;
    let addresses = seen.status.as_ref()?.addresses.as_ref()?;
    let ip = addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()?;
    Some(node(index, seen.metadata.name.as_ref()?, v4(ip)?))
}

/// Whether this node is known to the API.
pub async fn registered() -> Result<(), Failure> {
    let name = Facts::load()?.name;
    let known = nodes(&connect(ANSWER).await?).await?;
    let own = known.iter().any(|node| node.metadata.name.as_ref() == Some(&name));
    if own { Ok(()) } else { Err("this node is not registered".into()) }
}

/// Whether this node takes pods, and has its network.
pub async fn ready() -> Result<(), Failure> {
    let name = Facts::load()?.name;
    let known = nodes(&connect(ANSWER).await?).await?;
    let own = known.iter().find(|node| node.metadata.name.as_ref() == Some(&name));
    let conditions = own.and_then(|node| node.status.as_ref()?.conditions.as_ref());
    let ready = conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True");
    let network = fs::exists("/sys/class/net/vxlan.calico")?;
    if ready && network { Ok(()) } else { Err(format!("ready: {ready}, network: {network}").into()) }
}

/// Prints the nodes' addresses.
pub async fn members() -> Result<(), Failure> {
    for node in numbered(&nodes(&connect(ANSWER).await?).await?) {
        println!("{}", node.ip);
    }
    Ok(())
}

fn manifest(file: &str) -> Result<Manifest, Failure> {
    Ok(Manifest { path: file.into(), text: fs::read_to_string(file)?.into(), sha256: String::new() })
}

/// Applies the objects of a file.
pub async fn apply(file: &str) -> Result<(), Failure> {
    Ok(connect(ANSWER).await?.apply(&[manifest(file)?], &mut Applied::default()).await?)
}

/// Deletes them.
pub async fn delete(file: &str) -> Result<(), Failure> {
    let api = connect(ANSWER).await?;
    let mut applied = Applied::default();
    // Applying what is there says what it is.
    api.apply(&[manifest(file)?], &mut applied).await?;
    Ok(api.delete(&applied, Duration::from_secs(120)).await?)
}
