//! The lab's stand-in for `systemctl`: on a namespace host it really starts and stops the services that the
//! lab itself runs there, and refuses everything else.
//!
//! Which services a host has is written in [`UNITS`], one folder each, by who installs them there.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, setsid},
};

/// Folder with one folder per service: what it needs to start, and its state.
pub const UNITS: &str = "/run/pathlab-units";

/// How long a service may take to start or stop.
const LIMIT: Duration = Duration::from_secs(60);

/// The arguments of `systemctl`, if this program was called by that name.
#[must_use]
pub fn asked() -> Option<Vec<String>> {
    let mut words = std::env::args();
    let name = words.next()?;
    (Path::new(&name).file_name()? == "systemctl").then(|| words.collect())
}

/// A service of a namespace host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Dbus,
    Firewalld,
    Ufw,
    /// A part of the cluster that leaves no process behind: the `start` script in its folder does its work.
    Script,
}

impl Service {
    fn named(name: &str) -> Self {
        match name {
            "dbus" => Self::Dbus,
            "firewalld" => Self::Firewalld,
            "ufw" => Self::Ufw,
            _ => Self::Script,
        }
    }
}

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("{0}")]
    Usage(String),
    #[error("failed to start {service}: {reason}")]
    Start { service: String, reason: String },
    #[error("failed to stop {service}: {reason}")]
    Stop { service: String, reason: String },
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Does what `systemctl ARGUMENTS` does for the lab's services. Exit statuses as systemctl's: 3 for
/// `is-active` of a stopped service, 1 for other failures.
#[must_use]
pub fn run(arguments: &[String]) -> ExitCode {
    match Request::parse(arguments).and_then(|request| request.carry_out()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("systemctl (the lab's stand-in): {error}");
            ExitCode::FAILURE
        }
    }
}

struct Request {
    verb: String,
    now: bool,
    quiet: bool,
    services: Vec<String>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, ControlError> {
        let mut request = Self { verb: String::new(), now: false, quiet: false, services: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                "--now" => request.now = true,
                "-q" | "--quiet" => request.quiet = true,
                "--no-pager" | "--system" | "--no-block" => {}
                option if option.starts_with('-') => {
                    return Err(ControlError::Usage(format!("option {option} is not there on a namespace host")));
                }
                verb if request.verb.is_empty() => verb.clone_into(&mut request.verb),
                unit => {
                    let name = unit.strip_suffix(".service").unwrap_or(unit);
                    let installed = installed();
                    if !installed.iter().any(|known| known == name) {
                        return Err(ControlError::Usage(format!(
                            "unit {unit} is not there: on a namespace host the lab runs {} only",
                            if installed.is_empty() { "no service".to_owned() } else { installed.join(", ") },
                        )));
                    }
                    request.services.push(name.to_owned());
                }
            }
        }
        if request.services.is_empty() && request.verb != "daemon-reload" {
            return Err(ControlError::Usage(format!("`systemctl {}` is not there on a namespace host", request.verb)));
        }
        Ok(request)
    }

    fn carry_out(&self) -> Result<u8, ControlError> {
        let mut code = 0;
        for name in &self.services {
            code = code.max(self.one(&Unit::new(name))?);
        }
        Ok(code)
    }

    fn one(&self, unit: &Unit) -> Result<u8, ControlError> {
        match self.verb.as_str() {
            "start" => unit.start()?,
            "stop" => unit.stop()?,
            "restart" => unit.stop().and_then(|()| unit.start())?,
            "try-restart" if !unit.active() => {}
            "try-restart" => unit.stop().and_then(|()| unit.start())?,
            "reload" | "reload-or-restart" => unit.reload()?,
            "enable" | "unmask" | "disable" | "mask" => {
                let enable = self.verb == "enable" || self.verb == "unmask";
                unit.set_enabled(enable)?;
                if self.now && enable {
                    unit.start()?;
                } else if self.now {
                    unit.stop()?;
                }
            }
            "is-active" => return Ok(self.say(unit.active(), ["active", "inactive"], 3)),
            "is-enabled" => return Ok(self.say(unit.enabled(), ["enabled", "disabled"], 1)),
            "status" => return Ok(self.say(unit.active(), ["active (running)", "inactive (dead)"], 3)),
            other => {
                return Err(ControlError::Usage(format!("`systemctl {other}` is not there on a namespace host")));
            }
        }
        Ok(0)
    }

    fn say(&self, yes: bool, words: [&str; 2], no_code: u8) -> u8 {
        if !self.quiet {
            println!("{}", if yes { words[0] } else { words[1] });
        }
        if yes { 0 } else { no_code }
    }
}

struct Unit {
    name: String,
    service: Service,
    folder: PathBuf,
}

