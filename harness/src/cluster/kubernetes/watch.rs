//! Notices a component that has ended, so that nobody waits until a limit for what it would have done.

use std::{convert::Infallible, future::Future, time::Duration};

use futures_util::future::{Either, select, try_join_all};
use tokio::time::sleep;

use super::{error::KubernetesError, start::printed};
use crate::{
    cluster::dataplane::Node,
    provider::{Command, Machine as _, netns::NetnsMachine},
};

/// What a cluster has once, on its first node.
pub const CONTROL_PLANE: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// What each node has.
pub const WORKER: [&str; 3] = ["containerd", "kubelet", "kube-proxy"];

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints which of these programs has no process in this network.
const MISSING: &str = r#"own=$(readlink /proc/self/ns/net)
for name; do
    for pid in $(pidof "$name"); do
        if [ "$(readlink "/proc/$pid/ns/net")" = "$own" ]; then continue 2; fi
    done
    echo "$name"
done"#;

/// Components that are to run meanwhile.
pub(super) struct Watch(Vec<(NetnsMachine, Vec<&'static str>)>);

impl Watch {
    /// The first node's components.
    pub(super) fn first(machine: &NetnsMachine, components: &[&'static str]) -> Self {
        Self(vec![(machine.clone(), components.to_vec())])
    }

    /// The control plane, and these components of each node.
    pub(super) fn all<'a>(machines: impl Iterator<Item = (&'a Node, &'a NetnsMachine)>, each: &[&'static str]) -> Self {
        let of = |(node, machine): (&Node, &NetnsMachine)| {
            let control_plane = if node.index == 0 { &CONTROL_PLANE[..] } else { &[] };
            (machine.clone(), [control_plane, each].concat())
        };
        Self(machines.map(of).collect())
    }

    /// What some work comes to, unless one of the components ends before it does.
    pub(super) async fn during<T>(
        self,
        work: impl Future<Output = Result<T, KubernetesError>>,
    ) -> Result<T, KubernetesError> {
        let looking = try_join_all(self.0.iter().map(|(machine, components)| look(machine, components)));
        match select(std::pin::pin!(work), std::pin::pin!(looking)).await {
            Either::Left((done, _)) => done,
            Either::Right((Err(ended), _)) => Err(ended),
            // There is a machine, and looking at it has no end.
            Either::Right((Ok(_), work)) => work.await,
        }
    }
}

/// Goes on until a component is missing at two looks: one that is started again is missing for a moment.
async fn look(machine: &NetnsMachine, components: &[&'static str]) -> Result<Infallible, KubernetesError> {
    let words = ["sh", "-c", MISSING, "sh"].into_iter().chain(components.iter().copied());
    let question = Command::new(words);
    let mut before = String::new();
    loop {
        sleep(PAUSE).await;
        let missing = machine.run(&question).await?.success(machine.name(), &question)?.text();
        if let Some(&component) = components.iter().find(|name| has(&before, name) && has(&missing, name)) {
            let printed = printed(machine, component).await;
            return Err(KubernetesError::Ended { component, machine: machine.name().to_owned(), printed });
        }
        before = missing;
    }
}

fn has(lines: &str, name: &str) -> bool {
    lines.lines().any(|line| line == name)
}
