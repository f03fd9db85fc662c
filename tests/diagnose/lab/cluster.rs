//! Machines with pods wired as Calico does, a switch between them, a host outside.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use pathlab::{
    diagnose::{CaseContext, Explanation, PodEndpoint, Source, Transport, explain},
    model::{AccessPath, Outcome},
    provider::Machine,
};

use super::{
    probe::{Probe, Prober, SERVER},
    space::{Sandbox, Space},
};

/// The port on which every pod serves.
pub const PORT: u16 = 8080;

/// The service's address and port.
pub const SERVICE: &str = "10.152.183.20:80";

/// A cluster that runs as long as this lives.
pub struct Cluster {
    pub machines: Vec<Arc<Space>>,
    /// Pods, machine by machine: the first is `a`, the second `b`.
    pub pods: Vec<Vec<Arc<Space>>>,
    pub outside: Arc<Space>,
    pub switch: Arc<Space>,
    sandbox: Sandbox,
    has_service: AtomicBool,
}

/// Where a probe starts.
#[derive(Clone, Copy, Debug)]
pub enum From {
    Outside,
    Node(usize),
    Pod(usize, usize),
}

/// A case to try: named as in a scenario.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    pub path: &'static str,
    pub from: From,
    pub to: SocketAddr,
    /// Where the destination leads: machine and pod.
    pub backend: Option<(usize, usize)>,
    /// Where the ingress leads, when the destination leads to an ingress.
    pub upstream: Option<(usize, usize)>,
}

pub fn node_address(machine: usize) -> IpAddr {
    Ipv4Addr::new(192, 168, 50, 11 + u8::try_from(machine).expect("few")).into()
}

pub fn pod_address(machine: usize, pod: usize) -> IpAddr {
    let small = |number: usize| u8::try_from(number).expect("few");
    Ipv4Addr::new(10, 1, 1 + small(machine), 11 + small(pod)).into()
}

pub fn pod(machine: usize, pod: usize) -> SocketAddr {
    (pod_address(machine, pod), PORT).into()
}

impl Cluster {
    /// Machines with two pods each; every pod serves on [`PORT`].
    pub async fn new(machines: usize) -> Self {
        let mut sandbox = Sandbox::new();
        let switch = sandbox.space("switch");
        switch.sh("ip link add br0 type bridge && ip link set br0 up").await;
        let outside = sandbox.space("outside");
        plug(&switch, &outside, "192.168.50.100").await;
        let mut cluster =
            Self { machines: Vec::new(), pods: Vec::new(), outside, switch, sandbox, has_service: false.into() };
        for machine in 0..machines {
            cluster.add_machine(machine).await;
        }
        for machine in 0..machines {
            cluster.connect_pods(machine).await;
        }
        let routes = "ip route add 10.1.0.0/16 via 192.168.50.11 && ip route add 10.152.183.0/24 via 192.168.50.11";
        cluster.outside.sh(routes).await;
        cluster
    }

    async fn add_machine(&mut self, index: usize) {
        let machine = self.sandbox.space(&format!("node-{}", index + 1));
        plug(&self.switch, &machine, &node_address(index).to_string()).await;
        machine
            .sh("ip route add default via 192.168.50.100; echo 1 > /proc/sys/net/ipv4/ip_forward; \
                 mount -t tmpfs t /run; mkdir /run/lock")
            .await;
        let mut pods = Vec::new();
        for number in 0..2 {
            let pod = self.sandbox.space(&format!("pod-{}-{number}", index + 1));
            let (link, address) = (format!("cali{index}{number}"), pod_address(index, number));
            machine
                .sh(&format!(
                    "ip link add {link} type veth peer name eth0 netns {} && ip link set {link} up && \
                     echo 1 > /proc/sys/net/ipv4/conf/{link}/proxy_arp && \
                     echo 0 > /proc/sys/net/ipv4/neigh/{link}/proxy_delay && \
                     ip route add {address}/32 dev {link} scope link",
                    pod.inner
                ))
                .await;
            pod.sh(&format!(
                "ip link set eth0 up && ip addr add {address}/32 dev eth0 && \
                 ip route add 169.254.1.1 dev eth0 scope link && ip route add default via 169.254.1.1 && \
                 ethtool -K eth0 tso off gso off gro off >/dev/null"
            ))
            .await;
            serve(&pod).await;
            pods.push(pod);
        }
        self.machines.push(machine);
        self.pods.push(pods);
    }

