//! Realistic reports: the seed scenario's, one with every verdict, and one whose every text is hostile.

use std::collections::BTreeMap;

use pathlab::model::{
    Difference, Direction, EvidenceFile, Outcome, PacketWay, Relevance, RemedyVerdict, Verdict, WayStep, WayVerdict,
    report::{
        CaseReport, Cause, CauseGroup, CauseKind, Counts, Declared, DistroReport, FORMAT, Host, MachineReport,
        ManifestReport, RemedyReport, Report, Run, ScenarioReport, TryReport,
    },
};

const SCENARIO: &str = "pod-ip-502";
const UPSTREAM: &str = "canonical/microk8s#4903";
const PATHS: [&str; 11] = [
    "node-to-service",
    "pod-to-service",
    "outside-to-node-port",
    "node-to-pod-ip",
    "pod-to-pod-ip",
    "outside-to-ingress",
    "pod-to-service-dns",
    "pod-to-dns:udp",
    "pod-to-service:large",
    "pod-to-api-server",
    "outside-to-host-port:tcp",
];

/// Ubuntu passes, RHEL fails as known, five remedies of which three repair it.
pub fn seed() -> Report {
    let mut cases: Vec<_> = PATHS.iter().map(|path| case("ubuntu-22.04", None, path, "ok", Verdict::Pass)).collect();
    cases.extend(rhel_cases("rhel-9.5", None, false));
    for (remedy, repairs) in [
        ("trusted-source", true),
        ("trusted-interface", true),
        ("firewalld-off", true),
        ("masquerade-public", false),
        ("iptables-forward-accept", false),
    ] {
        cases.extend(rhel_cases("rhel-9.5", Some(remedy), repairs));
    }
    let groups = vec![cause_group("rhel-9.5", &mut cases)];
    Report {
        format: FORMAT.to_owned(),
        run: run(),
        distros: vec![distro("ubuntu-22.04", Verdict::Pass), distro("rhel-9.5", Verdict::Known)],
        cases,
        remedies: remedies(),
        manifests: vec![ManifestReport { path: "pod-ip-502/zeus.yaml".into(), sha256: "9f86d081884c7d65".repeat(4) }],
        scenarios: vec![ScenarioReport {
            id: SCENARIO.to_owned(),
            title: "Pod answers through its Service but not at its own IP".to_owned(),
            upstream: vec![UPSTREAM.to_owned(), "kubernetes/ingress-nginx#8079".to_owned()],
            conditions: Vec::new(),
        }],
        clusters: Vec::new(),
        baseline: None,
        past: None,
        causes: groups,
        differences: differences(),
        evidence: vec![
            EvidenceFile {
                machine: "ubuntu-22.04-1".to_owned(),
                path: "evidence/ubuntu-22.04-1.tar.gz".into(),
                bytes: 48_213,
            },
            EvidenceFile { machine: "rhel-9.5-1".to_owned(), path: "evidence/rhel-9.5-1.tar.gz".into(), bytes: 61_940 },
        ],
    }
    .counted()
}

