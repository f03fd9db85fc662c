//! Services.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use k8s_openapi::api::core::v1::{Service as KubeService, ServicePort as KubePort, ServiceSpec};

use super::{
    document::Document,
    error::ManifestError,
    field::Field,
    meta::Meta,
    name::NameKind,
    port::{self, PortRef, Transport},
    selector::Selector,
    typed::typed,
};
use crate::model::IpFamily;

/// Ports that node ports are taken from, the API server's default.
pub const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// A Service as declared.
#[derive(Clone, Debug)]
pub struct Service {
    /// Name and namespace.
    pub meta: Meta,
    /// The pods behind it; none means no pods, as without Endpoints.
    pub selector: Option<Selector>,
    /// Its cluster address.
    pub cluster_ip: ClusterIp,
    /// Versions of IP that it names, in its order.
    pub ip_families: Vec<IpFamily>,
    /// How many versions of IP it wants.
    pub family_policy: FamilyPolicy,
    /// Whether it has node ports (type `NodePort`).
    pub node_ports: bool,
    /// Its ports; empty only when headless.
    pub ports: Vec<ServicePort>,
    /// Addresses outside of the cluster's networks under which it is reached as well.
    pub external_ips: Vec<IpAddr>,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// `sessionAffinity: ClientIP`, with its time in seconds.
    pub affinity: Option<u32>,
    /// The document, for errors.
    pub origin: Arc<Document>,
}

/// The cluster address of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterIp {
    /// Whichever is free.
    Any,
    /// These, one of a version of IP at most.
    Fixed(Vec<IpAddr>),
    /// None: a headless service.
    Headless,
}

/// How many versions of IP a Service wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyPolicy {
    /// One.
    SingleStack,
    /// Both, where the cluster has both.
    PreferDualStack,
    /// Both.
    RequireDualStack,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name, where it has one.
    pub name: Option<String>,
    /// TCP or UDP.
    pub transport: Transport,
    /// The number.
    pub port: u16,
    /// The pods' port.
    pub target: PortRef,
    /// The node port that the manifest asks for.
    pub node_port: Option<u16>,
    /// Where it stands.
    pub field: Field,
}

impl Service {
    /// Reads and checks a Service.
    pub fn read(document: &Arc<Document>) -> Result<Self, ManifestError> {
        let service: KubeService = typed(document)?;
        super::fields::check(document, "Service")?;
        let meta = Meta::read(document, &service.metadata, NameKind::Service, &[])?;
        let root = Field::keys("spec");
        let spec = service.spec.ok_or_else(|| document.error(&root, "a Service needs a spec"))?;
        let node_ports = match spec.type_.as_deref().unwrap_or("ClusterIP") {
            "ClusterIP" => false,
            "NodePort" => true,
            kind @ ("LoadBalancer" | "ExternalName") => {
                let message = format!("type {kind} is not implemented by the dataplane cluster");
                return Err(document.error(&root.key("type"), message).help("use ClusterIP or NodePort"));
            }
            other => return Err(document.error(&root.key("type"), format!("`{other}` is no type of Service"))),
        };
        let cluster_ip = cluster_ip(document, &root, &spec)?;
        if cluster_ip == ClusterIp::Headless && node_ports {
            return Err(document.error(&root.key("clusterIP"), "a NodePort service cannot be headless"));
        }
        let external_ips = external_ips(document, &root, &spec)?;
        let external_local =
            policy(document, &root.key("externalTrafficPolicy"), spec.external_traffic_policy.as_deref())?;
        if spec.external_traffic_policy.is_some() && !node_ports && external_ips.is_empty() {
            let message = "is for services that are reached from outside: type NodePort, or with externalIPs";
            return Err(document.error(&root.key("externalTrafficPolicy"), message));
        }
        let (ip_families, family_policy) = families(document, &root, &spec, &cluster_ip)?;
        Ok(Self {
            selector: spec.selector.as_ref().filter(|labels| !labels.is_empty()).map(Selector::from),
            ports: ports(document, &root, &spec, node_ports, &cluster_ip)?,
            internal_local: policy(
                document,
                &root.key("internalTrafficPolicy"),
                spec.internal_traffic_policy.as_deref(),
            )?,
            affinity: affinity(document, &root, &spec)?,
            origin: Arc::clone(document),
            meta,
            cluster_ip,
            ip_families,
            family_policy,
            node_ports,
            external_ips,
            external_local,
        })
    }
}

impl Service {
    /// Whether the cluster must have IPv6 for it.
    #[must_use]
    pub fn needs_ipv6(&self) -> bool {
        self.family_policy == FamilyPolicy::RequireDualStack || self.ip_families.contains(&IpFamily::Ipv6)
    }

