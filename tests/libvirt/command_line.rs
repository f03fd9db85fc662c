//! `lab run --provider libvirt` as somebody types it. The guests have no uplink, so MicroK8s cannot be installed on
//! them: everything before and after that is looked at here.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use camino::Utf8PathBuf;
use libtest_mimic::Failed;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use pathlab::ledger::Ledger;
use tempfile::TempDir;

use super::{
    ensure,
    lab::{IMAGE, all, image, nothing_left, sh},
};

/// Somebody's folders, and what libvirt had before.
struct User {
    folder: TempDir,
    before: String,
}

impl User {
    fn new() -> Result<Self, Failed> {
        Ok(Self { folder: tempfile::tempdir()?, before: all()? })
    }

    fn path(&self, name: &str) -> Result<Utf8PathBuf, Failed> {
        Ok(Utf8PathBuf::from_path_buf(self.folder.path().join(name)).map_err(|_| "UTF-8")?)
    }

    fn lab(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(arguments).env("HOME", self.folder.path()).current_dir(env!("CARGO_MANIFEST_DIR"));
        for name in [IMAGE, "XDG_STATE_HOME", "XDG_CACHE_HOME", "PATHLAB_LIBVIRT_URI", "PATHLAB_HOME"] {
            command.env_remove(name);
        }
        command
    }

    /// A run on one small Debian guest, as installed.
    fn run(&self, more: &[&str]) -> Result<Command, Failed> {
        let report = self.path("report")?;
        let mut arguments = vec!["run", "debian", "--provider", "libvirt", "--remedy", "none", "--no-history"];
        arguments.extend(["--cpus", "1", "--memory", "1", "--disk", "4", "--report", report.as_str()]);
        arguments.extend(more);
        Ok(self.lab(&arguments))
    }

    /// A lab named `vm1` on such a guest.
    fn up(&self, more: &[&str]) -> Command {
        let own = Self::own_image();
        let mut arguments = vec!["up", "vm1", "debian", "--provider", "libvirt", "--image", &own];
        arguments.extend(["--cpus", "1", "--memory", "1", "--disk", "4"]);
        arguments.extend(more);
        self.lab(&arguments)
    }

    fn own_image() -> String {
        format!("debian={}", image())
    }

    fn labs(&self) -> Result<Vec<String>, Failed> {
        let labs = Ledger::at(self.path(".local/state/pathlab/labs")?).labs()?;
        Ok(labs.into_iter().map(|name| name.to_string()).collect())
    }

    /// Everything is as it was before, and the ledger is empty.
    fn nothing_left(&self) -> Result<(), Failed> {
        nothing_left(&self.before)?;
        let labs = self.labs()?;
        ensure(labs.is_empty(), || format!("in the ledger: {labs:?}"))
    }

