//! Names to addresses as the C library does it, but saying what went wrong.
//!
//! `/etc/resolv.conf` is read for each probe: the file of a running pod may change. `/etc/hosts` and
//! caches play no part, so that a probe by name always asks the cluster's DNS.

mod query;
mod resolv_conf;

use std::{
    env, fs,
    hash::{BuildHasher, Hasher, RandomState},
    net::{IpAddr, SocketAddr},
};

use lab_agent::outcome::Outcome;
use tokio::time::Instant;

pub use self::query::{Family, Question};
use self::{query::Answer, resolv_conf::ResolvConf};
use crate::probe::Failure;

const SYSTEM_FILE: &str = "/etc/resolv.conf";

/// Names another file: an agent that stands in a pod's network but among its node's files has the pod's.
const FILE_VARIABLE: &str = "PATHLAB_RESOLV_CONF";

/// Resolver with the settings of a file.
pub struct Resolver {
    conf: ResolvConf,
    file: String,
}

impl Resolver {
    /// With the settings of this machine or pod; without the file, with none.
    pub fn from_system() -> Self {
        let file = env::var(FILE_VARIABLE).unwrap_or_else(|_| SYSTEM_FILE.to_owned());
        Self { conf: ResolvConf::parse(&fs::read_to_string(&file).unwrap_or_default()), file }
    }

    /// The first server of the file.
    pub fn first_server(&self) -> Result<SocketAddr, Failure> {
        let servers = &self.conf.servers;
        servers
            .first()
            .copied()
            .ok_or_else(|| Failure::new(Outcome::DnsFailed, format!("no nameserver in {}", self.file)))
    }

    /// An address of the name, of the first of these families that it has. Servers that fail are followed by the next, each with its share of
    /// the time.
    pub async fn address(&self, name: &str, families: &[Family], deadline: Instant) -> Result<IpAddr, Failure> {
        let mut last = self.first_server().err();
        let count = u32::try_from(self.conf.servers.len()).unwrap_or(u32::MAX);
        for (server, rest) in self.conf.servers.iter().zip((1..=count).rev()) {
            let share = Instant::now() + deadline.saturating_duration_since(Instant::now()) / rest;
            match self.first_address(name, families, *server, share).await {
                Ok(Some(address)) => return Ok(address),
                // The server knows, and it says no: others would say the same.
                Ok(None) => return Err(self.no_such_name(name, *server)),
                Err(failure) => last = Some(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::new(Outcome::DnsFailed, "no answer")))
    }

    async fn first_address(
        &self,
        name: &str,
        families: &[Family],
        server: SocketAddr,
        deadline: Instant,
    ) -> Result<Option<IpAddr>, Failure> {
        for candidate in self.conf.candidates(name) {
            for &family in families {
                let question = Question { server, tcp: false, family, source_port: None };
                match query::ask(&candidate, question, deadline, &mut None).await? {
                    Answer::Addresses(found) if !found.is_empty() => return Ok(found.first().copied()),
                    Answer::Addresses(_) => {}
                    Answer::NoSuchName => break,
                    Answer::Failed(code) => return Err(refused(server, &code, &candidate)),
                }
            }
        }
        Ok(None)
    }

    /// All addresses that one server has for the name, along the search list.
    pub async fn search(
        &self,
        name: &str,
        question: Question,
        deadline: Instant,
        local_addr: &mut Option<SocketAddr>,
    ) -> Result<Vec<IpAddr>, Failure> {
        for candidate in self.conf.candidates(name) {
            match query::ask(&candidate, question, deadline, local_addr).await? {
                Answer::Addresses(found) if !found.is_empty() => return Ok(found),
                Answer::Addresses(_) | Answer::NoSuchName => {}
                Answer::Failed(code) => return Err(refused(question.server, &code, &candidate)),
            }
        }
        Err(self.no_such_name(name, question.server))
    }

    fn no_such_name(&self, name: &str, server: SocketAddr) -> Failure {
        let tried = self.conf.candidates(name).join(", ");
        Failure::new(Outcome::DnsFailed, format!("{server} knows no address (NXDOMAIN or no record) for {tried}"))
    }
}

fn refused(server: SocketAddr, code: &str, candidate: &str) -> Failure {
    Failure::new(Outcome::DnsFailed, format!("{server} answers {code} for {candidate}"))
}

/// A number that nobody off the path can guess.
pub fn random() -> u32 {
    let bytes = RandomState::new().build_hasher().finish().to_ne_bytes();
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
