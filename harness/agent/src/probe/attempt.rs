//! What one probe may do, and what is known of its way so far.

use std::net::{IpAddr, SocketAddr};

use lab_agent::{outcome::Outcome, protocol::Identity};
use tokio::time::Instant;

use super::Failure;
use crate::echo::Echo;

/// A probe under way.
pub struct Attempt<'a> {
    /// End of the time for the whole probe.
    pub deadline: Instant,
    /// Local port to start from.
    pub source_port: Option<u16>,
    /// A name stands for its IPv6 addresses.
    pub ipv6: bool,
    /// Pods whose answer is right; empty for any.
    pub expected_pods: &'a [String],
    /// Our end of the connection.
    pub local_addr: Option<SocketAddr>,
    /// The other end.
    pub peer_addr: Option<SocketAddr>,
    /// Source address that the backend saw.
    pub source_ip: Option<IpAddr>,
    /// Who answered.
    pub backend: Option<Identity>,
}

impl<'a> Attempt<'a> {
    /// A probe of whose way nothing is known yet.
    pub const fn new(deadline: Instant, source_port: Option<u16>, expected_pods: &'a [String]) -> Self {
        Self {
            deadline,
            source_port,
            ipv6: false,
            expected_pods,
            local_addr: None,
            peer_addr: None,
            source_ip: None,
            backend: None,
        }
    }

    /// Notes who answered and judges whether that is right, and whether all that was sent had come.
    pub fn judge(&mut self, echo: &Echo, sent: usize) -> Result<String, Failure> {
        let backend = echo.identity();
        let detail = format!("{} answered, saw {}", named(&backend), echo.source);
        self.source_ip = Some(echo.source);
        self.backend = Some(backend);
        if !self.expected_pods.is_empty() && !self.expected_pods.contains(&echo.pod) {
            let expected = self.expected_pods.join(", ");
            return Err(Failure::new(Outcome::WrongBackend, format!("{detail}; expected {expected}")));
        }
        if echo.received != sent {
            let detail = format!("{detail}; of {sent} bytes it received {}", echo.received);
            return Err(Failure::new(Outcome::WrongBackend, detail));
        }
        Ok(detail)
    }
}

fn named(backend: &Identity) -> String {
    if backend.node.is_empty() { backend.pod.clone() } else { format!("{} on {}", backend.pod, backend.node) }
}

#[cfg(test)]
mod tests {
    use lab_agent::outcome::Outcome;
    use tokio::time::Instant;

    use super::Attempt;
    use crate::echo::Echo;

    #[test]
    fn only_expected_pods_and_whole_requests_are_right() {
        let echo: Echo = serde_json::from_str(
            r#"{"pod":"zeus","node":"n1","distro":"d","source":"192.0.2.1","source_port":1,"received":5}"#,
        )
        .expect("an echo");
        let judge = |expected: &[String], sent| {
            let mut attempt = Attempt::new(Instant::now(), None, expected);
            let result = attempt.judge(&echo, sent).map_err(|failure| (failure.outcome, failure.detail));
            assert_eq!(attempt.backend.expect("noted").node, "n1");
            result
        };
        let wrong = |detail: &str| Err((Outcome::WrongBackend, detail.to_owned()));
        let right = Ok("zeus on n1 answered, saw 192.0.2.1".to_owned());
        assert_eq!(judge(&[], 5), right);
        assert_eq!(judge(&["hera".into(), "zeus".into()], 5), right);
        assert_eq!(judge(&["hera".into()], 5), wrong("zeus on n1 answered, saw 192.0.2.1; expected hera"));
        assert_eq!(judge(&[], 6), wrong("zeus on n1 answered, saw 192.0.2.1; of 6 bytes it received 5"));
    }
}
