//! Services.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

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
    /// Whether it has node ports (type `NodePort`).
    pub node_ports: bool,
    /// Its ports; empty only when headless.
    pub ports: Vec<ServicePort>,
    /// Addresses outside of the cluster's networks under which it is reached as well.
    pub external_ips: Vec<Ipv4Addr>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterIp {
    /// Whichever is free.
    Any,
    /// This one.
    Fixed(Ipv4Addr),
    /// None: a headless service.
    Headless,
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
        check_families(document, &root, &spec)?;
        Ok(Self {
            selector: spec.selector.as_ref().filter(|labels| !labels.is_empty()).map(Selector::from),
            ports: ports(document, &root, &spec, node_ports, cluster_ip)?,
            internal_local: policy(
                document,
                &root.key("internalTrafficPolicy"),
                spec.internal_traffic_policy.as_deref(),
            )?,
            affinity: affinity(document, &root, &spec)?,
            origin: Arc::clone(document),
            meta,
            cluster_ip,
            node_ports,
            external_ips,
            external_local,
        })
    }
}

fn cluster_ip(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<ClusterIp, ManifestError> {
    let address = spec.cluster_ip.as_deref().filter(|text| !text.is_empty());
    let list = spec.cluster_ips.as_deref().unwrap_or_default();
    if list.len() > 1 {
        let message = "dual-stack services are not implemented by the dataplane cluster";
        return Err(document.error(&root.key("clusterIPs").index(1), message));
    }
    if let (Some(address), Some(first)) = (address, list.first())
        && address != first
    {
        return Err(document.error(&root.key("clusterIPs").index(0), format!("differs from clusterIP `{address}`")));
    }
    let field = if address.is_some() { root.key("clusterIP") } else { root.key("clusterIPs").index(0) };
    match address.or(list.first().map(String::as_str)) {
        None => Ok(ClusterIp::Any),
        Some("None") => Ok(ClusterIp::Headless),
        Some(text) => ipv4(document, &field, text).map(ClusterIp::Fixed),
    }
}

fn ipv4(document: &Arc<Document>, field: &Field, text: &str) -> Result<Ipv4Addr, ManifestError> {
    text.parse().map_err(|_| document.error(field, format!("`{text}` is no IPv4 address")))
}

fn external_ips(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<Vec<Ipv4Addr>, ManifestError> {
    let field = root.key("externalIPs");
    let texts = spec.external_ips.iter().flatten().enumerate();
    let addresses = texts.map(|(index, text)| {
        let field = field.index(index);
        let address = ipv4(document, &field, text)?;
        if address.is_loopback() || address.is_unspecified() || address.is_link_local() || address.is_multicast() {
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

fn check_families(document: &Arc<Document>, root: &Field, spec: &ServiceSpec) -> Result<(), ManifestError> {
    for (index, family) in spec.ip_families.iter().flatten().enumerate() {
        if family != "IPv4" {
            let message = format!("{family} is not implemented by the dataplane cluster");
            return Err(document.error(&root.key("ipFamilies").index(index), message));
        }
    }
    match spec.ip_family_policy.as_deref().unwrap_or("SingleStack") {
        // On a cluster with one family, PreferDualStack is single-stack.
        "SingleStack" | "PreferDualStack" => Ok(()),
        other => {
            let message = format!("{other} is not implemented by the dataplane cluster");
            Err(document.error(&root.key("ipFamilyPolicy"), message))
        }
    }
}

fn ports(
    document: &Arc<Document>,
    root: &Field,
    spec: &ServiceSpec,
    node_ports: bool,
    cluster_ip: ClusterIp,
) -> Result<Vec<ServicePort>, ManifestError> {
    let field = root.key("ports");
    let declared = spec.ports.as_deref().unwrap_or_default();
    if declared.is_empty() && cluster_ip != ClusterIp::Headless {
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
