//! What `microk8s add-node --format json` says. Pure.

use std::{fmt, net::IpAddr};

use serde::Deserialize;

/// An invitation to join a cluster. Whoever has it can join, so no message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinUrl(String);

#[derive(Deserialize)]
struct Invitation {
    urls: Vec<String>,
}

impl JoinUrl {
    /// The argument of `microk8s join`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for JoinUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.split('/').next().unwrap_or_default();
        write!(f, "JoinUrl({host}/…)")
    }
}

/// The invitation by which others reach the node at `ip`: MicroK8s lists one for each of its addresses, and among them
/// are those of bridges and tunnels that nobody else reaches. The error holds no secret.
pub fn parse(text: &str, ip: IpAddr) -> Result<JoinUrl, String> {
    let invitation: Invitation = serde_json::from_str(text)
        .map_err(|error| format!("it is no invitation as JSON (line {} column {})", error.line(), error.column()))?;
    let found = invitation.urls.iter().find(|url| host(url) == Some(ip));
    found.map(|url| JoinUrl(url.clone())).ok_or_else(|| {
        let offered: Vec<&str> = invitation.urls.iter().filter_map(|url| url.split('/').next()).collect();
        format!("no invitation for {ip}, only for {}", offered.join(", "))
    })
}

/// The address of `ADDRESS:PORT/TOKEN/CHECK`.
fn host(url: &str) -> Option<IpAddr> {
    let (address, _) = url.split('/').next()?.rsplit_once(':')?;
    address.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// As `print_json` of canonical/microk8s `scripts/wrappers/add_token.py` (commit 0a11d61e) writes it.
    const INVITATION: &str = r#"{
  "token": "92b2db237428470dc4fcfc4ebbd9dc81/2c0cb3284b05",
  "urls": [
    "10.1.223.128:25000/92b2db237428470dc4fcfc4ebbd9dc81/2c0cb3284b05",
    "192.168.122.10:25000/92b2db237428470dc4fcfc4ebbd9dc81/2c0cb3284b05",
    "fd00::10:25000/92b2db237428470dc4fcfc4ebbd9dc81/2c0cb3284b05"
  ]
}
"#;

    #[test]
    fn the_address_that_others_reach_is_taken() {
        let ip = |text: &str| text.parse().expect("an address");
        let url = parse(INVITATION, ip("192.168.122.10")).expect("offered");
        assert_eq!(url.expose(), "192.168.122.10:25000/92b2db237428470dc4fcfc4ebbd9dc81/2c0cb3284b05");
        assert_eq!(format!("{url:?}"), "JoinUrl(192.168.122.10:25000/…)");
        assert!(parse(INVITATION, ip("fd00::10")).is_ok());
        let reason = parse(INVITATION, ip("192.168.122.1")).expect_err("not offered");
        assert!(reason.contains("10.1.223.128:25000") && !reason.contains("92b2"), "{reason}");
    }

    #[test]
    fn garbage_shows_no_secret() {
        let ip = "192.168.122.10".parse().expect("an address");
        for text in ["", "microk8s join 192.168.122.10:25000/92b2/2c0c", &INVITATION[..120], r#"{"urls": "92b2"}"#] {
            let reason = parse(text, ip).expect_err("no invitation");
            assert!(!reason.contains("92b2"), "{reason}");
        }
    }
}
