//! Network policies: which pods may talk to which.

use std::sync::Arc;

use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy as KubePolicy, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{
    cidr::Cidr,
    document::Document,
    error::ManifestError,
    field::Field,
    fields,
    meta::Meta,
    name::NameKind,
    port::{self, PortRef, Transport},
    selector::Selector,
    typed::typed,
};

/// A `NetworkPolicy` as declared.
#[derive(Clone, Debug)]
pub struct NetworkPolicy {
    /// Name and namespace.
    pub meta: Meta,
    /// The pods of the namespace that it is about.
    pub pods: Selector,
    /// What may come in; none means that the policy does not restrict that, an empty list that nothing may.
    pub ingress: Option<Vec<PolicyRule>>,
    /// What may go out, likewise.
    pub egress: Option<Vec<PolicyRule>>,
}

/// One rule: these peers at these ports are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    /// The other ends; empty means everybody.
    pub peers: Vec<PolicyPeer>,
    /// The ports; empty means every one.
    pub ports: Vec<PolicyPort>,
}

/// Other ends of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyPeer {
    /// Pods by their labels.
    Pods {
        /// The namespaces; none means the policy's own.
        namespaces: Option<Selector>,
        /// The pods there.
        pods: Selector,
    },
    /// Addresses.
    Block {
        /// The network.
        cidr: Cidr,
        /// Parts of it that are not meant.
        except: Vec<Cidr>,
    },
}

/// Ports of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPort {
    /// TCP or UDP.
    pub transport: Transport,
    /// Which of them.
    pub ports: PolicyPorts,
}

/// Which ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyPorts {
    /// Every one.
    Every,
    /// From one to another.
    Range(u16, u16),
    /// The pods' port of this name.
    Name(String),
}

impl NetworkPolicy {
    /// Reads and checks a `NetworkPolicy`.
    pub fn read(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let object: KubePolicy = typed(document)?;
        fields::check(document, "NetworkPolicy")?;
        let meta = Meta::read(document, &object.metadata, NameKind::Subdomain, &[])?;
        let root = Field::keys("spec");
        let spec = object.spec.ok_or_else(|| document.error(&root, "a NetworkPolicy needs a spec"))?;
        let pods = spec.pod_selector.clone().unwrap_or_default();
        let (restricts_ingress, restricts_egress) = directions(document, &root.key("policyTypes"), &spec)?;
        let ingress = spec.ingress.iter().flatten().enumerate().map(|(index, declared)| {
            let field = root.key("ingress").index(index);
            rule(document, &field, "from", declared.from.as_deref(), declared.ports.as_deref())
        });
        let egress = spec.egress.iter().flatten().enumerate().map(|(index, declared)| {
            let field = root.key("egress").index(index);
            rule(document, &field, "to", declared.to.as_deref(), declared.ports.as_deref())
        });
        let (ingress, egress) = (ingress.collect::<Result<_, _>>()?, egress.collect::<Result<_, _>>()?);
        Ok(Self {
            pods: Selector::read(document, &root.key("podSelector"), &pods)?,
            ingress: restricts_ingress.then_some(ingress),
            egress: restricts_egress.then_some(egress),
            meta,
        })
    }
}

/// Whether the policy restricts what comes in, and what goes out.
fn directions(
    document: &Arc<Document>,
    field: &Field,
    spec: &NetworkPolicySpec,
) -> Result<(bool, bool), ManifestError> {
    let has_egress = spec.egress.as_ref().is_some_and(|rules| !rules.is_empty());
    let types = spec.policy_types.as_deref().unwrap_or_default();
    if types.is_empty() {
        return Ok((true, has_egress));
    }
    for (index, word) in types.iter().enumerate() {
        if !matches!(word.as_str(), "Ingress" | "Egress") {
            let message = format!("`{word}` is no policy type; expected Ingress or Egress");
            return Err(document.error(&field.index(index), message));
        }
    }
    let names = |word: &str| types.iter().any(|named| named == word);
    let has_ingress = spec.ingress.as_ref().is_some_and(|rules| !rules.is_empty());
    // The API takes rules of a direction that is not named, and ignores them: never what somebody wants.
    for (word, section, has) in [("Ingress", "ingress", has_ingress), ("Egress", "egress", has_egress)] {
        if has && !names(word) {
            let message = format!("has no effect: `policyTypes` does not name {word}");
            return Err(document.key_error(&Field::keys("spec").key(section), message));
        }
    }
    Ok((names("Ingress"), names("Egress")))
}

