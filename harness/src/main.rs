fn main() {
    pathlab::provider::netns::enter_if_asked();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let name = std::env::args().next().unwrap_or_default();
    if name.ends_with("systemctl") {
        let c = pathlab::provider::netns::systemctl::run(&args);
        std::process::exit(if c == std::process::ExitCode::SUCCESS { 0 } else { 1 });
    }
    let rt = tokio::runtime::Runtime::new().unwrap();
    rt.block_on(async {
        use pathlab::provider::{Command, Machine};
        let lab = pathlab::provider::netns::NetnsLab::start().await.unwrap();
        let m = lab.machine("c0.node-1", "node-1").await.unwrap();
        use pathlab::catalog::distro::*;
        lab.install(&m, FirewallKind::Firewalld).await.unwrap();
        lab.install(&m, FirewallKind::Ufw).await.unwrap();
        let t = std::time::Instant::now();
        let fw = if std::env::var("UFW").is_ok() {
            Firewall::Ufw { enabled: true, rules: vec!["allow 22/tcp".into()] }
        } else {
            Firewall::Firewalld {
                default_zone: "public".into(),
                conf: [("NftablesTableOwner".to_string(), "yes".to_string())].into_iter().collect(),
                zones: Default::default(),
            }
        };
        let p = Policy {
            firewall: fw,
            sysctls: [
                ("net.ipv4.conf.all.rp_filter".to_string(), SysctlValue::Number(1)),
                ("net.core.rmem_max".to_string(), SysctlValue::Number(1)),
            ]
            .into_iter()
            .collect(),
            selinux: Selinux::Enforcing,
        };
        println!("{:?} {:?}", pathlab::policy::apply(&m, &p, pathlab::policy::HostKind::Namespace).await, t.elapsed());
        for line in args {
            let t = std::time::Instant::now();
            let c = Command::shell(&line);
            let o = m.run(&c).await;
            println!("== {line} {:?}", t.elapsed());
            match o {
                Ok(o) => println!("{} {}\n{}", o.status, o.text(), String::from_utf8_lossy(&o.stderr)),
                Err(e) => println!("ERR {e}"),
            }
        }
    });
}
