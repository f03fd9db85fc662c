//! What the tier `netns` needs.

use std::process::Command;

/// What the netns lab lacks: the kernel's permission to make its namespaces.
pub fn no_namespaces() -> Option<String> {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"])
        .output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no user namespaces: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("failed to start unshare: {error}")),
    }
}
