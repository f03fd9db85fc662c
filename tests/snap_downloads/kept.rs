//! What is brought into the cache, and what is not brought twice.

use std::os::unix::fs::PermissionsExt as _;

use libtest_mimic::Trial;
use pathlab::{catalog::microk8s::Release, cluster::microk8s::SnapFiles};

use super::{
    server::Reply,
    store::{Bench, REFRESH},
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        microk8s_arrives_with_what_it_needs,
        what_is_here_and_right_is_not_brought_again,
        one_revision_is_asked_for_by_its_number,
        a_cut_connection_is_taken_up,
        what_somebody_changed_is_brought_anew,
    ]
}

const ALL: [&str; 6] = [
    "core20_2571.assert",
    "core20_2571.snap",
    "microk8s_7964.assert",
    "microk8s_7964.snap",
    "snapd_24505.assert",
    "snapd_24505.snap",
];

fn microk8s_arrives_with_what_it_needs() {
    let bench = Bench::new();
    let files = SnapFiles::find(&bench.brought()).expect("as `snap download` writes them");
    let order: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!((order.as_slice(), files.revision()), (&["snapd", "core20", "microk8s"][..], "7964"));
    assert_eq!(bench.files(), ALL);
    for snap in &bench.snaps {
        let file = bench.cache().join(format!("{}_{}.snap", snap.name, snap.revision));
        assert_eq!(std::fs::read(&file).expect("the snap"), snap.content);
        assert_eq!(std::fs::metadata(&file).expect("the snap").permissions().mode() & 0o777, 0o444);
    }
    let kinds = |name: &str| {
        let text = std::fs::read_to_string(bench.cache().join(name)).expect("assertions");
        let kinds = text.lines().filter_map(|line| line.strip_prefix("type: ")).map(str::to_owned);
        kinds.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(kinds("microk8s_7964.assert"), "account-key account snap-declaration snap-revision");
    // Canonical's account is in every snapd, which refuses to be told of it.
    assert_eq!(kinds("snapd_24505.assert"), "account-key snap-declaration snap-revision");

    let requests = bench.server.requests();
    let first = &requests[0];
    assert_eq!(first.line, format!("POST {REFRESH} HTTP/1.1"));
    for (name, value) in [("snap-device-series", "16"), ("snap-device-architecture", "amd64")] {
        assert_eq!(first.headers[name], value);
    }
    assert!(first.body.contains(r#""channel":"1.32/stable""#) && first.body.contains(r#""epoch":null"#), "{first:?}");
    let accept =
        requests.iter().find(|request| request.line.contains("/v2/assertions/")).map(|it| &it.headers["accept"]);
    assert_eq!(accept.map(String::as_str), Some("application/x.ubuntu.assertion"));
}

fn what_is_here_and_right_is_not_brought_again() {
    let bench = Bench::new();
    let first = bench.brought();
    let asked = bench.server.requests().len();
    assert_eq!(bench.brought(), first);
    let more = &bench.server.requests()[asked..];
    assert_eq!(more.len(), 3, "{more:?}");
    assert!(more.iter().all(|request| request.line.contains(REFRESH)), "{more:?}");
}

fn one_revision_is_asked_for_by_its_number() {
    let bench = Bench::new();
    bench.bring(&Release::Revision(7964)).expect("it is there");
    let body = &bench.server.requests()[0].body;
    assert!(body.contains(r#""revision":7964"#) && !body.contains("channel"), "{body}");
    let error = bench.bring(&Release::Revision(7000)).expect_err("another is offered");
    assert!(error.to_string().ends_with("it offers revision 7964"), "{error}");
}

fn a_cut_connection_is_taken_up() {
    let bench = Bench::new();
    let snap = bench.microk8s();
    let cut = Reply { cut: Some(120_000), ..Reply::file(&snap.content) };
    bench.server.answer(&snap.path(), [cut, Reply::file(&snap.content)]);
    bench.brought();
    assert_eq!(bench.files(), ALL);
    let ranges: Vec<String> = bench.server.ranges().into_iter().filter(|range| range != "-").collect();
    assert_eq!(ranges, ["bytes=120000-"]);
}

fn what_somebody_changed_is_brought_anew() {
    let bench = Bench::new();
    let files = bench.brought();
    let (snap, assertions) = (&files[0], files[1].with_extension("assert"));
    let mut content = bench.microk8s().content.clone();
    content[1000] ^= 1;
    std::fs::remove_file(snap).and_then(|()| std::fs::write(snap, content)).expect("changed");
    std::fs::write(&assertions, "type: snap-revision\n\nAcLB\n").expect("changed");
    bench.brought();
    assert_eq!(std::fs::read(snap).expect("the snap"), bench.microk8s().content);
    assert!(std::fs::read_to_string(&assertions).expect("assertions").starts_with("type: account-key\n"));
    assert_eq!((bench.asked(&bench.microk8s().path()), bench.asked(&bench.snaps[1].path())), (2, 1));
}
