//! The seed scenario, a remedy, and a second run on the machines of the first.

use libtest_mimic::Trial;
use serde_json::Value;

use crate::{
    host::bundle,
    lab::{Lab, end, instances},
};

pub fn trials() -> Vec<Trial> {
    crate::trials![the_seed_and_its_remedy_and_once_more_on_the_same_machines]
}

/// Paths that RHEL's firewall breaks.
const BROKEN: [&str; 3] = ["pod-to-pod-ip", "ingress-to-pod-ip", "outside-to-ingress"];

fn the_seed_and_its_remedy_and_once_more_on_the_same_machines() {
    // A remedy that ends in a reload must not cost the ingress its port.
    bundle().keep_ingress_port().expect("told");
    let lab = Lab::new("seed");
    let run =
        ["run", "rhel", "ubuntu", "--provider", "multipass", "--remedy", "trusted-source", "--no-history", "--reuse"];
    let mut first = lab.with_image(&run);
    first.args(["--report", "first", "--events", "first.jsonl"]);
    end(first)
        .said(0, &["multipass lab, microk8s cluster", "Stopped, for the next run with `--reuse`", "fixes 3 of 3"]);
    let report = lab.report("first");
    verdicts(&report);
    let phases = Phases::of(&lab, "first.jsonl");
    assert_eq!((phases.of_kind("hosts"), phases.of_kind("checkpoint")), (2, 2), "{}", phases.0);
    assert_eq!((phases.of_kind("restore"), phases.of_kind("reboot")), (1, 1), "{}", phases.0);
    end(lab.command(&["gc"])).said(0, &["Nothing is left of any lab that is gone."]);
    assert_eq!(instances().len(), 2, "they are kept");
    end(lab.command(&["status"])).said(0, &["kept"]);

    let mut second = lab.with_image(&run[..5]);
    second.args(["--no-history", "--reuse", "--report", "second", "--events", "second.jsonl"]);
    second.args(["--remedy", "none"]);
    end(second).said(0, &["Stopped, for the next run"]);
    verdicts(&lab.report("second"));
    let phases = Phases::of(&lab, "second.jsonl");
    assert_eq!((phases.of_kind("hosts"), phases.of_kind("checkpoint")), (0, 0), "{}", phases.0);
    assert_eq!(phases.of_kind("restore"), 2, "{}", phases.0);

    end(lab.command(&["down", "--all"])).said(0, &["was kept for later runs, and is removed."]);
    lab.nothing_is_left();
}

struct Phases(String);

impl Phases {
    fn of(lab: &Lab, file: &str) -> Self {
        Self(fs_err::read_to_string(lab.home.join(file)).expect("events"))
    }

    fn of_kind(&self, phase: &str) -> usize {
        let lines = self.0.lines().filter(|line| line.contains("phase-start"));
        lines.filter(|line| line.contains(&format!("\"{phase}\""))).count()
    }
}

fn verdicts(report: &Value) {
    assert_eq!((&report["run"]["provider"], &report["run"]["cluster"]), (&"multipass".into(), &"microk8s".into()));
    for case in report["cases"].as_array().expect("cases") {
        let id = case["id"].as_str().expect("an id");
        let (start, path) = id.rsplit_once("::").expect("a case");
        let known = BROKEN.contains(&path) && start.ends_with("rhel-9.5::as-installed");
        // This host has no way to the cluster's own network.
        let verdict = match path {
            "outside-to-service" => "skipped",
            _ if known => "known",
            _ => "pass",
        };
        assert_eq!(case["verdict"], verdict, "{case:#}");
    }
    for remedy in report["remedies"].as_array().expect("remedies").iter().filter(|one| one["distro"] == "rhel-9.5") {
        assert_eq!((&remedy["verdict"], &remedy["survives_reboot"]), (&"fixes".into(), &true.into()), "{remedy:#}");
    }
    let distro = report["distros"].as_array().expect("distros").iter().find(|one| one["id"] == "rhel-9.5");
    let machine = &distro.expect("there")["machine"];
    assert!(machine["image"].is_string() && machine["snap"] == "7964", "{machine:#}");
}
