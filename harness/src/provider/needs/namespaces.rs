//! Are user namespaces allowed here? Really tried, and the reason of a refusal told apart.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

use super::{Check, Status, programs::search_path};

const NAME: &str = "user namespaces";

/// A step of entering the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Making the user namespace.
    User = 1,
    /// Becoming root in it.
    Map = 2,
    /// Making the network, mount, PID, UTS and IPC namespaces.
    Others = 3,
}

/// Why the sandbox could not be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The kernel refused a step.
    Kernel(Step, Errno),
    /// The shell in the sandbox could not be run.
    Shell(Errno),
}

/// What the machine says about itself that can explain a refusal.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    root: bool,
    seccomp: bool,
    unprivileged_clone: Option<u64>,
    max_namespaces: Option<u64>,
    apparmor_restriction: Option<u64>,
}

impl Facts {
    pub(super) fn of_this_machine() -> Self {
        let number = |file: &str| fs_err::read_to_string(file).ok()?.trim().parse().ok();
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            root: geteuid().is_root(),
            seccomp: status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])),
            unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_namespaces: number("/proc/sys/user/max_user_namespaces"),
            apparmor_restriction: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        }
    }
}

/// Runs a shell script as PID 1 of fresh namespaces, as a lab's sandbox has them; returns what it prints.
pub(super) fn attempt(script: &str) -> Result<String, Refusal> {
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("0 {} 1", geteuid())),
        ("/proc/self/gid_map", format!("0 {} 1", getegid())),
    ];
    // The second shell is the first child after `unshare`, thus PID 1 of the new PID namespace.
    let mut shell = Command::new("sh");
    shell.args(["-c", "sh -c \"$0\"; exit $?", script]).env("PATH", search_path()).env("LC_ALL", "C");
    shell.stdin(Stdio::null()).stderr(Stdio::null());
    // SAFETY: `enter` makes system calls only; it neither allocates nor takes a lock.
    unsafe { shell.pre_exec(move || enter(&maps).map_err(encode)) };
    match shell.output() {
        Ok(output) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => Err(decode(&error)),
    }
}

fn enter(maps: &[(&str, String); 3]) -> Result<(), (Step, Errno)> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| (Step::User, errno))?;
    for (file, content) in maps {
        write(file, content).map_err(|errno| (Step::Map, errno))?;
    }
    let others = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(others).map_err(|errno| (Step::Others, errno))
}

fn write(file: &str, content: &str) -> Result<(), Errno> {
    use nix::{
        fcntl::{OFlag, open},
        sys::stat::Mode,
        unistd::write,
    };
    let file = open(file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, content.as_bytes()).map(|_| ())
}

/// Only a number comes back from the child before it runs a program: the step goes above the error's own.
const STEP: i32 = 1 << 16;

fn encode((step, errno): (Step, Errno)) -> io::Error {
    io::Error::from_raw_os_error(step as i32 * STEP + errno as i32)
}

fn decode(error: &io::Error) -> Refusal {
    let code = error.raw_os_error().unwrap_or_default();
    let errno = Errno::from_raw(code % STEP);
    match code / STEP {
        1 => Refusal::Kernel(Step::User, errno),
        2 => Refusal::Kernel(Step::Map, errno),
        3 => Refusal::Kernel(Step::Others, errno),
        _ => Refusal::Shell(errno),
    }
}

/// What an attempt means on a machine of which these facts are known.
pub(super) fn judge(attempt: &Result<String, Refusal>, facts: &Facts) -> Check {
    let (step, errno) = match attempt {
        Ok(_) => return Check::ok(NAME, "allowed; made one with its own network, mounts and processes"),
        Err(Refusal::Shell(errno)) => {
            return Check::lacking(NAME, Status::Missing, format!("failed to run sh: {errno}"), "install a shell, sh");
        }
        Err(Refusal::Kernel(step, errno)) => (*step, *errno),
    };
    let (reason, fix) = explain(step, errno, facts);
    let what = match step {
        Step::User => "a user namespace",
        Step::Map => "the mapping to root in a user namespace",
        Step::Others => "network, mount and PID namespaces in a user namespace",
    };
    Check::lacking(NAME, Status::Missing, format!("the kernel refused {what} ({errno}): {reason}"), fix)
}

