//! Clusters of several nodes: `add-node` on the first, `join` on the others.

use std::net::IpAddr;

use serde::Deserialize;

use super::{
    error::MicroK8sError,
    join_token,
    node::{Node, said},
    waiting::Waiting,
};
use crate::provider::{Command, MachineError};

/// Reads the invitation from standard input, so that it is in no argument that this machine or a log shows.
const JOIN: &str = r#"IFS= read -r url && exec microk8s join "$url" "$@""#;

/// How long an invitation lasts, in seconds.
const LIFETIME: &str = "3600";

const NODES: [&str; 6] = ["microk8s", "kubectl", "get", "nodes", "--output", "json"];

/// What a node that joins becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs a control plane and maybe the datastore.
    ControlPlane,
    /// It runs pods only.
    Worker,
}

#[derive(Deserialize)]
struct NodeList {
    items: Vec<NodeObject>,
}

#[derive(Deserialize)]
struct NodeObject {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// Names of the cluster's nodes, as its first node knows them.
pub async fn nodes(first: Node<'_>) -> Result<Vec<String>, MicroK8sError> {
    first.ask(&NODES, names).await
}

fn names(text: &str) -> Result<Vec<String>, String> {
    let list: NodeList = serde_json::from_str(text).map_err(|error| format!("it is no list of nodes: {error}"))?;
    Ok(list.items.into_iter().map(|node| node.metadata.name).collect())
}

/// Has a node join the cluster of `first`, which others reach at `first_ip`, unless it is in it. `name` is the joining
/// machine's host name.
pub async fn join(
    first: Node<'_>,
    first_ip: IpAddr,
    joining: Node<'_>,
    name: &str,
    role: Role,
) -> Result<(), MicroK8sError> {
    let waiting = joining.waiting(format!("{name} to join the cluster of {}", first.name()), joining.limits().join);
    loop {
        if knows(first, name).await? {
            return Ok(());
        }
        // An invitation is used up by a failing try too.
        let invite = ["microk8s", "add-node", "--format", "json", "--token-ttl", LIFETIME];
        let url = first.ask(&invite, |text| join_token::parse(text, first_ip)).await?;
        let mut argv = vec!["sh", "-c", JOIN, "microk8s join"];
        if role == Role::Worker {
            argv.push("--worker");
        }
        let limit = waiting.left(joining.limits().join);
        let command = Command::new(argv).stdin(format!("{}\n", url.expose())).limit(limit);
        let last = match joining.machine().run(&command).await {
            Ok(output) if output.ok() => return appears(first, name, &waiting).await,
            Ok(output) => said(&output).replace(url.expose(), "[redacted]"),
            Err(error @ MachineError::TimedOut { .. }) => error.to_string(),
            Err(error) => return Err(error.into()),
        };
        waiting.again(last).await?;
    }
}

/// Waits for a node that has joined: it registers some seconds later, and joining again would begin it anew.
async fn appears(first: Node<'_>, name: &str, waiting: &Waiting) -> Result<(), MicroK8sError> {
    while !knows(first, name).await? {
        waiting.again("it has joined, and is not in the list of nodes yet").await?;
    }
    Ok(())
}

async fn knows(first: Node<'_>, name: &str) -> Result<bool, MicroK8sError> {
    Ok(nodes(first).await?.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_of_nodes() {
        let list = r#"{"kind": "List", "items": [{"kind": "Node", "metadata": {"name": "rhel-1"}}]}"#;
        assert_eq!(names(list), Ok(vec!["rhel-1".to_owned()]));
        assert!(names("The connection to the server 127.0.0.1:16443 was refused").is_err());
    }
}
