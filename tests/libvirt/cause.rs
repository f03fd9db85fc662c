//! Why a packet ends, on machines with a kernel, netfilter and firewalld of their own: what a trace says differs from one
//! Linux to the next.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use lab_agent::{
    outcome::Outcome,
    protocol::{Endpoint, Probe, ProbeKind, ProbeResult},
};
use libtest_mimic::Failed;
use pathlab::{
    cluster::workload::AgentSocket,
    diagnose::{Again, CaseContext, PodEndpoint, Reprobe, Source, Transport, explain},
    probe::run_batch,
    provider::{Machine, WholeMachine},
};

use super::ensure;

/// From `from` to a port that the firewall of `guarded` rejects: which rule that is, and whose.
pub async fn a_reject_is_explained(
    guarded: &Arc<dyn WholeMachine>,
    from: &AgentSocket,
    port: u16,
) -> Result<(), Failed> {
    let destination = SocketAddr::new(guarded.address(), port);
    let context = CaseContext {
        case: "life::rhel-9.5::as-installed::node-to-pod-ip".to_owned(),
        distros: vec!["rhel-9.5".to_owned(), "ubuntu-22.04".to_owned()],
        path: "node-to-pod-ip".parse()?,
        transport: Transport::Tcp,
        outcome: Outcome::Rejected,
        repeat: 1,
        source: Source { machine: Some(1), pod: false, address: Some(from.address) },
        destination,
        backends: vec![PodEndpoint { machine: 0, address: destination }],
        upstream: None,
        dns: None,
        service_path_ok: false,
        small_path_ok: None,
    };
    let started = Instant::now();
    let machines = [Arc::clone(guarded) as Arc<dyn Machine>, Arc::clone(&from.machine)];
    let explained = explain(&machines, &[context], &Prober { from, destination }).await?;
    println!("explained: {:?}", started.elapsed());
    let [explanation] = explained.as_slice() else { return Err(format!("{explained:?}").into()) };
    let cause = &explanation.cause;
    let rejects = cause.rule.as_deref().is_some_and(|rule| rule.contains("reject with icmpx admin-prohibited"));
    let owned = cause.owner.as_deref() == Some("firewalld zone public");
    ensure(rejects && owned, || format!("{explanation:#?}"))?;
    let ends = explanation.way.steps.last().is_some_and(|step| step.machine == guarded.name());
    ensure(ends, || format!("{:#?}", explanation.way))
}

struct Prober<'a> {
    from: &'a AgentSocket,
    destination: SocketAddr,
}

#[async_trait]
impl Reprobe for Prober<'_> {
    async fn reprobe(&self, probes: &[Again]) -> Vec<ProbeResult> {
        let to = || Endpoint { host: self.destination.ip().to_string(), port: self.destination.port() };
        let probes = (0..).zip(probes).map(|(id, again)| Probe {
            id,
            kind: ProbeKind::Connect { to: to() },
            // An emulated machine needs longer for the first packet.
            timeout_ms: u64::try_from(again.limit.max(Duration::from_secs(5)).as_millis()).unwrap_or(u64::MAX),
            expected_pods: Vec::new(),
            repeat: 1,
            ipv6: false,
            source_port: Some(again.source_port),
        });
        run_batch(self.from, probes.collect()).await.unwrap_or_default()
    }
}
