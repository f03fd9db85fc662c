//! The parts that every node has: containerd, kubelet, kube-proxy, and their configuration.

use std::fmt::Write as _;

use serde_json::json;

use super::{
    control_plane::Component,
    files::{CNI_BIN, CONTAINERD, FOLDER, KUBECONFIG, VOLUME_PLUGINS},
    images::PAUSE,
};
use crate::cluster::dataplane::layout::{DNS_SERVICE_IP, Node, POD_CIDR};

/// The key of the taints that order the nodes.
const ORDER_TAINT: &str = "pathlab/after-node";

/// How containerd of a node is asked.
pub const CTR: [&str; 5] = ["ctr", "--address", CONTAINERD, "--namespace", "k8s.io"];

/// Where containers' files are mounted from: layers over each other, in memory.
pub const SNAPSHOTTER: &str = "overlayfs";

/// The last minor version whose kubelet knows several kinds of runtimes, and up to 1.23 takes another one by itself.
const LAST_WITH_RUNTIMES: u32 = 26;

/// The first minor version whose kube-proxy writes of its rules only those that changed.
pub const FIRST_WRITING_CHANGES: u32 = 27;

/// The first minor version whose kubelet can be told to run on control groups of version 1; later ones must be.
const FIRST_ASKING_FOR_GROUPS: u32 = 31;

/// containerd.
#[must_use]
pub fn containerd() -> Component {
    let config = format!("{FOLDER}/containerd.toml");
    Component::new("containerd", "containerd", &["--config", &config, "--log-level", "warn"])
}

/// containerd's configuration.
#[must_use]
pub fn containerd_config() -> String {
    format!(
        "version = 2\n\
         disabled_plugins = [\"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.zfs\", \
         \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.aufs\", \
         \"io.containerd.internal.v1.tracing\"]\n\
         [grpc]\n  address = \"{CONTAINERD}\"\n\
         [plugins.\"io.containerd.internal.v1.opt\"]\n  path = \"{FOLDER}/opt\"\n\
         [plugins.\"io.containerd.grpc.v1.cri\"]\n  \
         sandbox_image = \"{PAUSE}\"\n  disable_apparmor = true\n  restrict_oom_score_adj = true\n  \
         [plugins.\"io.containerd.grpc.v1.cri\".cni]\n    bin_dir = \"{CNI_BIN}\"\n    conf_dir = \"/etc/cni/net.d\"\n  \
         [plugins.\"io.containerd.grpc.v1.cri\".containerd]\n    snapshotter = \"{SNAPSHOTTER}\"\n"
    )
}

/// The kubelet of this minor version. Its cloud providers look for credentials on the network unless they are told not
/// to: see [`environment`].
pub fn kubelet(programs: &str, node: &Node, minor: u32) -> Component {
    let mut arguments = vec![
        format!("--kubeconfig={KUBECONFIG}"),
        format!("--config={FOLDER}/kubelet.json"),
        format!("--container-runtime-endpoint=unix://{CONTAINERD}"),
        format!("--hostname-override={}", node.name),
        format!("--node-ip={}", node.ip),
        "--root-dir=/var/lib/kubelet".to_owned(),
        "--cert-dir=/var/lib/kubelet/pki".to_owned(),
    ];
    if minor <= LAST_WITH_RUNTIMES {
        arguments.push("--container-runtime=remote".to_owned());
    }
    let taints = order_taints(node.index);
    if !taints.is_empty() {
        arguments.push(format!("--register-with-taints={taints}"));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Component::new("kubelet", format!("{programs}/kubelet"), &arguments)
}

/// Environment of the kubelet.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    vec![("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned())]
}

/// Of nodes that are equal the scheduler draws one. Each has one taint more than the one before, which forbids nothing:
/// the first comes first, and what has several pods is still spread.
fn order_taints(index: usize) -> String {
    let taints: Vec<String> = (1..=index).map(|before| format!("{ORDER_TAINT}-{before}=:PreferNoSchedule")).collect();
    taints.join(",")
}

