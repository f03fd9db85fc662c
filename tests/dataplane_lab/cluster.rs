//! A cluster in network namespaces, made from the dataplane's text with the real programs.

use std::net::{IpAddr, SocketAddr};

use pathlab::{
    catalog::scenario::{Backend, Manifest, Underlay},
    cluster::dataplane::{
        ClusterState, Input, NodeSpec, Pod, PodRole, calico, compile, iptables::IptablesProgram, kube_proxy,
        layout::OUTSIDE_IP, portmap,
    },
    model::IpFamily,
};

use super::netns::Netns;

/// The manifest of the tests.
const MANIFEST: &str = include_str!("cluster.yaml");

/// A running cluster: links, routes, rules, and an echo server in every pod.
pub struct Cluster {
    /// What it is.
    pub state: ClusterState,
    /// The host on the underlay that is no node.
    pub outside: Netns,
    /// The nodes.
    pub nodes: Vec<Netns>,
    /// The pods, in the order of the state.
    pub pods: Vec<Netns>,
}

impl Cluster {
    /// Brings it up with so many nodes.
    pub fn start(count: usize) -> Self {
        let specs = (1..=count).map(|i| NodeSpec { name: format!("node-{i}"), distro_id: "debian-12".into() });
        let specs: Vec<NodeSpec> = specs.collect();
        let manifest = Manifest { path: "cluster.yaml".into(), text: MANIFEST.into(), sha256: String::new() };
        let backend = Backend { service: "zeus".into(), namespace: "default".into() };
        let (manifests, underlay) = ([manifest], Underlay::default());
        let input = Input { manifests: &manifests, nodes: &specs, backend: &backend, underlay: &underlay, ipv6: false };
        let state = compile(&input).expect("the manifest is good");
        let outside = Netns::new();
        let setup = format!(
            "link set lo up\nlink add br0 type bridge\nlink set br0 up\naddress add {OUTSIDE_IP}/24 dev br0\n\
             route add 198.51.100.7 via {}\n",
            state.nodes[0].ip,
        );
        outside.program(&["ip", "-batch", "-"], &setup);
        let nodes = state.nodes.iter().map(|_| Netns::new()).collect();
        let pods = state.pods.iter().map(|_| Netns::new()).collect();
        let cluster = Self { state, outside, nodes, pods };
        cluster.link();
        cluster.program();
        cluster.serve();
        cluster
    }

    fn link(&self) {
        for (node, netns) in self.state.nodes.iter().zip(&self.nodes) {
            let port = format!("port{}", node.index);
            let cable = format!(
                "link add {port} type veth peer name eth0 netns {}\nlink set {port} master br0 up\n",
                netns.path(),
            );
            self.outside.program(&["ip", "-batch", "-"], &cable);
            let own = format!(
                "link set lo up\naddress add {}/24 dev eth0\nlink set eth0 up\nroute add default via {OUTSIDE_IP}\n",
                node.ip,
            );
            netns.program(&["ip", "-batch", "-"], &own);
        }
        for (index, netns) in self.nodes.iter().enumerate() {
            let links = calico::node_links(&self.state, index, "eth0");
            netns.sysctls(&links.sysctls);
            netns.program(&["ip", "-batch", "-"], &links.ip_batch);
            netns.program(&["bridge", "-batch", "-"], &links.bridge_batch);
            for command in &links.commands {
                netns.program(&command.iter().map(String::as_str).collect::<Vec<_>>(), "");
            }
        }
        for (pod, netns) in self.state.pods.iter().zip(&self.pods) {
            let link = calico::pod_link(&self.state, pod, &netns.path());
            self.nodes[pod.node].program(&["ip", "-batch", "-"], &link.node_batch);
            self.nodes[pod.node].sysctls(&link.node_sysctls);
            netns.program(&["ip", "-batch", "-"], &link.pod_batch);
        }
    }

    fn program(&self) {
        for (index, netns) in self.nodes.iter().enumerate() {
            load(netns, &calico::program(IpFamily::Ipv4));
            load(netns, &kube_proxy::program(&self.state, index, IpFamily::Ipv4));
            if let Some(program) = portmap::program(&self.state, index, IpFamily::Ipv4) {
                load(netns, &program);
            }
        }
    }

    fn serve(&self) {
        for (pod, netns) in self.state.pods.iter().zip(&self.pods) {
            if pod.role == PodRole::Workload {
                netns.serve(&pod.name, 9090);
            }
        }
        self.nodes[0].serve("api", 16443);
    }

    /// Namespace and state of the first pod whose name starts so.
    pub fn pod(&self, name: &str) -> (&Netns, &Pod) {
        let found = self.state.pods.iter().position(|pod| pod.name.starts_with(name)).expect(name);
        (&self.pods[found], &self.state.pods[found])
    }

    /// Where a service answers.
    pub fn service(&self, name: &str) -> SocketAddr {
        let service = self.state.service("default", name).expect(name);
        SocketAddr::new(service.cluster_ip(IpFamily::Ipv4).expect("not headless"), service.ports[0].port)
    }

    /// A port of a node, by the node's position.
    pub fn at_node(&self, node: usize, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.state.nodes[node].ip), port)
    }

    /// The node port of a service, on a node.
    pub fn node_port(&self, node: usize, name: &str) -> SocketAddr {
        let service = self.state.service("default", name).expect(name);
        self.at_node(node, service.ports[0].node_port.expect("a node port"))
    }
}

/// Loads what is missing of a program, as its owner does when it syncs.
pub fn load(netns: &Netns, program: &IptablesProgram) {
    let saved = netns.program(&["iptables-save"], "");
    netns.program(&["iptables-restore", "--noflush"], &program.sync(&saved));
}
