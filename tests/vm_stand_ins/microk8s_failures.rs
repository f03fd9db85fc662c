//! Each command fails in its turn: it hangs, prints garbage or half of its output, or ends with another status.

use std::time::Duration;

use libtest_mimic::Trial;
use pathlab::{
    catalog::distro::Family,
    cluster::{
        image::Image,
        microk8s::{self, Limits, Node, Role},
    },
    provider::Machine as _,
};

use crate::{
    host::Host,
    microk8s::{addons, config, install, limits, store},
    run,
};

pub fn trials() -> Vec<Trial> {
    crate::trials![
        an_installation_that_was_cut_off_is_finished,
        every_wait_ends_and_says_what_for,
        what_is_not_understood_is_said,
        passing_failures_pass,
        an_image_that_is_not_imported_is_noticed,
        an_addon_that_is_late_is_waited_for,
        a_node_that_registers_late_joins_once,
    ]
}

/// Limits that are over soon.
fn short() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        question: seconds(3),
        seeding: seconds(2),
        install: seconds(2),
        ready: seconds(2),
        addon: seconds(3),
        join: seconds(3),
        pause: Duration::from_millis(100),
        ..Limits::default()
    }
}

fn an_installation_that_was_cut_off_is_finished() {
    run(async {
        let host = Host::launch("cut-off").await;
        let (brief, patient) = (short(), limits());
        let node = Node::new(&host.machine, &brief);
        microk8s::prepare_snapd(node, Family::Debian, None, &mut Vec::new()).await.expect("ready");
        // snapd needs longer than is waited for, and goes on without the command that asked for it.
        host.sh("echo 5 >/var/lib/stand-in/delay").await;
        let error =
            microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect_err("too slow").to_string();
        assert!(error.contains("waited 2s for the snap microk8s to be installed"), "{error}");
        assert!(
            error.contains("snapd's change 1 is Doing: Install \"microk8s\" snap from \"1.32/stable\" channel"),
            "{error}"
        );
        let node = Node::new(&host.machine, &patient);
        install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("the same change is waited for");
        assert_eq!(host.sh("snap changes | grep -c Install").await, "1");
    });
}

fn every_wait_ends_and_says_what_for() {
    run(async {
        let host = Host::launch("waits").await;
        let (brief, patient) = (short(), limits());
        let node = Node::new(&host.machine, &brief);
        microk8s::prepare_snapd(Node::new(&host.machine, &patient), Family::Debian, None, &mut Vec::new())
            .await
            .expect("ready");
        let too_early =
            "exit 10 error: too early for operation, device not yet seeded or device model not acknowledged";
        host.order("snap-wait", &["hang"]).await;
        let error =
            microk8s::prepare_snapd(node, Family::Debian, None, &mut Vec::new()).await.expect_err("hangs").to_string();
        assert!(
            error.contains("waited 2s for snapd to be seeded; last: ") && error.contains("did not end within"),
            "{error}"
        );
        host.order("snap-install", &[too_early; 60]).await;
        let error = microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect_err("early").to_string();
        assert!(error.contains("for the snap microk8s to be installed; last: status 10: error: too early"), "{error}");
        host.order("snap-install", &[]).await;
        install(Node::new(&host.machine, &patient), Family::Debian, &store(), &mut Vec::new())
            .await
            .expect("installed");
        host.order("microk8s-status", &["not-ready"; 60]).await;
        let error = microk8s::ready(node).await.expect_err("not ready").to_string();
        assert!(
            error.contains("waited 2s for MicroK8s to be ready; last: microk8s is not running. Use microk8s inspect"),
            "{error}"
        );
        host.order("microk8s-status", &[]).await;
        host.sh("microk8s disable dns").await;
        host.order("microk8s-enable", &["nothing"]).await;
        let error = microk8s::enable(node, &addons(), &mut Vec::new()).await.expect_err("never there").to_string();
        assert!(
            error
                .contains("waited 3s for the addon dns to be enabled; last: `microk8s enable dns` ended with status 0"),
            "{error}"
        );
    });
}

