//! What `multipass info`, `list` and `version` say with `--format json`. Pure.
//!
//! Later versions add fields (`zone`), and a stopped instance has empty ones, so only what is needed is asked for.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Deserializer};

use super::state::InstanceState;

/// What Multipass knows of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct InstanceInfo {
    /// Its state.
    pub state: InstanceState,
    /// SHA-256 of its image.
    #[serde(default)]
    pub image_hash: String,
    /// Release of its image, as Multipass knows it: empty for an image from a file.
    #[serde(default)]
    pub image_release: String,
    /// What runs in it; empty when it does not run.
    #[serde(default)]
    pub release: String,
    /// Its addresses; none when it does not run. Those of its own bridges are among them, after the first.
    #[serde(default, deserialize_with = "addresses")]
    pub ipv4: Vec<IpAddr>,
    /// How many snapshots it has: a number as a string.
    #[serde(default)]
    pub snapshot_count: Option<String>,
}

/// An instance in the list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedInstance {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: InstanceState,
}

/// Versions of both parts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Versions {
    /// Of the command.
    pub multipass: String,
    /// Of the daemon; none when it did not answer.
    #[serde(default)]
    pub multipassd: Option<String>,
}

#[derive(Deserialize)]
struct Info {
    info: BTreeMap<String, InstanceInfo>,
}

#[derive(Deserialize)]
struct List {
    list: Vec<ListedInstance>,
}

#[derive(Deserialize)]
struct Snapshots {
    info: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// Where the daemon knows no address it says `N/A`.
fn addresses<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpAddr>, D::Error> {
    Ok(Vec::<String>::deserialize(from)?.iter().filter_map(|text| text.parse().ok()).collect())
}

/// What `info NAME` says.
pub fn info(text: &str, name: &str) -> Result<InstanceInfo, String> {
    let mut info: Info = json(text)?;
    info.info.remove(name).ok_or_else(|| format!("it says nothing of {name}"))
}

/// What `list` says.
pub fn list(text: &str) -> Result<Vec<ListedInstance>, String> {
    json::<List>(text).map(|list| list.list)
}

/// The snapshots of an instance, from what `list --snapshots` says.
pub fn snapshots(text: &str, name: &str) -> Result<Vec<String>, String> {
    let mut all: Snapshots = json(text)?;
    Ok(all.info.remove(name).unwrap_or_default().into_keys().collect())
}

/// What `version` says.
pub fn version(text: &str) -> Result<Versions, String> {
    json(text)
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{info, list, snapshots, version};
    use crate::provider::multipass::InstanceState;

    /// Fields and types as canonical/multipass `src/client/cli/formatter/json_formatter.cpp` (commit 02a9f058) writes
    /// them; the layout is Qt's indented JSON, keys sorted.
    const RUNNING: &str = r#"{
    "errors": [
    ],
    "info": {
        "lab-rhel-1": {
            "cpu_count": "2",
            "disks": {
                "sda1": {
                    "total": "20957446144",
                    "used": "2402924032"
                }
            },
            "image_hash": "069493fdc807300a22176540e9171fcff2227a92b40a7985a0c1c9e21aeebf57",
            "image_release": "",
            "ipv4": [
                "10.97.0.76",
                "10.1.223.128"
            ],
            "load": [
                0.16,
                0.09,
                0.08
            ],
            "memory": {
                "total": 4110221312,
                "used": 178364416
            },
            "mounts": {
            },
            "release": "Rocky Linux 9.5 (Blue Onyx)",
            "snapshot_count": "1",
            "state": "Running"
        }
    }
}
"#;

    /// The same of a stopped one, with the zones of 1.17.
    const STOPPED: &str = r#"{"errors": [], "info": {"lab-rhel-1": {"cpu_count": "", "disks": {"sda1": {}},
        "image_hash": "06", "image_release": "", "ipv4": [], "load": [], "memory": {}, "mounts": {}, "release": "",
        "snapshot_count": "1", "state": "Stopped", "zone": {"available": true, "name": "zone1"}}}}"#;

    #[test]
    fn an_instance_that_runs_and_one_that_does_not() {
        let running = info(RUNNING, "lab-rhel-1").expect("documented");
        assert_eq!(running.state, InstanceState::Running);
        assert_eq!(running.ipv4[0].to_string(), "10.97.0.76");
        assert_eq!(running.snapshot_count.as_deref(), Some("1"));
        let stopped = info(STOPPED, "lab-rhel-1").expect("documented");
        assert_eq!((stopped.state, stopped.ipv4.len()), (InstanceState::Stopped, 0));
        assert!(info(RUNNING, "other").is_err());
    }

    #[test]
    fn lists() {
        let text = r#"{"list": [{"ipv4": [], "name": "a", "release": "Not Available", "state": "Deleted"}]}"#;
        let all = list(text).expect("documented");
        assert_eq!((all[0].name.as_str(), &all[0].state), ("a", &InstanceState::Deleted));
        let text = r#"{"errors": [], "info": {"a": {"ready": {"comment": "", "parent": ""}}}}"#;
        assert_eq!(snapshots(text, "a"), Ok(vec!["ready".to_owned()]));
        assert_eq!(snapshots(text, "b"), Ok(Vec::new()));
        let versions = version(r#"{"multipass": "1.15.1", "multipassd": "1.15.1"}"#).expect("documented");
        assert_eq!(versions.multipassd.as_deref(), Some("1.15.1"));
    }

    #[test]
    fn garbage_and_halves_are_errors() {
        for text in ["", "info failed: cannot connect", "[]", &RUNNING[..200]] {
            assert!(info(text, "lab-rhel-1").is_err() && list(text).is_err() && version(text).is_err(), "{text:?}");
        }
    }
}