impl Unit {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), service: Service::named(name), folder: Path::new(UNITS).join(name) }
    }

    fn pid(&self) -> Option<Pid> {
        fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok().map(Pid::from_raw)
    }

    fn active(&self) -> bool {
        match self.service {
            Service::Ufw | Service::Script => self.folder.join("started").exists(),
            Service::Dbus | Service::Firewalld => self.pid().is_some_and(|pid| kill(pid, None).is_ok()),
        }
    }

    fn enabled(&self) -> bool {
        self.folder.join("enabled").exists()
    }

    fn set_enabled(&self, enabled: bool) -> io::Result<()> {
        let flag = self.folder.join("enabled");
        if enabled {
            fs::write(flag, "")
        } else if flag.exists() {
            fs::remove_file(flag)
        } else {
            Ok(())
        }
    }

    fn start(&self) -> Result<(), ControlError> {
        if self.active() {
            return Ok(());
        }
        match self.service {
            Service::Dbus => {
                fs::create_dir_all("/run/dbus")?;
                drop(fs::remove_file("/run/dbus/system_bus_socket"));
                self.spawn(&[
                    "dbus-daemon",
                    "--config-file=/run/pathlab-units/dbus/bus.conf",
                    "--nofork",
                    "--nopidfile",
                ])?;
                self.wait_until(|| Path::new("/run/dbus/system_bus_socket").exists())
            }
            Service::Firewalld => {
                Self::new("dbus").start()?;
                self.spawn(&["firewalld", "--nofork", "--nopid"])?;
                self.wait_until(firewalld_runs)
            }
            Service::Ufw => {
                self.ufw_init("start")?;
                Ok(fs::write(self.folder.join("started"), "")?)
            }
            Service::Script => {
                let start = self.folder.join("start");
                let output = Command::new("sh").arg("-e").arg(start).output()?;
                if !output.status.success() {
                    return Err(self.not_started(String::from_utf8_lossy(&output.stderr).trim()));
                }
                Ok(fs::write(self.folder.join("started"), "")?)
            }
        }
    }

    fn stop(&self) -> Result<(), ControlError> {
        if matches!(self.service, Service::Ufw | Service::Script) {
            // Rules that a part of the cluster has written stay when it stops, as kube-proxy's do.
            if self.service == Service::Ufw {
                self.ufw_init("stop")?;
            }
            drop(fs::remove_file(self.folder.join("started")));
            return Ok(());
        }
        let Some(pid) = self.pid().filter(|_| self.active()) else { return Ok(()) };
        let gone = |error: &Errno| *error == Errno::ESRCH;
        match kill(pid, Signal::SIGTERM) {
            Err(error) if !gone(&error) => return Err(self.not_stopped(error.desc())),
            _ => {}
        }
        let end = Instant::now() + LIMIT;
        while kill(pid, None).is_ok() {
            if Instant::now() > end {
                return Err(self.not_stopped("it does not end"));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn reload(&self) -> Result<(), ControlError> {
        let status = match self.service {
            Service::Dbus | Service::Script => return Ok(()),
            Service::Firewalld => {
                firewalld_call("org.fedoraproject.FirewallD1", "reload").stdout(Stdio::null()).status()?
            }
            Service::Ufw => Command::new("ufw").arg("reload").stdout(Stdio::null()).status()?,
        };
        if status.success() { Ok(()) } else { Err(self.not_started(&format!("its reload ended with {status}"))) }
    }

    /// Starts the program, detached, and remembers its process id.
    fn spawn(&self, argv: &[&str]) -> Result<(), ControlError> {
        let log = fs::File::create(self.folder.join("log"))?;
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/");
        // SAFETY: one system call between fork and exec.
        unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
        let child = command.spawn().map_err(|error| self.not_started(&format!("{}: {error}", argv[0])))?;
        Ok(fs::write(self.folder.join("pid"), child.id().to_string())?)
    }

    fn wait_until(&self, ready: impl Fn() -> bool) -> Result<(), ControlError> {
        let end = Instant::now() + LIMIT;
        while !ready() {
            if !self.running_child() || Instant::now() > end {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(self.not_started(log.trim()));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Whether the program, a child of this process, has not ended.
    fn running_child(&self) -> bool {
        use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
        self.pid().is_some_and(|pid| matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive)))
    }

    fn ufw_init(&self, verb: &str) -> Result<(), ControlError> {
        let program = ["/usr/lib/ufw/ufw-init", "/lib/ufw/ufw-init", "/usr/libexec/ufw/ufw-init"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .ok_or_else(|| self.not_started("ufw-init is not installed (package ufw)"))?;
        let output = Command::new(program).arg(verb).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.not_started(String::from_utf8_lossy(&output.stderr).trim()))
    }

    fn not_started(&self, reason: &str) -> ControlError {
        ControlError::Start { service: self.name.clone(), reason: reason.to_owned() }
    }

    fn not_stopped(&self, reason: &str) -> ControlError {
        ControlError::Stop { service: self.name.clone(), reason: reason.to_owned() }
    }
}

/// firewalld owns its name before it has applied its rules; its `state` says when it has.
fn firewalld_runs() -> bool {
    let asked = firewalld_call("org.freedesktop.DBus.Properties", "Get")
        .args(["string:org.fedoraproject.FirewallD1", "string:state"])
        .stderr(Stdio::null())
        .output();
    asked.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("RUNNING"))
}

/// A call of firewalld's own interface: what `firewall-cmd` does, without starting Python for it.
fn firewalld_call(interface: &str, method: &str) -> Command {
    let mut command = Command::new("dbus-send");
    command
        .args(["--system", "--print-reply=literal", "--reply-timeout=60000", "--dest=org.fedoraproject.FirewallD1"])
        .args(["/org/fedoraproject/FirewallD1".to_owned(), format!("{interface}.{method}")]);
    command
}

/// Names of the services that this host has.
fn installed() -> Vec<String> {
    let folders = fs::read_dir(UNITS).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}
