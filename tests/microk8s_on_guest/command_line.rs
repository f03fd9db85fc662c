//! `lab run --provider libvirt` from the command line to the report: machines, policy, MicroK8s, checkpoint, remedy,
//! firewall reload, restart.

use std::{process::Command, time::Instant};

use camino::Utf8Path;
use fs_err as fs;
use libtest_mimic::Failed;
use serde_json::Value;

use super::{
    ensure,
    lab::{IMAGE, all, image, nothing_left},
    stand_in::catalog,
};

/// Paths that RHEL's firewall breaks, with what is then seen.
const BROKEN: [(&str, &str); 3] =
    [("pod-to-pod-ip", "rejected"), ("ingress-to-pod-ip", "rejected"), ("outside-to-ingress", "http-502")];

pub fn lab_run_shows_the_seed_and_what_a_remedy_does() -> Result<(), Failed> {
    let (before, folder) = (all()?, tempfile::tempdir()?);
    let home = Utf8Path::from_path(folder.path()).ok_or("UTF-8")?;
    catalog::write(home).map_err(|error| error.to_string())?;
    let (report, events) = (home.join("report"), home.join("events"));
    let own = format!("rhel={}", image());
    let mut arguments = vec!["run", "rhel", "--provider", "libvirt", "--remedy", "trusted-source", "--no-history"];
    arguments.extend(["--image", &own, "--cpus", "2", "--memory", "3", "--disk", "6"]);
    arguments.extend(["--report", report.as_str(), "--events", events.as_str()]);
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    for name in [IMAGE, "PATHLAB_RHEL_IMAGE", "XDG_STATE_HOME", "XDG_CACHE_HOME", "PATHLAB_LIBVIRT_URI"] {
        lab.env_remove(name);
    }
    let began = Instant::now();
    let output = lab.args(arguments).env("HOME", home).env("PATHLAB_HOME", home).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{:?}\n{said}", began.elapsed());
    // A reload of firewalld costs the ingress its host port for good: whether that is as the scenario says is not the
    // question here.
    ensure(matches!(output.status.code(), Some(0 | 1)), || said.clone())?;
    let report: Value = serde_json::from_slice(&fs::read(report.join("report.json"))?)?;
    as_installed(&report)?;
    with_remedy(&report)?;
    phases(&fs::read_to_string(events)?)?;
    nothing_left(&before)?;
    let labs = home.join(".local/state/pathlab/labs").read_dir_utf8()?.count();
    ensure(labs == 0, || format!("{labs} labs are in the ledger"))
}

fn cases<'a>(report: &'a Value, state: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let all = report["cases"].as_array().into_iter().flatten();
    all.filter_map(move |case| {
        let (start, path) = case["id"].as_str()?.rsplit_once("::")?;
        start.ends_with(state).then_some((path, case))
    })
}

fn as_installed(report: &Value) -> Result<(), Failed> {
    let mut seen = 0;
    for (path, case) in cases(report, "::as-installed") {
        let broken = BROKEN.iter().find(|(name, _)| *name == path);
        let (verdict, outcome) = broken.map_or(("pass", "ok"), |(_, outcome)| ("known", *outcome));
        ensure(case["verdict"] == verdict && case["outcome"] == outcome, || format!("{case:#}"))?;
        seen += 1;
    }
    ensure(seen == 9, || format!("{seen} cases"))?;
    let machine = &report["distros"][0]["machine"];
    let verified = machine["verified"].as_array().map_or(0, Vec::len);
    ensure(verified > 5 && machine["image"].is_string() && machine["snap"].is_string(), || format!("{machine:#}"))
}

fn with_remedy(report: &Value) -> Result<(), Failed> {
    for (path, case) in cases(report, "::trusted-source").filter(|(path, _)| path.ends_with("pod-ip")) {
        ensure(case["verdict"] == "pass", || format!("{path}: {case:#}"))?;
        let tries: Vec<&str> =
            case["tries"].as_array().into_iter().flatten().filter_map(|one| one["when"].as_str()).collect();
        ensure(tries.contains(&"after-reload") && tries.contains(&"after-reboot"), || format!("{tries:?}"))?;
    }
    let remedy = &report["remedies"][0];
    ensure(remedy["survives_reboot"] == true, || format!("{remedy:#}"))
}

/// The second cluster is installed no more: its machines return to the checkpoint.
fn phases(events: &str) -> Result<(), Failed> {
    let started = |phase: &str| {
        let is = |line: &&str| line.contains("phase-start") && line.contains(&format!("\"{phase}\""));
        events.lines().filter(is).count()
    };
    for (phase, times) in [("hosts", 1), ("checkpoint", 1), ("restore", 1), ("deploy", 2), ("reboot", 1)] {
        ensure(started(phase) == times, || format!("{phase}: {} times\n{events}", started(phase)))?;
    }
    Ok(())
}
