//! The probes of the test cluster: a server in the pods, a client anywhere.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use lab_agent::protocol::ProbeResult;
use pathlab::{
    diagnose::{Again, Reprobe},
    model::Outcome,
    provider::{Command, Machine},
};
use tokio::task::JoinSet;

use super::space::Space;

/// Answers `GET /N` with N bytes, on every TCP port given.
pub const SERVER: &str = r#"
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"x" * int(self.path.strip("/") or 0)
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
servers = [http.server.ThreadingHTTPServer(("", int(port)), Handler) for port in sys.argv[1:]]
for server in servers: threading.Thread(target=server.serve_forever).start()
print("ready", flush=True)
"#;

/// `client ADDRESS PORT SOURCE_PORT BYTES LIMIT`: prints the outcome.
const CLIENT: &str = r#"
import errno, socket, sys, time
host, port, source, size, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
connection = socket.socket(); connection.settimeout(limit)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); connection.bind(("", source))
connected, data, end = False, b"", time.monotonic() + limit
try:
    connection.connect((host, port)); connected = True
    connection.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % size)
    while chunk := connection.recv(65536):
        data += chunk
        connection.settimeout(max(end - time.monotonic(), 0.01))
    status = int(data.split()[1])
    print("ok" if status == 200 else "http-%d" % status)
except socket.timeout: print("stalled" if connected else "timeout")
except OSError as error:
    words = {errno.EHOSTUNREACH: "rejected", errno.ENETUNREACH: "rejected", errno.EACCES: "rejected", errno.EINVAL: "rejected",
             errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.ETIMEDOUT: "timeout"}
    print(words.get(error.errno, "error"), error)
"#;

/// Where a probe starts and what it asks for.
#[derive(Clone)]
pub struct Probe {
    pub from: Arc<Space>,
    pub to: std::net::SocketAddr,
    pub bytes: usize,
}

impl Probe {
    /// Makes the probe once.
    pub async fn run(&self, source_port: u16, limit: f64) -> (Outcome, String) {
        let arguments = [
            self.to.ip().to_string(),
            self.to.port().to_string(),
            source_port.to_string(),
            self.bytes.to_string(),
            limit.to_string(),
        ];
        let command = Command::new(["python3", "-c", CLIENT].map(str::to_owned).into_iter().chain(arguments));
        let output = self.from.run(&command).await.expect("client");
        let text = output.text();
        let said = format!("{}{}", text.trim(), String::from_utf8_lossy(&output.stderr).trim());
        let outcome = text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(Outcome::Error);
        (outcome, said)
    }
}

/// Repeats the probes by the index of their case.
pub struct Prober(pub BTreeMap<usize, Probe>);

#[async_trait]
impl Reprobe for Prober {
    async fn reprobe(&self, probes: &[Again]) -> Vec<ProbeResult> {
        let mut tasks = JoinSet::new();
        for (place, again) in probes.iter().copied().enumerate() {
            let probe = self.0[&again.case].clone();
            tasks.spawn(async move { (place, probe.run(again.source_port, again.limit.as_secs_f64()).await) });
        }
        let mut results = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (place, (outcome, detail)) = done.expect("probe");
            results.push((place, outcome, detail));
        }
        results.sort_by_key(|(place, ..)| *place);
        results
            .into_iter()
            .map(|(place, outcome, detail)| ProbeResult {
                id: u32::try_from(place).expect("few probes"),
                outcome,
                detail,
                duration_us: 0,
                source_ip: None,
                local_addr: None,
                peer_addr: None,
                backend: None,
                backends: std::collections::BTreeMap::new(),
            })
            .collect()
    }
}
