use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use camino::Utf8Path;
use lab_agent::protocol::{Endpoint, Probe, ProbeKind};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, duplex};

use super::{ProbeError, run_batch};
use crate::{
    cluster::workload::AgentSocket,
    model::Outcome,
    provider::{Command, Machine, MachineError, Output, Running, Stream},
};

/// A machine whose agent answers so many probes on each connection before that breaks, and remembers what it was asked.
struct Breaking {
    answers: Mutex<Vec<usize>>,
    asked: Arc<Mutex<Vec<Vec<u64>>>>,
}

#[async_trait]
impl Machine for Breaking {
    fn name(&self) -> &'static str {
        "node-1"
    }

    async fn run(&self, _: &Command) -> Result<Output, MachineError> {
        unreachable!("only connected to")
    }

    async fn start(&self, _: &Command) -> Result<Box<dyn Running>, MachineError> {
        unreachable!("only connected to")
    }

    async fn write_file(&self, _: &Utf8Path, _: &[u8], _: u32) -> Result<(), MachineError> {
        unreachable!("only connected to")
    }

    async fn connect(&self, _: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        let (ours, theirs) = duplex(64 * 1024);
        let answers = self.answers.lock().expect("not poisoned").pop().expect("no more connections");
        tokio::spawn(answer(theirs, answers, Arc::clone(&self.asked)));
        Ok(Box::new(ours))
    }
}

async fn answer(stream: DuplexStream, answers: usize, asked: Arc<Mutex<Vec<Vec<u64>>>>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("a request");
    let request: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let probes = find_probes(&request);
    let ids: Vec<u64> = probes.iter().map(|probe| probe["id"].as_u64().expect("an id")).collect();
    asked.lock().expect("not poisoned").push(ids.clone());
    let mut said = String::new();
    for id in ids.iter().take(answers) {
        let result = lab_agent::protocol::ProbeResult {
            id: u32::try_from(*id).expect("small"),
            outcome: Outcome::Timeout,
            detail: String::new(),
            duration_us: 1,
            source_ip: None,
            local_addr: None,
            peer_addr: None,
            backend: None,
            backends: std::collections::BTreeMap::new(),
        };
        said += &(serde_json::to_string(&lab_agent::protocol::Reply::Result(result)).expect("JSON") + "\n");
    }
    if answers >= ids.len() {
        said += &(serde_json::to_string(&lab_agent::protocol::Reply::Done).expect("JSON") + "\n");
    }
    stream.get_mut().write_all(said.as_bytes()).await.expect("somebody reads");
}

/// The list of probes, wherever the request has it.
fn find_probes(request: &serde_json::Value) -> Vec<serde_json::Value> {
    match request {
        serde_json::Value::Object(fields) => match fields.get("probes") {
            Some(serde_json::Value::Array(probes)) => probes.clone(),
            _ => fields.values().flat_map(find_probes).collect(),
        },
        _ => Vec::new(),
    }
}

/// The outcomes of four probes, and what was asked, when each connection answers so many of them.
async fn four(answers: &[usize]) -> (Result<usize, ProbeError>, Vec<Vec<u64>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answers = Mutex::new(answers.iter().rev().copied().collect());
    let machine = Arc::new(Breaking { answers, asked: Arc::clone(&asked) });
    let agent = AgentSocket { machine, socket: "/run/agent".into(), address: Ipv4Addr::LOCALHOST.into() };
    let to = Endpoint { host: "192.0.2.1".to_owned(), port: 80 };
    let probe = |id| Probe {
        id,
        kind: ProbeKind::Connect { to: to.clone() },
        timeout_ms: 100,
        expected_pods: Vec::new(),
        repeat: 1,
        ipv6: false,
        source_port: None,
    };
    let results = run_batch(&agent, (0..4).map(probe).collect()).await.map(|results| results.len());
    let asked = asked.lock().expect("not poisoned").clone();
    (results, asked)
}

#[tokio::test]
async fn a_broken_connection_is_opened_again_for_the_rest_only() {
    let (results, asked) = four(&[1, 2, 4]).await;
    assert_eq!(results.expect("every probe has a result"), 4);
    // A path that timed out has its result: it is not tried again.
    assert_eq!(asked, [vec![0, 1, 2, 3], vec![1, 2, 3], vec![3]]);
}

#[tokio::test]
async fn a_connection_that_breaks_again_and_again_is_an_error() {
    let (results, asked) = four(&[0, 0, 0]).await;
    assert!(matches!(results, Err(ProbeError::Lost { .. })), "{results:?}");
    assert_eq!(asked.len(), 3);
}
