//! The image that this machine builds for the tests of virtual machines: it is built once, it boots, and it takes its
//! settings from a seed.
//!
//! Tier `libvirt`: minutes of package installation and of an emulated processor. The machine has no network device.

#[path = "tiers/mod.rs"]
mod tiers;

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use pathlab::provider::needs::find_program;

use self::tiers::Tier;

/// The programs of the build and of this test.
const PROGRAMS: [&str; 8] =
    ["newuidmap", "mmdebstrap", "mke2fs", "sfdisk", "mcopy", "syslinux", "qemu-img", "qemu-system-x86_64"];
/// Somebody with a name, and with users of a namespace. Only this process and what it starts know of them.
const AS_SOMEBODY: &str = r#"
    for file in passwd:somebody:x:4711:4711::/:/bin/sh subuid:somebody:4711000:65536 subgid:somebody:4711000:65536; do
        name=${file%%:*}
        { cat "/etc/$name"; echo "${file#*:}"; } >"$HOME/$name"
        mount --bind "$HOME/$name" "/etc/$name"
    done
    exec setpriv --reuid=4711 --regid=4711 --clear-groups "$@"
"#;
/// As little as can be built.
const SMALL: &str = "
id: small
title: Small
family: debian
image:
  user: root
  build:
    suite: bookworm
    disk_mib: 1024
    packages: [linux-image-cloud-amd64, systemd-sysv, systemd-resolved, initramfs-tools, zstd, cloud-init]
    disable: [apt-daily.timer]
policy: { firewall: { kind: none } }
";
/// An emulated processor of a busy machine takes its time.
const BOOT_LIMIT: Duration = Duration::from_secs(900);
/// The settings of a machine: what it prints on its console is what this test waits for.
const USER_DATA: &str = "#cloud-config
runcmd:
  - [sh, -c, 'for unit in ssh firewalld ufw nginx containerd; do echo \"unit $unit $(systemctl is-active $unit) $(systemctl is-enabled $unit)\"; done >/dev/ttyS0']
  - [sh, -c, 'modprobe vxlan && modprobe br_netfilter && modprobe overlay && ipset create x hash:ip && echo modules-are-here >/dev/ttyS0']
  - [sh, -c, 'systemctl start firewalld && echo firewalld is $(firewall-cmd --state) >/dev/ttyS0']
  - [sh, -c, 'id debian >/dev/ttyS0; df --output=size -BG / | tail -1 >/dev/ttyS0; echo all-is-said >/dev/ttyS0']
power_state: { mode: poweroff }
";

fn main() -> ExitCode {
    let by_root = lacking().or_else(|| (!nix::unistd::geteuid().is_root()).then(|| "not root".to_owned()));
    tiers::run(vec![
        Tier { name: "libvirt", lacking: lacking(), trials: trials![the_image_is_built_once_and_boots] },
        Tier {
            name: "libvirt",
            lacking: by_root,
            trials: trials![
                a_killed_build_leaves_nothing_running_or_mounted,
                without_root_the_next_build_waits_for_what_a_killed_one_left,
            ],
        },
    ])
}

/// Why the image cannot be built here.
fn lacking() -> Option<String> {
    let programs: Vec<&str> = PROGRAMS.into_iter().filter(|program| find_program(program).is_none()).collect();
    (!programs.is_empty()).then(|| format!("these programs are not here: {}", programs.join(", ")))
}

fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).args(arguments).output().expect("lab starts")
}

