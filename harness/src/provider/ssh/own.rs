//! A host as the user's own SSH knows it: their configuration, agent, keys and `known_hosts` decide.

use std::{process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

use super::destination::Destination;

/// How long reading the configuration may take.
const LIMIT: Duration = Duration::from_secs(20);

/// What ssh says where `known_hosts` has another key.
const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";

/// A host that exists, and who logs in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTarget {
    /// As the user wrote it.
    pub destination: Destination,
    /// The login user that the configuration leads to.
    pub user: String,
}

/// The configuration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`ssh -G {destination}` failed: {reason}")]
pub struct ConfigurationError {
    /// Which host.
    destination: String,
    /// What ssh said.
    reason: String,
}

impl OwnTarget {
    /// Asks the user's configuration, without connecting.
    pub async fn resolve(destination: &Destination) -> Result<Self, ConfigurationError> {
        let failed = |reason: String| ConfigurationError { destination: destination.to_string(), reason };
        let mut command = Command::new("ssh");
        command.arg("-G").args(place(destination)).stdin(Stdio::null()).kill_on_drop(true);
        let output =
            timeout(LIMIT, command.output()).await.map_err(|_| failed(format!("no answer within {LIMIT:?}")))?;
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let user = text.lines().find_map(|line| line.strip_prefix("user "));
        let user = user.ok_or_else(|| failed("it names no user".to_owned()))?.trim().to_owned();
        Ok(Self { destination: destination.clone(), user })
    }

    /// Arguments of `ssh`, the destination last. Nothing is asked, no key is taken unseen, and nothing but the
    /// connection is made, whatever the configuration says.
    pub(super) fn arguments(&self, limit_seconds: u64) -> Vec<String> {
        let options = [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "LogLevel=INFO".to_owned(),
            format!("ConnectTimeout={}", limit_seconds.max(1)),
            "ServerAliveInterval=10".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "ControlPersist=no".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "ForwardAgent=no".to_owned(),
            "ForwardX11=no".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "RemoteCommand=none".to_owned(),
            "RequestTTY=no".to_owned(),
        ];
        let options = options.into_iter().flat_map(|option| ["-o".to_owned(), option]);
        options.chain(place(&self.destination)).collect()
    }

    /// What the end of a connection means, by what ssh wrote.
    pub(super) fn explained(&self, log: &str, last: &str) -> String {
        let destination = &self.destination;
        if log.contains(CHANGED) {
            return format!(
                "the host key of {destination} is not the one that your known_hosts has: another machine answers there, \
                 or it was installed anew; find out which before you do anything else"
            );
        }
        if log.contains("host key is known for") || log.contains("Host key verification failed") {
            return format!(
                "the host key of {destination} is not in your known_hosts: log in once with `ssh {}`, compare the \
                 key's fingerprint with the host's own, then try again",
                place(destination).join(" ").replace(" --", "").trim_start_matches("-- ")
            );
        }
        if log.contains("Permission denied") {
            return format!(
                "{last}: nothing is asked here, so an SSH agent or a key without a passphrase must let {} in",
                self.user
            );
        }
        last.to_owned()
    }
}

/// User, port and host for `ssh`.
fn place(destination: &Destination) -> Vec<String> {
    let user = destination.user.iter().flat_map(|user| ["-l".to_owned(), user.clone()]);
    let port = destination.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]);
    user.chain(port).chain(["--".to_owned(), destination.host.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::OwnTarget;

    fn target() -> OwnTarget {
        OwnTarget { destination: "admin@customer:2222".parse().expect("sound"), user: "admin".to_owned() }
    }

    #[test]
    fn an_unknown_key_says_what_to_do() {
        let log = "No ED25519 host key is known for [customer]:2222 and you have requested strict checking.\r\n\
            Host key verification failed.";
        let said = target().explained(log, "Host key verification failed.");
        assert!(said.contains("log in once with `ssh -l admin -p 2222 customer`"), "{said}");
        let said = target().explained("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n", "x");
        assert!(said.contains("another machine answers there"), "{said}");
        assert_eq!(target().explained("", "Connection refused"), "Connection refused");
    }

    #[test]
    fn the_users_configuration_is_read_and_keys_are_never_taken_unseen() {
        let words = target().arguments(30);
        assert!(words.iter().all(|word| word != "-F" && !word.contains("KnownHostsFile")), "{words:?}");
        assert!(words.contains(&"StrictHostKeyChecking=yes".to_owned()));
        assert_eq!(words[words.len() - 6..], ["-l", "admin", "-p", "2222", "--", "customer"]);
    }
}
