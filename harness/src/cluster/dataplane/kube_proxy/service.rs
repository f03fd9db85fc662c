//! The rules of one service port.

use std::net::IpAddr;

use super::names::{Chain, PortId};
use crate::{
    cluster::dataplane::{
        iptables::{IptablesProgram, Table},
        layout,
        state::{Endpoint, Service, ServicePort},
    },
    model::IpFamily,
};

/// One service port as one node sees it.
pub struct PortRules<'a> {
    service: &'a Service,
    port: &'a ServicePort,
    family: IpFamily,
    id: PortId,
    all: Vec<Endpoint>,
    local: Vec<Endpoint>,
}

impl<'a> PortRules<'a> {
    /// The rules of a port of a service that is not headless, on a node, for one version of IP.
    pub fn new(service: &'a Service, port: &'a ServicePort, node: usize, family: IpFamily) -> Self {
        let all: Vec<Endpoint> = port.endpoints_in(family).copied().collect();
        let local = all.iter().copied().filter(|endpoint| endpoint.node == node).collect();
        Self { service, port, family, id: PortId::new(service, port), all, local }
    }

    /// Adds them.
    pub fn add(&self, program: &mut IptablesProgram) {
        self.declare(program);
        self.capture(program);
        self.refuse(program);
        self.external_chain(program);
        if self.uses_cluster_chain() {
            self.balance(program, &self.id.chain(Chain::Service), &self.all);
        }
        if self.uses_local_chain() {
            self.balance(program, &self.id.chain(Chain::Local), &self.local);
        }
        let used = if self.uses_cluster_chain() { &self.all } else { &self.local };
        for endpoint in used {
            self.endpoint(program, *endpoint);
        }
    }

    fn externally_accessible(&self) -> bool {
        self.port.node_port.is_some() || self.external_ips().next().is_some()
    }

    fn external_ips(&self) -> impl Iterator<Item = IpAddr> {
        self.service.external_ips.iter().copied().filter(|address| IpFamily::of(*address) == self.family)
    }

    /// With `externalTrafficPolicy: Local`, pods of the cluster still reach every endpoint.
    fn uses_cluster_chain(&self) -> bool {
        !self.all.is_empty() && (!self.service.internal_local || self.externally_accessible())
    }

    fn uses_local_chain(&self) -> bool {
        let wanted = self.service.internal_local || (self.service.external_local && self.externally_accessible());
        wanted && !self.local.is_empty()
    }

    fn internal(&self) -> (&[Endpoint], Chain) {
        if self.service.internal_local { (&self.local, Chain::Local) } else { (&self.all, Chain::Service) }
    }

    fn external(&self) -> (&[Endpoint], Chain) {
        if self.service.external_local { (&self.local, Chain::Local) } else { (&self.all, Chain::Service) }
    }

    fn declare(&self, program: &mut IptablesProgram) {
        if self.uses_cluster_chain() {
            program.chain(Table::Nat, self.id.chain(Chain::Service));
        }
        if self.uses_local_chain() {
            program.chain(Table::Nat, self.id.chain(Chain::Local));
        }
        if self.externally_accessible() && !self.all.is_empty() {
            program.chain(Table::Nat, self.id.chain(Chain::External));
        }
        let used = if self.uses_cluster_chain() { &self.all } else { &self.local };
        for endpoint in used {
            program.chain(Table::Nat, self.id.endpoint_chain(*endpoint));
        }
    }

    /// `-m tcp -p tcp -d ADDRESS --dport PORT`.
    fn to(&self, address: IpAddr) -> String {
        let proto = self.port.transport;
        format!("-m {proto} -p {proto} -d {address} --dport {}", self.port.port)
    }

    fn to_node_port(&self, node_port: u16) -> String {
        let proto = self.port.transport;
        format!("-m {proto} -p {proto} --dport {node_port}")
    }

    /// From the portals to the service's chains.
    fn capture(&self, program: &mut IptablesProgram) {
        let name = &self.id.name;
        let (internal, chain) = self.internal();
        if let Some(address) = self.service.cluster_ip(self.family).filter(|_| !internal.is_empty()) {
            let (to, chain) = (self.to(address), self.id.chain(chain));
            program
                .rule(Table::Nat, format!("KUBE-SERVICES -m comment --comment \"{name} cluster IP\" {to} -j {chain}"));
            // Replies to what is not a pod must come back through this node.
            let pods = layout::pod_cidr(self.family);
            program.rule(
                Table::Nat,
                format!("{chain} -m comment --comment \"{name} cluster IP\" {to} ! -s {pods} -j KUBE-MARK-MASQ"),
            );
        }
        if self.all.is_empty() {
            return;
        }
        let chain = self.id.chain(Chain::External);
        for address in self.external_ips() {
            let to = self.to(address);
            program
                .rule(Table::Nat, format!("KUBE-SERVICES -m comment --comment \"{name} external IP\" {to} -j {chain}"));
        }
        if let Some(node_port) = self.port.node_port {
            let to = self.to_node_port(node_port);
            program.rule(Table::Nat, format!("KUBE-NODEPORTS -m comment --comment \"{name}\" {to} -j {chain}"));
        }
    }

