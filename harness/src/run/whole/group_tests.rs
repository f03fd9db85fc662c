//! The order in which a group's machines are made, returned to and given up, with machines that only write down what
//! is done to them.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{
    super::{
        observation::{HostFacts, LifeError},
        progress::Phase,
        trouble::Trouble,
    },
    group::{Group, Prepare},
    kept::{Keeping, stamp},
    tools::{MachineHost, Tools},
};
use crate::{
    catalog::distro::{Family, Hardware},
    ledger::{About, Entry, Ledger, ReapError, Reaper, Record, Resource, State},
    provider::{
        Command, HostPool, Machine, MachineError, Machines, Output, Provider, ProviderError, Running, Stream, Wanted,
        WholeMachine, command_log::CommandLog,
    },
};

type Log = Arc<Mutex<Vec<String>>>;

/// A provider whose machines do nothing. The first so many of its labs do not boot.
struct Scripted {
    log: Log,
    unbootable: AtomicUsize,
}

struct Written {
    log: Log,
    machines: Vec<Arc<dyn WholeMachine>>,
    _lab: Arc<Entry>,
}

struct Idle(String);

#[async_trait]
impl Provider for Scripted {
    async fn check(&self) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }

    async fn create(&self, lab: Arc<Entry>, wanted: &[Wanted]) -> Result<Box<dyn Machines>, ProviderError> {
        self.log.lock().expect("a log").push("create".to_owned());
        let pool = Resource::LibvirtPool { uri: "test".to_owned(), name: "pool".to_owned() };
        lab.will_create(&pool)?;
        lab.created(&pool)?;
        if self.unbootable.load(Ordering::Relaxed) > 0 {
            self.unbootable.fetch_sub(1, Ordering::Relaxed);
            let (machine, reason) = (wanted[0].name.clone(), "it sleeps".to_owned());
            return Err(ProviderError::Boot { machine, reason, console: "zzz".to_owned() });
        }
        let machine = |one: &Wanted| Arc::new(Idle(one.name.clone())) as Arc<dyn WholeMachine>;
        let machines = wanted.iter().map(machine).collect();
        Ok(Box::new(Written { log: Arc::clone(&self.log), machines, _lab: lab }))
    }

    async fn attach(&self, _: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        Err(ProviderError::Refused("not here".to_owned()))
    }

    async fn resume(&self, lab: Arc<Entry>) -> Result<Box<dyn Machines>, ProviderError> {
        self.log.lock().expect("a log").push(format!("resume {}", lab.remaining()[0]));
        let machines = vec![Arc::new(Idle("rhel-1".to_owned())) as Arc<dyn WholeMachine>];
        Ok(Box::new(Written { log: Arc::clone(&self.log), machines, _lab: lab }))
    }

    async fn consoles(&self, _: Arc<Entry>) -> Result<Vec<(String, Vec<u8>)>, ProviderError> {
        Ok(vec![("rhel-1".to_owned(), b"zzz\npassword=hunter2".to_vec())])
    }
}

#[async_trait]
impl Reaper for Scripted {
    async fn reap(&self, _: &Record, resource: &Resource) -> Result<(), ReapError> {
        tokio::time::sleep(REMOVING).await;
        self.log.lock().expect("a log").push(format!("remove {resource}"));
        Ok(())
    }
}

#[async_trait]
impl Machines for Written {
    fn all(&self) -> &[Arc<dyn WholeMachine>] {
        &self.machines
    }

    async fn checkpoint(&self) -> Result<(), ProviderError> {
        self.log.lock().expect("a log").push("checkpoint".to_owned());
        Ok(())
    }

    async fn restore(&self) -> Result<(), ProviderError> {
        self.log.lock().expect("a log").push("restore".to_owned());
        Ok(())
    }

    async fn park(&self) -> Result<(), ProviderError> {
        self.log.lock().expect("a log").push("park".to_owned());
        Ok(())
    }
}

#[async_trait]
impl Machine for Idle {
    fn name(&self) -> &str {
        &self.0
    }

    async fn run(&self, _: &Command) -> Result<Output, MachineError> {
        Ok(Output::default())
    }

    async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
        let (machine, command) = (self.0.clone(), command.display());
        Err(MachineError::NotStarted { machine, command, reason: "idle".to_owned() })
    }

    async fn write_file(&self, _: &Utf8Path, _: &[u8], _: u32) -> Result<(), MachineError> {
        Ok(())
    }

    async fn connect(&self, _: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
        Err(MachineError::Lost { machine: self.0.clone(), reason: "idle".to_owned() })
    }
}

