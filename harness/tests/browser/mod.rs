//! Headless Chromium that can reach nothing, and what it showed, said and asked for.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use camino::Utf8Path;
use serde_json::Value;

/// What Chromium is called on the distributions.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The longest that one page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Chromium on this machine.
#[derive(Clone)]
pub struct Browser {
    program: PathBuf,
}

/// The colours that the reader prefers, with Chromium's numbers for them.
#[derive(Clone, Copy)]
pub enum Scheme {
    Dark = 0,
    Light = 1,
}

/// One page, looked at.
pub struct Visit {
    /// The document after it was loaded.
    pub dom: String,
    /// Lines of the console.
    pub console: Vec<String>,
    /// What the page asked for.
    pub requests: Vec<String>,
}

impl Browser {
    /// Finds Chromium on the path, or says why not.
    pub fn find() -> Result<Self, String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let candidates = std::env::split_paths(&path).flat_map(|dir| NAMES.map(|name| dir.join(name)));
        let found = candidates.into_iter().find(|program| program.is_file());
        found.map(|program| Self { program }).ok_or_else(|| "no chromium on the path".to_owned())
    }

    /// Opens a file in a window for a reader who prefers these colours, with a profile of its own.
    pub fn open(&self, file: &Utf8Path, scheme: Scheme) -> Result<Visit, String> {
        let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = |name: &str| scratch.path().join(name);
        let create = |name| File::create(path(name)).map_err(|error| error.to_string());
        let read = |name| {
            let bytes = std::fs::read(path(name)).map_err(|error| format!("failed to read {name}: {error}"))?;
            Ok::<_, String>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut child = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--enable-logging=stderr", "--virtual-time-budget=3000", "--window-size=1400,2000", "--dump-dom"])
            // Nothing leaves: no name resolves, and all goes to a port of this machine that nobody listens on.
            .args(["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--proxy-server=http://127.0.0.1:9"])
            .arg(format!("--blink-settings=preferredColorScheme={}", scheme as u8))
            .arg(format!("--user-data-dir={}", path("profile").display()))
            .arg(format!("--log-net-log={}", path("network").display()))
            .arg(format!("file://{file}"))
            .env("HOME", scratch.path())
            .stdin(Stdio::null())
            .stdout(create("dom")?)
            .stderr(create("log")?)
            .spawn()
            .map_err(|error| format!("failed to start {}: {error}", self.program.display()))?;
        wait(&mut child)?;
        let (dom, log) = (read("dom")?, read("log")?);
        if dom.trim().is_empty() {
            return Err(format!("chromium showed nothing: {log}"));
        }
        let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
        Ok(Visit { dom, console, requests: requests(&read("network")?)? })
    }
}

/// Waits for the end of a process; ends it (by its handle) if that takes too long.
fn wait(child: &mut Child) -> Result<(), String> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
    Err(format!("chromium took longer than {} s", PATIENCE.as_secs()))
}

/// The addresses that a page asked for, of all that the browser's log of the network names. What the browser asks for
/// by itself has no page as its origin.
fn requests(log: &str) -> Result<Vec<String>, String> {
    let log: Value = serde_json::from_str(log).map_err(|error| format!("no log of the network: {error}"))?;
    let events = log["events"].as_array().ok_or("a log of the network without events")?;
    let of_a_page = |event: &&Value| event["params"]["initiator"].as_str().is_some_and(|who| who != "not an origin");
    Ok(events.iter().filter(of_a_page).map(|event| event["params"]["url"].to_string()).collect())
}
