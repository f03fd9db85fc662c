//! A small cluster in namespaces without uplink, for tests of the diagnosis: machines with pods wired as Calico
//! does, a switch between them, a host outside.

pub mod cluster;
pub mod probe;
pub mod space;

/// Says why namespaces cannot be used here, or fails when the tier is required.
pub fn available() -> bool {
    let tried = std::process::Command::new("unshare").args(["-Urnmpf", "--mount-proc", "ip", "link"]).output();
    let reason = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let required = std::env::var("PATHLAB_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|tier| tier == "netns"), "namespaces are required and not to be had: {reason}");
    eprintln!("skipped: no network namespaces here: {reason}");
    false
}
