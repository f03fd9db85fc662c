//! How long each step may take.

use std::time::Duration;

/// How long each step may take. The defaults suit a machine with two processors and a line of 20 Mbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One question, such as `snap list`.
    pub question: Duration,
    /// One answer of the cluster's API.
    pub answer: Duration,
    /// Installing packages.
    pub packages: Duration,
    /// Until snapd has seeded.
    pub seeding: Duration,
    /// Installing the snap, download included.
    pub install: Duration,
    /// Until a node is ready.
    pub ready: Duration,
    /// Until one addon is enabled.
    pub addon: Duration,
    /// Until a node has joined.
    pub join: Duration,
    /// Importing an image.
    pub import: Duration,
    /// Until what was started listens, and what was applied has its addresses.
    pub appear: Duration,
    /// Until kube-proxy has written its rules again; it looks every 30 seconds.
    pub rules: Duration,
    /// What an ingress controller may take to notice what the API says. This is not a limit: it is always waited, for
    /// nothing tells when it has. ingress-nginx writes its configuration every 3.3 seconds at the most
    /// (`--sync-rate-limit`, 0.3 a second).
    pub ingress_lag: Duration,
    /// Between two looks.
    pub pause: Duration,
}

impl Limits {
    /// The limits for machines that take so many times as long as real ones: the waits are longer. What is one command
    /// keeps its limit, which the machine itself lengthens.
    #[must_use]
    pub fn patient(self, patience: u32) -> Self {
        Self {
            answer: self.answer * patience,
            seeding: self.seeding * patience,
            ready: self.ready * patience,
            addon: self.addon * patience,
            join: self.join * patience,
            appear: self.appear * patience,
            rules: self.rules * patience,
            ingress_lag: self.ingress_lag * patience,
            ..self
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            question: minutes(1),
            answer: Duration::from_secs(30),
            packages: minutes(10),
            seeding: minutes(5),
            install: minutes(20),
            ready: minutes(10),
            addon: minutes(8),
            join: minutes(8),
            import: minutes(3),
            appear: minutes(1),
            rules: minutes(1),
            ingress_lag: Duration::from_secs(4),
            pause: Duration::from_secs(2),
        }
    }
}
