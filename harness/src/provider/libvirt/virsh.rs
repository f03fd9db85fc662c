//! `virsh`: every word with libvirt goes through it, as arguments.

use std::{io, process::Stdio, time::Duration};

use nix::sys::{prctl, signal::Signal};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::timeout,
};

use crate::provider::ProviderError;

/// How long libvirt may take for most things.
const LIMIT: Duration = Duration::from_secs(60);

/// How long it may take for moving an image or a machine's memory.
const LONG: Duration = Duration::from_secs(1200);

/// How much of what it prints is read at a time.
const PIECE: usize = 64 << 10;

/// `virsh` for one connection.
#[derive(Clone, Debug)]
pub(super) struct Virsh {
    uri: String,
}

impl Virsh {
    pub(super) fn new(uri: &str) -> Self {
        Self { uri: uri.to_owned() }
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// Runs a command; returns what it printed.
    pub(super) async fn run(&self, argv: &[&str]) -> Result<String, ProviderError> {
        self.within(argv, b"", LIMIT).await
    }

    /// The same for what moves much.
    pub(super) async fn run_long(&self, argv: &[&str]) -> Result<String, ProviderError> {
        self.within(argv, b"", LONG).await
    }

    /// The same with something to read from `/dev/stdin`.
    pub(super) async fn feed(&self, argv: &[&str], stdin: &[u8]) -> Result<String, ProviderError> {
        self.within(argv, stdin, LIMIT).await
    }

    /// The same for what moves much.
    pub(super) async fn feed_long(&self, argv: &[&str], stdin: &[u8]) -> Result<String, ProviderError> {
        self.within(argv, stdin, LONG).await
    }

    /// Runs a command that starts something; that it was started before is no error.
    pub(super) async fn start(&self, argv: &[&str]) -> Result<(), ProviderError> {
        match self.run(argv).await {
            Err(ProviderError::Command { reason, .. }) if reason.contains("already active") => Ok(()),
            started => started.map(drop),
        }
    }

    /// Runs a command that prints much; `seen` gets it piece by piece.
    pub(super) async fn read_long(&self, argv: &[&str], seen: impl FnMut(&[u8])) -> Result<(), ProviderError> {
        self.converse(argv, b"", LONG, seen).await
    }

    async fn within(&self, argv: &[&str], stdin: &[u8], limit: Duration) -> Result<String, ProviderError> {
        let mut printed = Vec::new();
        self.converse(argv, stdin, limit, |bytes| printed.extend_from_slice(bytes)).await?;
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    async fn converse(
        &self,
        argv: &[&str],
        stdin: &[u8],
        limit: Duration,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<(), ProviderError> {
        let shown = format!("virsh --connect {} {}", self.uri, argv.join(" "));
        let mut child = self.spawn(argv)?;
        let (input, printed) = (child.stdin.take(), child.stdout.take());
        let fed = async {
            if let Some(mut input) = input {
                // It reads no more than it needs.
                drop(input.write_all(stdin).await);
            }
        };
        let read = async {
            let Some(mut printed) = printed else { return Ok(()) };
            let mut piece = vec![0; PIECE];
            loop {
                match printed.read(&mut piece).await? {
                    0 => return Ok::<_, io::Error>(()),
                    length => seen(&piece[..length]),
                }
            }
        };
        let ended = timeout(limit, async { tokio::join!(fed, read, child.wait_with_output()) }).await;
        let Ok(((), read, output)) = ended else { return Err(ProviderError::TimedOut { command: shown, limit }) };
        let output = read.and(output).map_err(ProviderError::file("failed to run virsh"))?;
        tracing::debug!(command = shown, status = output.status.code());
        if output.status.success() {
            return Ok(());
        }
        Err(self.failed(shown, &String::from_utf8_lossy(&output.stderr)))
    }

    fn spawn(&self, argv: &[&str]) -> Result<Child, ProviderError> {
        let mut command = Command::new("virsh");
        command.args(["--quiet", "--connect", &self.uri]).args(argv).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.process_group(0);
        // SAFETY: one system call between fork and exec. A killed harness asks libvirt for nothing more.
        unsafe {
            command.pre_exec(|| prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from));
        }
        command.spawn().map_err(not_started)
    }

    fn failed(&self, command: String, stderr: &str) -> ProviderError {
        let lines = stderr.lines().map(|line| line.trim_start_matches("error: ").trim());
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let reason = lines.join(": ");
        if let Some(help) = self.help(&reason) {
            let reason = reason.replace("failed to connect to the hypervisor: ", "");
            return ProviderError::Unreachable { to: format!("libvirt at {}", self.uri), reason, help };
        }
        ProviderError::Command { command, reason }
    }

    /// What to do where there is no connection at all.
    fn help(&self, reason: &str) -> Option<String> {
        reason.contains("failed to connect to the hypervisor").then(|| advice(&self.uri, reason))
    }
}

/// What to do when there is no connection to libvirt, for what `virsh` said.
#[must_use]
pub fn advice(uri: &str, reason: &str) -> String {
    let denied = ["ermission denied", "authentication", "not authorized", "access denied"];
    let advice = if uri.starts_with("qemu+") {
        "try `virsh --connect` with this URI by hand: name, keys and libvirtd on that machine"
    } else if denied.iter().any(|word| reason.contains(word)) {
        "sudo usermod -aG libvirt \"$USER\", then log in again"
    } else {
        "sudo systemctl enable --now libvirtd; where there is none: sudo apt-get install libvirt-daemon-system, or \
         sudo dnf install libvirt-daemon-kvm"
    };
    advice.to_owned()
}

fn not_started(error: io::Error) -> ProviderError {
    if error.kind() == io::ErrorKind::NotFound {
        return ProviderError::NoProgram { program: "virsh".to_owned() };
    }
    ProviderError::file("failed to start virsh")(error)
}

/// Whether libvirt says these words.
pub(super) fn says(error: &ProviderError, words: &str) -> bool {
    matches!(error, ProviderError::Command { reason, .. } if reason.contains(words))
}

/// Whether libvirt says that there is no such thing.
pub(super) fn is_absent(error: &ProviderError) -> bool {
    let words = ["not found", "failed to get domain", "failed to get network", "failed to get pool", "no domain with"];
    words.iter().any(|word| says(error, word))
}

/// Whether libvirt says that somebody else has the name, and how.
pub(super) fn taken(error: &ProviderError) -> Option<&str> {
    match error {
        ProviderError::Command { reason, .. } if reason.contains("already exists with uuid") => Some(reason),
        ProviderError::Command { reason, .. } if reason.contains("already defined with uuid") => Some(reason),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ProviderError, Virsh, is_absent};

    #[test]
    fn what_to_do_depends_on_why_there_is_no_connection() {
        let connect = "error: failed to connect to the hypervisor\nerror: ";
        let cases = [
            ("qemu:///system", "Failed to connect socket to '/run/x': No such file or directory", "systemctl enable"),
            ("qemu:///system", "authentication unavailable: no polkit agent available", "usermod -aG libvirt"),
            ("qemu+ssh://big/system", "Cannot recv data: Host key verification failed.", "by hand"),
        ];
        for (uri, said, expected) in cases {
            match Virsh::new(uri).failed("virsh list".to_owned(), &format!("{connect}{said}\n")) {
                ProviderError::Unreachable { reason, help, .. } => {
                    assert_eq!(reason, said);
                    assert!(help.contains(expected), "{help}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn absence_is_told_from_failure() {
        let failed = |said: &str| Virsh::new("qemu:///system").failed("virsh destroy x".to_owned(), said);
        assert!(is_absent(&failed("error: failed to get domain 'x'\n")));
        assert!(!is_absent(&failed("error: Failed to destroy domain 'x'\nerror: Device or resource busy\n")));
    }
}
