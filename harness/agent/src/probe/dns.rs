//! The DNS probe: does this server give these addresses for this name?

use std::net::{IpAddr, SocketAddr};

use lab_agent::outcome::Outcome;

use super::{Failure, attempt::Attempt};
use crate::resolver::{Family, Question, Resolver};

/// What is asked.
pub struct Asked<'a> {
    /// The server; none for the first of `/etc/resolv.conf`.
    pub server: Option<SocketAddr>,
    /// Over TCP from the start.
    pub tcp: bool,
    /// The name.
    pub name: &'a str,
    /// Addresses that must be in the answer.
    pub expected: &'a [IpAddr],
}

/// Asks, and compares the answer.
pub async fn exchange(asked: &Asked<'_>, attempt: &mut Attempt<'_>) -> Result<String, Failure> {
    let resolver = Resolver::from_system();
    let server = match asked.server {
        Some(server) => server,
        None => resolver.first_server().map_err(|failure| Failure { outcome: Outcome::DnsFailed, ..failure })?,
    };
    attempt.peer_addr = Some(server);
    let mut found = Vec::new();
    for family in families(asked.expected) {
        let question = Question { server, tcp: asked.tcp, family, source_port: attempt.source_port };
        let name = asked.name;
        found.extend(resolver.search(name, question, attempt.deadline, &mut attempt.local_addr).await?);
    }
    let listed = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match asked.expected.iter().find(|address| !found.contains(address)) {
        Some(missing) => {
            let detail = format!("{server} says {} is {listed}, without {missing}", asked.name);
            Err(Failure::new(Outcome::DnsFailed, detail))
        }
        None => Ok(format!("{server} says {} is {listed}", asked.name)),
    }
}

/// Families to ask for: those of the expected addresses, else IPv4.
fn families(expected: &[IpAddr]) -> Vec<Family> {
    let mut families = Vec::new();
    if expected.is_empty() || expected.iter().any(IpAddr::is_ipv4) {
        families.push(Family::V4);
    }
    if expected.iter().any(IpAddr::is_ipv6) {
        families.push(Family::V6);
    }
    families
}
