//! The ledger: one owner, nothing lost, errors that say what remains.

use std::{collections::HashSet, fs, sync::Mutex, thread};

use async_trait::async_trait;
use camino::Utf8PathBuf;

use super::Ledger;
use crate::ledger::{About, LabName, LedgerError, ReapError, Reaper, Record, Resource, Stage, State};

fn ledger() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Utf8PathBuf::from_path_buf(folder.path().join("labs")).expect("UTF-8");
    (folder, Ledger::at(root))
}

fn name(text: &str) -> LabName {
    text.parse().expect("a name")
}

fn folder(path: &str) -> Resource {
    Resource::Folder { path: path.into() }
}

/// Removes all but what holds `stuck`, and notes the order.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[async_trait]
impl Reaper for Notes {
    async fn reap(&self, _: &Record, resource: &Resource) -> Result<(), ReapError> {
        self.0.lock().expect("no panic").push(resource.to_string());
        if resource.to_string().contains("stuck") { Err(ReapError::Failed("device busy".to_owned())) } else { Ok(()) }
    }
}

fn take_down(entry: crate::ledger::Entry, notes: &Notes) -> Result<(), crate::ledger::Remains> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(entry.take_down(notes))
}

#[test]
fn what_is_planned_is_on_the_disk_at_once() {
    let (_folder, ledger) = ledger();
    let entry = ledger.create(&name("a"), About::new("netns")).expect("new");
    let stages = || {
        let (record, owned) = ledger.read(&name("a")).expect("readable").expect("there");
        assert!(owned);
        record.resources.into_iter().map(|held| (held.resource, held.stage)).collect::<Vec<_>>()
    };
    assert_eq!(stages(), []);
    entry.will_create(&folder("/x")).expect("written");
    assert_eq!(stages(), [(folder("/x"), Stage::Planned)]);
    entry.created(&folder("/x")).expect("written");
    assert_eq!(stages(), [(folder("/x"), Stage::Made)]);
    entry.removed(&folder("/x")).expect("written");
    assert_eq!(stages(), []);
}

#[test]
fn of_many_that_want_a_name_one_gets_it() {
    let (_folder, ledger) = ledger();
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| ledger.create(&name("a"), About::new("netns")))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(error, LedgerError::Taken { state: "being made", .. }), "{error}");
    }
    assert_eq!(ledger.labs().expect("a list"), [name("a")]);
    assert_eq!(ledger.sweep(true).expect("a list"), 0);
}

#[test]
fn a_lab_can_be_claimed_once_its_owner_has_ended_and_not_before() {
    let (_folder, ledger) = ledger();
    let entry = ledger.create(&name("a"), About::new("netns")).expect("new");
    let handed_over = entry.lock().expect("a descriptor");
    assert!(ledger.claim(&name("a")).expect("readable").is_none());
    drop(entry);
    // Whoever the lock was handed to still owns the lab.
    assert!(ledger.claim(&name("a")).expect("readable").is_none());
    drop(handed_over);
    let claimed = ledger.claim(&name("a")).expect("readable").expect("free");
    assert!(ledger.claim(&name("a")).expect("readable").is_none());
    let taken = ledger.create(&name("a"), About::new("netns")).expect_err("taken");
    assert!(matches!(taken, LedgerError::Taken { .. }));
    take_down(claimed, &Notes::default()).expect("nothing remains");
    assert_eq!(ledger.labs().expect("a list"), []);
    assert!(ledger.claim(&name("a")).expect("readable").is_none());
    ledger.create(&name("a"), About::new("netns")).expect("free again");
}

#[test]
fn taking_down_goes_on_after_an_error_and_says_what_remains() {
    let (_folder, ledger) = ledger();
    let entry = ledger.create(&name("a"), About::new("netns")).expect("new");
    for path in ["/first", "/stuck", "/last"] {
        entry.will_create(&folder(path)).expect("written");
    }
    entry.created(&folder("/first")).expect("written");
    let notes = Notes::default();
    let remains = take_down(entry, &notes).expect_err("something is stuck");
    assert_eq!(*notes.0.lock().expect("no panic"), ["folder /last", "folder /stuck", "folder /first", "folder /last"]);
    let said = "failed to take the lab `a` down\n  folder /stuck: device busy\nstill there:\n  folder /stuck";
    assert_eq!(remains.to_string(), said);
    let (record, owned) = ledger.read(&name("a")).expect("readable").expect("there");
    assert_eq!((record.state, owned, record.resources.len()), (State::Down, false, 1));
}

#[test]
fn a_lab_that_never_got_its_name_is_swept_away_once_its_maker_has_ended() {
    let (_folder, ledger) = ledger();
    ledger.create(&name("a"), About::new("netns")).expect("new");
    let root = ledger.folder(&name("a")).parent().expect("the root").to_owned();
    // A number that no process can have, and this process's own.
    for pid in ["7fffffff".to_owned(), format!("{:x}", std::process::id())] {
        fs::create_dir(root.join(format!(".new-x-y-{pid}-1a2b"))).expect("a folder");
    }
    assert_eq!(ledger.sweep(true).expect("a list"), 1);
    assert_eq!(ledger.sweep(false).expect("a list"), 1);
    assert_eq!(ledger.sweep(false).expect("a list"), 0);
    assert_eq!(fs::read_dir(&root).expect("a list").count(), 2);
}

#[test]
fn ids_are_never_used_again() {
    let (_folder, ledger) = ledger();
    let mut ids = HashSet::new();
    for _ in 0..50 {
        let entry = ledger.create(&name("a"), About::new("netns")).expect("new");
        assert!(ids.insert(entry.record().id));
        take_down(entry, &Notes::default()).expect("nothing remains");
    }
}

#[test]
fn a_damaged_ledger_is_told_by_its_path() {
    let (_folder, ledger) = ledger();
    drop(ledger.create(&name("a"), About::new("netns")).expect("new"));
    let path = ledger.folder(&name("a")).join("ledger.json");
    fs::write(&path, "{").expect("a write");
    let error = ledger.read(&name("a")).expect_err("damaged");
    assert!(error.to_string().starts_with(&format!("{path}: is no ledger of this version: EOF")), "{error}");
}
