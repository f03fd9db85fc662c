//! Whether the tests of a tier can run on this machine.

use std::process::Command;

/// Whether the tier can run here. Says why not, and panics where it is required (`PATHLAB_REQUIRE`).
#[must_use]
pub fn netns_tier() -> bool {
    let tried = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "true"])
        .output();
    let reason = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var("PATHLAB_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|tier| tier == "netns"), "the tier netns is required and cannot run: {reason}");
    eprintln!("skipped: no user namespaces here: {reason}");
    false
}
