use camino::Utf8Path;

use super::{LockFile, Sha256Digest, Used, Versions};
use crate::{
    lock::LockDifference,
    model::report::{Host, MachineReport},
};

const NAMESPACES: (&str, &str) = ("netns", "dataplane");
const WHOLE: (&str, &str) = ("libvirt", "microk8s");

fn host(kernel: &str, nft: Option<&str>) -> Host {
    Host { kernel: kernel.to_owned(), nft: nft.map(str::to_owned), ..Host::default() }
}

fn machine(firewalld: Option<&str>, image: Option<&[u8]>) -> MachineReport {
    MachineReport {
        kernel: "5.14".to_owned(),
        firewalld: firewalld.map(str::to_owned),
        image: image.map(|image| Sha256Digest::of_bytes(image).to_string()),
        snap: image.map(|_| "7731".to_owned()),
        ..MachineReport::default()
    }
}

fn used((provider, cluster): (&str, &str)) -> Used {
    Used::of_lab(provider, cluster).on_host(&host("6.1", Some("1.0"))).on_machine("a-1", &machine(Some("1.3"), None))
}

fn locked(all: &[Used]) -> LockFile {
    let mut lock = LockFile::default();
    for used in all {
        lock.record(used);
    }
    lock
}

fn said(lock: &LockFile, used: &Used) -> Vec<String> {
    lock.differences(used).iter().map(LockDifference::to_string).collect()
}

#[test]
fn what_is_used_must_be_as_locked() {
    let lock = locked(&[used(NAMESPACES).on_machine("b-1", &machine(None, None))]);
    assert_eq!(lock.differences(&used(NAMESPACES)), [], "what is locked and not used is no difference");
    let lab = Used::of_lab(NAMESPACES.0, NAMESPACES.1);
    assert_eq!(lock.differences(&lab), [], "nothing is known before machines run");

    let other = lab.on_host(&host("6.2", None)).on_machine("a-1", &machine(Some("2.0"), None));
    let other = other.on_machine("c-1", &machine(None, None));
    let expected = [
        "netns/dataplane: kernel is 6.2, locked is 6.1",
        "netns/dataplane: nft is none, locked is 1.0",
        "netns/dataplane: a-1: firewalld is 2.0, locked is 1.3",
        "netns/dataplane: c-1: is not in it",
    ];
    assert_eq!(said(&lock, &other), expected);
    assert_eq!(said(&lock, &used(WHOLE)), ["libvirt/microk8s: is not in it"]);
}

#[test]
fn a_machine_that_never_was_up_said_nothing() {
    let lock = locked(&[used(NAMESPACES)]);
    let broken = used(NAMESPACES).on_machine("c-1", &MachineReport::default());
    assert_eq!(said(&lock, &broken), [""; 0]);
}

#[test]
fn whole_machines_have_images_and_versions_of_their_own() {
    let with = |image: &[u8]| used(WHOLE).on_machine("a-1", &machine(Some("1.3"), Some(image)));
    let lock = locked(&[used(NAMESPACES), with(b"one")]);
    let names: Vec<&str> = lock.labs["libvirt/microk8s"].machines["a-1"].keys().map(String::as_str).collect();
    assert_eq!(names, ["firewalld", "kernel", "snap"]);
    assert_eq!(lock.labs["netns/dataplane"].machines["a-1"], Versions::from([("firewalld".into(), "1.3".into())]));
    assert_eq!(lock.revisions("libvirt/microk8s"), [("a-1".to_owned(), 7731)].into());
    assert!(lock.revisions("netns/dataplane").is_empty() && lock.revisions("ssh/microk8s").is_empty());
    assert_eq!(said(&lock, &with(b"one")), [""; 0]);
    let (one, two) = (Sha256Digest::of_bytes(b"one"), Sha256Digest::of_bytes(b"two"));
    assert_eq!(said(&lock, &with(b"two")), [format!("a-1: the image is {two}, locked is {one}")]);
}

#[test]
fn a_record_leaves_what_was_not_used() {
    let mut lock = locked(&[used(NAMESPACES).on_machine("b-1", &machine(None, None)), used(WHOLE)]);
    let before = lock.clone();
    lock.record(&Used::of_lab("netns", "dataplane").on_host(&host("6.2", None)));
    assert_eq!(lock.labs["netns/dataplane"].machines, before.labs["netns/dataplane"].machines);
    assert_eq!(lock.labs["libvirt/microk8s"], before.labs["libvirt/microk8s"]);
    assert_eq!(lock.labs["netns/dataplane"].host["kernel"], "6.2");
    assert!(!lock.labs["netns/dataplane"].host.contains_key("nft"), "a version that is gone does not linger");
    assert_ne!(lock.key(), before.key());
}

#[test]
fn a_file_comes_back_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = Utf8Path::from_path(folder.path()).expect("UTF-8").join("pathlab.lock");
    assert_eq!(LockFile::read_or_new(&path).expect("new"), LockFile::default());
    let lock = locked(&[used(NAMESPACES), used(WHOLE)]);
    lock.write(&path).expect("written");
    assert_eq!(LockFile::read(&path).expect("readable"), lock);
    for bad in ["", "{}", r#"{"format":"pathlab-lock/2","distros":{}}"#] {
        std::fs::write(&path, bad).expect("written");
        assert!(LockFile::read_or_new(&path).is_err(), "{bad}");
    }
}
