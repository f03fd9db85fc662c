//! Who this agent is.

use std::env;

use lab_agent::protocol::Identity;

/// The identity that the environment gives, else the host name.
pub fn from_environment() -> Identity {
    identity(|name| env::var(name).ok(), || nix::unistd::gethostname().ok()?.into_string().ok())
}

fn identity(variable: impl Fn(&str) -> Option<String>, hostname: impl Fn() -> Option<String>) -> Identity {
    Identity {
        pod: variable("PATHLAB_POD").filter(|pod| !pod.is_empty()).or_else(hostname).unwrap_or_default(),
        node: variable("PATHLAB_NODE").unwrap_or_default(),
        distro: variable("PATHLAB_DISTRO").unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::identity;

    #[test]
    fn the_host_name_stands_in_for_the_pod_only() {
        let named = identity(|name| Some(name.to_lowercase()), || Some("machine".into()));
        assert_eq!((&*named.pod, &*named.node, &*named.distro), ("pathlab_pod", "pathlab_node", "pathlab_distro"));
        let unnamed = identity(|_| None, || Some("machine".into()));
        assert_eq!((&*unnamed.pod, &*unnamed.node, &*unnamed.distro), ("machine", "", ""));
    }
}