fn what_is_not_understood_is_said() {
    run(async {
        let host = Host::launch("garbage").await;
        let (brief, patient) = (short(), limits());
        let node = Node::new(&host.machine, &brief);
        install(Node::new(&host.machine, &patient), Family::Debian, &store(), &mut Vec::new())
            .await
            .expect("installed");
        for order in ["garbage", "partial"] {
            host.order("snap-list", &[order]).await;
            let error =
                microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect_err(order).to_string();
            assert!(error.contains("failed to understand `snap list`"), "{order}: {error}");
            host.order("microk8s-ctr", &[order]).await;
            let error = microk8s::import(node, &Image::agent(), &mut Vec::new()).await;
            // Half of the list still has its titles.
            assert!(order == "partial" || error.is_err());
            host.order("microk8s-add-node", &[order]).await;
            let ip = "192.0.2.10".parse().expect("an address");
            let error =
                microk8s::join(node, ip, node, "nobody", microk8s::Role::Worker).await.expect_err(order).to_string();
            assert!(
                error.contains("failed to understand `microk8s add-node") && error.contains("no invitation"),
                "{error}"
            );
            host.order("microk8s-kubectl", &[order]).await;
            let result = microk8s::ingress(node).await;
            assert!(order == "partial" || result.is_err(), "{result:?}");
        }
        host.order("snap-list", &["exit 1 error: cannot list snaps"]).await;
        let error = microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect_err("fails").to_string();
        assert!(error.contains("`snap list` ended with status 1: error: cannot list snaps"), "{error}");
    });
}

fn passing_failures_pass() {
    run(async {
        let host = Host::launch("passing").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        host.order(
            "snap-install",
            &[
                "exit 1 error: unable to contact snap store",
                "exit 10 error: snap \"microk8s\" has \"install-snap\" change in progress",
            ],
        )
        .await;
        host.order(
            "microk8s-status",
            &["garbage", "partial", "not-ready", "exit 1 Insufficient permissions to access MicroK8s."],
        )
        .await;
        install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("installed");
        // One that does not pass ends at once.
        host.sh("snap remove --purge microk8s").await;
        host.order("snap-install", &["exit 1 error: snap \"microk8s\" not available on channel"]).await;
        let error = microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect_err("fails").to_string();
        assert!(
            error.contains("snap install microk8s --classic --channel=1.32/stable` ended with status 1"),
            "{error}"
        );
    });
}

fn an_image_that_is_not_imported_is_noticed() {
    run(async {
        let host = Host::launch("images").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        install(node, Family::Debian, &store(), &mut Vec::new()).await.expect("installed");
        host.sh("rm /var/snap/microk8s/current/images").await;
        host.order("microk8s-ctr", &["ok", "broken"]).await;
        let error = microk8s::import(node, &Image::agent(), &mut Vec::new())
            .await
            .expect_err("status 0, and not there")
            .to_string();
        assert!(
            error.contains(
                "containerd does not have docker.io/pathlab/agent:1 after its import: status 0: ctr: failed to import"
            ),
            "{error}"
        );
        microk8s::import(node, &Image::agent(), &mut Vec::new()).await.expect("imported");
        assert_eq!(host.machine.name(), "images");
    });
}

fn an_addon_that_is_late_is_waited_for() {
    run(async {
        let host = Host::launch("late").await;
        let limits = limits();
        let node = Node::new(&host.machine, &limits);
        host.order("microk8s-enable", &["late", "exit 1 the server could not find the requested resource"]).await;
        microk8s::prepare_snapd(node, Family::Debian, None, &mut Vec::new()).await.expect("ready");
        microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect("installed");
        microk8s::enable(node, &addons()[..1], &mut Vec::new()).await.expect("late");
        let brief = short();
        let error = microk8s::enable(Node::new(&host.machine, &brief), &addons()[1..2], &mut Vec::new())
            .await
            .expect_err("fails")
            .to_string();
        assert!(error.contains("status 1: the server could not find the requested resource"), "{error}");
    });
}

fn a_node_that_registers_late_joins_once() {
    run(async {
        let (first, second) = (Host::launch("early-1").await, Host::launch("late-2").await);
        let limits = limits();
        let nodes = [Node::new(&first.machine, &limits), Node::new(&second.machine, &limits)];
        for node in nodes {
            microk8s::prepare_snapd(node, Family::Debian, None, &mut Vec::new()).await.expect("ready");
            microk8s::install(node, &store(), &config(), &mut Vec::new()).await.expect("installed");
        }
        second.order("microk8s-join", &["late"]).await;
        let ip = "192.0.2.10".parse().expect("an address");
        microk8s::join(nodes[0], ip, nodes[1], "late-2", Role::ControlPlane).await.expect("joined");
        assert_eq!(first.sh("grep -lx early-1 /cluster/token-* | wc -l").await, "1");
        assert_eq!(microk8s::nodes(nodes[0]).await.expect("answers"), ["early-1", "late-2"]);
    });
}