/// The seed's report with a third distro on which everything else happens.
pub fn mixed() -> Report {
    let mut report = seed();
    let mut odd = rhel_cases("rocky-9.5", None, false);
    let set = |case: &mut CaseReport, outcome: &str, verdict, detail: &str| {
        case.outcome = outcome.parse().expect("an outcome");
        case.verdict = verdict;
        let answered = case.outcome == Outcome::Ok;
        case.source_ip = case.source_ip.filter(|_| answered);
        case.backend = answered.then(|| "zeus-5d8c9-abcde".to_owned());
        detail.clone_into(&mut case.detail);
        case.tries[0].outcome = case.outcome;
        case.tries[0].detail.clone_from(&case.detail);
    };
    set(&mut odd[2], "timeout", Verdict::Fail, "no answer from 192.0.2.11:31080 within 2 s");
    set(&mut odd[3], "rejected", Verdict::Pass, "no route to host (EHOSTUNREACH) after 1 ms, as expected");
    "blocked".clone_into(&mut odd[3].expected);
    set(&mut odd[4], "ok", Verdict::Fixed, "answered by zeus-5d8c9-abcde");
    odd[4].upstream = Some(UPSTREAM.to_owned());
    set(&mut odd[6], "dns-failed", Verdict::Flaky, "answered by zeus-5d8c9-abcde");
    odd[6].outcome = Outcome::Ok;
    odd[6].backend = Some("zeus-5d8c9-abcde".to_owned());
    "zeus.default.svc.cluster.local: SERVFAIL".clone_into(&mut odd[6].tries[0].detail);
    odd[6].tries.push(one_try("retry", Outcome::Ok, "answered by zeus-5d8c9-abcde", 1_480));
    set(&mut odd[9], "error", Verdict::Skipped, "this cluster has no API server");
    set(&mut odd[10], "error", Verdict::Error, "the agent in pathlab/probe-outside did not answer on its socket");
    odd[2].cause = Some(Cause {
        kind: CauseKind::Tunnel,
        table: Some("inet firewalld".to_owned()),
        chain: Some("filter_IN_public".to_owned()),
        rule: Some("reject with icmpx admin-prohibited".to_owned()),
        owner: Some("firewalld zone public".to_owned()),
        summary: "rocky-9.5-2 rejects the tunnel: VXLAN packets to 4789/udp are in no service of zone public."
            .to_owned(),
    });
    report.causes.push(CauseGroup {
        distro: "rocky-9.5".to_owned(),
        cause: odd[2].cause.clone().expect("just set"),
        cases: vec![odd[2].id.clone()],
        way: Some(PacketWay { case: odd[2].id.clone(), steps: tunnel_way() }),
    });
    report.cases.extend(odd);
    report.distros.push(distro("rocky-9.5", Verdict::Error));
    report.counted()
}

/// A report in which every text tries to become markup, a control sequence or a link.
pub fn hostile() -> Report {
    let bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&{{7*7}}]]>\u{1b}[31m\u{9b}2J\u{202e}\u{0}\nline";
    let mut report = mixed();
    bad.clone_into(&mut report.run.id);
    report.run.command = vec!["lab".to_owned(), bad.to_owned()];
    bad.clone_into(&mut report.run.provider);
    bad.clone_into(&mut report.run.host.kernel);
    bad.clone_into(&mut report.scenarios[0].title);
    report.scenarios[0].upstream = vec![bad.to_owned()];
    for case in &mut report.cases {
        case.id = format!("{bad}{}", case.id);
        bad.clone_into(&mut case.detail);
        case.backend = Some(bad.to_owned());
        for one in &mut case.tries {
            bad.clone_into(&mut one.detail);
        }
    }
    for group in &mut report.causes {
        group.cases = group.cases.iter().map(|id| format!("{bad}{id}")).collect();
        group.cause.rule = Some(bad.to_owned());
        bad.clone_into(&mut group.cause.summary);
        for step in group.way.iter_mut().flat_map(|way| &mut way.steps) {
            step.rule = Some(bad.to_owned());
            bad.clone_into(&mut step.machine);
            step.interface_in = Some(bad.to_owned());
        }
    }
    for remedy in &mut report.remedies {
        bad.clone_into(&mut remedy.title);
        bad.clone_into(&mut remedy.detail);
    }
    for difference in &mut report.differences {
        bad.clone_into(&mut difference.item);
        difference.values.values_mut().for_each(|value| bad.clone_into(value));
    }
    report.distros[0].machine.not_covered = vec![bad.to_owned()];
    for path in ["javascript:alert(3)", "../../etc/passwd", "/etc/passwd", "evidence/a\"b<c>.txt", "//host/x"] {
        report.evidence.push(EvidenceFile { machine: bad.to_owned(), path: path.into(), bytes: 1 });
    }
    report
}

trait Counted {
    fn counted(self) -> Self;
}

