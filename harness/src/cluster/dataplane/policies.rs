//! Network policies with their selectors resolved to pods.

use std::collections::BTreeMap;

use super::state::Pod;
use crate::cluster::manifest::{
    Cidr, Labels, NetworkPolicy, Objects, PolicyPeer, PolicyPort, PolicyRule, SYSTEM_NAMESPACES,
};

/// The label that every namespace has: its own name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A network policy as the cluster has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The pods that it is about, indices into [`super::ClusterState::pods`].
    pub pods: Vec<usize>,
    /// What may come in; none means everything.
    pub ingress: Option<Vec<Rule>>,
    /// What may go out; none means everything.
    pub egress: Option<Vec<Rule>>,
}

/// One rule: these peers at these ports are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The other ends; none means everybody.
    pub peers: Option<Vec<Peer>>,
    /// The ports; empty means every one.
    pub ports: Vec<PolicyPort>,
}

/// Other ends of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A pod, an index into [`super::ClusterState::pods`].
    Pod(usize),
    /// Addresses.
    Block {
        /// The network.
        cidr: Cidr,
        /// Parts of it that are not meant.
        except: Vec<Cidr>,
    },
}

/// The policies of the manifests, in their order.
pub fn resolve(objects: &Objects, pods: &[Pod]) -> Vec<Policy> {
    let resolver = Resolver { namespaces: namespaces(objects), pods };
    objects.network_policies.iter().map(|declared| resolver.policy(declared)).collect()
}

/// Every namespace with its labels, those of the lab included.
fn namespaces(objects: &Objects) -> BTreeMap<String, Labels> {
    let bare = SYSTEM_NAMESPACES.iter().chain(&["default"]).map(|name| ((*name).to_owned(), Labels::new()));
    let declared = objects.namespaces.iter().map(|meta| (meta.name.clone(), meta.labels.clone()));
    let mut all: BTreeMap<String, Labels> = bare.chain(declared).collect();
    for (name, labels) in &mut all {
        labels.insert(NAME_LABEL.to_owned(), name.clone());
    }
    all
}

struct Resolver<'a> {
    namespaces: BTreeMap<String, Labels>,
    pods: &'a [Pod],
}

impl Resolver<'_> {
    fn policy(&self, declared: &NetworkPolicy) -> Policy {
        let namespace = &declared.meta.namespace;
        let rules = |rules: &Option<Vec<PolicyRule>>| {
            rules.as_ref().map(|rules| rules.iter().map(|rule| self.rule(namespace, rule)).collect())
        };
        Policy {
            namespace: namespace.clone(),
            name: declared.meta.name.clone(),
            pods: self.matching(|pod| pod.namespace == *namespace && declared.pods.matches(&pod.labels)).collect(),
            ingress: rules(&declared.ingress),
            egress: rules(&declared.egress),
        }
    }

    fn rule(&self, namespace: &str, declared: &PolicyRule) -> Rule {
        let peers = declared.peers.iter().flat_map(|peer| self.peers(namespace, peer)).collect();
        Rule { peers: (!declared.peers.is_empty()).then_some(peers), ports: declared.ports.clone() }
    }

    fn peers(&self, own: &str, declared: &PolicyPeer) -> Vec<Peer> {
        match declared {
            PolicyPeer::Block { cidr, except } => vec![Peer::Block { cidr: *cidr, except: except.clone() }],
            PolicyPeer::Pods { namespaces, pods } => {
                let here = |name: &str| match namespaces {
                    None => name == own,
                    Some(selector) => self.namespaces.get(name).is_some_and(|labels| selector.matches(labels)),
                };
                self.matching(|pod| here(&pod.namespace) && pods.matches(&pod.labels)).map(Peer::Pod).collect()
            }
        }
    }

    fn matching(&self, wanted: impl Fn(&Pod) -> bool) -> impl Iterator<Item = usize> {
        self.pods.iter().enumerate().filter(move |(_, pod)| wanted(pod)).map(|(index, _)| index)
    }
}
