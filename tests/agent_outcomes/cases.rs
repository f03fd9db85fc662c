//! Real causes in the sandbox of `topology.sh`, and the outcome that each must have.

use lab_agent::{
    outcome::Outcome,
    protocol::{Endpoint, Probe, ProbeKind},
};

/// Larger than any MTU here.
const LARGE: usize = 64 << 10;

/// Limit in milliseconds for probes that get an answer: generous, so that a busy machine changes nothing.
const PATIENT: u64 = 20_000;

/// Limit in milliseconds for probes that get none.
const BRIEF: u64 = 2_000;

/// One probe and what must come of it.
pub struct Case {
    /// What is the matter with the way.
    pub what: &'static str,
    /// The probe; its id is set when it is sent.
    pub probe: Probe,
    /// The outcome.
    pub outcome: Outcome,
    /// What the detail must hold.
    pub detail: &'static str,
}

impl Case {
    const fn new(what: &'static str, kind: ProbeKind, outcome: Outcome, detail: &'static str) -> Self {
        let timeout_ms = match outcome {
            Outcome::Timeout | Outcome::Stalled => BRIEF,
            _ => PATIENT,
        };
        let probe =
            Probe { id: 0, kind, timeout_ms, expected_pods: Vec::new(), repeat: 0, ipv6: false, source_port: None };
        Self { what, probe, outcome, detail }
    }

    fn expecting(mut self, pods: &[&str]) -> Self {
        self.probe.expected_pods = pods.iter().map(ToString::to_string).collect();
        self
    }

    fn repeated(mut self, repeat: u32, source_port: u16) -> Self {
        self.probe.repeat = repeat;
        self.probe.source_port = Some(source_port);
        self
    }
}

/// The cases, in groups that become one test each.
pub fn groups() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("ok", ok()),
        ("ok_by_name", ok_by_name()),
        ("ok_repeated_from_one_port", repeated()),
        ("rejected", rejected()),
        ("refused", refused()),
        ("timeout", timeout()),
        ("reset", reset()),
        ("stalled_and_mtu", mtu()),
        ("wrong_backend", wrong_backend()),
        ("http_status", http_status()),
        ("dns_server", dns_server()),
        ("dns_failed", dns_failed()),
    ]
}

/// The cases that need IPv6.
pub fn ipv6() -> Vec<Case> {
    const HOST: &str = "2001:db8:2::2";
    vec![
        Case::new("HTTP", http(HOST, 8080, "/", 0), Outcome::Ok, "saw 2001:db8:1::2"),
        Case::new("UDP", udp(HOST, 8081, 3000), Outcome::Ok, "saw 2001:db8:1::2"),
        Case::new("AAAA only", http("six", 8080, "/", 0), Outcome::Ok, "saw 2001:db8:1::2"),
        Case::new(
            "reject",
            tcp(HOST, 7001, 0),
            Outcome::Rejected,
            "EACCES (Permission denied), ICMPv6 admin prohibited",
        ),
        Case::new("reject, UDP", udp(HOST, 7001, 0), Outcome::Rejected, "ICMPv6 admin prohibited from 2001:db8:2::2"),
        Case::new("closed", tcp(HOST, 7003, 0), Outcome::Refused, "ECONNREFUSED"),
        Case::new("closed, UDP", udp(HOST, 7003, 0), Outcome::Refused, "ICMPv6 port unreachable"),
        Case::new("drop", tcp(HOST, 7002, 0), Outcome::Timeout, "connect to [2001:db8:2::2]:7002"),
    ]
}

const SERVER: &str = "192.0.2.66";
/// Behind the narrow link, where "fragmentation needed" gets lost.
const BLACK_HOLE: &str = "192.0.2.130";
/// Behind the narrow link.
const NARROW: &str = "192.0.2.131";