fn explain(step: Step, errno: Errno, facts: &Facts) -> (String, String) {
    if facts.max_namespaces == Some(0) {
        return ("user.max_user_namespaces is 0".to_owned(), sysctl("user.max_user_namespaces=15000"));
    }
    if !facts.root && facts.unprivileged_clone == Some(0) {
        return ("kernel.unprivileged_userns_clone is 0".to_owned(), sysctl("kernel.unprivileged_userns_clone=1"));
    }
    if !facts.root && facts.apparmor_restriction == Some(1) && !matches!(errno, Errno::ENOSPC | Errno::EUSERS) {
        let reason = "AppArmor keeps unprivileged programs from using them (Ubuntu 23.10 and later)";
        return (reason.to_owned(), sysctl("kernel.apparmor_restrict_unprivileged_userns=0"));
    }
    if matches!(errno, Errno::ENOSPC | Errno::EUSERS) {
        let reason = "the limit of namespaces, or of namespaces within each other, is reached";
        return (reason.to_owned(), sysctl("user.max_user_namespaces=15000"));
    }
    if errno == Errno::EINVAL && step == Step::User {
        let fix = "use a kernel with CONFIG_USER_NS=y".to_owned();
        return ("this kernel is built without user namespaces".to_owned(), fix);
    }
    let reason =
        if facts.seccomp { "a seccomp filter, most likely a container's" } else { "a container, a chroot or a policy" };
    (reason.to_owned(), CONTAINER.to_owned())
}

/// What lets a container make namespaces and mount a fresh `/proc`.
pub(super) const CONTAINER: &str = "run it on the machine itself, or start the container with `docker run --security-opt seccomp=unconfined \
--security-opt apparmor=unconfined --security-opt systempaths=unconfined …` or `podman run --security-opt \
seccomp=unconfined --security-opt unmask=ALL …`";

fn sysctl(setting: &str) -> String {
    format!("sudo sysctl -w {setting} (to keep it: echo {setting} | sudo tee /etc/sysctl.d/90-pathlab.conf)")
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::{Facts, Refusal, Step, decode, encode, judge};
    use crate::provider::needs::Status;

    const USER: Facts = Facts {
        root: false,
        seccomp: false,
        unprivileged_clone: None,
        max_namespaces: None,
        apparmor_restriction: None,
    };

    #[test]
    fn a_refusal_survives_the_way_to_the_parent() {
        for step in [Step::User, Step::Map, Step::Others] {
            assert_eq!(decode(&encode((step, Errno::EPERM))), Refusal::Kernel(step, Errno::EPERM));
        }
        let shell = std::io::Error::from_raw_os_error(Errno::ENOENT as i32);
        assert_eq!(decode(&shell), Refusal::Shell(Errno::ENOENT));
    }

    #[test]
    fn each_reason_has_its_own_instruction() {
        let ubuntu = Facts { apparmor_restriction: Some(1), max_namespaces: Some(9), ..USER };
        let docker = Facts { seccomp: true, root: true, apparmor_restriction: Some(1), ..USER };
        let cases = [
            (Step::User, Errno::EPERM, Facts { unprivileged_clone: Some(0), ..USER }, "unprivileged_userns_clone=1"),
            (Step::User, Errno::ENOSPC, Facts { max_namespaces: Some(0), ..USER }, "max_user_namespaces=15000"),
            (Step::Map, Errno::EPERM, ubuntu.clone(), "apparmor_restrict_unprivileged_userns=0"),
            (Step::Others, Errno::EPERM, ubuntu.clone(), "apparmor_restrict_unprivileged_userns=0"),
            (Step::User, Errno::ENOSPC, ubuntu, "max_user_namespaces=15000"),
            (Step::User, Errno::EPERM, docker, "seccomp=unconfined"),
            (Step::User, Errno::EINVAL, USER, "CONFIG_USER_NS=y"),
            (Step::User, Errno::EPERM, USER, "on the machine itself"),
        ];
        for (step, errno, facts, instruction) in cases {
            let check = judge(&Err(Refusal::Kernel(step, errno)), &facts);
            assert_eq!(check.status, Status::Missing);
            assert!(check.fix.as_deref().is_some_and(|fix| fix.contains(instruction)), "{facts:?}: {check:?}");
        }
    }
}
