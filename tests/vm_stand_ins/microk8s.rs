//! MicroK8s installed from nothing, on one host and on two.

use std::time::Duration;

use libtest_mimic::Trial;
use pathlab::{
    catalog::distro::Family,
    cluster::{
        image::Image,
        microk8s::{
            self, Added, Addon, FoundState, LaunchConfig, Limits, Node, Role, SnapFiles, Source, ingress::Flavour,
        },
    },
    provider::Machine as _,
};

use crate::{host::Host, run};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        from_nothing_on_enterprise_linux,
        a_second_time_changes_nothing,
        a_node_that_is_not_ready_yet_is_waited_for,
        rhel_needs_to_be_told_where_epel_is,
        from_files_without_network,
        two_nodes_join,
        what_was_added_is_taken_away,
    ]
}

/// Limits that suit stand-ins.
pub fn limits() -> Limits {
    Limits { pause: Duration::from_millis(100), ..Limits::default() }
}

pub fn store() -> Source {
    Source::Store { channel: "1.32/stable".to_owned(), revision: None }
}

pub fn addons() -> Vec<Addon> {
    let ip = |text: &str| text.parse().expect("an address");
    vec![Addon::Dns, Addon::Ingress, Addon::HostpathStorage, Addon::Metallb(ip("192.0.2.100"), ip("192.0.2.110"))]
}

pub fn config() -> LaunchConfig {
    LaunchConfig { sans: vec!["192.0.2.10".parse().expect("an address")], kubelet: Vec::new() }
}

/// All of it, as a cluster does it.
pub async fn install(
    node: Node<'_>,
    family: Family,
    source: &Source,
    added: &mut Vec<Added>,
) -> Result<(), microk8s::MicroK8sError> {
    microk8s::prepare_snapd(node, family, None, added).await?;
    let installed = microk8s::install(node, source, &config(), added).await?;
    assert_eq!(installed.name, "microk8s");
    microk8s::ready(node).await?;
    microk8s::enable(node, &addons(), added).await?;
    microk8s::import(node, &Image::agent(), added).await
}

fn from_nothing_on_enterprise_linux() {
    run(async {
        let host = Host::launch("el-nothing").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        host.order("snap-wait", &["exit 1 error: cannot communicate with server: Get \"http://localhost/v2/system-info\": dial unix /run/snapd.socket: connect: no such file or directory"]).await;
        let too_early =
            "exit 10 error: too early for operation, device not yet seeded or device model not acknowledged";
        host.order("snap-install", &[too_early, too_early]).await;
        install(node, Family::El, &store(), &mut Vec::new()).await.expect("installed");
        assert_eq!(
            host.sh("ls /var/snap/microk8s/current/addons; cat /var/snap/microk8s/current/addons/metallb").await,
            "dns\nhostpath-storage\ningress\nmetallb\nmetallb:192.0.2.100-192.0.2.110"
        );
        assert_eq!(host.sh("readlink /snap; ls /var/lib/stand-in/units").await, "/var/lib/snapd/snap\nsnapd.socket");
        assert!(host.sh("cat /var/snap/microk8s/common/.microk8s.yaml").await.contains("192.0.2.10"));
        let found = microk8s::ingress(node).await.expect("answers").expect("enabled");
        assert_eq!((found.flavour, found.classes.join(" ").as_str()), (Flavour::Nginx, "public"));
        host.sh("touch /var/lib/stand-in/traefik").await;
        let found = microk8s::ingress(node).await.expect("answers").expect("enabled");
        assert_eq!(found.flavour, Flavour::Traefik);
        let config = microk8s::kubeconfig(node).await.expect("a control plane");
        assert!(config.expose().contains("https://127.0.0.1:16443") && format!("{config:?}") == "Kubeconfig(…)");
    });
}

fn a_second_time_changes_nothing() {
    run(async {
        let host = Host::launch("twice").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("installed");
        let state = "find /var/lib/stand-in /var/snap/microk8s -type f -exec md5sum {} + | sort";
        let before = host.sh(state).await;
        let mut added = Vec::new();
        install(node, Family::Debian, &store(), &mut added).await.expect("there already");
        assert_eq!((host.sh(state).await, added), (before, Vec::new()));
        let other = Source::Store { channel: "1.33/stable".to_owned(), revision: None };
        let error =
            microk8s::install(node, &other, &config(), &mut Vec::new()).await.expect_err("another one").to_string();
        assert!(
            error.contains("MicroK8s v1.32.3 (revision 7964, 1.32/stable) is installed and 1.33/stable is asked for"),
            "{error}"
        );
        host.sh("microk8s stop").await;
        microk8s::ready(node).await.expect("started again");
        assert_eq!(host.sh("ls /var/snap/microk8s/current/stopped 2>/dev/null || echo runs").await, "runs");
    });
}

fn a_node_that_is_not_ready_yet_is_waited_for() {
    run(async {
        let host = Host::launch("looked-at").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        assert_eq!(microk8s::look(node).await.expect("answers"), None);
        install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("installed");
        let state = || async { microk8s::look(node).await.expect("answers").expect("installed").state };
        // To the stand-in a node with this file is ready when it has credentials; this one never will.
        host.sh("touch /var/lib/stand-in/kube; setsid sh -c 'sleep 2; rm /var/lib/stand-in/kube' </dev/null >/dev/null 2>&1 &")
            .await;
        assert!(matches!(state().await, FoundState::Runs { addons, .. } if addons.contains(&"dns".to_owned())));
        host.order("microk8s-status", &["not-ready"]).await;
        let FoundState::Unusable(reason) = state().await else { panic!("it is ready") };
        assert!(reason.contains("not ready there: microk8s is not running. Use microk8s inspect"), "{reason}");
        host.order("microk8s-status", &["garbage"]).await;
        let FoundState::Unusable(reason) = state().await else { panic!("it is ready") };
        assert!(reason.contains("`microk8s status` there says nothing of use: "), "{reason}");
        host.sh("microk8s stop").await;
        let FoundState::Unusable(reason) = state().await else { panic!("it runs") };
        assert!(reason.contains("`microk8s start` starts it"), "{reason}");
    });
}

