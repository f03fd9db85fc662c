//! Words of MicroK8s that remedies use, carried out on real components.
//!
//! `systemctl restart snap.microk8s.daemon-kubelite` restarts the real kubelet and kube-proxy of the node;
//! `microk8s kubectl rollout restart` asks the API server for it (see [`super::kubectl`]).

use super::{control_plane::Component, error::KubernetesError};
use crate::provider::{
    Command, Machine as _,
    netns::{BIN, NetnsMachine, OWN_BIN, systemctl::UNITS},
};

/// The service in which a MicroK8s node runs kubelet and kube-proxy.
const KUBELITE: &str = "snap.microk8s.daemon-kubelite";

/// Says on a node that its kubelet was started again.
const KUBELET_RESTARTED: &str = "/run/kubernetes/kubelet-restarted";

/// kube-proxy says that it has started before it has written its rules, half a minute at most. The jumps to them come first,
/// one by one; the rules come together.
const PROXY_HAS_WRITTEN: &str = "\
for look in $(seq 300); do
    if iptables-save -t nat | grep -q -e '^-A KUBE-SERVICES '; then break; fi
    sleep 0.1
done
";

/// Puts them on a node, where `components` (kubelet and kube-proxy) run already.
pub async fn install(machine: &NetnsMachine, components: &[Component]) -> Result<(), KubernetesError> {
    let restarts: String =
        components.iter().map(|component| restart(component, &machine.log(component.name))).collect();
    let start = restarts + PROXY_HAS_WRITTEN + &format!("touch {KUBELET_RESTARTED}\n");
    write(machine, &format!("{UNITS}/{KUBELITE}/start"), &start).await?;
    write(machine, &format!("{UNITS}/{KUBELITE}/started"), "").await?;
    let link = Command::shell(&format!("mkdir -p {OWN_BIN} && ln -sf {BIN}/lab {OWN_BIN}/{}", super::kubectl::NAME));
    machine.run(&link).await?.success(machine.name(), &link)?;
    Ok(())
}

/// Whether the node's kubelet was started again since the last time somebody asked.
pub async fn kubelet_restarted(machine: &NetnsMachine) -> Result<bool, KubernetesError> {
    Ok(machine.run(&Command::new(["rm", KUBELET_RESTARTED])).await?.ok())
}

/// Starts kube-proxy of a node again: whatever its version, all its rules are then written.
pub async fn restart_proxy(machine: &NetnsMachine, proxy: &Component) -> Result<(), KubernetesError> {
    let command = Command::shell(&restart(proxy, &machine.log(proxy.name)));
    machine.run(&command).await?.success(machine.name(), &command)?;
    Ok(())
}

/// Shell lines that end a component of this node and start it again, apart from the shell.
fn restart(component: &Component, log: &str) -> String {
    let (program, words) = (&component.argv[0], component.argv.join("' '"));
    format!(
        "for pid in $(pidof '{program}' || :); do\n\
         \x20   if [ \"$(readlink /proc/$pid/ns/net)\" = \"$(readlink /proc/self/ns/net)\" ]; then kill -9 \"$pid\"; fi\n\
         done\n\
         AWS_EC2_METADATA_DISABLED=true setsid '{words}' >>'{log}' 2>&1 </dev/null &\n"
    )
}

async fn write(machine: &NetnsMachine, path: &str, content: &str) -> Result<(), KubernetesError> {
    Ok(machine.write_file(path.into(), content.as_bytes(), 0o644).await?)
}
