//! Where a node keeps the cluster's own files.

/// Folder of configuration and keys; in memory, and gone with the node.
pub const FOLDER: &str = "/run/kubernetes";

/// Volume plugins, of which there are none. Kubelet and controller manager make the folder, elsewhere where not told.
pub const VOLUME_PLUGINS: &str = "/run/kubernetes/volume-plugins";

/// For `kubectl` on the node, and for the components.
pub const KUBECONFIG: &str = "/run/kubernetes/kubeconfig";

/// Folder of network plugins.
pub const CNI_BIN: &str = "/run/kubernetes/cni";

/// The network's configuration.
pub const CNI_CONFIG: &str = "/etc/cni/net.d/10-calico.conflist";

/// containerd's socket.
pub const CONTAINERD: &str = "/run/containerd/containerd.sock";
