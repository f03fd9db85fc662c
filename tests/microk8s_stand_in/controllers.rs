//! What works on every node beside Kubernetes: Calico's part, the configuration of DNS and ingress, invitations to join.

use std::time::Duration;

use pathlab::cluster::{dataplane::Node, kube::KubeApi};
use tokio::time::sleep;

use super::{Failure, api, join, network, node::Facts, observe, serving};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Goes on until it is ended.
pub async fn run() -> Result<(), Failure> {
    tokio::spawn(join::serve());
    let facts = Facts::load()?;
    let (mut api, mut nodes) = (None, Vec::new());
    loop {
        if let Err(error) = look(&facts, &mut api, &mut nodes).await {
            eprintln!("{error}");
            api = None;
        }
        sleep(PAUSE).await;
    }
}

async fn look(facts: &Facts, known: &mut Option<KubeApi>, nodes: &mut Vec<Node>) -> Result<(), Failure> {
    let (_, mtu) = network::underlay(facts.ip)?;
    let api = match known {
        Some(api) => api,
        None => known.insert(api::connect(PAUSE).await?),
    };
    let seen = api::numbered(&api::nodes(api).await?);
    let Some(own) = seen.iter().position(|node| node.name == facts.name) else { return Ok(()) };
    if *nodes != seen {
        // Positions count here, and numbers there.
        let placed: Vec<Node> = placed(&seen);
        network::links(&observe::bare(&placed, mtu), own).await?;
        *nodes = seen;
    }
    let state = observe::state(api, &placed(nodes), mtu).await?;
    network::rules(&state, own).await?;
    serving::write(&state)
}

/// The nodes with their positions as numbers; addresses stay.
fn placed(nodes: &[Node]) -> Vec<Node> {
    nodes.iter().enumerate().map(|(index, node)| Node { index, ..node.clone() }).collect()
}