fn done(command: &mut Command) {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn the_image_is_built_once_and_boots() {
    // In the user's own store: minutes of work that the tests of virtual machines use too.
    let built = lab(&["image", "build", "debian-12"]);
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    assert!(built.status.success(), "{said}{}", String::from_utf8_lossy(&built.stderr));
    let started = Instant::now();
    assert_eq!(lab(&["image", "build", "debian-12"]).stdout, built.stdout, "built again");
    assert!(started.elapsed() < Duration::from_secs(30), "the second time takes {:?}", started.elapsed());
    let image = said.trim().rsplit("  ").next().expect("a path").to_owned();
    let record = fs::read_to_string(image.replace(".qcow2", ".json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    let packages: Vec<&str> =
        record["packages"].as_array().expect("packages").iter().filter_map(|p| p.as_str()).collect();
    for package in ["cloud-init ", "firewalld ", "containerd ", "etcd-server "] {
        assert!(packages.iter().any(|line| line.starts_with(package)), "no {package}in {packages:?}");
    }

    let folder = tempfile::tempdir().expect("a folder");
    let console = boot(Path::new(&image), folder.path());
    for line in [
        "unit ssh active enabled",
        "unit firewalld inactive disabled",
        "unit ufw inactive disabled",
        "unit nginx inactive disabled",
        "unit containerd inactive disabled",
        "modules-are-here",
        "firewalld is running",
        "uid=1000(debian)",
        "8G",
        "all-is-said",
    ] {
        assert!(console.contains(line), "no `{line}` on the console:\n{console}");
    }
}

/// Root's mmdebstrap mounts devices and `/dev/shm` in its tree. Whoever removed that tree with them still mounted would remove
/// the machine's own: so this test does not before it knows.
fn a_killed_build_leaves_nothing_running_or_mounted() {
    let cache = tempfile::tempdir().expect("a folder").keep();
    let path = cache.to_str().expect("UTF-8").to_owned();
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["image", "build", "debian-12"]).env("XDG_CACHE_HOME", &path).stdout(Stdio::null()).stderr(Stdio::null());
    let mut lab = lab.spawn().expect("lab starts");
    until("its programs mount nothing", || {
        assert_eq!(lab.try_wait().expect("lab can be waited for"), None, "the build ended");
        programs("mountinfo", &path) > 0
    });
    let meanwhile = mounts();
    lab.kill().expect("killed");
    lab.wait().expect("ended");
    // They inherited the name of the folder.
    until("its programs go on", || programs("environ", &path) == 0);
    let at_last = mounts();
    assert!(!meanwhile.contains(&path), "seen from outside: {meanwhile}");
    assert!(!at_last.contains(&path), "left: {at_last}");
    fs::remove_dir_all(cache).expect("nothing holds the folder");
}

/// Where root is not there to end the programs of a killed build they go on, and what is left belongs to users whom only a
/// namespace has.
fn without_root_the_next_build_waits_for_what_a_killed_one_left() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| home.path().join(name);
    for folder in ["vm-images", "scenarios", "cache"] {
        fs::create_dir(at(folder)).expect(folder);
    }
    fs::write(at("vm-images/small.yaml"), SMALL).expect("a distro");
    // Where the build has put it not everybody may go.
    fs::copy(env!("CARGO_BIN_EXE_lab"), at("lab")).expect("a copy");
    for (path, mode) in [(home.path().to_owned(), 0o755), (at("cache"), 0o777)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("opened");
    }
    let build = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-euc", AS_SOMEBODY, "sh"]).arg(at("lab")).args(["image", "build", "small"]);
        command.current_dir("/").env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", home.path());
        command.env("PATHLAB_HOME", home.path()).env("XDG_CACHE_HOME", at("cache"));
        command
    };
    let builds = || -> Vec<_> {
        let entries = fs::read_dir(at("cache/pathlab/images")).expect("images").flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|end| end == "build")).collect()
    };
    let path = home.path().to_str().expect("UTF-8");

    let log = fs::File::create(at("log")).expect("a file").into_parts().0;
    let mut killed = build().stdout(Stdio::null()).stderr(log).spawn().expect("lab starts");
    until("its programs mount nothing", || {
        let ended = killed.try_wait().expect("lab can be waited for");
        assert_eq!(ended, None, "the build ended: {}", fs::read_to_string(at("log")).expect("a log"));
        programs("mountinfo", &format!("{path}/cache")) > 0
    });
    killed.kill().expect("killed");
    killed.wait().expect("ended");
    assert!(programs("environ", path) > 0, "nothing goes on: is there root's end to it?");
    // As if the machine had lost its power then: no program cleaned this up.
    let tree = builds().pop().expect("a folder of a build").join("tree.left");
    fs::create_dir_all(tree.join("sub")).expect("a tree");
    for path in [tree.join("sub"), tree] {
        chown(path, Some(4_711_000), Some(4_711_000)).expect("another's");
    }

    let output = build().output().expect("lab starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("small: waiting for another process that is getting the image"), "{said}");
    assert!(said.contains("small  built  sha256:"), "{said}");
    assert_eq!(programs("environ", path), 0, "something still runs");
    let left = builds();
    assert!(left.is_empty(), "{left:?}");
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").expect("mounts")
}

/// How many processes have these words in this file below `/proc`.
fn programs(file: &str, words: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    // One that has ended since has nothing any more.
    let texts = processes.filter_map(|process| fs::read(process.path().join(file)).ok());
    texts.filter(|text| String::from_utf8_lossy(text).contains(words)).count()
}

fn until(otherwise: &str, mut is_so: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(600);
    while !is_so() {
        assert!(Instant::now() < limit, "{otherwise}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Boots an overlay of the image with a seed and without a network; returns what its console said.
fn boot(image: &Path, folder: &Path) -> String {
    let file = |name: &str| folder.join(name);
    fs::write(file("user-data"), USER_DATA).expect("written");
    fs::write(file("meta-data"), "instance-id: image-test\nlocal-hostname: guest\n").expect("written");
    done(Command::new("mformat").args(["-C", "-i"]).arg(file("seed.img")).args(["-f", "1440", "-v", "CIDATA", "::"]));
    done(Command::new("mcopy").arg("-i").arg(file("seed.img")).arg(file("user-data")).arg(file("meta-data")).arg("::"));
    done(
        Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
            .arg(image)
            .arg(file("disk.qcow2"))
            .arg("8G"),
    );
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-machine",
        "q35,accel=tcg",
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        "1024",
        "-nodefaults",
        "-display",
        "none",
    ]);
    qemu.args(["-nic", "none", "-no-reboot", "-device", "virtio-rng-pci", "-serial"]);
    qemu.arg(format!("file:{}", file("console").display()));
    qemu.arg("-drive").arg(format!("file={},if=virtio,format=qcow2,cache=unsafe", file("disk.qcow2").display()));
    qemu.arg("-drive").arg(format!("file={},if=virtio,format=raw,readonly=on", file("seed.img").display()));
    let mut machine = qemu.stdin(Stdio::null()).spawn().expect("QEMU starts");
    let limit = Instant::now() + BOOT_LIMIT;
    let ended = loop {
        match machine.try_wait().expect("QEMU can be waited for") {
            Some(status) => break status.success(),
            None if Instant::now() > limit => {
                machine.kill().expect("QEMU can be ended");
                machine.wait().expect("QEMU ended");
                break false;
            }
            None => thread::sleep(Duration::from_millis(200)),
        }
    };
    let console = String::from_utf8_lossy(&fs::read(file("console")).expect("a console")).into_owned();
    assert!(ended, "the machine did not switch itself off within {BOOT_LIMIT:?}:\n{console}");
    console
}
