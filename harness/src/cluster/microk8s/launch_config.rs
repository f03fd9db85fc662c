//! The launch configuration of MicroK8s: what must be known before its first start.

use std::net::IpAddr;

use serde_json::json;

use super::{added::Added, additions::Additions, error::MicroK8sError, node::Node};

/// Where MicroK8s reads it, once, when the snap is installed (1.27 and later).
const PATH: &str = "/var/snap/microk8s/common/.microk8s.yaml";

/// The launch configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchConfig {
    /// Addresses that the API server's certificate also has.
    pub sans: Vec<IpAddr>,
    /// Arguments of the kubelet: `--name`, value.
    pub kubelet: Vec<(String, String)>,
}

impl LaunchConfig {
    /// As MicroK8s reads it. JSON is YAML.
    #[must_use]
    pub fn text(&self) -> String {
        let kubelet: serde_json::Map<String, serde_json::Value> =
            self.kubelet.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let sans: Vec<String> = self.sans.iter().map(IpAddr::to_string).collect();
        format!("{:#}\n", json!({"version": "0.1.0", "extraSANs": sans, "extraKubeletArgs": kubelet}))
    }
}

/// Writes it, for a MicroK8s that is not installed yet. One that somebody else wrote stays.
pub(super) async fn write(
    node: Node<'_>,
    config: &LaunchConfig,
    added: &mut dyn Additions,
) -> Result<(), MicroK8sError> {
    if node.holds(&["test", "-e", PATH]).await? {
        return Ok(());
    }
    added.add(Added::File(PATH.to_owned()))?;
    node.machine().write_file(PATH.into(), config.text().as_bytes(), 0o600).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::LaunchConfig;

    /// Names of the fields: canonical/microk8s-cluster-agent `pkg/k8sinit/schema.go`, version 0.1.0.
    #[test]
    fn it_is_yaml_of_the_documented_fields() {
        let config = LaunchConfig {
            sans: vec!["192.0.2.10".parse().expect("an address")],
            kubelet: vec![("--max-pods".to_owned(), "50".to_owned())],
        };
        let read: serde_json::Value = serde_yaml::from_str(&config.text()).expect("YAML");
        assert_eq!(read["version"], "0.1.0");
        assert_eq!(read["extraSANs"][0], "192.0.2.10");
        assert_eq!(read["extraKubeletArgs"]["--max-pods"], "50");
    }
}
