//! What a lab is made of: the kind of machines and the kind of cluster.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::path::{ParsePathError, words};

words! {
    /// What makes machines.
    ProviderKind {
        /// Namespace hosts in one sandbox without uplink.
        Netns = "netns",
        /// Virtual machines of libvirt and QEMU.
        Libvirt = "libvirt",
        /// Virtual machines of Multipass.
        Multipass = "multipass",
        /// Hosts that exist already.
        Ssh = "ssh",
    }
}

words! {
    /// What runs the manifests.
    ClusterKind {
        /// Our own: the rules that kube-proxy and Calico would write, programmed from the manifests.
        Dataplane = "dataplane",
        /// Real Kubernetes components on namespace hosts.
        Kubernetes = "kubernetes",
        /// MicroK8s.
        Microk8s = "microk8s",
    }
}

impl ProviderKind {
    /// The clusters that its machines can run, the default first.
    #[must_use]
    pub const fn clusters(self) -> &'static [ClusterKind] {
        match self {
            Self::Netns => &[ClusterKind::Dataplane, ClusterKind::Kubernetes],
            Self::Libvirt | Self::Multipass | Self::Ssh => &[ClusterKind::Microk8s],
        }
    }

    /// The cluster that runs when none is asked for.
    #[must_use]
    pub const fn default_cluster(self) -> ClusterKind {
        self.clusters()[0]
    }

    /// What the machine that runs the lab needs for it.
    #[must_use]
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Netns => "Linux with user namespaces, firewalld, nftables, iptables, nginx; root for kubernetes",
            Self::Libvirt => "libvirt and QEMU (KVM, else TCG)",
            Self::Multipass => "Multipass",
            Self::Ssh => "hosts that exist already",
        }
    }
}
