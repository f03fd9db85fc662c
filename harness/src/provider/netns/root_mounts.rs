//! What a sandbox that keeps root sees beyond the usual: its own control groups and devices, and of the kernel's
//! settings only those of its own namespaces to change.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use nix::mount::{MsFlags, mount};

use super::{
    cgroup::{self, Hierarchy},
    mounts::{LAB, bind, change, tmpfs},
};

/// Where the cluster's programs are, the same in every space.
pub const PROGRAMS: &str = "/run/pathlab/programs";

/// Where a node has the sockets of the agents in its pods.
const PODS: &str = "/run/pathlab/pods";

/// Devices that every program may use.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Settings of the whole machine that a kubelet insists on setting; it gets files of its own in their places.
const OWN_SETTINGS: [&str; 6] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];

/// In PID 1, once the host's files are read-only.
pub(super) fn prepare_sandbox(programs: &fs::File, hierarchies: &[Hierarchy]) -> io::Result<()> {
    control_groups(hierarchies)?;
    devices()?;
    settings()?;
    fs::create_dir(PROGRAMS)?;
    fs::create_dir(PODS)?;
    bind(&super::mounts::fd_path(programs), Path::new(PROGRAMS))
}

/// In a space: an own `/var/lib`, `/sys` of its network, and mounts that reach the pods' containers.
pub(super) fn prepare_space() -> io::Result<()> {
    tmpfs(Path::new("/var/lib"), "0755")?;
    tmpfs(Path::new(PODS), "0755")?;
    let (flags, none) =
        (MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, None::<&str>);
    mount(Some("sysfs"), "/sys", Some("sysfs"), flags, none)?;
    mount(Some(cgroup::INSIDE), "/sys/fs/cgroup", none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    // Names of network namespaces that container runtimes give are this space's own.
    fs::remove_file("/run/netns")?;
    fs::create_dir("/run/netns")?;
    change(Path::new("/"), MsFlags::MS_REC | MsFlags::MS_SHARED)
}

fn control_groups(hierarchies: &[Hierarchy]) -> io::Result<()> {
    let inside = Path::new(cgroup::INSIDE);
    fs::create_dir(inside)?;
    if !hierarchies.iter().any(Hierarchy::unified) {
        tmpfs(inside, "0755")?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    for hierarchy in hierarchies {
        let Some(folder) = hierarchy.folder() else {
            mount(Some("cgroup2"), inside, Some("cgroup2"), flags, None::<&str>)?;
            continue;
        };
        let at = inside.join(folder);
        fs::create_dir(&at)?;
        mount(Some("cgroup"), &at, Some("cgroup"), flags, Some(hierarchy.controllers.as_str()))?;
        // Several controllers in one hierarchy are known by each of their names as well.
        for name in folder.split(',').filter(|name| *name != folder) {
            symlink(folder, inside.join(name))?;
        }
    }
    Ok(())
}

/// A `/dev` without disks, memory and the kernel's log. A kubelet wants to read the log: it finds an end at once.
fn devices() -> io::Result<()> {
    let dev = PathBuf::from(LAB).join("dev");
    fs::create_dir(&dev)?;
    mount(Some("tmpfs"), &dev, Some("tmpfs"), MsFlags::MS_NOSUID, Some("mode=0755"))?;
    for device in DEVICES.into_iter().filter(|device| Path::new("/dev").join(device).exists()) {
        let at = dev.join(device);
        fs::File::create(&at)?;
        bind(&Path::new("/dev").join(device), &at)?;
        // The mount is as read-only as all of the host's; a device takes what is written to it all the same.
    }
    for folder in ["pts", "shm"] {
        fs::create_dir(dev.join(folder))?;
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("devpts"), &dev.join("pts"), Some("devpts"), flags, Some("newinstance,ptmxmode=0666,mode=620"))?;
    tmpfs(&dev.join("shm"), "1777")?;
    for (name, target) in [
        ("kmsg", "null"),
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        symlink(target, dev.join(name))?;
    }
    mount(Some(&dev), "/dev", None::<&str>, MsFlags::MS_MOVE, None::<&str>)?;
    fs::remove_dir(dev)
}

/// Of `/proc`, only what belongs to the reader's network namespace or to a process may be written.
fn settings() -> io::Result<()> {
    let sys = Path::new("/proc/sys");
    for place in ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs"].map(Path::new) {
        if place.exists() {
            bind(place, place)?;
            change(place, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY)?;
        }
    }
    let net = sys.join("net");
    bind(&net, &net)?;
    change(&net, MsFlags::MS_REMOUNT | MsFlags::MS_BIND)?;
    let trigger = Path::new("/proc/sysrq-trigger");
    if trigger.exists() {
        bind(Path::new("/dev/null"), trigger)?;
    }
    for setting in OWN_SETTINGS {
        let (own, place) = (Path::new(LAB).join("settings").join(setting), sys.join(setting));
        let (Some(folder), Ok(value)) = (own.parent(), fs::read(&place)) else { continue };
        fs::create_dir_all(folder)?;
        fs::write(&own, value)?;
        bind(&own, &place)?;
    }
    Ok(())
}