    /// The tunnels from one machine to the others.
    async fn connect_pods(&self, index: usize) {
        if self.machines.len() == 1 {
            return;
        }
        let (own, mac) = (node_address(index), |machine: usize| format!("66:00:00:00:00:0{}", machine + 1));
        let mut line = format!(
            "ip link add vxlan.calico address {} mtu 1450 type vxlan id 4096 local {own} dev eth0 dstport 4789 \
             nolearning && ip addr add 10.1.{}.0/32 dev vxlan.calico && ip link set vxlan.calico up",
            mac(index),
            index + 1
        );
        for other in (0..self.machines.len()).filter(|other| *other != index) {
            let (net, mac, peer) = (format!("10.1.{}.0", other + 1), mac(other), node_address(other));
            let _ = write!(
                line,
                " && ip neigh add {net} lladdr {mac} dev vxlan.calico nud permanent && \
                 bridge fdb add {mac} dev vxlan.calico dst {peer} && \
                 ip route add {net}/24 via {net} dev vxlan.calico onlink"
            );
        }
        self.machines[index].sh(&line).await;
    }

    /// What kube-proxy would write: the service and a node port that lead to this pod.
    pub async fn add_service(&self, machine: usize, number: usize) {
        self.has_service.store(true, Ordering::Relaxed);
        let backend = pod(machine, number);
        for node in &self.machines {
            node.sh(&format!(
                "iptables -t nat -N KUBE-SERVICES; iptables -t nat -A PREROUTING -j KUBE-SERVICES; \
                 iptables -t nat -A OUTPUT -j KUBE-SERVICES; \
                 iptables -t nat -A KUBE-SERVICES -d 10.152.183.20/32 -p tcp --dport 80 -j DNAT --to-destination {backend}; \
                 iptables -t nat -A KUBE-SERVICES -p tcp --dport 30080 -m addrtype --dst-type LOCAL -j DNAT --to-destination {backend}; \
                 iptables -t nat -A POSTROUTING -m conntrack --ctstate DNAT -j MASQUERADE --random-fully"
            ))
            .await;
        }
    }

    /// A real firewalld as installed.
    pub async fn start_firewalld(&self, machine: usize) {
        self.machines[machine].sh(FIREWALLD).await;
    }

    /// A real ufw, switched on; forwarding stays as it was.
    pub async fn start_ufw(&self, machine: usize) {
        self.machines[machine].sh(UFW).await;
    }

    /// A real nginx in a pod that leads to another pod.
    pub async fn start_ingress(&self, (machine, number): (usize, usize), upstream: (usize, usize)) {
        let backend = pod(upstream.0, upstream.1);
        let config = format!(
            "user root; daemon on; pid /run/nginx.pid; error_log /run/nginx.log; events {{}}\n\
             http {{ access_log off; client_body_temp_path /run/b; proxy_temp_path /run/p; fastcgi_temp_path /run/f; \
             uwsgi_temp_path /run/u; scgi_temp_path /run/s; \
             server {{ listen 80; location / {{ proxy_pass http://{backend}; proxy_connect_timeout 1s; }} }} }}\n"
        );
        let pod = &self.pods[machine][number];
        pod.sh("mount -t tmpfs t /run").await;
        pod.write_file("/run/nginx.conf".into(), config.as_bytes(), 0o644).await.expect("written");
        pod.sh("nginx -c /run/nginx.conf").await;
    }

    fn probe(&self, attempt: &Try) -> Probe {
        let from = match attempt.from {
            From::Outside => &self.outside,
            From::Node(machine) => &self.machines[machine],
            From::Pod(machine, number) => &self.pods[machine][number],
        };
        let bytes = if attempt.path.ends_with(":large") { 200_000 } else { 10 };
        Probe { from: Arc::clone(from), to: attempt.to, bytes }
    }

    /// Tries once and says how it ended, however long that takes where it is answered.
    pub async fn outcome(&self, attempt: &Try) -> Outcome {
        self.probe(attempt).run(0, 10.0).await.0
    }

    /// Explains these cases, which all have to fail.
    pub async fn explain(&self, attempts: &[Try]) -> Vec<Explanation> {
        self.explain_repeated(attempts, 1).await
    }