#[async_trait]
impl WholeMachine for Idle {
    fn address(&self) -> IpAddr {
        [192, 0, 2, 1].into()
    }

    async fn reboot(&self, _: Duration) -> Result<(), MachineError> {
        Ok(())
    }

    async fn console(&self) -> Result<Vec<u8>, ProviderError> {
        Ok(Vec::new())
    }
}

/// Prepares machines by writing it down; the first so many times in vain, and for ever where it is told so.
struct Preparing {
    log: Log,
    ending: Ending,
}

#[derive(Clone, Copy)]
enum Ending {
    Well,
    Drift,
    Full,
    Never,
}

#[async_trait]
impl Prepare for Preparing {
    async fn prepare(&self, machines: &[Arc<dyn WholeMachine>]) -> Result<HostFacts, LifeError> {
        self.log.lock().expect("a log").push(format!("prepare {}", machines[0].name()));
        machines[0].run(&Command::new(["prepare"])).await?;
        match self.ending {
            Ending::Well => Ok(HostFacts { snap: Some("7964".to_owned()), ..HostFacts::default() }),
            Ending::Drift => Err(LifeError::Drift {
                machine: "rhel-1".to_owned(),
                distro: "rhel".to_owned(),
                drift: vec!["SELinux is disabled, not enforcing".to_owned()],
            }),
            Ending::Full => {
                let (folder, reason) = ("/images".to_owned(), "1 MiB is free".to_owned());
                Err(ProviderError::NoSpace { folder, reason }.into())
            }
            Ending::Never => std::future::pending().await,
        }
    }
}

/// A group of one machine, its provider, and what was done.
struct Test {
    _folder: TempDir,
    ledger: Ledger,
    tools: Arc<Tools>,
    group: Group,
    log: Log,
}

/// To be changed while nobody else has them.
fn tools(test: &mut Test) -> &mut Tools {
    Arc::get_mut(&mut test.tools).expect("nobody has them")
}

impl Test {
    fn new(unbootable: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().join("labs")).expect("UTF-8");
        let (log, ledger) = (Log::default(), Ledger::at(root));
        let provider = Scripted { log: Arc::clone(&log), unbootable: unbootable.into() };
        let tools = Arc::new(Tools {
            hosts: vec![MachineHost { provider: Arc::new(provider), not_outside: Some("a test".to_owned()) }],
            pool: HostPool::new(vec!["test".to_owned()], 1).expect("a pool"),
            ledger: ledger.clone(),
            log: None,
            about: About::new("libvirt"),
            distros: Mutex::default(),
            farewell: Mutex::default(),
            endings: Mutex::default(),
        });
        let group = Group::new(vec![wanted("rhel-1")], None);
        Self { _folder: folder, ledger, tools, group, log }
    }

    async fn clean(&self, ending: Ending) -> Result<usize, String> {
        let preparing = Preparing { log: Arc::clone(&self.log), ending };
        let clean = self.group.clean(&self.tools, &|_: Phase| (), &preparing).await;
        clean.map(|clean| clean.machines.len()).map_err(|error| Trouble::of(&error).told())
    }

    /// What was done since the last look.
    fn done(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().expect("a log"))
    }
}

fn wanted(name: &str) -> Wanted {
    let (image, user) = ("/dev/null".into(), "root".to_owned());
    Wanted { name: name.to_owned(), image, sha256: None, user, family: Family::Debian, hardware: Hardware::default() }
}

/// Long enough to be cut off.
const REMOVING: Duration = Duration::from_millis(20);

const REMOVED: &str = "remove libvirt storage pool pool (test)";

#[tokio::test]
async fn machines_are_installed_once_and_every_further_cluster_returns_to_the_checkpoint() {
    let test = Test::new(0);
    assert_eq!(test.clean(Ending::Well).await, Ok(1));
    assert_eq!(test.done(), ["create", "prepare rhel-1", "checkpoint"]);
    assert_eq!(test.ledger.labs().expect("readable").len(), 1, "it is in the ledger while it lives");
    for _ in 0..2 {
        assert_eq!(test.clean(Ending::Well).await, Ok(1));
        assert_eq!(test.done(), ["restore"]);
    }
    test.group.end(&test.tools).await;
    assert_eq!(test.done(), [REMOVED]);
    assert_eq!(test.ledger.labs().expect("readable"), []);
    let farewell = test.tools.farewell();
    let console = &farewell.consoles[0].1.collected[0];
    assert!(console.text.starts_with("zzz") && !console.text.contains("hunter2"), "{}", console.text);
    assert_eq!(farewell.faults, [""; 0]);
}