fn ok() -> Vec<Case> {
    let saw = "zeus on olympus answered, saw 192.0.2.2";
    vec![
        Case::new("HTTP", http(SERVER, 8080, "/setup?x=1", 0), Outcome::Ok, saw).expecting(&["hera", "zeus"]),
        Case::new("large HTTP", http(SERVER, 8080, "/", LARGE), Outcome::Ok, saw),
        Case::new("TCP", tcp(SERVER, 8081, 0), Outcome::Ok, saw),
        Case::new("large TCP", tcp(SERVER, 8081, LARGE), Outcome::Ok, saw),
        Case::new("UDP", udp(SERVER, 8081, 32), Outcome::Ok, saw),
        Case::new("UDP in fragments", udp(SERVER, 8081, 8000), Outcome::Ok, saw),
        Case::new("connection only", connect(SERVER, 8081), Outcome::Ok, "connected"),
        Case::new("HTTP through a proxy", http(SERVER, 8090, "/through", LARGE), Outcome::Ok, "saw 192.0.2.66"),
    ]
}

fn ok_by_name() -> Vec<Case> {
    vec![
        Case::new("search list", http("zeus", 8080, "/", 0), Outcome::Ok, "saw 192.0.2.2"),
        Case::new("partly qualified", udp("zeus.default.svc", 8081, 0), Outcome::Ok, "saw 192.0.2.2"),
        Case::new("fully qualified", tcp("zeus.default.svc.test.", 8081, 0), Outcome::Ok, "saw 192.0.2.2"),
        Case::new("query", dns(None, false, "zeus", &[SERVER]), Outcome::Ok, "192.0.2.66:53 says zeus is 192.0.2.66"),
        Case::new("query over TCP", dns(None, true, "zeus", &[SERVER]), Outcome::Ok, "zeus is 192.0.2.66"),
        Case::new("AAAA", dns(None, false, "six", &["2001:db8:2::2"]), Outcome::Ok, "six is 2001:db8:2::2"),
        Case::new("any address", dns(Some((SERVER, 53)), false, "zeus", &[]), Outcome::Ok, "192.0.2.66"),
        Case::new("too large for UDP", dns(None, false, "big", &["192.0.2.1", "192.0.2.40"]), Outcome::Ok, "big is"),
    ]
}

fn repeated() -> Vec<Case> {
    vec![
        Case::new("HTTP", http(SERVER, 8080, "/", LARGE), Outcome::Ok, "5 times").repeated(5, 41_001),
        Case::new("TCP", tcp(SERVER, 8081, LARGE), Outcome::Ok, "5 times").repeated(5, 41_002),
        Case::new("UDP", udp(SERVER, 8081, 100), Outcome::Ok, "5 times").repeated(5, 41_003),
        Case::new("connection only", connect(SERVER, 8081), Outcome::Ok, "5 times").repeated(5, 41_004),
        Case::new("the first failure ends it", tcp(SERVER, 7003, 0), Outcome::Refused, "exchange 1 of 5: connect")
            .repeated(5, 41_005),
    ]
}

fn rejected() -> Vec<Case> {
    let prohibited = "EHOSTUNREACH (No route to host), ICMP admin prohibited from 192.0.2.66";
    vec![
        Case::new("TCP", tcp(SERVER, 7001, 0), Outcome::Rejected, prohibited),
        Case::new("HTTP", http(SERVER, 7001, "/", 0), Outcome::Rejected, prohibited),
        Case::new("connection only", connect(SERVER, 7001), Outcome::Rejected, prohibited),
        Case::new("UDP", udp(SERVER, 7001, 0), Outcome::Rejected, prohibited),
        Case::new("UDP in fragments", udp(SERVER, 7001, 8000), Outcome::Rejected, prohibited),
        Case::new("host unreachable", tcp(SERVER, 7005, 0), Outcome::Rejected, "ICMP host unreachable"),
        Case::new("host unreachable, UDP", udp(SERVER, 7005, 0), Outcome::Rejected, "ICMP host unreachable"),
        Case::new("no route at the router", tcp("198.51.100.1", 80, 0), Outcome::Rejected, "ENETUNREACH"),
        Case::new(
            "no route at the router, UDP",
            udp("198.51.100.1", 80, 0),
            Outcome::Rejected,
            "net unreachable from 192.0.2.1",
        ),
        Case::new("prohibiting route", tcp("192.0.2.201", 80, 0), Outcome::Rejected, "EACCES"),
    ]
}

