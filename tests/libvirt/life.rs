//! Two machines from an image to their end.

use std::{
    process::{Child, Command as Process, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use lab_agent::{
    outcome::Outcome,
    protocol::{Endpoint, Probe, ProbeKind},
};
use libtest_mimic::Failed;
use pathlab::{
    agent_binary::LAB_AGENT,
    catalog::distro::{Firewall, Policy, Selinux, SysctlValue, Zone},
    cluster::workload::AgentSocket,
    policy::{self, HostKind},
    probe::run_batch,
    provider::{
        Command, Machine, Machines, Provider, Wanted, WholeMachine,
        command_log::{CommandLog, Logged},
    },
};

use super::{
    cause::a_reject_is_explained,
    ensure,
    lab::{Lab, image, sh, wanted},
};

const SOCKET: &str = "/run/pathlab/agent.sock";

/// The agents' port for HTTP.
const PORT: u16 = 8080;

/// How many seconds a machine's clock may be off after a return.
const CLOCK: i64 = 5;

/// Longer than any restart here.
const REBOOT: Duration = Duration::from_secs(600);

/// How many times as long as a boot by hand it is to take until the machines are what their distros are.
const BOOT_AIM: f64 = 1.2;

/// How much of that a return to the checkpoint is to take.
const RETURN_AIM: f64 = 0.25;

/// One life, as making it is what takes the time.
pub async fn machines_live_as_declared_and_return_to_their_checkpoint() -> Result<(), Failed> {
    let lab = Lab::new("life")?;
    // As every run does before it looks at images.
    lab.libvirt.check().await?;
    let accelerator = if lab.libvirt.try_kvm(&lab.entry).await?.is_none() { "kvm" } else { "tcg" };
    let by_hand = boot_by_hand(accelerator)?;
    let started = Instant::now();
    let machines = lab.libvirt.create(Arc::clone(&lab.entry), &[proven("rhel")?, proven("ubuntu")?]).await?;
    let booted = started.elapsed();
    let [rhel, ubuntu] = machines.all() else { return Err("two machines".into()) };
    apply_policies(rhel, ubuntu).await?;
    let made = started.elapsed();
    println!("booted by hand {by_hand:?}; booted {booted:?}, with their policies {made:?}");
    told("booted with policies against by hand", made.as_secs_f64() / by_hand.as_secs_f64(), BOOT_AIM);

    they_are_what_was_asked_for(rhel, ubuntu).await?;
    policies_are_read_back(rhel, ubuntu).await?;
    start_agents(&[rhel, ubuntu]).await?;
    paths(rhel, ubuntu, Outcome::Rejected).await?;
    a_reject_is_explained(rhel, &agent(ubuntu), PORT).await?;
    let back = checkpoint_and_return(&*machines).await?;
    told("return to the checkpoint against a cold start", back.as_secs_f64() / made.as_secs_f64(), RETURN_AIM);
    attached_by_another_process(&lab).await?;
    restart(rhel, ubuntu).await?;
    machines.park().await?;
    drop(machines);
    resumed_by_a_later_run(&lab).await?;
    lab.end().await
}

/// Told and not demanded: a builder whose speed changes from one minute to the next changes a ratio as much as we do.
fn told(what: &str, ratio: f64, aim: f64) {
    let word = if ratio <= aim { "met" } else { "MISSED" };
    println!("{what}: {ratio:.2}   aim ≤ {aim}   {word}");
}

/// A machine of an image that must be what it is now.
fn proven(name: &str) -> Result<Wanted, Failed> {
    let sum = sh(&format!("sha256sum {}", image()))?;
    Ok(Wanted { sha256: sum.split_whitespace().next().map(str::to_owned), ..wanted(name) })
}

/// firewalld as a RHEL installation has it.
fn rhel_policy() -> Policy {
    let services = ["cockpit", "dhcpv6-client", "ssh"].map(str::to_owned).to_vec();
    let public = Zone { services, forward: true, ..Zone::default() };
    Policy {
        firewall: Firewall::Firewalld {
            default_zone: "public".to_owned(),
            conf: [].into(),
            zones: [("public".to_owned(), public)].into(),
        },
        sysctls: [("net.ipv4.conf.default.rp_filter".to_owned(), SysctlValue::Number(1))].into(),
        selinux: Selinux::Disabled,
    }
}

fn ubuntu_policy() -> Policy {
    let sysctls = [("net.ipv4.conf.all.rp_filter".to_owned(), SysctlValue::Number(2))].into();
    Policy { firewall: Firewall::None, sysctls, selinux: Selinux::Disabled }
}

/// Every command has its price, on an emulated processor half a second: a policy is to take no more of them than it needs.
async fn apply_policies(rhel: &Arc<dyn WholeMachine>, ubuntu: &Arc<dyn WholeMachine>) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(CommandLog::FILE);
    let log = CommandLog::to_file(path.as_path().try_into()?, str::to_owned)?;
    let logged = |machine: &Arc<dyn WholeMachine>| Logged::new(Arc::clone(machine) as _, Arc::clone(&log));
    let (one, other) = (logged(rhel), logged(ubuntu));
    let (rhel_policy, ubuntu_policy) = (rhel_policy(), ubuntu_policy());
    let applied = tokio::try_join!(
        policy::apply(&one, &rhel_policy, HostKind::Whole),
        policy::apply(&other, &ubuntu_policy, HostKind::Whole)
    )?;
    ensure(applied == (vec![], vec![]), || format!("not covered: {applied:?}"))?;
    let commands = std::fs::read_to_string(path)?;
    for line in commands.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        let command = line["command"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
        println!("policy of {}: {} ms: {command}", line["machine"], line["milliseconds"]);
    }
    // Files, kernel settings, SELinux, and whether firewalld has written its rules.
    for (name, most) in [("rhel", 4), ("ubuntu", 3)] {
        let on_it = commands.lines().filter(|line| line.contains(&format!("\"machine\":\"{name}\""))).count();
        ensure((1..=most).contains(&on_it), || format!("{on_it} commands on {name}: {commands}"))?;
    }
    Ok(())
}

async fn they_are_what_was_asked_for(
    rhel: &Arc<dyn WholeMachine>,
    ubuntu: &Arc<dyn WholeMachine>,
) -> Result<(), Failed> {
    for (machine, name) in [(rhel, "rhel"), (ubuntu, "ubuntu")] {
        let line = "hostname; id -u; nproc; df --output=size -BG / | tail -1; hostname -I";
        let command = Command::shell(line);
        let said = machine.run(&command).await?.success(name, &command)?.text();
        let facts: Vec<&str> = said.split_whitespace().collect();
        let address = machine.address().to_string();
        ensure(facts[..3] == [name, "0", "1"], || said.clone())?;
        ensure(facts.contains(&address.as_str()), || format!("{address}: {said}"))?;
        let console = String::from_utf8_lossy(&machine.console().await?).into_owned();
        ensure(console.contains("Linux version"), || format!("{name}: {console}"))?;
        ensure(!console.contains("PRIVATE KEY"), || "the console shows a key".to_owned())?;
        let metadata = sh(&format!("virsh metadata pathlab-life-{name} --uri https://pathlab.dev/xmlns/libvirt/1"))?;
        ensure(metadata.contains(&format!("name=\"{name}\"")) && metadata.contains("lab=\"life\""), || {
            metadata.clone()
        })?;
    }
    Ok(())
}

async fn policies_are_read_back(rhel: &Arc<dyn WholeMachine>, ubuntu: &Arc<dyn WholeMachine>) -> Result<(), Failed> {
    let (one, other): (Arc<dyn Machine>, Arc<dyn Machine>) = (Arc::clone(rhel) as _, Arc::clone(ubuntu) as _);
    for (machine, policy) in [(&one, rhel_policy()), (&other, ubuntu_policy())] {
        let found = policy::verify(&**machine, &policy).await?;
        ensure(found.drift.is_empty() && !found.holds.is_empty(), || format!("{}: {found:?}", machine.name()))?;
    }
    let crossed = policy::verify(&*other, &rhel_policy()).await?.drift;
    ensure(crossed.iter().any(|line| line.contains("firewalld is inactive")), || format!("{crossed:?}"))?;
    let crossed = policy::verify(&*one, &ubuntu_policy()).await?.drift;
    ensure(crossed.iter().any(|line| line.contains("firewalld is active")), || format!("{crossed:?}"))?;
    let enforcing = Policy { selinux: Selinux::Enforcing, ..rhel_policy() };
    let crossed = policy::verify(&*one, &enforcing).await?.drift;
    ensure(crossed == ["SELinux is disabled, not enforcing"], || format!("{crossed:?}"))?;
    // What somebody changes meanwhile is found.
    let changes = ["--add-port=9999/tcp", "--add-service=http", "--zone=trusted --add-source=10.1.0.0/16"];
    for change in changes {
        let open = Command::new(["firewall-cmd"].into_iter().chain(change.split(' ')));
        one.run(&open).await?.success("rhel", &open)?;
    }
    let crossed = policy::verify(&*one, &rhel_policy()).await?.drift.join("; ");
    for part in ["http", "9999/tcp", "zone trusted: sources is 10.1.0.0/16, not nothing"] {
        ensure(crossed.contains(part), || crossed.clone())?;
    }
    reloaded_when_it_says_so(&*one).await?;
    ensure(!policy::reload(&*other, &ubuntu_policy(), HostKind::Whole).await?, || "ubuntu has a firewall".to_owned())
}

/// A reload makes firewalld's table anew, under another handle. It takes seconds on an emulated machine: whoever does not
/// wait for it sees the old one.
async fn reloaded_when_it_says_so(rhel: &dyn Machine) -> Result<(), Failed> {
    let table = Command::shell("nft --handle list table inet firewalld | head -n 1");
    let before = rhel.run(&table).await?.success("rhel", &table)?.text();
    ensure(policy::reload(rhel, &rhel_policy(), HostKind::Whole).await?, || "firewalld does not run".to_owned())?;
    let after = rhel.run(&table).await?.success("rhel", &table)?.text();
    ensure(before.contains("# handle") && before != after, || format!("before: {before}, after: {after}"))
}

/// Copies the agent to the machines and starts it so that it outlives the connection.
async fn start_agents(machines: &[&Arc<dyn WholeMachine>]) -> Result<(), Failed> {
    for machine in machines {
        machine.write_file("/usr/local/bin/lab-agent".into(), LAB_AGENT, 0o755).await?;
        let start = Command::new([
            "systemd-run",
            "--unit=lab-agent",
            "/usr/local/bin/lab-agent",
            "echo",
            &format!("--http={PORT}"),
            "--stream=8081",
            &format!("--socket={SOCKET}"),
        ]);
        machine.run(&start).await?.success(machine.name(), &start)?;
        let end = Instant::now() + Duration::from_secs(20);
        while let Err(error) = machine.connect(SOCKET.into()).await {
            ensure(Instant::now() < end, || error.to_string())?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    Ok(())
}

/// From each machine to ports of the other: open on the one without a firewall, `to_rhel` on the other.
async fn paths(rhel: &Arc<dyn WholeMachine>, ubuntu: &Arc<dyn WholeMachine>, to_rhel: Outcome) -> Result<(), Failed> {
    let (open, guarded) = tokio::try_join!(probe(rhel, ubuntu), probe(ubuntu, rhel))?;
    ensure(open == [Outcome::Ok; 2], || format!("rhel → ubuntu: {open:?}"))?;
    ensure(guarded == [to_rhel; 2], || format!("ubuntu → rhel: {guarded:?}, not {to_rhel}"))
}

fn agent(machine: &Arc<dyn WholeMachine>) -> AgentSocket {
    AgentSocket { machine: Arc::clone(machine) as _, socket: SOCKET.into(), address: machine.address() }
}

async fn probe(from: &Arc<dyn WholeMachine>, to: &Arc<dyn WholeMachine>) -> Result<Vec<Outcome>, Failed> {
    let agent = agent(from);
    let host = to.address().to_string();
    let http =
        ProbeKind::Http { to: Endpoint { host: host.clone(), port: PORT }, path: "/".into(), host: None, bytes: 0 };
    let tcp = ProbeKind::Tcp { to: Endpoint { host, port: 8081 }, bytes: 100 };
    let probes = [http, tcp].into_iter().zip(0..).map(|(kind, id)| Probe {
        id,
        kind,
        timeout_ms: 5000,
        expected_pods: vec![to.name().to_owned()],
        repeat: 1,
        ipv6: false,
        source_port: None,
    });
    let mut results = run_batch(&agent, probes.collect()).await?;
    results.sort_by_key(|result| result.id);
    Ok(results.into_iter().map(|result| result.outcome).collect())
}

/// Returns the time of the slower of two returns.
async fn checkpoint_and_return(machines: &dyn Machines) -> Result<Duration, Failed> {
    let [rhel, ubuntu] = machines.all() else { return Err("two machines".into()) };
    ensure(machines.restore().await.is_err(), || "there is nothing to return to".to_owned())?;
    let started = Instant::now();
    machines.checkpoint().await?;
    println!("checkpoint: {:?}", started.elapsed());
    ensure(machines.checkpoint().await.is_err(), || "a second checkpoint".to_owned())?;
    paths(rhel, ubuntu, Outcome::Rejected).await?;
    let mut slowest = Duration::ZERO;
    for round in 0..2 {
        for machine in [rhel, ubuntu] {
            let line = "test ! -e /var/changed; date >/var/changed; rm /usr/local/bin/lab-agent; sync";
            let change = Command::shell(line);
            machine.run(&change).await?.success(machine.name(), &change)?;
        }
        let open = Command::new(["firewall-cmd", "--add-port=8080-8081/tcp"]);
        rhel.run(&open).await?.success("rhel", &open)?;
        paths(rhel, ubuntu, Outcome::Ok).await?;
        let boots = (boot_id(rhel).await?, boot_id(ubuntu).await?);
        let started = Instant::now();
        machines.restore().await?;
        slowest = slowest.max(started.elapsed());
        println!("return {round}: {:?}", started.elapsed());
        // Memory is back, and nothing has booted.
        let after = (boot_id(rhel).await?, boot_id(ubuntu).await?);
        ensure(after == boots, || format!("{boots:?}, then {after:?}"))?;
        paths(rhel, ubuntu, Outcome::Rejected).await?;
        for machine in [rhel, ubuntu] {
            let now = Command::new(["date", "+%s"]);
            let before = seconds()?;
            let there: i64 = machine.run(&now).await?.success(machine.name(), &now)?.text().trim().parse()?;
            let right = before - CLOCK..=seconds()? + CLOCK;
            ensure(right.contains(&there), || format!("{}: its clock says {there}, not {right:?}", machine.name()))?;
        }
    }
    Ok(slowest)
}

/// Another one after every boot.
async fn boot_id(machine: &Arc<dyn WholeMachine>) -> Result<String, Failed> {
    let read = Command::new(["cat", "/proc/sys/kernel/random/boot_id"]);
    Ok(machine.run(&read).await?.success(machine.name(), &read)?.text())
}

/// Seconds since 1970.
fn seconds() -> Result<i64, Failed> {
    Ok(i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs())?)
}

/// What one process made, another finds by the lab's folder.
async fn attached_by_another_process(lab: &Lab) -> Result<(), Failed> {
    let machines = lab.libvirt.attach(Arc::clone(&lab.entry)).await?;
    let names: Vec<&str> = machines.all().iter().map(|machine| machine.name()).collect();
    ensure(names == ["rhel", "ubuntu"], || format!("{names:?}"))?;
    for machine in machines.all() {
        let hostname = Command::new(["hostname"]);
        let said = machine.run(&hostname).await?.success(machine.name(), &hostname)?.text();
        ensure(said.trim() == machine.name(), || said.clone())?;
    }
    Ok(())
}

/// Machines that one run has stopped are at their checkpoint for the next, agents included.
async fn resumed_by_a_later_run(lab: &Lab) -> Result<(), Failed> {
    for name in ["rhel", "ubuntu"] {
        let state = sh(&format!("virsh domstate pathlab-life-{name}"))?;
        ensure(state.trim() == "shut off", || format!("{name} is {state}"))?;
    }
    // Somebody changes a byte of what their disks start from, and puts it back.
    let base = "/var/lib/libvirt/images/pathlab-life/base-0.qcow2";
    let flip = format!(
        "byte=$(tail -c 4096 {base} | head -c 1 | od -An -tu1); at=$(($(stat -c %s {base}) - 4096))
        printf \"\\\\$(printf %03o $((byte ^ 1)))\" | dd of={base} bs=1 seek=$at conv=notrunc status=none"
    );
    sh(&flip)?;
    let refused = lab.libvirt.resume(Arc::clone(&lab.entry)).await.err().map(|error| error.to_string());
    let refused = refused.unwrap_or_else(|| "they were started".to_owned());
    ensure(refused.contains("somebody changed it"), || refused.clone())?;
    sh(&flip)?;
    let started = Instant::now();
    let machines = lab.libvirt.resume(Arc::clone(&lab.entry)).await?;
    println!("resumed: {:?}", started.elapsed());
    let [rhel, ubuntu] = machines.all() else { return Err("two machines".into()) };
    paths(rhel, ubuntu, Outcome::Rejected).await
}

/// The policy is what the machine starts with.
async fn restart(rhel: &Arc<dyn WholeMachine>, ubuntu: &Arc<dyn WholeMachine>) -> Result<(), Failed> {
    let (one, other): (Arc<dyn Machine>, Arc<dyn Machine>) = (Arc::clone(rhel) as _, Arc::clone(ubuntu) as _);
    ensure(policy::stays(&*one, &rhel_policy()).await?, || "firewalld is not to stay".to_owned())?;
    ensure(!policy::stays(&*other, &rhel_policy()).await?, || "firewalld is to stay on ubuntu".to_owned())?;
    let started = Instant::now();
    tokio::try_join!(rhel.reboot(REBOOT), ubuntu.reboot(REBOOT))?;
    println!("restart: {:?}", started.elapsed());
    policy::back(&*one, &rhel_policy()).await?;
    for (machine, policy) in [(&one, rhel_policy()), (&other, ubuntu_policy())] {
        let wait = Command::new(["systemctl", "is-system-running", "--wait"]).limit(REBOOT);
        machine.run(&wait).await?;
        let found = policy::verify(&**machine, &policy).await?;
        ensure(found.drift.is_empty(), || format!("{}: {found:?}", machine.name()))?;
    }
    nothing_is_left_out_of_a_boot(&*one).await?;
    a_firewall_that_does_not_come_back_is_told(&*one).await
}

/// systemd leaves out one of the units that wait for each other in a circle, not always the same: firewalld, or
/// cloud-init's network stage.
async fn nothing_is_left_out_of_a_boot(rhel: &dyn Machine) -> Result<(), Failed> {
    let command = Command::shell(
        "journalctl --boot --quiet --identifier systemd | grep -c 'Starting firewalld.service'
        journalctl --boot --quiet --output cat --identifier systemd | grep 'ordering cycle' || echo none
        systemctl is-active cloud-init",
    );
    let said = rhel.run(&command).await?.text();
    ensure(said == "1\nnone\nactive\n", || said.clone())
}

async fn a_firewall_that_does_not_come_back_is_told(rhel: &dyn Machine) -> Result<(), Failed> {
    let stop = Command::new(["systemctl", "stop", "firewalld"]);
    rhel.run(&stop).await?.success("rhel", &stop)?;
    let told = policy::back(rhel, &rhel_policy()).await.err().map(|error| error.to_string());
    let told = told.unwrap_or_else(|| "nothing is told".to_owned());
    for part in ["rhel: `systemctl is-active firewalld`", "does not run after a restart", "Stopped firewalld.service"] {
        ensure(told.contains(part), || told.clone())?;
    }
    Ok(())
}

/// Boots two guests with QEMU by hand, at the same time; returns how long it takes until both are what the provider
/// waits for: cloud-init is through, and somebody is logged in.
fn boot_by_hand(accelerator: &str) -> Result<Duration, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().ok_or("UTF-8")?.to_owned();
    let image = image();
    sh(&format!("ssh-keygen -q -t ed25519 -N '' -f {path}/key"))?;
    let started = Instant::now();
    let mut guests = Vec::new();
    for (name, port) in [("one", 2201), ("two", 2202)] {
        sh(&format!(
            "cd {path}; mkdir {name}; printf 'instance-id: {name}' >{name}/meta-data
            printf '#cloud-config\\nlocale: false\\nssh_genkeytypes: [ed25519]\\n' >{name}/user-data
            printf 'ssh_authorized_keys: [%s]\\n' \"$(cat key.pub)\" >>{name}/user-data
            xorrisofs -quiet -volid cidata -joliet -rock -output {name}.iso {name} 2>/dev/null
            qemu-img create -q -f qcow2 -b {image} -F qcow2 {name}.qcow2 4G"
        ))?;
        let network = format!("user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22");
        let guest = Process::new("qemu-system-x86_64")
            .args(["-machine", &format!("q35,accel={accelerator}"), "-cpu", "max", "-m", "1024", "-smp", "1"])
            .args(["-display", "none", "-vga", "none", "-monitor", "none"])
            .args(["-drive", &format!("file={path}/{name}.qcow2,if=virtio,format=qcow2,cache=unsafe")])
            .args(["-drive", &format!("file={path}/{name}.iso,if=virtio,format=raw,readonly=on")])
            .args(["-netdev", &network, "-device", "virtio-net-pci,netdev=n", "-device", "virtio-rng-pci"])
            .args(["-serial", &format!("file:{path}/{name}.console")])
            .stdin(Stdio::null())
            .spawn()?;
        guests.push(Guest { process: guest, console: format!("{path}/{name}.console"), port });
    }
    for guest in &guests {
        guest.wait(started, &path)?;
    }
    Ok(started.elapsed())
}

/// A machine that was started by hand.
struct Guest {
    process: Child,
    console: String,
    port: u16,
}

impl Guest {
    fn wait(&self, started: Instant, keys: &str) -> Result<(), Failed> {
        let is_through = || {
            std::fs::read(&self.console).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(" finished at "))
        };
        let login = format!(
            "ssh -p {} -i {keys}/key -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                -o ConnectTimeout=30 debian@127.0.0.1 sudo true 2>/dev/null",
            self.port
        );
        while !is_through() || sh(&login).is_err() {
            ensure(started.elapsed() < REBOOT, || format!("no end of the boot by hand: {}", self.console))?;
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
