//! Bringing a cluster up, from connected hosts to nodes that are ready.

use std::{
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{join_all, try_join, try_join_all, try_join3};
use tokio::time::{Instant, sleep};

use super::{
    Kubernetes,
    control_plane::{api_server, controller_manager, etcd, scheduler},
    credentials::Credentials,
    error::KubernetesError,
    files::{FOLDER, KUBECONFIG},
    node::{AGENT_SOCKET, start},
    rules,
    watch::Watch,
};
use crate::{
    cluster::{
        dataplane::layout::{self, API_PORT},
        kube::{Dial, KubeAccess, KubeApi, KubeError, kubeconfig},
    },
    model::IpFamily,
    provider::{
        Command, Machine as _, Stream,
        netns::{NetnsMachine, PROGRAMS, underlay::links},
    },
};

/// How long the API server, and then the nodes, may take to be ready on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

const PAUSE: Duration = Duration::from_millis(100);

/// The way to the API server, past every network under test.
struct NodeDial(NetnsMachine);

#[async_trait]
impl Dial for NodeDial {
    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        self.0.connect_tcp(api_address()).await.map_err(io::Error::other)
    }
}

/// The API server as every node reaches it: its own loopback interface.
fn api_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, API_PORT).into()
}

impl Kubernetes {
    pub(super) async fn start_all(&mut self) -> Result<(), KubernetesError> {
        let nodes = try_join_all((0..self.hosts.nodes.len()).map(|index| self.prepare_node(index)));
        let (_, (), api) = try_join3(nodes, self.start_outside(), self.start_control_plane()).await?;
        self.api = Some(api);
        let all = || 0..self.hosts.nodes.len();
        let kubelets = try_join_all(all().map(|index| self.start_kubelet(index)));
        try_join(kubelets, rules::write_calico(&self.state, &self.hosts.nodes)).await?;
        let names = self.nodes_by_name();
        let ready = async {
            match self.api()?.nodes_ready(&names, LIMIT).await {
                Ok(()) => Ok(()),
                Err(source) => Err(self.with_log(source, "kubelet").await),
            }
        };
        Watch::all(self.machines(), &["containerd", "kubelet"]).during(ready).await?;
        try_join_all(all().map(|index| self.start_proxy(index))).await.map(drop)
    }

    /// The outside host reaches services and pods through the nodes; it forwards nothing.
    async fn start_outside(&self) -> Result<(), KubernetesError> {
        let family = IpFamily::Ipv4;
        let first = self.state.nodes[0].address(family);
        let mut routes = format!("route add {} via {first}\n", layout::service_cidr(family));
        for node in &self.state.nodes {
            let (block, via) = (node.block_cidr(family), node.address(family));
            writeln!(routes, "route add {block} via {via}").expect("a String takes all");
        }
        let outside = &self.hosts.outside;
        links(outside, &routes).await?;
        Ok(outside.daemon(&["lab-agent", "serve", "--socket", AGENT_SOCKET], &[], "agent").await?)
    }

    async fn start_control_plane(&self) -> Result<KubeApi, KubernetesError> {
        let (node, machine) = (&self.state.nodes[0], &self.hosts.nodes[0]);
        let credentials = Credentials::generate()?;
        for (name, content) in
            [("tokens.csv", credentials.token_file()), ("service-account.key", credentials.service_account_key.clone())]
        {
            machine.write_file(format!("{FOLDER}/{name}").as_str().into(), content.as_bytes(), 0o600).await?;
        }
        start(machine, &etcd(), &[]).await?;
        start(machine, &api_server(PROGRAMS, node), &[]).await?;
        let api = Watch::first(machine, &["etcd", "kube-apiserver"]).during(self.connect_api(&credentials)).await?;
        start(machine, &controller_manager(PROGRAMS), &[]).await?;
        start(machine, &scheduler(PROGRAMS), &[]).await?;
        Ok(api)
    }

    /// Waits for the API server, and tells every node the way to it.
    async fn connect_api(&self, credentials: &Credentials) -> Result<KubeApi, KubernetesError> {
        let machine = &self.hosts.nodes[0];
        let certificate = self.certificate(machine).await?;
        let server = format!("https://{}", api_address());
        let text = kubeconfig(&server, &certificate, Some("kubernetes"), &credentials.token);
        for (node, machine) in self.machines() {
            if node.index > 0 {
                // A node joins whatever the host firewalls let through: that is not what is under test.
                machine.forward(api_address(), &self.hosts.nodes[0], api_address()).await?;
            }
            machine.write_file(KUBECONFIG.into(), text.as_bytes(), 0o600).await?;
        }
        let access = KubeAccess::from_kubeconfig(&text, Arc::new(NodeDial(machine.clone()))).await?;
        match KubeApi::connect(access, LIMIT).await {
            Ok(api) => Ok(api),
            Err(source) => Err(self.with_log(source, "kube-apiserver").await),
        }
    }

    /// The certificate that the API server makes for itself at its start, with its authority's.
    async fn certificate(&self, machine: &NetnsMachine) -> Result<String, KubernetesError> {
        let read = Command::new(["cat".to_owned(), format!("{FOLDER}/pki/apiserver.crt")]);
        let end = Instant::now() + LIMIT;
        loop {
            let output = machine.run(&read).await?;
            if output.ok() && output.text().trim_end().ends_with("-----END CERTIFICATE-----") {
                return Ok(output.text());
            }
            if Instant::now() > end {
                let last = printed(machine, "kube-apiserver").await;
                let (what, machine) = ("the API server", machine.name().to_owned());
                return Err(KubernetesError::NotReady { what, machine, limit: LIMIT, last });
            }
            sleep(PAUSE).await;
        }
    }

    /// An error of the API with what a component of the first node printed last.
    pub(super) async fn with_log(&self, source: KubeError, component: &'static str) -> KubernetesError {
        // The reason names the nodes that it is about; what it says of none is about the first.
        let said = source.to_string();
        let named = self.state.nodes.iter().zip(&self.hosts.nodes).filter(|(node, _)| said.contains(&node.name));
        let mut machines: Vec<_> = named.map(|(_, machine)| machine).collect();
        if machines.is_empty() {
            machines.extend(self.hosts.nodes.first());
        }
        let printed = join_all(machines.into_iter().map(|machine| printed(machine, component))).await.join("\n");
        KubernetesError::Component { source, component, printed }
    }
}

/// The last lines that a component printed.
pub(super) async fn printed(machine: &NetnsMachine, component: &str) -> String {
    let command = Command::new(["tail", "-n", "5", machine.log(component).as_str()]);
    machine.run(&command).await.map(|output| output.text().trim().to_owned()).unwrap_or_default()
}