    /// Explains these cases of so many exchanges, the first of which has to fail.
    pub async fn explain_repeated(&self, attempts: &[Try], repeat: u32) -> Vec<Explanation> {
        let (mut contexts, mut probes) = (Vec::new(), BTreeMap::new());
        for (index, attempt) in attempts.iter().enumerate() {
            let probe = self.probe(attempt);
            let (outcome, detail) = probe.run(0, 1.5).await;
            assert_ne!(outcome, Outcome::Ok, "{attempt:?} does not fail");
            assert_ne!(outcome, Outcome::Error, "{attempt:?}: {detail}");
            contexts.push(CaseContext { repeat, ..self.context(attempt, outcome).await });
            probes.insert(index, probe);
        }
        let machines: Vec<Arc<dyn Machine>> =
            self.machines.iter().map(|machine| Arc::clone(machine) as Arc<dyn Machine>).collect();
        let started = std::time::Instant::now();
        let explanations = explain(&machines, &contexts, &Prober(probes)).await.expect("explained");
        eprintln!("explained {} cases in {:?}", attempts.len(), started.elapsed());
        for explanation in &explanations {
            eprintln!("{explanation:?}");
        }
        explanations
    }

    async fn context(&self, attempt: &Try, outcome: Outcome) -> CaseContext {
        let path: AccessPath = attempt.path.parse().expect("path");
        let source = match attempt.from {
            From::Outside => Source { machine: None, pod: false, address: "192.168.50.100".parse().ok() },
            From::Node(machine) => Source { machine: Some(machine), pod: false, address: Some(node_address(machine)) },
            From::Pod(machine, number) => {
                Source { machine: Some(machine), pod: true, address: Some(pod_address(machine, number)) }
            }
        };
        let port = if attempt.upstream.is_some() { 80 } else { PORT };
        let endpoint = |(machine, number): (usize, usize), port| PodEndpoint {
            machine,
            address: (pod_address(machine, number), port).into(),
        };
        let service = Try { path: "pod-to-service", to: SERVICE.parse().expect("address"), ..*attempt };
        CaseContext {
            case: format!("test::rhel-9.5::as-installed::{path}"),
            distros: vec!["rhel-9.5".to_owned(); self.machines.len()],
            path,
            transport: Transport::Tcp,
            outcome,
            repeat: 1,
            source,
            destination: attempt.to,
            backends: attempt.backend.map(|backend| endpoint(backend, port)).into_iter().collect(),
            upstream: attempt.upstream.map(|upstream| vec![endpoint(upstream, PORT)]),
            dns: None,
            service_path_ok: self.has_service.load(Ordering::Relaxed)
                && self.probe(&service).run(0, 2.0).await.0 == Outcome::Ok,
            small_path_ok: None,
        }
    }
}

/// Connects a space to the switch by its `eth0`.
async fn plug(switch: &Space, space: &Space, address: &str) {
    let port = format!("p{}", space.inner);
    switch
        .sh(&format!(
            "ip link add {port} type veth peer name eth0 netns {} && ip link set {port} master br0 up && \
             ethtool -K {port} tso off gso off gro off tx off >/dev/null",
            space.inner
        ))
        .await;
    space
        .sh(&format!(
            "ip link set eth0 up && ip addr add {address}/24 dev eth0 && \
             ethtool -K eth0 tso off gso off gro off tx off >/dev/null"
        ))
        .await;
}

async fn serve(pod: &Space) {
    let start = format!(
        "cat > /run/server-$$.py; setsid python3 /run/server-$$.py {PORT} >/run/server-$$.log 2>&1 & \
        i=0; until grep -q ready /run/server-$$.log 2>/dev/null; do sleep 0.02; i=$((i+1)); [ $i -lt 500 ]; done"
    );
    let command = pathlab::provider::Command::shell(&start).stdin(SERVER);
    pod.run(&command).await.and_then(|output| output.success(pod.name(), &command)).expect("server");
}

const FIREWALLD: &str = r#"
mkdir -p /run/dbus; mount -t tmpfs t /etc/firewalld; mkdir /etc/firewalld/zones; mount -t tmpfs t /var/log
cat > /run/dbus.conf <<X
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/></policy></busconfig>
X
setsid dbus-daemon --config-file=/run/dbus.conf --nofork >/run/dbus.log 2>&1 &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.02; done
setsid firewalld --nofork --nopid >/run/fw.log 2>&1 &
i=0; until firewall-cmd --state >/dev/null 2>&1; do sleep 0.1; i=$((i+1)); [ $i -lt 200 ]; done
"#;

const UFW: &str = r"
mkdir /run/default /run/lib; cp /etc/default/ufw /run/default/; cp /lib/ufw/* /run/lib/
mount --bind /run/default /etc/default; mount --bind /run/lib /lib/ufw; mount -t tmpfs t /etc/ufw
cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/ufw.conf /etc/ufw/; mkdir /etc/ufw/applications.d; : >/etc/ufw/sysctl.conf
sed -i s/IPV6=yes/IPV6=no/ /etc/default/ufw
ufw --force enable
";
