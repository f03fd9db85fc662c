//! A lab that stays up: its cluster is looked at with `kubectl`, in the words that the lab prints.

use libtest_mimic::Trial;

use crate::{home::Home, trials};

pub fn trials() -> Vec<Trial> {
    trials![kubectl_goes_by_the_printed_line]
}

fn kubectl_goes_by_the_printed_line() {
    let home = Home::new();
    let said = home.ok(&["up", "demo", "rhel", "--cluster", "kubernetes"]);
    let line = said.lines().find(|line| line.contains(" -- kubectl ")).unwrap_or_else(|| panic!("{said}"));
    // Behind two blanks is what the command is for.
    let command = line.trim().split("  ").next().and_then(|line| line.strip_prefix("lab ")).expect("a command");
    assert!(command.contains("--kubeconfig /run/kubernetes/kubeconfig get pods -A"), "{command}");
    let pods = home.ok(&command.split(' ').collect::<Vec<_>>());
    let runs = |name: &str| pods.lines().any(|line| line.contains(name) && line.contains("Running"));
    for pod in ["zeus-", "coredns-", "ingress-node-1-", "probe-local"] {
        assert!(runs(pod), "{pod}: {pods}");
    }
    home.ok(&["down", "demo"]);
    home.is_empty("`lab down`");
}