#[tokio::test]
async fn machines_that_do_not_come_up_are_made_once_more() {
    let test = Test::new(1);
    let error = test.clean(Ending::Well).await.expect_err("it does not boot");
    assert!(error.starts_with("making hosts failed: machine rhel-1 did not come up: it sleeps"), "{error}");
    assert_eq!(test.done(), ["create", REMOVED]);
    assert_eq!(test.clean(Ending::Well).await, Ok(1));
    assert_eq!(test.done(), ["create", "prepare rhel-1", "checkpoint"]);

    let test = Test::new(9);
    for _ in 0..2 {
        test.clean(Ending::Well).await.expect_err("it does not boot");
        assert_eq!(test.done(), ["create", REMOVED]);
    }
    let error = test.clean(Ending::Well).await.expect_err("no third time");
    assert!(error.starts_with("its machines could not be made: making hosts failed"), "{error}");
    assert_eq!(test.done(), [""; 0]);
    assert_eq!(test.ledger.labs().expect("readable"), []);
}

#[tokio::test]
async fn what_cannot_pass_is_every_cluster_s_error_at_once() {
    let test = Test::new(0);
    for _ in 0..2 {
        let error = test.clean(Ending::Drift).await.expect_err("drift");
        assert!(error.ends_with("SELinux is disabled, not enforcing"), "{error}");
    }
    assert_eq!(test.done(), ["create", "prepare rhel-1", REMOVED]);
}

#[tokio::test]
async fn every_cluster_hears_what_to_do() {
    let test = Test::new(0);
    for beginning in ["no space left", "its machines could not be made: no space left"] {
        let error = test.clean(Ending::Full).await.expect_err("full");
        assert!(error.starts_with(beginning) && error.contains("\nhelp: make room there"), "{error}");
    }
}

/// What was written, for who asks.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a list").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn all_that_is_done_on_the_machines_is_in_the_log() {
    let (mut test, shared) = (Test::new(0), Shared::default());
    tools(&mut test).log = Some(CommandLog::new(shared.clone(), |text| text.replace("hunter2", "[redacted]")));
    let preparing = Preparing { log: Log::default(), ending: Ending::Well };
    let clean = test.group.clean(&test.tools, &|_: Phase| (), &preparing).await.expect("machines");
    let [machine] = clean.machines.as_slice() else { panic!("one machine") };
    machine.run(&Command::new(["tool", "--password=hunter2"])).await.expect("runs");
    machine.write_file("/etc/key".into(), b"hunter3", 0o600).await.expect("written");
    machine.start(&Command::new(["serve"])).await.err().expect("idle");
    machine.reboot(Duration::ZERO).await.expect("restarts");
    assert_eq!(machine.address(), IpAddr::from([192, 0, 2, 1]));
    test.group.end(&test.tools).await;
    let written = String::from_utf8(shared.0.lock().expect("a list").clone()).expect("UTF-8");
    let lines: Vec<serde_json::Value> = written.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let what = |line: &serde_json::Value| {
        let kinds = ["command", "started", "written"];
        kinds.iter().find_map(|kind| line[kind].as_str()).unwrap_or_default().to_owned()
    };
    let done: Vec<String> = lines.iter().map(what).collect();
    assert_eq!(done, ["prepare", "tool --password=[redacted]", "/etc/key", "serve", "reboot"]);
    assert!(lines.iter().all(|line| line["machine"] == "rhel-1" && line["at"].is_string()), "{written}");
    assert!(lines[3]["failure"].to_string().contains("idle") && lines[4]["status"] == 0, "{written}");
    assert!(!written.contains("hunter"), "{written}");
}

#[tokio::test]
async fn what_was_cut_off_is_removed_before_it_is_made_again() {
    let test = Test::new(0);
    let cut = tokio::time::timeout(Duration::from_millis(50), test.clean(Ending::Never)).await;
    cut.expect_err("it never ends");
    assert_eq!(test.done(), ["create", "prepare rhel-1"]);
    assert_eq!(test.clean(Ending::Well).await, Ok(1));
    assert_eq!(test.done(), [REMOVED, "create", "prepare rhel-1", "checkpoint"]);
    // And in the end, when nobody comes after it.
    let test = Test::new(0);
    drop(tokio::time::timeout(Duration::from_millis(50), test.clean(Ending::Never)).await);
    test.group.end(&test.tools).await;
    assert_eq!(test.done().last().map(String::as_str), Some(REMOVED));
    assert_eq!(test.ledger.labs().expect("readable"), []);
}