fn refused() -> Vec<Case> {
    vec![
        Case::new("TCP", tcp(SERVER, 7003, 0), Outcome::Refused, "ECONNREFUSED (Connection refused)"),
        Case::new("HTTP", http(SERVER, 7003, "/", 0), Outcome::Refused, "connect to 192.0.2.66:7003: ECONNREFUSED"),
        Case::new("connection only", connect(SERVER, 7003), Outcome::Refused, "ECONNREFUSED"),
        Case::new("UDP", udp(SERVER, 7003, 0), Outcome::Refused, "ICMP port unreachable from 192.0.2.66"),
        Case::new("a reject that looks closed", tcp(SERVER, 7006, 0), Outcome::Refused, "ICMP port unreachable"),
    ]
}

fn timeout() -> Vec<Case> {
    vec![
        Case::new("TCP", tcp(SERVER, 7002, 0), Outcome::Timeout, "connect to 192.0.2.66:7002: no answer"),
        Case::new("HTTP", http(SERVER, 7002, "/", 0), Outcome::Timeout, "connect to 192.0.2.66:7002: no answer"),
        Case::new("connection only", connect(SERVER, 7002), Outcome::Timeout, "no answer"),
        Case::new("UDP", udp(SERVER, 7002, 0), Outcome::Timeout, "no answer"),
        Case::new("blackhole route", tcp("192.0.2.200", 80, 0), Outcome::Timeout, "EINVAL"),
    ]
}

fn reset() -> Vec<Case> {
    vec![
        Case::new("a RST in answer to data", http(SERVER, 7004, "/", 0), Outcome::Reset, "ECONNRESET"),
        Case::new("nginx closes", http(SERVER, 8090, "/closing", 0), Outcome::Reset, "closed before the whole answer"),
        Case::new("the stream echo hears HTTP", http(SERVER, 8081, "/", 0), Outcome::Reset, "HTTP request"),
    ]
}

fn mtu() -> Vec<Case> {
    vec![
        Case::new("small HTTP fits", http(BLACK_HOLE, 8080, "/", 0), Outcome::Ok, "zeus"),
        Case::new("large HTTP", http(BLACK_HOLE, 8080, "/", LARGE), Outcome::Stalled, "no answer to the HTTP request"),
        Case::new("small TCP fits", tcp(BLACK_HOLE, 8081, 10), Outcome::Ok, "zeus"),
        Case::new("large TCP", tcp(BLACK_HOLE, 8081, LARGE), Outcome::Stalled, "no whole answer in time: 0 bytes came"),
        Case::new("small UDP fits", udp(BLACK_HOLE, 8081, 10), Outcome::Ok, "zeus"),
        Case::new("a datagram too big to pass", udp(BLACK_HOLE, 8081, 1400), Outcome::Timeout, "no answer"),
        Case::new("nginx waits for a silent backend", http(SERVER, 8090, "/silent", 0), Outcome::Stalled, "no answer"),
        Case::new("narrow, but told so: HTTP", http(NARROW, 8080, "/", LARGE), Outcome::Ok, "zeus"),
        Case::new("narrow, but told so: UDP", udp(NARROW, 8081, 1400), Outcome::Ok, "zeus"),
    ]
}

