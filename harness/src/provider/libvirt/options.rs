//! Which libvirt, and what of it a lab uses.

use camino::Utf8PathBuf;

/// libvirt on this machine, for all users.
const SYSTEM: &str = "qemu:///system";

/// Which libvirt, and what of it a lab uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibvirtOptions {
    /// Connection URI: `qemu:///system`, `qemu:///session`, `qemu+ssh://user@host/system`.
    pub uri: String,
    /// A network of libvirt that exists; each lab gets one of its own without it.
    pub network: Option<String>,
    /// Folder, on libvirt's host, in which each lab gets one for its disks.
    pub storage: Option<Utf8PathBuf>,
}

impl Default for LibvirtOptions {
    fn default() -> Self {
        Self { uri: SYSTEM.to_owned(), network: None, storage: None }
    }
}

impl LibvirtOptions {
    /// Whether libvirt's host is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.uri.contains(":///")
    }

    /// Whether it is the libvirt of one user, who may not make networks.
    #[must_use]
    pub fn is_session(&self) -> bool {
        self.uri.split(['?', '#']).next().is_some_and(|uri| uri.ends_with("/session"))
    }

    /// SSH destination of libvirt's host, when that is how it is reached: its machines are reached through it.
    #[must_use]
    pub fn through(&self) -> Option<String> {
        let rest = self.uri.strip_prefix("qemu+ssh://")?;
        let host = rest.split('/').next().filter(|host| !host.is_empty())?;
        Some(format!("ssh://{host}"))
    }

    /// Folder in which labs get theirs.
    #[must_use]
    pub fn storage(&self) -> Utf8PathBuf {
        let home = || std::env::var("HOME").unwrap_or_default();
        match &self.storage {
            Some(folder) => folder.clone(),
            None if self.is_session() => Utf8PathBuf::from(home()).join(".local/share/libvirt/images"),
            None => "/var/lib/libvirt/images".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LibvirtOptions;

    fn with(uri: &str) -> LibvirtOptions {
        LibvirtOptions { uri: uri.to_owned(), ..LibvirtOptions::default() }
    }

    #[test]
    fn the_uri_says_where_libvirt_is() {
        let cases = [
            ("qemu:///system", true, false, None),
            ("qemu:///session", true, true, None),
            ("qemu:///session?socket=/run/x", true, true, None),
            ("qemu+ssh://joe@big:2222/system", false, false, Some("ssh://joe@big:2222")),
            ("qemu+ssh://big/session?keyfile=x", false, true, Some("ssh://big")),
            ("qemu+tls://big/system", false, false, None),
        ];
        for (uri, local, session, through) in cases {
            let options = with(uri);
            let is = (options.is_local(), options.is_session(), options.through());
            assert_eq!(is, (local, session, through.map(str::to_owned)), "{uri}");
        }
    }
}
