//! What `cloud-init status --format json` says. Pure.

use serde::Deserialize;

/// The package that Multipass adds to the user data, and that Enterprise Linux does not have.
const OWN_PACKAGE: &str = "pollinate";

/// Complaints that follow from any package that is not there.
const FOLLOWING: [&str; 3] =
    ["package_update_upgrade_install", "package-update-upgrade-install", "Failed to install packages"];

#[derive(Deserialize)]
struct CloudInit {
    status: String,
    #[serde(default)]
    errors: Vec<String>,
}

/// Whether the instance is as it should be; else why not.
pub fn judge(text: &str) -> Result<(), String> {
    let seen: CloudInit = serde_json::from_str(text).map_err(|error| format!("its status is not JSON: {error}"))?;
    match seen.status.as_str() {
        "done" => Ok(()),
        "error" | "degraded" if only_own_package(&seen.errors) => Ok(()),
        other => Err(format!("{other}: {}", seen.errors.join("; "))),
    }
}

fn only_own_package(errors: &[String]) -> bool {
    let named = errors.iter().any(|error| error.contains(OWN_PACKAGE));
    let follows = |error: &String| FOLLOWING.iter().any(|part| error.contains(part));
    named && errors.iter().all(|error| error.contains(OWN_PACKAGE) || follows(error))
}

#[cfg(test)]
mod tests {
    use super::judge;

    /// Fields as cloud-init's documentation of `cloud-init status --format json` has them.
    fn status(status: &str, errors: &[&str]) -> String {
        serde_json::json!({"boot_status_code": "enabled-by-generator", "datasource": "nocloud", "detail": "",
            "errors": errors, "extended_status": status, "last_update": "", "status": status})
        .to_string()
    }

    #[test]
    fn only_the_package_of_multipass_is_forgiven() {
        let package = "('package_update_upgrade_install', ProcessExecutionError(\"install pollinate\"))";
        let following = "Failed to install packages: ['pollinate']";
        let other = "('write_files', PermissionError())";
        assert_eq!(judge(&status("done", &[])), Ok(()));
        assert_eq!(judge(&status("error", &[package, following])), Ok(()));
        for (state, errors) in
            [("error", &[other][..]), ("error", &[package, other]), ("error", &[]), ("running", &[]), ("disabled", &[])]
        {
            assert!(judge(&status(state, errors)).is_err(), "{state} {errors:?}");
        }
        assert!(judge("status: done").is_err());
    }
}
