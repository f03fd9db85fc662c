//! `lab` with `--provider libvirt` from the command line to the report: machines, policy, MicroK8s, checkpoint, remedy,
//! firewall reload, restart; and a lab that stays up.

use std::{
    process::{Command, Output},
    time::Instant,
};

use camino::Utf8PathBuf;
use fs_err as fs;
use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    ensure,
    lab::{IMAGE, all, image, nothing_left},
    stand_in::catalog,
};

/// Paths that RHEL's firewall breaks, with what is then seen.
const BROKEN: [(&str, &str); 3] =
    [("pod-to-pod-ip", "rejected"), ("ingress-to-pod-ip", "rejected"), ("outside-to-ingress", "http-502")];

/// Somebody's folders, with a catalogue whose distros the test guests may stand in for; and what libvirt had before.
struct User {
    folder: TempDir,
    home: Utf8PathBuf,
    before: String,
}

impl User {
    fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let home = Utf8PathBuf::from_path_buf(folder.path().to_owned()).map_err(|_| "UTF-8")?;
        catalog::write(&home, &image()).map_err(|error| error.to_string())?;
        Ok(Self { folder, home, before: all()? })
    }

    fn lab(&self, arguments: &[&str]) -> Result<Output, Failed> {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        for name in [IMAGE, "PATHLAB_RHEL_IMAGE", "XDG_STATE_HOME", "XDG_CACHE_HOME", "PATHLAB_LIBVIRT_URI"] {
            lab.env_remove(name);
        }
        let began = Instant::now();
        let output = lab.args(arguments).env("HOME", &self.home).env("PATHLAB_HOME", &self.home).output()?;
        println!("lab {}: {:?}\n{}", arguments.join(" "), began.elapsed(), said(&output));
        Ok(output)
    }

    /// The same on small guests that stand in for these distros.
    fn lab_on_guests(&self, distros: &[&str], arguments: &[&str]) -> Result<Output, Failed> {
        let images: Vec<String> = distros.iter().map(|distro| format!("{distro}={}", image())).collect();
        let mut all = [arguments, &["--provider", "libvirt", "--cpus", "2", "--memory", "3", "--disk", "6"]].concat();
        for image in &images {
            all.extend(["--image", image]);
        }
        self.lab(&all)
    }

    /// What a test of theirs comes to. Nothing may be left; of half an hour that failed what was seen stays.
    fn try_out(test: impl FnOnce(&Self) -> Result<(), Failed>) -> Result<(), Failed> {
        let user = Self::new()?;
        match test(&user) {
            Ok(()) => user.nothing_left(),
            Err(failed) => {
                println!("what was seen is in {}", user.folder.keep().display());
                Err(failed)
            }
        }
    }

    fn nothing_left(self) -> Result<(), Failed> {
        nothing_left(&self.before)?;
        let labs = self.home.join(".local/state/pathlab/labs").read_dir_utf8()?.count();
        ensure(labs == 0, || format!("{labs} labs are in the ledger"))?;
        Ok(self.folder.close()?)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Fails unless a command ended with this status and said that.
fn ended(output: &Output, status: i32, words: &str) -> Result<(), Failed> {
    let is = output.status.code() == Some(status) && said(output).contains(words);
    ensure(is, || format!("{}, not {status} and `{words}`: {}", output.status, said(output)))
}

pub fn lab_run_shows_the_seed_and_what_a_remedy_does() -> Result<(), Failed> {
    User::try_out(lab_run)
}

fn lab_run(user: &User) -> Result<(), Failed> {
    let (report, events) = (user.home.join("report"), user.home.join("events"));
    let mut run = vec!["run", "rhel", "ubuntu", "--remedy", "trusted-source", "--no-history"];
    run.extend(["--report", report.as_str(), "--events", events.as_str()]);
    ended(&user.lab_on_guests(&["rhel", "ubuntu"], &run)?, 0, "libvirt lab, microk8s cluster")?;
    let report: Value = serde_json::from_slice(&fs::read(report.join("report.json"))?)?;
    as_installed(&report, "rhel-9.5", &BROKEN)?;
    as_installed(&report, "ubuntu-22.04", &[])?;
    with_remedy(&report)?;
    phases(&fs::read_to_string(events)?)
}

pub fn a_lab_stays_up_until_it_is_taken_down() -> Result<(), Failed> {
    User::try_out(lab_stays)
}

fn lab_stays(user: &User) -> Result<(), Failed> {
    ended(&user.lab_on_guests(&["rhel"], &["up", "vm1", "rhel"])?, 0, "The lab `vm1` is up")?;
    ended(&user.lab(&["status", "vm1"])?, 0, "libvirt")?;
    ended(&user.lab(&["exec", "vm1", "rhel-9-5-1", "--", "hostname"])?, 0, "rhel-9-5-1")?;
    ended(&user.lab(&["test", "vm1", "node-to-pod-ip"])?, 0, "1 passed")?;
    // The guests' own MicroK8s, asked in the way of whoever looks for what is wrong.
    let nodes = ["exec", "vm1", "rhel-9-5-1", "--", "microk8s", "kubectl", "get", "nodes"];
    ended(&user.lab(&nodes)?, 0, "node/rhel-9-5-1")?;
    ended(&user.lab(&["down", "vm1"])?, 0, "vm1")
}

fn cases<'a>(report: &'a Value, start: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let all = report["cases"].as_array().into_iter().flatten();
    all.filter_map(move |case| {
        let (before, path) = case["id"].as_str()?.rsplit_once("::")?;
        before.ends_with(start).then_some((path, case))
    })
}

