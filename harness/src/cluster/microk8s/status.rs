//! What `microk8s status --format yaml` says. Pure.

use serde::Deserialize;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The API answers and a node is ready.
    Running(Running),
    /// It is not ready; the message is MicroK8s's own.
    NotReady(String),
    /// Somebody stopped it; only `microk8s start` helps.
    Stopped,
    /// It is a worker of a cluster, and only a control plane node knows more.
    Worker,
}

/// A cluster that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Addresses of the nodes that hold the datastore.
    pub datastore: Vec<String>,
    /// All addons, enabled or not.
    pub addons: Vec<AddonStatus>,
}

/// One addon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddonStatus {
    /// Name, as in `microk8s enable NAME`.
    pub name: String,
    /// Where it comes from: `core`, `community`; none before MicroK8s 1.24.
    pub repository: Option<String>,
    /// Whether it is enabled.
    pub enabled: bool,
}

impl Running {
    /// Whether an addon is enabled; none when no repository has it.
    #[must_use]
    pub fn is_enabled(&self, addon: &str) -> Option<bool> {
        let mut named = self.addons.iter().filter(|known| known.name == addon).peekable();
        named.peek()?;
        Some(named.any(|known| known.enabled))
    }
}

/// Fields whose value is free text that MicroK8s writes without quotes: `Kubernetes: the way` would be no YAML.
const FREE_TEXT: [&str; 2] = ["description:", "version:"];

#[derive(Deserialize)]
struct Document {
    microk8s: Head,
    #[serde(default, rename = "high-availability")]
    high_availability: HighAvailability,
    #[serde(default)]
    addons: Vec<AddonEntry>,
}

#[derive(Deserialize)]
struct Head {
    running: bool,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize, Default)]
struct HighAvailability {
    #[serde(default)]
    nodes: Option<Vec<DatastoreNode>>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct DatastoreNode {
    address: String,
}

#[derive(Deserialize)]
struct AddonEntry {
    name: String,
    #[serde(default)]
    repository: Option<String>,
    status: Switch,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Switch {
    Enabled,
    Disabled,
}

/// Reads the standard output, whatever the exit status was: that is 0 for a stopped node too. The error says what is
/// wrong with the text.
pub fn parse(text: &str) -> Result<Status, String> {
    let said = text.trim();
    if said.starts_with("This MicroK8s deployment is acting as a node in a cluster") {
        return Ok(Status::Worker);
    }
    if said.starts_with("microk8s is not running, try microk8s start") {
        return Ok(Status::Stopped);
    }
    if said.is_empty() {
        return Err("it printed nothing".to_owned());
    }
    let kept: Vec<&str> = text.lines().filter(|line| !is_free_text(line)).collect();
    let document: Document = serde_yaml::from_str(&kept.join("\n")).map_err(|error| first_line(&error.to_string()))?;
    if !document.microk8s.running {
        let message = document.microk8s.message.or(document.high_availability.message);
        return Ok(Status::NotReady(message.unwrap_or_else(|| "microk8s is not running".to_owned())));
    }
    let addon = |entry: AddonEntry| {
        let AddonEntry { name, repository, status } = entry;
        AddonStatus { name, repository, enabled: status == Switch::Enabled }
    };
    Ok(Status::Running(Running {
        datastore: document.high_availability.nodes.into_iter().flatten().map(|node| node.address).collect(),
        addons: document.addons.into_iter().map(addon).collect(),
    }))
}

fn is_free_text(line: &str) -> bool {
    FREE_TEXT.iter().any(|field| line.trim_start().starts_with(field))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{AddonStatus, Running, Status, parse};

    /// As `print_yaml` of canonical/microk8s `scripts/wrappers/status.py` (commit d099c907) writes it.
    const RUNNING: &str = "microk8s:
  running: True
high-availability:
  enabled: True
  nodes:
    - address: 192.168.122.10:19001
      role: voter
    - address: 192.168.122.11:19001
      role: standby
addons:
  - name: dns
    repository: core
    description: CoreDNS
    version: 1.11.1
    status: enabled
  - name: helm
    repository: core
    description: Helm - the package manager: for Kubernetes
    version: 3.9.1
    status: disabled
";

    /// As a pull request shows it for MicroK8s before 1.24: canonical/microk8s#1374.
    const OLD: &str = "microk8s:
  running: True
high-availability:
  enabled: True
  nodes:
    - address: 127.0.0.1:19001
      role: voter
addons:
  - name: dns
    description: CoreDNS
    version: 1.6.6
    status: enabled
";

    /// The same, with high availability and without: `print_yaml` puts the message under whatever came last.
    const NOT_READY: [&str; 2] = [
        "microk8s:
  running: False
high-availability:
  enabled: False
  message: microk8s is not running. Use microk8s inspect for a deeper inspection.
",
        // canonical/microk8s#2193
        "microk8s:
  running: False
  message: microk8s is not running. Use microk8s inspect for a deeper inspection.
",
    ];

    fn addon(name: &str, repository: Option<&str>, enabled: bool) -> AddonStatus {
        AddonStatus { name: name.to_owned(), repository: repository.map(str::to_owned), enabled }
    }

    #[test]
    fn a_running_cluster_names_its_addons() {
        let running = Running {
            datastore: vec!["192.168.122.10:19001".to_owned(), "192.168.122.11:19001".to_owned()],
            addons: vec![addon("dns", Some("core"), true), addon("helm", Some("core"), false)],
        };
        assert_eq!(running.is_enabled("dns"), Some(true));
        assert_eq!(running.is_enabled("helm"), Some(false));
        assert_eq!(running.is_enabled("ingress"), None);
        assert_eq!(parse(RUNNING), Ok(Status::Running(running)));
        let old = Running { datastore: vec!["127.0.0.1:19001".to_owned()], addons: vec![addon("dns", None, true)] };
        assert_eq!(parse(OLD), Ok(Status::Running(old)));
    }

    #[test]
    fn a_status_of_zero_says_nothing() {
        for text in NOT_READY {
            let message = "microk8s is not running. Use microk8s inspect for a deeper inspection.".to_owned();
            assert_eq!(parse(text), Ok(Status::NotReady(message)));
        }
        // `exit_if_stopped` and `is_cluster_locked` of scripts/wrappers/common/utils.py
        assert_eq!(parse("microk8s is not running, try microk8s start\n"), Ok(Status::Stopped));
        let worker = "This MicroK8s deployment is acting as a node in a cluster.\nPlease use the master node.\n";
        assert_eq!(parse(worker), Ok(Status::Worker));
    }

    #[test]
    fn what_is_no_status_is_an_error() {
        let cut = &RUNNING[..RUNNING.find("status: enabled").expect("there") + 9];
        for text in ["", " \n", "Insufficient permissions to access MicroK8s.\n", "microk8s:\n", "{", "\u{0}\u{1}", cut]
        {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