impl Counted for Report {
    /// Fills in the counts from the cases.
    fn counted(mut self) -> Self {
        for distro in &mut self.distros {
            let number = |verdict| self.cases.iter().filter(|c| c.distro == distro.id && c.verdict == verdict).count();
            distro.counts = Counts {
                pass: number(Verdict::Pass),
                fail: number(Verdict::Fail),
                known: number(Verdict::Known),
                fixed: number(Verdict::Fixed),
                flaky: number(Verdict::Flaky),
                skipped: number(Verdict::Skipped),
                error: number(Verdict::Error),
            };
        }
        self
    }
}

fn run() -> Run {
    Run {
        id: "amber-heron".to_owned(),
        started_at: "2026-11-23T19:05:12Z".parse().expect("a time"),
        duration_ms: 8_437,
        provider: "netns".to_owned(),
        cluster: "dataplane".to_owned(),
        host: Host {
            kernel: "6.18.5".to_owned(),
            firewalld: Some("1.3.3".to_owned()),
            nft: Some("1.0.6".to_owned()),
            iptables: Some("1.8.9 (nf_tables)".to_owned()),
            nginx: Some("1.22.1".to_owned()),
            dnsmasq: Some("2.90".to_owned()),
            ..Host::default()
        },
        command: ["lab", "run", "rhel", "ubuntu"].map(str::to_owned).to_vec(),
        pathlab: "0.1.0".to_owned(),
        shard: None,
        asked: None,
        missing: Vec::new(),
        not_compared: Vec::new(),
        interrupted: false,
        faults: Vec::new(),
    }
}

fn distro(id: &str, verdict: Verdict) -> DistroReport {
    let el9 = id != "ubuntu-22.04";
    let declared = if el9 {
        Declared {
            kernel: Some("5.14.0-503.11.1.el9_5".to_owned()),
            firewalld: Some("1.3.4-7.el9".to_owned()),
            nft: Some("1.0.9".to_owned()),
            selinux: Some("enforcing".to_owned()),
            policy: None,
        }
    } else {
        Declared { kernel: Some("5.15.0-119".to_owned()), nft: Some("1.0.2".to_owned()), ..Declared::default() }
    };
    let not_covered: &[&str] =
        if el9 { &["SELinux (enforcing)", "the distro's own kernel"] } else { &["the distro's own kernel"] };
    DistroReport {
        id: id.to_owned(),
        verdict,
        counts: Counts::default(),
        machine: MachineReport {
            kernel: "6.18.5".to_owned(),
            firewalld: el9.then(|| "1.3.3".to_owned()),
            nft: Some("1.0.6".to_owned()),
            declared,
            not_covered: not_covered.iter().map(|part| (*part).to_owned()).collect(),
            ..MachineReport::default()
        },
        other_machines: Vec::new(),
    }
}

fn one_try(when: &str, outcome: Outcome, detail: &str, duration_us: u64) -> TryReport {
    TryReport { when: when.to_owned(), outcome, detail: detail.to_owned(), duration_us }
}

fn case(distro: &str, remedy: Option<&str>, path: &str, outcome: &str, verdict: Verdict) -> CaseReport {
    let way: pathlab::model::AccessPath = path.parse().expect("a path");
    let outcome: Outcome = outcome.parse().expect("an outcome");
    let detail = match outcome {
        Outcome::Ok => "answered by zeus-5d8c9-abcde",
        Outcome::Rejected => "no route to host (EHOSTUNREACH) from 10.1.0.7 to 10.1.0.5:8080",
        Outcome::Http(_) => "502 Bad Gateway from the ingress controller: connect() failed (113: Host is unreachable)",
        _ => "",
    };
    let ok = outcome == Outcome::Ok;
    CaseReport {
        id: format!("{SCENARIO}::{distro}::{}::{path}", remedy.unwrap_or("as-installed")),
        scenario: SCENARIO.to_owned(),
        distro: distro.to_owned(),
        remedy: remedy.map(str::to_owned),
        from: way.from,
        to: way.to,
        protocol: way.protocol,
        payload: way.payload,
        family: way.family,
        expected: "ok".to_owned(),
        outcome,
        verdict,
        detail: detail.to_owned(),
        tries: vec![one_try("probe", outcome, detail, 1_240)],
        duration_us: 1_240,
        source_ip: ok.then(|| "10.1.0.7".parse().expect("an address")),
        backend: ok.then(|| "zeus-5d8c9-abcde".to_owned()),
        backends: BTreeMap::new(),
        cause: None,
        upstream: (verdict == Verdict::Known).then(|| UPSTREAM.to_owned()),
    }
}