#[tokio::test]
async fn machines_whose_end_nobody_waits_for_are_removed_all_the_same() {
    let test = Test::new(0);
    assert_eq!(test.clean(Ending::Well).await, Ok(1));
    test.done();
    tokio::time::timeout(REMOVING / 4, test.group.end(&test.tools)).await.expect_err("it takes longer");
    assert_eq!(test.done(), [""; 0]);
    test.tools.all_ended().await;
    assert_eq!(test.done(), [REMOVED]);
    assert_eq!(test.ledger.labs().expect("readable"), []);
    assert_eq!(test.tools.farewell().faults, [""; 0]);
}

#[tokio::test]
async fn a_later_run_under_the_same_lock_finds_the_machines_prepared() {
    let mut test = Test::new(0);
    let mut run = async |lock: &str| {
        test.group = Group::new(vec![wanted("rhel-1")], Some(Keeping::at("kept-1", lock)));
        let preparing = Preparing { log: Arc::clone(&test.log), ending: Ending::Well };
        let clean = test.group.clean(&test.tools, &|_: Phase| (), &preparing).await.expect("machines");
        assert_eq!(clean.hosts.snap.as_deref(), Some("7964"), "what was prepared is known");
        test.group.end(&test.tools).await;
        let kept = std::mem::take(&mut test.tools.farewell().kept);
        stamp(&test.ledger, &kept, lock).expect("stamped");
        (test.done(), test.ledger.labs().expect("readable").len())
    };
    let told = |words: &[&str]| (words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), 1);
    assert_eq!(run("a").await, told(&["create", "prepare rhel-1", "checkpoint", "park"]));
    assert_eq!(run("a").await, told(&["resume libvirt storage pool pool (test)", "park"]));
    assert_eq!(run("b").await, told(&[REMOVED, "create", "prepare rhel-1", "checkpoint", "park"]));
    let (record, owned) = test.ledger.read(&"kept-1".parse().expect("a name")).expect("readable").expect("there");
    assert_eq!((record.state, owned), (State::Kept, false));
}

#[tokio::test]
async fn machines_are_spread_over_the_hosts_and_wait_for_their_places() {
    let mut test = Test::new(0);
    let second = Log::default();
    let provider = Arc::new(Scripted { log: Arc::clone(&second), unbootable: 0.into() });
    tools(&mut test).hosts.push(MachineHost { provider, not_outside: Some("a test".to_owned()) });
    tools(&mut test).pool = HostPool::new(vec!["one".to_owned(), "two".to_owned()], 1).expect("a pool");
    let seconds = || std::mem::take(&mut *second.lock().expect("a log"));
    let preparing = Preparing { log: Log::default(), ending: Ending::Well };
    let [ubuntu, rocky] = ["ubuntu-1", "rocky-1"].map(|name| Group::new(vec![wanted(name)], None));

    test.clean(Ending::Well).await.expect("machines on the first host");
    ubuntu.clean(&test.tools, &|_: Phase| (), &preparing).await.expect("machines on the second host");
    assert_eq!(test.done(), ["create", "prepare rhel-1", "checkpoint"]);
    assert_eq!(seconds(), ["create", "checkpoint"]);

    // No phase begins while all places are taken.
    let told = Mutex::new(Vec::new());
    let tell = |phase: Phase| told.lock().expect("a list").push(phase);
    let waiting = rocky.clean(&test.tools, &tell, &preparing);
    let ended = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(*told.lock().expect("a list"), []);
        ubuntu.end(&test.tools).await;
    };
    let (clean, ()) = tokio::join!(waiting, ended);
    clean.expect("machines on the host that was freed");
    assert_eq!(seconds(), [REMOVED, "create", "checkpoint"]);
    assert_eq!(test.done(), [""; 0], "the first host's are left alone");

    let error = Group::new(vec![wanted("a"), wanted("b")], None).clean(&test.tools, &tell, &preparing).await;
    let error = error.map(|_| ()).expect_err("two machines need one network").to_string();
    assert_eq!(error, "2 machines of one cluster do not fit on a host, of which each may have 1");
}
