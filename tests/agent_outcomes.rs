//! The agent in real networks: for each outcome a real cause, made inside a sandbox without an uplink.

#[path = "agent_outcomes/cases.rs"]
mod cases;
#[path = "agent_outcomes/lab.rs"]
mod lab;

use std::{
    env, fs,
    path::Path,
    process::{ExitCode, ExitStatus, Stdio},
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use lab_agent::protocol::{ProbeResult, Reply, Request};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use self::{cases::Case, lab::Lab};

/// Tier of these tests in `PATHLAB_REQUIRE`.
const TIER: &str = "netns";

/// The one sandbox that all tests of this process share, made when the first needs it.
#[derive(Default)]
struct Shared(OnceLock<Result<Lab, String>>);

impl Shared {
    fn get(&self) -> Result<&Lab, Failed> {
        self.0.get_or_init(Lab::start).as_ref().map_err(Failed::from)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = env::var("PATHLAB_REQUIRE").is_ok_and(|tiers| tiers.split(',').any(|tier| tier.trim() == TIER));
    let missing = lab::missing();
    if let Some(reason) = &missing
        && !required
    {
        eprintln!("agent outcomes skipped: {reason}");
    }
    let shared = Arc::new(Shared::default());
    let mut trials: Vec<_> = cases::groups().into_iter().map(|(name, cases)| trial(name, cases, &shared)).collect();
    let ipv6 = Path::new("/proc/net/if_inet6").exists();
    if !ipv6 {
        eprintln!("agent outcomes over IPv6 skipped: this kernel has none");
    }
    trials.push(trial("ipv6", cases::ipv6(), &shared).with_ignored_flag(!ipv6 && !required));
    trials.push(Trial::test("sigterm_ends_pid_1", sigterm_ends_pid_1));
    if missing.is_some() && !required {
        trials = trials.into_iter().map(|trial| trial.with_ignored_flag(true)).collect();
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(shared);
    conclusion.exit_code()
}

/// A test that probes all these at once and names each that ends otherwise than it must.
fn trial(name: &str, cases: Vec<Case>, shared: &Arc<Shared>) -> Trial {
    let shared = Arc::clone(shared);
    Trial::test(name, move || {
        let probes = cases.iter().zip(0..).map(|(case, id)| {
            let mut probe = case.probe.clone();
            probe.id = id;
            probe
        });
        let results = shared.get()?.probe(probes.collect())?;
        if results.len() != cases.len() {
            return Err(format!("{} probes gave {} results", cases.len(), results.len()).into());
        }
        let wrong: Vec<_> = cases.iter().zip(&results).filter_map(|(case, result)| complaint(case, result)).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    })
}

fn complaint(case: &Case, result: &ProbeResult) -> Option<String> {
    let from_there =
        case.probe.source_port.is_none_or(|port| result.local_addr.is_some_and(|addr| addr.port() == port));
    if result.outcome == case.outcome && result.detail.contains(case.detail) && from_there {
        return None;
    }
    let Case { what, outcome, detail, .. } = case;
    Some(format!("{what}: expected {outcome} with `{detail}`, got {result:?}"))
}

/// The kernel spares PID 1 signals that it has no handler for: the agent must have one.
fn sigterm_ends_pid_1() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("agent.sock");
    let agent = lab::install_agent(folder.path())?;
    let mut child = lab::unshare(&agent).arg("serve").arg("--socket").arg(&socket).stdout(Stdio::null()).spawn()?;
    eventually(|| Ok(socket.exists().then_some(())))?;
    let replies = lab::ask(&socket, &Request::Hello)?;
    if !matches!(&*replies, [Reply::Hello { .. }, Reply::Done]) {
        return Err(format!("unexpected replies {replies:?}").into());
    }
    let unshare = child.id();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children"))?;
    kill(Pid::from_raw(children.trim().parse()?), Signal::SIGTERM)?;
    let status: ExitStatus = eventually(|| child.try_wait()).inspect_err(|_| drop(child.kill()))?;
    if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) }
}

/// Asks again and again, for a long while.
fn eventually<T>(mut ask: impl FnMut() -> std::io::Result<Option<T>>) -> Result<T, Failed> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("gave up waiting".into())
}
