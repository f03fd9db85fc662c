//! Configuration of the cluster's DNS: a real dnsmasq that knows the cluster's services and asks nobody else.

use super::{
    layout::DNS_SERVICE_IP,
    state::{ClusterState, Pod, Service},
    text::Text,
};

/// The cluster's domain.
const DOMAIN: &str = "cluster.local";

/// Where the names stand, in the DNS pod.
pub const HOSTS_PATH: &str = "/run/dnsmasq.hosts";

/// The head of the configuration. With `no-daemon` it stays in the foreground, says all on standard error, and does
/// not try to become somebody else, which it could not in a user namespace.
const HEAD: &str = "\
no-daemon
pid-file=/run/dnsmasq.pid
no-resolv
no-hosts
no-poll
port=53
bind-interfaces
local=/in-addr.arpa/
local-ttl=5
";

/// Files of the DNS pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsFiles {
    /// The configuration, for `dnsmasq --conf-file=…`; it makes dnsmasq stay in the foreground.
    pub config: String,
    /// Addresses and names, for [`HOSTS_PATH`].
    pub hosts: String,
}

/// What dnsmasq in the pod `dns` reads. Names below the cluster's domain that do not exist are `NXDOMAIN`;
/// other names are refused, for there is no server to ask.
#[must_use]
pub fn files(state: &ClusterState, dns: &Pod) -> DnsFiles {
    let mut config = Text::from(HEAD);
    config.line(format!("listen-address={}", dns.ip));
    config.line(format!("addn-hosts={HOSTS_PATH}"));
    config.line(format!("local=/{DOMAIN}/"));
    let mut hosts = Text::default();
    for service in &state.services {
        let name = service_name(service);
        for address in &service.cluster_ips {
            hosts.line(format!("{address} {name}"));
        }
        if service.cluster_ips.is_empty() {
            for &pod in &service.pods {
                for address in service.families.iter().filter_map(|family| state.pods[pod].address(*family)) {
                    hosts.line(format!("{address} {name}"));
                }
            }
        }
        for port in &service.ports {
            let Some(port_name) = &port.name else { continue };
            let (transport, number) = (port.transport, port.port);
            config.line(format!("srv-host=_{port_name}._{transport}.{name},{name},{number}"));
        }
    }
    DnsFiles { config: config.finish(), hosts: hosts.finish() }
}

/// The full name of a service.
#[must_use]
pub fn service_name(service: &Service) -> String {
    format!("{}.{}.svc.{DOMAIN}", service.name, service.namespace)
}

/// `/etc/resolv.conf` of a pod in this namespace, as the kubelet writes it.
#[must_use]
pub fn resolv_conf(namespace: &str) -> String {
    format!("search {namespace}.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}\nnameserver {DNS_SERVICE_IP}\noptions ndots:5\n")
}