    /// Without endpoints a connection is rejected; with endpoints on other nodes only, `Local` drops it.
    fn refuse(&self, program: &mut IptablesProgram) {
        let name = &self.id.name;
        let (why, target) =
            if self.all.is_empty() { ("has no endpoints", "REJECT") } else { ("has no local endpoints", "DROP") };
        if let Some(address) = self.service.cluster_ip(self.family).filter(|_| self.internal().0.is_empty()) {
            let to = self.to(address);
            program
                .rule(Table::Filter, format!("KUBE-SERVICES -m comment --comment \"{name} {why}\" {to} -j {target}"));
        }
        if !self.external().0.is_empty() {
            return;
        }
        for address in self.external_ips() {
            let to = self.to(address);
            program.rule(
                Table::Filter,
                format!("KUBE-EXTERNAL-SERVICES -m comment --comment \"{name} {why}\" {to} -j {target}"),
            );
        }
        if let Some(node_port) = self.port.node_port {
            let to = self.to_node_port(node_port);
            program.rule(
                Table::Filter,
                format!("KUBE-EXTERNAL-SERVICES -m comment --comment \"{name} {why}\" -m addrtype --dst-type LOCAL {to} -j {target}"),
            );
        }
    }

    /// What is done to traffic from outside before it goes to an endpoint.
    fn external_chain(&self, program: &mut IptablesProgram) {
        if !self.externally_accessible() || self.all.is_empty() {
            return;
        }
        let (name, own) = (&self.id.name, self.id.chain(Chain::External));
        let cluster = self.id.chain(Chain::Service);
        let mut rule = |text: String| program.rule(Table::Nat, format!("{own} {text}"));
        if self.service.external_local {
            // Pods and the node itself are inside: for them every endpoint will do.
            rule(format!(
                "-m comment --comment \"pod traffic for {name} external destinations\" -s {} -j {cluster}",
                layout::pod_cidr(self.family),
            ));
            rule(format!(
                "-m comment --comment \"masquerade LOCAL traffic for {name} external destinations\" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ"
            ));
            rule(format!(
                "-m comment --comment \"route LOCAL traffic for {name} external destinations\" -m addrtype --src-type LOCAL -j {cluster}"
            ));
        } else {
            rule(format!(
                "-m comment --comment \"masquerade traffic for {name} external destinations\" -j KUBE-MARK-MASQ"
            ));
        }
        let (endpoints, chain) = self.external();
        if !endpoints.is_empty() {
            rule(format!("-j {}", self.id.chain(chain)));
        }
    }

    /// From a chain to one of the endpoints, each as likely as the other.
    fn balance(&self, program: &mut IptablesProgram, chain: &str, endpoints: &[Endpoint]) {
        let name = &self.id.name;
        if let Some(seconds) = self.service.affinity {
            for endpoint in endpoints {
                let own = self.id.endpoint_chain(*endpoint);
                let recent = format!("-m recent --name {own} --rcheck --seconds {seconds} --reap");
                program.rule(Table::Nat, format!("{chain} -m comment --comment \"{name}\" {recent} -j {own}"));
            }
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            let to = endpoint.socket();
            let left = u32::try_from(endpoints.len() - index).unwrap_or(u32::MAX);
            let chance = if left > 1 {
                format!(" -m statistic --mode random --probability {:.10}", 1.0 / f64::from(left))
            } else {
                String::new()
            };
            let own = self.id.endpoint_chain(*endpoint);
            program.rule(Table::Nat, format!("{chain} -m comment --comment \"{name} -> {to}\"{chance} -j {own}"));
        }
    }

    fn endpoint(&self, program: &mut IptablesProgram, endpoint: Endpoint) {
        let (name, own, proto) = (&self.id.name, self.id.endpoint_chain(endpoint), self.port.transport);
        let (ip, to) = (endpoint.ip, endpoint.socket());
        // A pod that reaches itself through the service must not see its own address as the source.
        program.rule(Table::Nat, format!("{own} -m comment --comment \"{name}\" -s {ip} -j KUBE-MARK-MASQ"));
        let recent =
            if self.service.affinity.is_some() { format!("-m recent --name {own} --set ") } else { String::new() };
        program.rule(
            Table::Nat,
            format!(
                "{own} -m comment --comment \"{name}\" {recent}-m {proto} -p {proto} -j DNAT --to-destination {to}"
            ),
        );
    }
}