    /// The versions of IP that it gets on a cluster that has these; the first is its own.
    #[must_use]
    pub fn families(&self, cluster: &[IpFamily]) -> Vec<IpFamily> {
        let first = self.ip_families.first().copied().unwrap_or_default();
        let rest = cluster.iter().copied().filter(|family| *family != first);
        match self.family_policy {
            FamilyPolicy::SingleStack => vec![first],
            FamilyPolicy::PreferDualStack | FamilyPolicy::RequireDualStack => {
                std::iter::once(first).chain(rest).collect()
            }
        }
    }
}

fn cluster_ip(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<ClusterIp, ManifestError> {
    let address = spec.cluster_ip.as_deref().filter(|text| !text.is_empty());
    let list = spec.cluster_ips.as_deref().unwrap_or_default();
    let field = root.key("clusterIPs");
    if let (Some(address), Some(first)) = (address, list.first())
        && address != first
    {
        return Err(document.error(&field.index(0), format!("differs from clusterIP `{address}`")));
    }
    if list.len() > 2 {
        return Err(document.error(&field.index(2), "a Service has two cluster addresses at most"));
    }
    let first = if address.is_some() { root.key("clusterIP") } else { field.index(0) };
    match (address.or(list.first().map(String::as_str)), list.get(1)) {
        (None, _) => Ok(ClusterIp::Any),
        (Some("None"), None) => Ok(ClusterIp::Headless),
        (Some("None"), Some(_)) => Err(document.error(&field.index(1), "a headless Service has no cluster address")),
        (Some(text), None) => Ok(ClusterIp::Fixed(vec![ip(document, &first, text)?])),
        (Some(text), Some(second)) => {
            let addresses = [ip(document, &first, text)?, ip(document, &field.index(1), second)?];
            if IpFamily::of(addresses[0]) == IpFamily::of(addresses[1]) {
                return Err(document.error(&field.index(1), "is of the same version of IP as the first"));
            }
            Ok(ClusterIp::Fixed(addresses.to_vec()))
        }
    }
}

fn ip(document: &Arc<Document>, field: &Field, text: &str) -> Result<IpAddr, ManifestError> {
    text.parse().map_err(|_| document.error(field, format!("`{text}` is no IP address")))
}

fn external_ips(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<Vec<IpAddr>, ManifestError> {
    let field = root.key("externalIPs");
    let texts = spec.external_ips.iter().flatten().enumerate();
    let addresses = texts.map(|(index, text)| {
        let field = field.index(index);
        let address = ip(document, &field, text)?;
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        if address.is_loopback() || address.is_unspecified() || link_local || address.is_multicast() {
            return Err(document.error(&field, format!("{address} cannot be an external address")));
        }
        Ok(address)
    });
    addresses.collect()
}

fn policy(document: &Arc<Document>, field: &Field, word: Option<&str>) -> Result<bool, ManifestError> {
    match word.unwrap_or("Cluster") {
        "Cluster" => Ok(false),
        "Local" => Ok(true),
        other => Err(document.error(field, format!("`{other}` is no traffic policy; expected Cluster or Local"))),
    }
}

fn affinity(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<Option<u32>, ManifestError> {
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    match spec.session_affinity.as_deref().unwrap_or("None") {
        "None" if config.is_some() => {
            Err(document.error(&root.key("sessionAffinityConfig"), "must not be set without sessionAffinity: ClientIP"))
        }
        "None" => Ok(None),
        "ClientIP" => {
            let seconds = config.and_then(|config| config.timeout_seconds).unwrap_or(10800);
            let field = root.then("sessionAffinityConfig.clientIP.timeoutSeconds");
            let seconds = u32::try_from(seconds).ok().filter(|seconds| (1..=86400).contains(seconds));
            seconds.map(Some).ok_or_else(|| document.error(&field, "must be 1 to 86400"))
        }
        other => {
            let message = format!("`{other}` is no session affinity; expected None or ClientIP");
            Err(document.error(&root.key("sessionAffinity"), message))
        }
    }
}

/// The versions of IP that a Service names and how many it wants, with the defaults of the API server.
fn families(
    document: &Arc<Document>,
    root: &Field,
    spec: &ServiceSpec,
    cluster_ip: &ClusterIp,
) -> Result<(Vec<IpFamily>, FamilyPolicy), ManifestError> {
    let field = root.key("ipFamilies");
    let mut families = Vec::new();
    for (index, word) in spec.ip_families.iter().flatten().enumerate() {
        let family = match word.as_str() {
            "IPv4" => IpFamily::Ipv4,
            "IPv6" => IpFamily::Ipv6,
            other => {
                let message = format!("`{other}` is no family; expected IPv4 or IPv6");
                return Err(document.error(&field.index(index), message));
            }
        };
        if families.contains(&family) {
            return Err(document.error(&field.index(index), format!("{word} stands twice")));
        }
        families.push(family);
    }
    if let ClusterIp::Fixed(addresses) = cluster_ip {
        for (index, address) in addresses.iter().enumerate() {
            match families.get(index) {
                None => families.push(IpFamily::of(*address)),
                Some(family) if *family == IpFamily::of(*address) => {}
                Some(_) => return Err(document.error(&field.index(index), format!("{address} is of the other family"))),
            }
        }
    }
    let field = root.key("ipFamilyPolicy");
    let policy = match spec.ip_family_policy.as_deref() {
        None if families.len() > 1 => FamilyPolicy::RequireDualStack,
        None | Some("SingleStack") => FamilyPolicy::SingleStack,
        Some("PreferDualStack") => FamilyPolicy::PreferDualStack,
        Some("RequireDualStack") => FamilyPolicy::RequireDualStack,
        Some(other) => {
            let message = format!("`{other}` is no policy; expected SingleStack, PreferDualStack or RequireDualStack");
            return Err(document.error(&field, message));
        }
    };
    if policy == FamilyPolicy::SingleStack && families.len() > 1 {
        return Err(document.error(&field, "a Service of two families cannot be SingleStack"));
    }
    Ok((families, policy))
}

fn ports(
    document: &Arc<Document>,
    root: &Field,
    spec: &ServiceSpec,
    node_ports: bool,
    cluster_ip: &ClusterIp,
) -> Result<Vec<ServicePort>, ManifestError> {
    let field = root.key("ports");
    let declared = spec.ports.as_deref().unwrap_or_default();
    if declared.is_empty() && *cluster_ip != ClusterIp::Headless {
        return Err(document.error(&field, "a Service needs at least one port"));
    }
    let (mut ports, mut names, mut numbers) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (index, declared_port) in declared.iter().enumerate() {
        let field = field.index(index);
        let port = service_port(document, &field, declared_port, node_ports)?;
        if declared.len() > 1 && port.name.is_none() {
            return Err(document.error(&field.key("name"), "each of several ports needs a name"));
        }
        if port.name.is_some() && !names.insert(port.name.clone()) {
            return Err(document.error(&field.key("name"), "another port of the Service has the same name"));
        }
        if !numbers.insert((port.transport, port.port)) {
            return Err(document.error(&field.key("port"), "another port of the Service has the same number"));
        }
        ports.push(port);
    }
    Ok(ports)
}

fn service_port(
    document: &Arc<Document>,
    field: &Field,
    declared: &KubePort,
    node_ports: bool,
) -> Result<ServicePort, ManifestError> {
    let number = port::number(document, &field.key("port"), declared.port)?;
    let target_field = field.key("targetPort");
    let target = declared.target_port.as_ref();
    let target = target.map_or(Ok(PortRef::Number(number)), |port| port::reference(document, &target_field, port))?;
    let name = declared.name.as_ref().filter(|name| !name.is_empty());
    let name = name.map(|name| {
        // A service port's name may be as long as a label.
        NameKind::Label.problem(name).map_or_else(
            || Ok(name.clone()),
            |problem| Err(document.error(&field.key("name"), format!("`{name}` is no valid port name: it {problem}"))),
        )
    });
    Ok(ServicePort {
        name: name.transpose()?,
        transport: Transport::read(document, &field.key("protocol"), declared.protocol.as_deref())?,
        port: number,
        target,
        node_port: node_port(document, &field.key("nodePort"), declared.node_port, node_ports)?,
        field: field.clone(),
    })
}

fn node_port(
    document: &Arc<Document>,
    field: &Field,
    declared: Option<i32>,
    node_ports: bool,
) -> Result<Option<u16>, ManifestError> {
    let Some(number) = declared.filter(|number| *number != 0) else { return Ok(None) };
    if !node_ports {
        return Err(document.error(field, "only a Service of type NodePort has node ports"));
    }
    let port = u16::try_from(number).ok().filter(|port| NODE_PORTS.contains(port));
    port.map(Some).ok_or_else(|| {
        let message = format!("{number} is no node port; expected {} to {}", NODE_PORTS.start(), NODE_PORTS.end());
        document.error(field, message)
    })
}
