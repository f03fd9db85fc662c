//! Becoming a sandbox that keeps root, for clusters whose programs need it: kubelet, containerd, runc.
//!
//! There is no user namespace. What keeps the host as it is: fresh namespaces of every other kind, the host's files
//! and settings mounted read-only (see [`super::root_mounts`]), powers over the machine dropped for good, and one
//! parent control group. The first process stays outside, to remove that group when the lab has ended, however it did.

use std::{convert::Infallible, ffi::OsString, io, os::fd::OwnedFd, path::PathBuf, process::exit};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{prctl, signal::Signal, wait::waitpid},
    unistd::{ForkResult, Uid, fork},
};

use super::{
    cgroup::{self, Group},
    enter::{self, EnterError, step},
};

/// First argument of a process that shall become a sandbox that keeps root; the folder of programs follows.
pub const ARGUMENT: &str = "__root-sandbox";

/// Powers over the machine itself, as numbered in `capability.h`: raw I/O, modules, reboot, clock, kernel log, and
/// mandatory access control.
const DROPPED: [(&str, libc::c_ulong); 7] = [
    ("sys_module", 16),
    ("sys_rawio", 17),
    ("sys_boot", 22),
    ("sys_time", 25),
    ("mac_override", 32),
    ("mac_admin", 33),
    ("syslog", 34),
];

/// Becomes the sandbox. The process has one thread, and its control socket is `control`.
pub(super) fn enter(control: OwnedFd, programs: Option<OsString>) -> Result<Infallible, EnterError> {
    if !Uid::effective().is_root() {
        step("keep root, which real Kubernetes needs", Err(io::Error::from(io::ErrorKind::PermissionDenied)))?;
    }
    let programs = step("find the programs", programs.map(PathBuf::from).ok_or(io::ErrorKind::NotFound))?;
    step("remove control groups of labs that were killed", cgroup::remove_stale())?;
    let hierarchies = step("find control groups", cgroup::hierarchies())?;
    let group = step("make a control group", Group::of_this_process(&hierarchies))?;
    // SAFETY: this process has one thread.
    match step("fork", unsafe { fork() })? {
        ForkResult::Parent { child } => {
            drop(control);
            let ended = waitpid(child, None);
            let removed = group.remove();
            if let Err(error) = &removed {
                eprintln!("control groups are left: {error}");
            }
            exit(if removed.is_ok() { enter::exit_code(ended) } else { 1 })
        }
        ForkResult::Child => inside(control, &group, &hierarchies, programs),
    }
}

fn inside(
    control: OwnedFd,
    group: &Group,
    hierarchies: &[cgroup::Hierarchy],
    programs: PathBuf,
) -> Result<Infallible, EnterError> {
    step("tie the sandbox to its parent", prctl::set_pdeathsig(Signal::SIGKILL))?;
    step("join the control group", group.join())?;
    let namespaces = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    step("create namespaces", unshare(namespaces))?;
    // Its root is the lab's parent group from here on.
    step("make a control group for the lab's own processes", group.for_processes().and_then(|own| own.join()))?;
    step("share controllers", group.share_controllers())?;
    step("drop powers over the machine", drop_powers())?;
    enter::fork_first_process(control, &super::mounts::Kind::Root { programs, hierarchies: hierarchies.to_vec() })
}

/// No program of the lab can have them, whatever it is started as.
fn drop_powers() -> io::Result<()> {
    for (_, number) in DROPPED {
        // SAFETY: the arguments are those of prctl(2).
        if unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