fn rule(
    document: &Arc<Document>,
    field: &Field,
    side: &str,
    peers: Option<&[NetworkPolicyPeer]>,
    ports: Option<&[NetworkPolicyPort]>,
) -> Result<PolicyRule, ManifestError> {
    let peers = peers.unwrap_or_default().iter().enumerate();
    let peers = peers.map(|(index, declared)| peer(document, &field.key(side).index(index), declared));
    let ports = ports.unwrap_or_default().iter().enumerate();
    let ports = ports.map(|(index, declared)| policy_port(document, &field.key("ports").index(index), declared));
    Ok(PolicyRule { peers: peers.collect::<Result<_, _>>()?, ports: ports.collect::<Result<_, _>>()? })
}

fn peer(document: &Arc<Document>, field: &Field, declared: &NetworkPolicyPeer) -> Result<PolicyPeer, ManifestError> {
    let read = |key: &str, selector: &Option<LabelSelector>| {
        selector.as_ref().map(|selector| Selector::read(document, &field.key(key), selector)).transpose()
    };
    let namespaces = read("namespaceSelector", &declared.namespace_selector)?;
    let pods = read("podSelector", &declared.pod_selector)?;
    match (&declared.ip_block, &namespaces, &pods) {
        (Some(declared), None, None) => block(document, &field.key("ipBlock"), declared),
        (Some(_), ..) => Err(document.error(&field.key("ipBlock"), "does not go with a selector")),
        (None, None, None) => Err(document.error(field, "a peer needs podSelector, namespaceSelector or ipBlock")),
        (None, ..) => Ok(PolicyPeer::Pods { namespaces, pods: pods.unwrap_or_default() }),
    }
}

fn block(document: &Arc<Document>, field: &Field, declared: &IPBlock) -> Result<PolicyPeer, ManifestError> {
    let network =
        |field: &Field, text: &str| text.parse::<Cidr>().map_err(|error| document.error(field, error.to_string()));
    let cidr = network(&field.key("cidr"), &declared.cidr)?;
    let mut except = Vec::new();
    for (index, text) in declared.except.iter().flatten().enumerate() {
        let field = field.key("except").index(index);
        let part = network(&field, text)?;
        if !cidr.holds(part) {
            return Err(document.error(&field, format!("{part} is no part of {cidr}")));
        }
        except.push(part);
    }
    Ok(PolicyPeer::Block { cidr, except })
}

fn policy_port(
    document: &Arc<Document>,
    field: &Field,
    declared: &NetworkPolicyPort,
) -> Result<PolicyPort, ManifestError> {
    let transport = Transport::read(document, &field.key("protocol"), declared.protocol.as_deref())?;
    let end_field = field.key("endPort");
    let port_field = field.key("port");
    let reference = declared.port.as_ref().map(|port| port::reference(document, &port_field, port)).transpose()?;
    let ports = match (reference, declared.end_port) {
        (None, None) => PolicyPorts::Every,
        (None, Some(_)) => return Err(document.key_error(&end_field, "goes with `port` only")),
        (Some(PortRef::Name(_)), Some(_)) => {
            return Err(document.key_error(&end_field, "does not go with a port by name"));
        }
        (Some(PortRef::Name(name)), None) => PolicyPorts::Name(name),
        (Some(PortRef::Number(first)), end) => {
            let last = end.map_or(Ok(first), |end| port::number(document, &end_field, end))?;
            if last < first {
                return Err(document.error(&end_field, format!("{last} is less than `port`, which is {first}")));
            }
            PolicyPorts::Range(first, last)
        }
    };
    Ok(PolicyPort { transport, ports })
}
