//! Becoming the sandbox: fresh namespaces, an identity without power outside of them, a first process.
//!
//! The harness starts itself again with [`ARGUMENT`] and the control socket as descriptor [`CONTROL_FD`], in a session of
//! its own. That process has one thread, gives up root if it has it, enters fresh user, mount, network, PID, UTS, IPC and
//! cgroup namespaces, and forks: the child is PID 1 of the lab. PID 1 only waits: it reaps orphans and ends when the
//! supervisor, its first child, ends. Whatever of these dies, the kernel ends all the rest.

use std::{
    convert::Infallible,
    fs, io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    process::exit,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::Signal,
        wait::{WaitStatus, wait, waitpid},
    },
    unistd::{ForkResult, Gid, Uid, fork, setgroups, setresgid, setresuid},
};

use super::{
    mounts::{self, Kind},
    root, supervisor,
};

/// First argument of a process that shall become a sandbox.
pub const ARGUMENT: &str = "__sandbox";

/// Descriptor of the control socket in that process.
pub const CONTROL_FD: RawFd = 3;

/// User and group that a sandbox started by root runs as, outside of its user namespace. Taken from the range
/// that systemd keeps for dynamic users (61184–65519), so that it owns no file: root inside of the sandbox
/// can then change nothing on the host.
const POWERLESS_ID: u32 = 62_953;

/// Why a process could not become the sandbox.
#[derive(Debug, thiserror::Error)]
#[error("failed to {step}: {source}")]
pub struct EnterError {
    step: &'static str,
    source: io::Error,
}

/// Names the step that failed.
pub(super) fn step<T, E: Into<io::Error>>(step: &'static str, result: Result<T, E>) -> Result<T, EnterError> {
    result.map_err(|error| EnterError { step, source: error.into() })
}

/// Becomes the sandbox if this process was started for that; returns otherwise.
///
/// Must be the first thing that `main` does: the process may have one thread only.
pub fn enter_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    let entered = match arguments.next() {
        Some(argument) if argument == ARGUMENT => own_control().and_then(enter),
        Some(argument) if argument == root::ARGUMENT => {
            own_control().and_then(|control| root::enter(control, arguments.next()))
        }
        _ => return,
    };
    let Err(error) = entered;
    eprintln!("sandbox: {error}");
    exit(1);
}

/// The control socket.
fn own_control() -> Result<OwnedFd, EnterError> {
    // SAFETY: the harness put the control socket there, and nothing else in this process owns it.
    let control = unsafe { OwnedFd::from_raw_fd(CONTROL_FD) };
    step("keep the control socket from children", fcntl(&control, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)))?;
    Ok(control)
}

fn enter(control: OwnedFd) -> Result<Infallible, EnterError> {
    mounts::keep_own_program()?;
    give_up_root()?;
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWCGROUP;
    step("create namespaces (see `lab doctor`)", unshare(namespaces))?;
    step("refuse setgroups", fs::write("/proc/self/setgroups", "deny"))?;
    step("map the user (see `lab doctor`)", fs::write("/proc/self/uid_map", format!("0 {uid} 1\n")))?;
    step("map the group", fs::write("/proc/self/gid_map", format!("0 {gid} 1\n")))?;
    fork_first_process(control, &Kind::Powerless)
}

/// Forks what becomes PID 1 of the lab, and ends as it does.
pub(super) fn fork_first_process(control: OwnedFd, kind: &Kind) -> Result<Infallible, EnterError> {
    // SAFETY: this process has one thread.
    match step("fork", unsafe { fork() })? {
        ForkResult::Parent { child } => {
            drop(control);
            exit(exit_code(waitpid(child, None)))
        }
        ForkResult::Child => first_process(control, kind),
    }
}

/// Root outside would still own the host's devices and global sysctls from within a user namespace.
fn give_up_root() -> Result<(), EnterError> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(POWERLESS_ID), Gid::from_raw(POWERLESS_ID));
    match setresgid(gid, gid, gid) {
        // Root of a user namespace that maps few ids: it is without power over the host already.
        Err(Errno::EINVAL) => return Ok(()),
        other => step("change the group", other)?,
    }
    step("drop the groups", setgroups(&[gid]))?;
    step("change the user", setresuid(uid, uid, uid))?;
    // The change of user made the process undumpable, and its files in /proc root's: they are needed for the maps.
    step("stay dumpable", prctl::set_dumpable(true))
}

/// PID 1: starts the supervisor, then reaps until that ends.
fn first_process(control: OwnedFd, kind: &Kind) -> Result<Infallible, EnterError> {
    step("tie PID 1 to its parent", prctl::set_pdeathsig(Signal::SIGKILL))?;
    mounts::prepare_sandbox(kind)?;
    // SAFETY: this process has one thread.
    match step("fork", unsafe { fork() })? {
        ForkResult::Child => supervisor::serve(control, kind.keeps_root()),
        ForkResult::Parent { child } => {
            drop(control);
            loop {
                let ended = wait();
                match ended {
                    Ok(status) if status.pid() == Some(child) => exit(exit_code(Ok(status))),
                    Err(Errno::ECHILD) => exit(1),
                    _ => {}
                }
            }
        }
    }
}

pub(super) fn exit_code(status: nix::Result<WaitStatus>) -> i32 {
    match status {
        Ok(WaitStatus::Exited(_, code)) => code,
        _ => 1,
    }
}