/// The configuration of a kubelet of this minor version. `group` is the control group of the node's containers.
#[must_use]
pub fn kubelet_config(group: &str, minor: u32) -> String {
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": group,
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": format!("{FOLDER}/resolv.conf"),
        "serializeImagePulls": false,
        "volumePluginDir": VOLUME_PLUGINS,
        "nodeStatusUpdateFrequency": "2s",
        "syncFrequency": "5s",
        // The lab's files lie in memory, whose size says nothing of a disk's.
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
    });
    if minor >= FIRST_ASKING_FOR_GROUPS {
        config["failCgroupV1"] = json!(false);
    }
    config.to_string()
}

/// kube-proxy. It writes its rules at its start and at every change; that it looks whether they are still there is the
/// lab's to say (see the module `rules`), so that a run does not depend on when its half minute is over.
pub fn kube_proxy(programs: &str, node: &Node) -> Component {
    let mut arguments = vec![
        format!("--kubeconfig={KUBECONFIG}"),
        "--proxy-mode=iptables".to_owned(),
        format!("--cluster-cidr={POD_CIDR}"),
        "--conntrack-max-per-core=0".to_owned(),
        "--iptables-sync-period=1h".to_owned(),
        "--iptables-min-sync-period=100ms".to_owned(),
        "--healthz-bind-address=127.0.0.1:10256".to_owned(),
    ];
    let mut name = String::new();
    write!(name, "--hostname-override={}", node.name).expect("a String takes all");
    arguments.push(name);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Component::new("kube-proxy", format!("{programs}/kube-proxy"), &arguments)
}

#[cfg(test)]
mod tests {
    use super::{kube_proxy, kubelet, kubelet_config, order_taints};
    use crate::cluster::dataplane::{Node, NodeSpec};

    fn node() -> Node {
        Node::new(1, &NodeSpec { name: "node-2".to_owned(), distro_id: "rhel-9.5".to_owned() })
    }

    /// Both have what every kubelet knows; what only one may have is told apart.
    #[test]
    fn a_kubelet_is_told_what_its_version_knows() {
        let common = [
            "/bin/kubelet",
            "--kubeconfig=/run/kubernetes/kubeconfig",
            "--config=/run/kubernetes/kubelet.json",
            "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            "--hostname-override=node-2",
            "--node-ip=192.0.2.12",
            "--root-dir=/var/lib/kubelet",
            "--cert-dir=/var/lib/kubelet/pki",
        ];
        let taints = "--register-with-taints=pathlab/after-node-1=:PreferNoSchedule";
        for minor in [20, 26] {
            let argv = kubelet("/bin", &node(), minor).argv;
            assert_eq!(argv, [&common[..], &["--container-runtime=remote", taints]].concat(), "1.{minor}");
        }
        for minor in [27, 33] {
            assert_eq!(kubelet("/bin", &node(), minor).argv, [&common[..], &[taints]].concat(), "1.{minor}");
        }
    }

    #[test]
    fn a_kubelet_runs_on_control_groups_of_version_1() {
        let config = |minor| -> serde_json::Value {
            serde_json::from_str(&kubelet_config("/pathlab-1.node-1", minor)).expect("JSON")
        };
        assert_eq!(config(20).get("failCgroupV1"), None);
        assert_eq!(config(33)["failCgroupV1"], false);
        assert_eq!(config(33)["cgroupRoot"], "/pathlab-1.node-1");
    }

    #[test]
    fn a_kube_proxy_of_any_version_is_told_the_same() {
        let expected = [
            "/bin/kube-proxy",
            "--kubeconfig=/run/kubernetes/kubeconfig",
            "--proxy-mode=iptables",
            "--cluster-cidr=10.1.0.0/16",
            "--conntrack-max-per-core=0",
            "--iptables-sync-period=1h",
            "--iptables-min-sync-period=100ms",
            "--healthz-bind-address=127.0.0.1:10256",
            "--hostname-override=node-2",
        ];
        assert_eq!(kube_proxy("/bin", &node()).argv, expected);
    }

    #[test]
    fn each_node_has_one_taint_more() {
        assert_eq!(order_taints(0), "");
        assert_eq!(order_taints(2), "pathlab/after-node-1=:PreferNoSchedule,pathlab/after-node-2=:PreferNoSchedule");
    }
}
