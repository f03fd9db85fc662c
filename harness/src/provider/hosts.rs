//! Which of several virtualisation hosts gets the next machines: so many at a time on each, the emptiest first.
//!
//! Machines of one cluster need one network, so they are placed together.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Hosts with places for machines. Clones share the places.
#[derive(Clone, Debug)]
pub struct HostPool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    uris: Vec<String>,
    /// Machines that each host may have at a time.
    limit: usize,
    /// Machines that each host has.
    used: Mutex<Vec<usize>>,
    freed: Notify,
}

/// Places on one host, given back when this is dropped.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    host: usize,
    machines: usize,
}

/// Why there is no pool, or no place in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is no host.
    #[error("no host for machines is named")]
    NoHost,
    /// One host, named twice: it would get twice its limit.
    #[error("the host {0} is named twice")]
    Twice(String),
    /// More machines at once than a host may have.
    #[error("{machines} machines of one cluster do not fit on a host, of which each may have {limit}")]
    TooMany {
        /// Machines of the cluster.
        machines: usize,
        /// Machines that a host may have.
        limit: usize,
    },
}

impl HostPool {
    /// A pool of hosts by their URIs (`qemu:///system`, `qemu+ssh://lab@one/system`), each for `limit` machines at a
    /// time.
    pub fn new(uris: Vec<String>, limit: usize) -> Result<Self, PoolError> {
        if uris.is_empty() {
            return Err(PoolError::NoHost);
        }
        if let Some(twice) = uris.iter().enumerate().find(|(at, uri)| uris[..*at].contains(uri)) {
            return Err(PoolError::Twice(twice.1.clone()));
        }
        let used = Mutex::new(vec![0; uris.len()]);
        Ok(Self { shared: Arc::new(Shared { uris, limit, used, freed: Notify::new() }) })
    }

    /// Waits for places for the machines of one cluster, all on one host.
    pub async fn acquire(&self, machines: usize) -> Result<Lease, PoolError> {
        let shared = &self.shared;
        if machines > shared.limit {
            return Err(PoolError::TooMany { machines, limit: shared.limit });
        }
        loop {
            // Made before looking: what is freed in between is not missed.
            let freed = shared.freed.notified();
            let mut freed = std::pin::pin!(freed);
            freed.as_mut().enable();
            if let Some(host) = self.take(machines) {
                return Ok(Lease { shared: Arc::clone(shared), host, machines });
            }
            freed.await;
        }
    }

    /// Takes places on the emptiest host that has enough, the first named among equals.
    fn take(&self, machines: usize) -> Option<usize> {
        let mut used = self.shared.used.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = (0..used.len()).filter(|host| used[*host] + machines <= self.shared.limit);
        let host = fits.min_by_key(|host| used[*host])?;
        used[host] += machines;
        Some(host)
    }
}

impl Lease {
    /// The host's URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.shared.uris[self.host]
    }

    /// Which of the pool's hosts it is, in the order in which they were named.
    #[must_use]
    pub const fn host(&self) -> usize {
        self.host
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.used.lock().unwrap_or_else(PoisonError::into_inner)[self.host] -= self.machines;
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use futures_util::future::join_all;

    use super::{HostPool, PoolError};

    fn pool(hosts: usize, limit: usize) -> HostPool {
        HostPool::new((0..hosts).map(|host| format!("qemu+ssh://host-{host}/system")).collect(), limit).expect("a pool")
    }

    #[tokio::test]
    async fn no_host_has_more_than_its_limit_and_none_stays_idle() {
        let pool = pool(3, 4);
        let now: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let most: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        let clusters = (0..60).map(|number| {
            let (pool, now, most) = (pool.clone(), Arc::clone(&now), Arc::clone(&most));
            async move {
                let machines = 1 + number % 4;
                let lease = pool.acquire(machines).await.expect("fits");
                let here = {
                    let mut now = now.lock().expect("not poisoned");
                    let here = now.entry(lease.uri().to_owned()).or_default();
                    *here += machines;
                    *here
                };
                most.lock()
                    .expect("not poisoned")
                    .entry(lease.uri().to_owned())
                    .and_modify(|most| *most = here.max(*most))
                    .or_insert(here);
                tokio::time::sleep(Duration::from_millis(2)).await;
                *now.lock().expect("not poisoned").get_mut(lease.uri()).expect("here") -= machines;
            }
        });
        tokio::time::timeout(Duration::from_secs(20), join_all(clusters)).await.expect("nobody waits for ever");
        let most = most.lock().expect("not poisoned").clone();
        assert_eq!(most.values().copied().collect::<Vec<_>>(), [4, 4, 4]);
    }

    #[tokio::test]
    async fn what_can_never_fit_is_an_error_at_once() {
        assert_eq!(pool(2, 3).acquire(4).await.err(), Some(PoolError::TooMany { machines: 4, limit: 3 }));
        assert_eq!(HostPool::new(Vec::new(), 1).err(), Some(PoolError::NoHost));
        let twice = vec!["qemu:///system".to_owned(); 2];
        assert_eq!(HostPool::new(twice, 1).err(), Some(PoolError::Twice("qemu:///system".to_owned())));
    }

    #[tokio::test]
    async fn the_emptiest_host_is_next() {
        let pool = pool(2, 4);
        let first = pool.acquire(2).await.expect("fits");
        let second = pool.acquire(1).await.expect("fits");
        let third = pool.acquire(1).await.expect("fits");
        assert_eq!([first.uri(), second.uri(), third.uri()].map(|uri| uri.as_bytes()[16]), *b"011");
    }
}
