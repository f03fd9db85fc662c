//! What it takes to talk to a cluster: its CA, credentials, and a way to its API server.

use std::sync::Arc;

use k8s_openapi::ByteString;
use kube::{
    Config,
    config::{AuthInfo, KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use super::{dial::Dial, error::KubeError};

/// How to reach and to trust an API server. Credentials stay out of every message.
#[derive(Clone)]
pub struct KubeAccess {
    pub(super) config: Config,
    pub(super) dial: Arc<dyn Dial>,
}

impl KubeAccess {
    /// From the text of a kubeconfig, as `microk8s config` prints it; its current context counts.
    ///
    /// The text comes from a machine, so all that it needs must be in it: whatever would read a file or run a program
    /// of this machine is refused, as is a server that would not be verified.
    pub async fn from_kubeconfig(text: &str, dial: Arc<dyn Dial>) -> Result<Self, KubeError> {
        let refused = |reason: String| KubeError::Kubeconfig { reason };
        let parsed = Kubeconfig::from_yaml(text).map_err(|error| refused(error.to_string()))?;
        for (name, user) in parsed.auth_infos.iter().filter_map(|user| Some((&user.name, user.auth_info.as_ref()?))) {
            if let Some(field) = outside(user) {
                return Err(refused(format!("user `{name}` has `{field}`, which leads out of the text")));
            }
        }
        let clusters = parsed.clusters.iter().filter_map(|known| Some((&known.name, known.cluster.as_ref()?)));
        for (name, cluster) in clusters {
            if cluster.certificate_authority.is_some() {
                let field = "certificate-authority";
                return Err(refused(format!("cluster `{name}` has `{field}`, which leads out of the text")));
            }
            if cluster.insecure_skip_tls_verify == Some(true) || cluster.certificate_authority_data.is_none() {
                return Err(refused(format!("cluster `{name}` has no CA by which its server can be verified")));
            }
        }
        let options = KubeConfigOptions::default();
        let config =
            Config::from_custom_kubeconfig(parsed, &options).await.map_err(|error| refused(error.to_string()))?;
        if config.cluster_url.scheme_str() != Some("https") {
            return Err(refused(format!("the server {} is not reached by HTTPS", config.cluster_url)));
        }
        Ok(Self { config, dial })
    }
}

/// The first field that means a file or a program.
fn outside(user: &AuthInfo) -> Option<&'static str> {
    let fields = [
        ("tokenFile", user.token_file.is_some()),
        ("client-certificate", user.client_certificate.is_some()),
        ("client-key", user.client_key.is_some()),
        ("exec", user.exec.is_some()),
        ("auth-provider", user.auth_provider.is_some()),
    ];
    fields.into_iter().find(|(_, set)| *set).map(|(name, _)| name)
}

/// A kubeconfig for a server that is known by its CA and a bearer token, for this module and for `kubectl`.
///
/// `ca_pem` may hold several certificates. `tls_name` is the name or address that the server's certificate has, where
/// it is not the host of `server`.
#[must_use]
pub fn kubeconfig(server: &str, ca_pem: &str, tls_name: Option<&str>, token: &str) -> String {
    let tls_name = tls_name.map(|name| format!(", tls-server-name: {name:?}")).unwrap_or_default();
    let ca = json!(ByteString(ca_pem.as_bytes().to_vec()));
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
         clusters:\n  - name: lab\n    cluster: {{ server: {server:?}, certificate-authority-data: {ca}{tls_name} }}\n\
         contexts:\n  - name: lab\n    context: {{ cluster: lab, user: lab }}\n\
         users:\n  - name: lab\n    user: {{ token: {token:?} }}\n"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{KubeAccess, kubeconfig};
    use crate::cluster::kube::dial::TcpDial;

    async fn access(text: &str) -> Result<KubeAccess, String> {
        let dial = Arc::new(TcpDial("127.0.0.1:9".parse().expect("an address")));
        KubeAccess::from_kubeconfig(text, dial).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_own_kubeconfig_is_understood() {
        const CA: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let text = kubeconfig("https://10.0.0.1:16443", CA, Some("localhost"), "secret");
        let config = access(&text).await.expect("complete").config;
        assert_eq!(config.cluster_url.to_string(), "https://10.0.0.1:16443/");
        assert_eq!(config.tls_server_name.as_deref(), Some("localhost"));
        assert!(config.auth_info.token.is_some() && config.root_cert.is_some());
    }

    #[tokio::test]
    async fn what_leads_out_of_the_text_is_refused() {
        let cluster = "certificate-authority-data: Zm9v, server: 'https://a'";
        let text = |cluster: &str, user: &str| {
            format!(
                "{{current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
                 clusters: [{{name: c, cluster: {{{cluster}}}}}], users: [{{name: u, user: {{{user}}}}}]}}"
            )
        };
        for (cluster, user, reason) in [
            (cluster, "tokenFile: /etc/shadow", "user `u` has `tokenFile`"),
            (cluster, "client-key: /root/key", "user `u` has `client-key`"),
            (cluster, "exec: {apiVersion: v1, command: reboot}", "user `u` has `exec`"),
            ("certificate-authority: /ca, server: 'https://a'", "token: t", "cluster `c` has `certificate-authority`"),
            ("server: 'https://a'", "token: t", "cluster `c` has no CA"),
            ("insecure-skip-tls-verify: true, server: 'https://a'", "token: t", "cluster `c` has no CA"),
        ] {
            let error = access(&text(cluster, user)).await.err().expect(reason);
            assert!(error.contains(reason), "{error}");
        }
    }
}