fn rhel_needs_to_be_told_where_epel_is() {
    run(async {
        let host = Host::launch("epel").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        host.sh("touch /var/lib/stand-in/is-rhel").await;
        let error =
            microk8s::prepare_snapd(node, Family::El, None, &mut Vec::new()).await.expect_err("no EPEL").to_string();
        assert!(error.contains("Unable to find a match: epel-release") && error.contains("PATHLAB_EPEL"), "{error}");
        let mut added = Vec::new();
        microk8s::prepare_snapd(node, Family::El, Some("/root/epel-release-9.rpm"), &mut added).await.expect("told");
        let packages = ["epel-release", "snap-confine", "snapd", "snapd-selinux"].map(str::to_owned).to_vec();
        assert_eq!(added[0], Added::Rpms(packages));
    });
}

fn from_files_without_network() {
    run(async {
        let host = Host::launch("offline").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        let folder = tempfile::tempdir().expect("a folder");
        let path = camino::Utf8Path::from_path(folder.path()).expect("UTF-8");
        let mut named = Vec::new();
        for name in ["microk8s_7964", "core20_2571", "snapd_24505"] {
            fs_err::write(path.join(format!("{name}.snap")), vec![7_u8; 100_000]).expect("written");
            fs_err::write(path.join(format!("{name}.assert")), "type: snap-revision\n").expect("written");
            named.push(path.join(format!("{name}.snap")));
        }
        let source = Source::Files(SnapFiles::find(&named).expect("complete"));
        microk8s::prepare_snapd(node, Family::Debian, None, &mut Vec::new()).await.expect("ready");
        let installed = microk8s::install(node, &source, &config(), &mut Vec::new()).await.expect("installed");
        assert_eq!((installed.revision.as_str(), installed.tracking), ("7964", None));
        let order = host.sh("snap changes | sed -n 's/.*Install \"\\([a-z0-9]*\\)\".*/\\1/p'").await;
        assert_eq!(order, "snapd\ncore20\nmicrok8s");
        assert_eq!(host.sh("ls /var/tmp/pathlab-snaps 2>/dev/null || echo removed").await, "removed");
    });
}

fn two_nodes_join() {
    run(async {
        let (first, second) = (Host::launch("joins-1").await, Host::launch("joins-2").await);
        let limits = limits();
        let nodes = [Node::new(&first.machine, &limits), Node::new(&second.machine, &limits)];
        for node in nodes {
            install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("installed");
        }
        // A try that fails uses up its invitation; the next one has another.
        second.order("microk8s-join", &["exit 1 Peer node verification failed (timed out)."]).await;
        let ip = "192.0.2.10".parse().expect("an address");
        microk8s::join(nodes[0], ip, nodes[1], "joins-2", Role::Worker).await.expect("joined");
        assert_eq!(microk8s::nodes(nodes[0]).await.expect("answers"), ["joins-1", "joins-2"]);
        assert_eq!(first.sh("ls /cluster | grep -c token").await, "2");
        microk8s::join(nodes[0], ip, nodes[1], "joins-2", Role::Worker).await.expect("joined already");
        assert_eq!(first.sh("ls /cluster | grep -c token").await, "2");
        microk8s::ready(nodes[1]).await.expect("a worker knows no more");
        let error = microk8s::kubeconfig(nodes[1]).await.expect_err("a worker").to_string();
        assert!(error.contains("is this a control plane node?"), "{error}");
        let none = "192.0.2.99".parse().expect("an address");
        second.sh("rm /cluster/joins-1/nodes/joins-2").await;
        let error =
            microk8s::join(nodes[0], none, nodes[1], "joins-2", Role::Worker).await.expect_err("no way").to_string();
        assert!(
            error.contains("no invitation for 192.0.2.99, only for 10.1.223.128:25000, 192.0.2.10:25000"),
            "{error}"
        );
    });
}

fn what_was_added_is_taken_away() {
    run(async {
        for (name, family) in [("away-el", Family::El), ("away-debian", Family::Debian)] {
            let host = Host::launch(name).await;
            assert_eq!(host.machine.name(), name);
            let limits = limits();
            let node = Node::new(&host.machine, &limits);
            host.sh("mkdir -p /var/lib/stand-in/packages; touch /var/lib/stand-in/packages/theirs").await;
            let before = host.sh("ls /var/lib/stand-in/packages").await;
            let mut added = Vec::new();
            install(node, family, &store(), &mut added).await.expect("installed");
            assert!(host.sh("snap list").await.contains("microk8s"));
            let failed = microk8s::remove(node, &added).await;
            assert!(failed.is_empty(), "{failed:?}");
            assert_eq!(host.sh("ls /var/lib/stand-in/packages").await, before);
            assert_eq!(
                host.sh("find /var/lib/stand-in/units /var/lib/stand-in/snaps -type f | grep . || echo none").await,
                "none"
            );
            assert_eq!(host.sh("ls -d /snap /var/snap/microk8s 2>/dev/null || echo gone").await, "gone");
        }
    });
}