fn rhel_cases(distro: &str, remedy: Option<&str>, repaired: bool) -> Vec<CaseReport> {
    let one = |path: &&str| match *path {
        "pod-to-pod-ip" if !repaired => case(distro, remedy, path, "rejected", Verdict::Known),
        "outside-to-ingress" if !repaired => case(distro, remedy, path, "http-502", Verdict::Known),
        path => case(distro, remedy, path, "ok", Verdict::Pass),
    };
    PATHS.iter().map(one).collect()
}

fn cause_group(distro: &str, cases: &mut [CaseReport]) -> CauseGroup {
    let cause = Cause {
        kind: CauseKind::FirewallReject,
        table: Some("inet firewalld".to_owned()),
        chain: Some("filter_FWD_public".to_owned()),
        rule: Some("reject with icmpx admin-prohibited".to_owned()),
        owner: Some("firewalld zone public".to_owned()),
        summary: "rhel-9.5 rejects it: cali* interfaces are in no zone, so firewalld's default zone public ends the \
                  packet with `reject with icmpx admin-prohibited` (inet firewalld filter_FWD_public). The Service \
                  path survives because its packets are DNATed and firewalld accepts `ct status dnat`."
            .to_owned(),
    };
    let mut ids = Vec::new();
    for case in cases.iter_mut().filter(|case| case.distro == distro && case.verdict == Verdict::Known) {
        case.cause = Some(cause.clone());
        ids.push(case.id.clone());
    }
    let way = PacketWay { case: ids[0].clone(), steps: way() };
    CauseGroup { distro: distro.to_owned(), cause, cases: ids, way: Some(way) }
}

fn way() -> Vec<WayStep> {
    use WayVerdict::{Accept, Continue, Reject};
    let step = |stage: &str, table: &str, chain: &str, rule: Option<&str>, verdict| WayStep {
        machine: "rhel-9.5-1".to_owned(),
        direction: Direction::Request,
        stage: stage.to_owned(),
        interface_in: Some("cali7a1f03c9e21".to_owned()),
        interface_out: (stage != "prerouting").then(|| "cali0b5de8f4417".to_owned()),
        table: (!table.is_empty()).then(|| table.to_owned()),
        chain: (!chain.is_empty()).then(|| chain.to_owned()),
        rule: rule.map(str::to_owned),
        verdict,
        note: None,
    };
    let mut routing = step("routing", "", "", None, Continue);
    routing.note = Some("10.1.0.5 dev cali0b5de8f4417 scope link".to_owned());
    vec![
        step("prerouting", "ip raw", "PREROUTING", None, Accept),
        step("prerouting", "ip nat", "PREROUTING", Some("jump KUBE-SERVICES"), Continue),
        step("prerouting", "ip nat", "PREROUTING", None, Accept),
        step("prerouting", "inet firewalld", "nat_PREROUTING", None, Accept),
        routing,
        step("forward", "ip filter", "FORWARD", Some("jump KUBE-FORWARD"), Continue),
        step("forward", "ip filter", "FORWARD", None, Accept),
        step("forward", "inet firewalld", "filter_FORWARD", Some("jump filter_FORWARD_ZONES"), Continue),
        step("forward", "inet firewalld", "filter_FORWARD_ZONES", Some("goto filter_FWD_public"), Continue),
        step("forward", "inet firewalld", "filter_FWD_public", Some("reject with icmpx admin-prohibited"), Reject),
    ]
}

