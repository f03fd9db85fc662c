//! Where a machine listens, who logs in, and which keys both sides must have.

use camino::Utf8PathBuf;

/// How a machine is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshTarget {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Login user. Any other than `root` must be allowed to use `sudo` without a password.
    pub user: String,
    /// File with the private key.
    pub identity: Utf8PathBuf,
    /// File with the keys that machines must have; see [`known_host`].
    pub known_hosts: Utf8PathBuf,
    /// Name under which `known_hosts` holds the machine's key, whatever its address.
    pub alias: String,
    /// SSH destination of the host through which the machine is reached, as the user's own configuration knows it.
    pub through: Option<String>,
}

/// One line of a `known_hosts` file: the machine `alias` has this public key (OpenSSH format).
#[must_use]
pub fn known_host(alias: &str, public_key: &str) -> String {
    // A comment behind the key is for people, and may hold anything.
    let key: Vec<&str> = public_key.split_whitespace().take(2).collect();
    format!("{alias} {}\n", key.join(" "))
}

impl SshTarget {
    /// Arguments of `ssh`, the destination last. Nothing is taken from the user's or the host's own configuration.
    pub(super) fn arguments(&self, limit_seconds: u64) -> Vec<String> {
        let file = |path: &Utf8PathBuf| format!("\"{path}\"");
        let mut options = vec![
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile={}", file(&self.known_hosts)),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            format!("HostKeyAlias={}", self.alias),
            "CheckHostIP=no".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            format!("IdentityFile={}", file(&self.identity)),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            format!("ConnectTimeout={}", limit_seconds.max(1)),
            "ServerAliveInterval=10".to_owned(),
            "ServerAliveCountMax=3".to_owned(),
            "ControlPersist=no".to_owned(),
        ];
        if let Some(through) = &self.through {
            options.push(format!("ProxyCommand=ssh -W [%h]:%p -- {through}"));
        }
        let mut words = vec!["-F".to_owned(), "/dev/null".to_owned()];
        words.extend(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        words.extend(["-l".to_owned(), self.user.clone(), "-p".to_owned(), self.port.to_string()]);
        words.extend(["--".to_owned(), self.host.clone()]);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::known_host;

    #[test]
    fn comments_of_keys_are_left_out() {
        assert_eq!(known_host("rhel", "ssh-ed25519 AAAA root@a b\n"), "rhel ssh-ed25519 AAAA\n");
    }
}
