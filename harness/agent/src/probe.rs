//! One probe from its start to its result.

mod attempt;
mod classify;
mod datagram;
mod dns;
mod failure;
mod http;
mod icmp;
mod stream;
mod tcp;
mod udp;

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use lab_agent::{
    outcome::Outcome,
    protocol::{Endpoint, Probe, ProbeKind, ProbeResult},
};
use tokio::time::Instant;

use self::attempt::Attempt;
pub use self::{datagram::exchange as datagram_exchange, failure::Failure, stream::connect as stream_connect};
use crate::resolver::{Family, Resolver};

/// Makes the probe, as often as it says, and classifies what happened.
pub async fn run(probe: Probe) -> ProbeResult {
    let start = Instant::now();
    let deadline = start + Duration::from_millis(probe.timeout_ms);
    let mut attempt = Attempt::new(deadline, probe.source_port, &probe.expected_pods);
    attempt.ipv6 = probe.ipv6;
    let times = probe.repeat.max(1);
    let (mut ended, mut backends) = (Ok(String::new()), BTreeMap::new());
    for turn in 1..=times {
        ended = exchange(&probe.kind, &mut attempt).await;
        if let (Ok(_), Some(backend)) = (&ended, &attempt.backend) {
            *backends.entry(backend.pod.clone()).or_insert(0) += 1;
        }
        if let Err(failure) = &mut ended {
            if times > 1 {
                failure.detail = format!("exchange {turn} of {times}: {}", failure.detail);
            }
            break;
        }
    }
    let (outcome, detail) = match ended {
        Ok(detail) if times > 1 => (Outcome::Ok, format!("{detail}, {times} times{}", counted(&backends))),
        Ok(detail) => (Outcome::Ok, detail),
        Err(failure) => (failure.outcome, failure.detail),
    };
    ProbeResult {
        id: probe.id,
        outcome,
        detail,
        duration_us: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
        source_ip: attempt.source_ip,
        local_addr: attempt.local_addr,
        peer_addr: attempt.peer_addr,
        backend: attempt.backend,
        backends,
    }
}

/// How many pods answered, where that is more than one.
fn counted(backends: &BTreeMap<String, u32>) -> String {
    if backends.len() > 1 { format!(" by {} pods", backends.len()) } else { String::new() }
}

/// One exchange; what went right in a line, or the failure.
async fn exchange(kind: &ProbeKind, attempt: &mut Attempt<'_>) -> Result<String, Failure> {
    match kind {
        ProbeKind::Http { to, path, host, bytes } => {
            let address = resolve(to, attempt).await?;
            let request = http::Asked { path, host: host.as_deref(), to, bytes: *bytes };
            http::exchange(address, &request, attempt).await
        }
        ProbeKind::Tcp { to, bytes } => {
            let address = resolve(to, attempt).await?;
            tcp::exchange(address, *bytes, attempt).await
        }
        ProbeKind::Udp { to, bytes } => {
            let address = resolve(to, attempt).await?;
            udp::exchange(address, *bytes, attempt).await
        }
        ProbeKind::Connect { to } => {
            let address = resolve(to, attempt).await?;
            tcp::connect(address, attempt).await.map(|_| "connected".to_owned())
        }
        ProbeKind::Dns { server, tcp, name, expected } => {
            let asked = dns::Asked { server: *server, tcp: *tcp, name, expected };
            dns::exchange(&asked, attempt).await
        }
    }
}

/// The address to connect to. Whatever goes wrong on the way is a failure of name resolution.
async fn resolve(to: &Endpoint, attempt: &mut Attempt<'_>) -> Result<SocketAddr, Failure> {
    let host = to.host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse() {
        return Ok(SocketAddr::new(address, to.port));
    }
    let families: &[Family] = if attempt.ipv6 { &[Family::V6] } else { &[Family::V4, Family::V6] };
    let address = Resolver::from_system()
        .address(host, families, attempt.deadline)
        .await
        .map_err(|failure| Failure::new(Outcome::DnsFailed, format!("name {host}: {}", failure.detail)))?;
    Ok(SocketAddr::new(address, to.port))
}