fn wrong_backend() -> Vec<Case> {
    let other = "zeus on olympus answered, saw 192.0.2.2; expected hera";
    vec![
        Case::new("HTTP", http(SERVER, 8080, "/", 0), Outcome::WrongBackend, other).expecting(&["hera"]),
        Case::new("TCP", tcp(SERVER, 8081, 0), Outcome::WrongBackend, other).expecting(&["hera"]),
        Case::new("UDP", udp(SERVER, 8081, 0), Outcome::WrongBackend, other).expecting(&["hera"]),
        Case::new("no echo", http(SERVER, 8090, "/plain", 0), Outcome::WrongBackend, "not the answer of an echo"),
        Case::new("no stream echo", tcp(SERVER, 8080, 10), Outcome::WrongBackend, "not a frame of the echo"),
    ]
}

fn http_status() -> Vec<Case> {
    vec![
        Case::new("dead upstream", http(SERVER, 8090, "/dead", 0), Outcome::Http(502), "502 Bad Gateway from nginx"),
        Case::new("rejecting upstream", http(SERVER, 8090, "/rejecting", 0), Outcome::Http(502), "502"),
        Case::new("no such page", http(SERVER, 8090, "/", 0), Outcome::Http(404), "404 Not Found"),
    ]
}

fn dns_server() -> Vec<Case> {
    let at = |port, tcp| dns(Some((SERVER, port)), tcp, "zeus", &[]);
    vec![
        Case::new("silent", at(7002, false), Outcome::Timeout, "DNS query for zeus.default.svc.test."),
        Case::new("silent, TCP", at(7002, true), Outcome::Timeout, "over TCP: connect to 192.0.2.66:7002"),
        Case::new("rejecting", at(7001, false), Outcome::Rejected, "ICMP admin prohibited"),
        Case::new("rejecting, TCP", at(7001, true), Outcome::Rejected, "ICMP admin prohibited"),
        Case::new("closed", at(7003, false), Outcome::Refused, "ICMP port unreachable"),
        Case::new("closed, TCP", at(7003, true), Outcome::Refused, "ECONNREFUSED"),
    ]
}

fn dns_failed() -> Vec<Case> {
    let unknown = "192.0.2.66:53 knows no address";
    vec![
        Case::new("NXDOMAIN", dns(None, false, "hera.default.svc.test.", &[]), Outcome::DnsFailed, unknown),
        Case::new("NXDOMAIN, TCP", dns(None, true, "hera.default.svc.test.", &[]), Outcome::DnsFailed, unknown),
        Case::new("NXDOMAIN, HTTP", http("hera.test.", 8080, "/", 0), Outcome::DnsFailed, unknown),
        Case::new("NXDOMAIN, UDP", udp("hera.test.", 8081, 0), Outcome::DnsFailed, "for hera.test."),
        Case::new("nowhere on the search list", tcp("hera", 8081, 0), Outcome::DnsFailed, "REFUSED for hera."),
        Case::new("another zone", dns(None, false, "zeus.example.", &[]), Outcome::DnsFailed, "REFUSED"),
        Case::new("wrong address", dns(None, false, "zeus", &["192.0.2.9"]), Outcome::DnsFailed, "without 192.0.2.9"),
    ]
}

fn to(host: &str, port: u16) -> Endpoint {
    Endpoint { host: host.to_owned(), port }
}

fn http(host: &str, port: u16, path: &str, bytes: usize) -> ProbeKind {
    ProbeKind::Http { to: to(host, port), path: path.to_owned(), host: None, bytes }
}

fn tcp(host: &str, port: u16, bytes: usize) -> ProbeKind {
    ProbeKind::Tcp { to: to(host, port), bytes }
}

fn udp(host: &str, port: u16, bytes: usize) -> ProbeKind {
    ProbeKind::Udp { to: to(host, port), bytes }
}

fn connect(host: &str, port: u16) -> ProbeKind {
    ProbeKind::Connect { to: to(host, port) }
}

fn dns(server: Option<(&str, u16)>, tcp: bool, name: &str, expected: &[&str]) -> ProbeKind {
    let address = |text: &str| text.parse().expect("an address");
    ProbeKind::Dns {
        server: server.map(|(host, port)| (address(host), port).into()),
        tcp,
        name: name.to_owned(),
        expected: expected.iter().copied().map(address).collect(),
    }
}