/// Two machines, and an end on the second.
fn tunnel_way() -> Vec<WayStep> {
    let step = |machine: &str, stage: &str, interfaces: [&str; 2], place: [&str; 3], verdict| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        WayStep {
            machine: machine.to_owned(),
            direction: Direction::Request,
            stage: stage.to_owned(),
            interface_in: some(interfaces[0]),
            interface_out: some(interfaces[1]),
            table: some(place[0]),
            chain: some(place[1]),
            rule: some(place[2]),
            verdict,
            note: None,
        }
    };
    let dnat = "tcp dport 31080 counter packets 1 bytes 60 dnat to 10.1.1.5:8080 comment \"default/zeus\"";
    let mut tunnel = step("rocky-9.5-1", "tunnel", ["", "eth0"], [""; 3], WayVerdict::Continue);
    tunnel.note = Some("VXLAN to 192.0.2.12 port 4789/udp".to_owned());
    vec![
        step("rocky-9.5-1", "prerouting", ["eth0", ""], ["ip nat", "KUBE-SEP-ZEUS", dnat], WayVerdict::Accept),
        step(
            "rocky-9.5-1",
            "forward",
            ["eth0", "vxlan.calico"],
            ["inet firewalld", "filter_FORWARD", "ct status dnat accept"],
            WayVerdict::Accept,
        ),
        tunnel,
        step("rocky-9.5-2", "prerouting", ["eth0", ""], ["ip raw", "PREROUTING", ""], WayVerdict::Accept),
        step(
            "rocky-9.5-2",
            "input",
            ["eth0", ""],
            ["inet firewalld", "filter_IN_public", "reject with icmpx admin-prohibited"],
            WayVerdict::Reject,
        ),
    ]
}

fn remedies() -> Vec<RemedyReport> {
    use RemedyVerdict::{Fixes, NoEffect, NotApplicable};
    let titles = [
        ("trusted-source", "Trust the pod network", true, Fixes, &[][..]),
        ("trusted-interface", "Trust the pod interfaces", false, Fixes, &[]),
        ("firewalld-off", "Stop the firewall", false, Fixes, &[10250, 10257, 10259, 12379, 16443, 19001, 25000][..]),
        ("masquerade-public", "Masquerade in zone public", false, NoEffect, &[]),
        ("iptables-forward-accept", "Accept forwarded packets in iptables", false, NoEffect, &[]),
    ];
    let mut all = Vec::new();
    for distro in ["ubuntu-22.04", "rhel-9.5"] {
        for (id, title, recommended, verdict, opens) in titles {
            let applies = distro == "rhel-9.5";
            let fixes = applies && verdict == Fixes;
            all.push(RemedyReport {
                scenario: SCENARIO.to_owned(),
                distro: distro.to_owned(),
                id: id.to_owned(),
                recommended,
                verdict: if applies { verdict } else { NotApplicable },
                fixed: if fixes { 2 } else { 0 },
                still_failing: if applies && !fixes { 2 } else { 0 },
                survives_reload: fixes,
                survives_reboot: None,
                opens: if applies { opens.to_vec() } else { Vec::new() },
                closes: Vec::new(),
                title: title.to_owned(),
                run: Vec::new(),
                detail: if applies { String::new() } else { "firewalld does not run here".to_owned() },
                expected_verdict: None,
            });
        }
    }
    all
}

fn differences() -> Vec<Difference> {
    let rows = [
        ("firewalld", "zone of cali* interfaces", "no firewalld", "none (default zone public)", Relevance::Cause),
        ("nft", "inet firewalld filter_FWD_public", "", "reject with icmpx admin-prohibited", Relevance::Cause),
        ("sysctl", "net.ipv4.conf.all.rp_filter", "2", "1", Relevance::Likely),
        ("ufw", "state", "inactive", "", Relevance::Likely),
        ("logs", "calico-node: lines of log", "21 lines, 0 errors", "1043 lines, 17 errors", Relevance::Background),
        ("versions", "nft", "1.0.6", "1.0.6-custom", Relevance::Background),
    ];
    let difference = |(area, item, ubuntu, rhel, relevance): (&str, &str, &str, &str, Relevance)| Difference {
        area: area.to_owned(),
        item: item.to_owned(),
        values: [("ubuntu-22.04", ubuntu), ("rhel-9.5", rhel)]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(distro, value)| (distro.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>(),
        relevance,
        scenario: None,
    };
    rows.into_iter().map(difference).collect()
}