    /// Waits until a machine of the run is running.
    fn until_it_boots(lab: &mut Child) -> Result<(), Failed> {
        let started = Instant::now();
        while sh("virsh list --name | grep pathlab-run- | grep -v kvm-trial").is_err() {
            ensure(lab.try_wait()?.is_none(), || "it ended by itself".to_owned())?;
            ensure(started.elapsed() < Duration::from_secs(300), || "no machine runs".to_owned())?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub async fn a_changed_image_ends_a_run_before_any_machine_exists() -> Result<(), Failed> {
    let user = User::new()?;
    let absent = user.run(&[])?.output()?;
    ensure(absent.status.code() == Some(3), || said(&absent))?;
    ensure(said(&absent).contains("lab image build debian-12"), || said(&absent))?;

    let cache = user.path(".cache/pathlab/images")?;
    std::fs::create_dir_all(&cache)?;
    let copy = cache.join(image().file_name().ok_or("a name")?);
    std::fs::copy(image(), &copy)?;
    std::fs::copy(image().with_extension("json"), copy.with_extension("json"))?;
    sh(&format!("chmod u+w {copy}"))?;
    let mut file = File::options().read(true).write(true).open(&copy)?;
    let mut byte = [0];
    file.seek(SeekFrom::End(-4096))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::End(-4096))?;
    file.write_all(&[byte[0] ^ 1])?;
    drop(file);
    let changed = user.run(&[])?.output()?;
    ensure(changed.status.code() == Some(3), || said(&changed))?;
    ensure(said(&changed).contains("somebody changed it"), || said(&changed))?;
    ensure(!user.path(".local/state/pathlab")?.exists(), || "something was begun".to_owned())?;
    user.nothing_left()
}

pub async fn what_stands_in_the_way_of_a_lab_is_told_with_what_to_do() -> Result<(), Failed> {
    let user = User::new()?;
    let tells = |command: &mut Command, words: &[&str]| {
        let output = command.output()?;
        let said = said(&output);
        ensure(output.status.code() == Some(3), || format!("{}: {said}", output.status))?;
        words.iter().try_for_each(|word| ensure(said.contains(word), || format!("no `{word}` in: {said}")))
    };
    let nobody = ["--libvirt-uri", "qemu:///system?socket=/run/nobody/listens"];
    tells(&mut user.up(&nobody), &["failed to connect", "help: sudo systemctl enable --now libvirtd"])?;

    let domain = "<domain type='qemu'><name>pathlab-vm1-debian-12-1</name><memory unit='MiB'>64</memory>
        <os><type arch='x86_64'>hvm</type></os></domain>";
    sh(&format!("echo \"{domain}\" >/run/taken.xml; virsh define /run/taken.xml"))?;
    tells(&mut user.up(&[]), &["machine pathlab-vm1-debian-12-1 is taken", "help: use another name"])?;
    sh("virsh undefine pathlab-vm1-debian-12-1")?;

    sh("echo \"<network><name>pathlab-vm1</name><bridge name='taken1'/></network>\" >/run/taken.xml
        virsh net-define /run/taken.xml")?;
    tells(&mut user.up(&[]), &["network pathlab-vm1 is taken", "help: use another name"])?;
    sh("virsh net-undefine pathlab-vm1")?;

    sh("mkdir /run/little && mount -t tmpfs -o size=100m none /run/little")?;
    let own = User::own_image();
    let mut full = user.run(&["--image", &own, "--libvirt-storage", "/run/little"])?;
    tells(&mut full, &["making hosts failed: no space left", "MiB are free", "help: make room there"])?;
    sh("umount /run/little")?;
    user.nothing_left()
}

pub async fn a_run_that_is_killed_leaves_what_gc_removes() -> Result<(), Failed> {
    let user = User::new()?;
    let own = User::own_image();
    let mut lab = user.run(&["--image", &own])?.stderr(Stdio::null()).spawn()?;
    User::until_it_boots(&mut lab)?;
    lab.kill()?;
    ensure(lab.wait()?.signal() == Some(9), || "it was not killed".to_owned())?;
    let gc = user.lab(&["gc"]).output()?;
    ensure(gc.status.success() && said(&gc).contains("removed the lab `run-"), || said(&gc))?;
    user.nothing_left()
}

pub async fn an_interrupted_run_removes_its_machines() -> Result<(), Failed> {
    let user = User::new()?;
    let own = User::own_image();
    let mut lab = user.run(&["--image", &own])?.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    User::until_it_boots(&mut lab)?;
    let status = user.lab(&["status"]).output()?;
    ensure(said(&status).contains("run-") && said(&status).contains("libvirt"), || said(&status))?;
    kill(Pid::from_raw(lab.id().cast_signed()), Signal::SIGINT)?;
    let ended = lab.wait()?;
    ensure(ended.code() == Some(130), || format!("{ended}"))?;
    user.nothing_left()
}

pub async fn a_cluster_that_cannot_be_installed_names_the_step_and_keeps_the_console() -> Result<(), Failed> {
    let user = User::new()?;
    let own = User::own_image();
    let started = Instant::now();
    let output = user.run(&["--image", &own])?.output()?;
    println!("{:?}: {}", started.elapsed(), said(&output));
    ensure(output.status.code() == Some(3), || said(&output))?;
    let report = std::fs::read_to_string(user.path("report/report.json")?)?;
    let report: serde_json::Value = serde_json::from_str(&report)?;
    let detail = report["cases"][0]["detail"].as_str().unwrap_or_default();
    ensure(report["cases"][0]["verdict"] == "error", || detail.to_owned())?;
    for word in ["starting the cluster failed: debian-12-1:", "install snapd", "ended with status"] {
        ensure(detail.contains(word), || format!("no {word} in {detail}"))?;
    }
    ensure(report["run"]["provider"] == "libvirt" && report["run"]["cluster"] == "microk8s", || detail.to_owned())?;
    let console = report["evidence"].as_array().and_then(|all| all.first()).and_then(|one| one["path"].as_str());
    let console = user.path("report")?.join(console.ok_or("no evidence")?);
    let printed = sh(&format!("tar -xzOf {console} logs/console.txt"))?;
    ensure(printed.contains("Linux version"), || format!("no boot on the console: {printed}"))?;
    user.nothing_left()
}