fn as_installed(report: &Value, distro: &str, broken: &[(&str, &str)]) -> Result<(), Failed> {
    let mut seen = 0;
    for (path, case) in cases(report, &format!("{distro}::as-installed")) {
        let broken = broken.iter().find(|(name, _)| *name == path);
        let (verdict, outcome) = broken.map_or(("pass", "ok"), |(_, outcome)| ("known", *outcome));
        ensure(case["verdict"] == verdict && case["outcome"] == outcome, || format!("{case:#}"))?;
        if broken.is_some() {
            let owner = case["cause"]["owner"].as_str().unwrap_or_default();
            ensure(owner == "firewalld zone public", || format!("{case:#}"))?;
        }
        seen += 1;
    }
    ensure(seen == 9, || format!("{distro}: {seen} cases"))?;
    let distro = report["distros"].as_array().into_iter().flatten().find(|one| one["id"] == distro);
    let machine = &distro.ok_or("the distro is not in the report")?["machine"];
    let verified = machine["verified"].as_array().map_or(0, Vec::len);
    ensure(verified > 3 && machine["image"].is_string() && machine["snap"].is_string(), || format!("{machine:#}"))
}

fn with_remedy(report: &Value) -> Result<(), Failed> {
    let mut seen = 0;
    for (path, case) in cases(report, "rhel-9.5::trusted-source") {
        ensure(case["verdict"] == "pass", || format!("{path}: {case:#}"))?;
        let tries: Vec<&str> =
            case["tries"].as_array().into_iter().flatten().filter_map(|one| one["when"].as_str()).collect();
        ensure(tries.contains(&"after-reload") && tries.contains(&"after-reboot"), || format!("{tries:?}"))?;
        seen += 1;
    }
    ensure(seen == 9, || format!("{seen} cases with the remedy"))?;
    let remedy = report["remedies"].as_array().into_iter().flatten().find(|one| one["distro"] == "rhel-9.5");
    let remedy = remedy.ok_or("no remedy in the report")?;
    ensure(remedy["verdict"] == "fixes" && remedy["survives_reboot"] == true, || format!("{remedy:#}"))
}

/// The second cluster of RHEL is installed no more: its machines return to the checkpoint.
fn phases(events: &str) -> Result<(), Failed> {
    let started = |phase: &str| {
        let is = |line: &&str| line.contains("phase-start") && line.contains(&format!("\"{phase}\""));
        events.lines().filter(is).count()
    };
    for (phase, times) in [("hosts", 2), ("checkpoint", 2), ("restore", 1), ("deploy", 3), ("reboot", 1)] {
        ensure(started(phase) == times, || format!("{phase}: {} times\n{events}", started(phase)))?;
    }
    Ok(())
}
