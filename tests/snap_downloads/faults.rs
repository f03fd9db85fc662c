//! Stores that send something else: none of it becomes a snap, and the message says what it was.

use libtest_mimic::Trial;
use pathlab::catalog::microk8s::Release;
use serde_json::json;

use super::{
    server::Reply,
    store::{Bench, channel, stated},
};
use crate::trials;

/// The tests.
pub fn trials() -> Vec<Trial> {
    trials![
        another_content,
        a_short_body,
        a_web_page_in_the_place_of_a_snap,
        a_web_page_in_the_place_of_an_answer,
        a_channel_that_is_not_there,
        a_revision_that_is_not_there,
        assertions_of_another_snap,
        an_assertion_that_is_not_there,
        assertions_that_rest_on_themselves,
        a_place_that_is_not_encrypted,
        nobody_listens,
    ]
}

const ELSEWHERE: &str = "`--snap FILE…` takes files that `snap download` got elsewhere";

/// The file of MicroK8s is answered so; no snap and no part comes of it.
fn refused(reply: Reply) -> String {
    let bench = Bench::new();
    bench.server.answer(&bench.microk8s().path(), [reply]);
    let told = bench.refused();
    assert!(told.starts_with("failed to download the snap microk8s (revision 7964)\n  STORE/files/"), "{told}");
    assert!(told.contains(ELSEWHERE), "{told}");
    assert!(!bench.files().iter().any(|name| name == "microk8s_7964.snap"), "{:?}", bench.files());
    told
}

fn another_content() {
    let mut content = Bench::new().microk8s().content.clone();
    content[500] ^= 1;
    let told = refused(Reply::file(&content));
    assert!(told.contains("sent 200 kB with the SHA3-384 ") && told.contains(", expected "), "{told}");
}

fn a_short_body() {
    let content = Bench::new().microk8s().content.clone();
    let told = refused(Reply::file(&content[..100_000]));
    assert!(told.contains("offers 100000 bytes (application/octet-stream), expected 200000"), "{told}");
    let told = refused(Reply { length: false, ranges: false, ..Reply::file(&content[..100_000]) });
    assert!(told.contains("ended after 100 kB") && told.contains("goes on after the 100 kB that arrived"), "{told}");
}

fn a_web_page_in_the_place_of_a_snap() {
    let page = "<!DOCTYPE html><title>Log in</title>".repeat(1000);
    let page = Reply { content_type: "text/html", length: false, ..Reply::file(page.as_bytes()) };
    let told = refused(page);
    assert!(
        told.contains("sent a web page (text/html, ") && told.contains("does this network ask for a login"),
        "{told}"
    );
}

fn a_web_page_in_the_place_of_an_answer() {
    let bench = Bench::new();
    let page = Reply { content_type: "text/html", ranges: false, ..Reply::file(b"<html>Log in</html>") };
    bench.server.answer(&bench.microk8s().question(), [page.clone()]);
    let told = bench.refused();
    let start = "failed to ask the snap store for the snap microk8s: STORE/v2/snaps/refresh: sent a web page \
                 (text/html, 19 bytes), expected JSON; does this network ask for a login in a browser?\nhelp: ";
    assert!(told.starts_with(start) && told.contains(ELSEWHERE), "{told}");

    let bench = Bench::new();
    bench.server.answer(&bench.microk8s().assertion("snap-declaration"), [page]);
    let told = bench.refused();
    assert!(told.contains("sent a web page") && told.contains("expected an assertion"), "{told}");
    assert_eq!(bench.files(), [""; 0]);
}

/// What the store says when it does not have it.
fn no_revision() -> Reply {
    let release = |architecture: &str, channel: &str| json!({ "architecture": architecture, "channel": channel });
    let releases = [release("amd64", "1.32/stable"), release("arm64", "1.20/stable"), release("amd64", "1.33/edge")];
    let error =
        json!({ "code": "revision-not-found", "message": "No revision was found.", "extra": { "releases": releases } });
    let result = json!({ "result": "error", "instance-key": "download-1", "name": "microk8s", "error": error });
    Reply::json(&json!({ "results": [result], "error-list": [] }).to_string())
}

fn a_channel_that_is_not_there() {
    let bench = Bench::new();
    bench.server.answer(&bench.microk8s().question(), [no_revision()]);
    let error = bench.bring(&channel("9.99/stable")).expect_err("there is none");
    assert!(error.is_input());
    assert_eq!(
        bench.told(&error),
        "the snap store has the snap microk8s in no channel 9.99/stable\n\
         help: name one that it has: 1.32/stable, 1.33/edge"
    );
}

fn a_revision_that_is_not_there() {
    let bench = Bench::new();
    bench.server.answer(&bench.microk8s().question(), [no_revision()]);
    let error = bench.bring(&Release::Revision(1)).expect_err("there is none");
    assert!(error.is_input());
    assert_eq!(error.to_string(), "the snap store has no revision 1 of the snap microk8s for amd64");
}

fn assertions_of_another_snap() {
    for (right, wrong, problem) in [
        ("snap-revision: 7964", "snap-revision: 7963", "its snap-revision says snap-revision `7963`, expected `7964`"),
        ("snap-size: 200000", "snap-size: 200001", "its snap-revision says snap-size `200001`, expected `200000`"),
        ("snap-sha3-384: ", "snap-sha3-384: x", "its snap-revision says snap-sha3-384 `x"),
        ("snap-id: microk8sId00", "snap-id: snapdId00", "its snap-revision says snap-id `snapdId00`, expected"),
        ("snap-id: microk8sId00", "snap-id: ../../etc", "its snap-revision says snap-id `../../etc`"),
    ] {
        let bench = Bench::new();
        let text = bench.microk8s().snap_revision();
        assert!(text.contains(right), "{text}");
        bench.server.answer(&bench.microk8s().assertion("snap-revision"), [stated(&text.replace(right, wrong))]);
        let told = bench.refused();
        let start =
            format!("the snap store's assertions for the snap microk8s (revision 7964) cannot be used: {problem}");
        assert!(told.starts_with(&start), "{told}");
        assert_eq!(bench.files(), [""; 0]);
        assert_eq!(bench.asked(&bench.microk8s().path()), 0, "nothing is downloaded that could not be installed");
    }
}

fn an_assertion_that_is_not_there() {
    let bench = Bench::new();
    bench.server.answer("/v2/assertions/account/AcmeId?max-format=0", [Reply::status(404)]);
    let told = bench.refused();
    assert!(told.contains("STORE/v2/assertions/account/AcmeId: answered 404 Not Found (text/html)"), "{told}");
    let said = json!({ "error-list": [{ "code": "not-found", "message": "there is no such account" }] });
    let said = Reply { status: 404, ..Reply::json(&said.to_string()) };
    bench.server.answer("/v2/assertions/account/AcmeId?max-format=0", [said]);
    let told = bench.refused();
    assert!(told.contains("AcmeId: answered 404 Not Found: there is no such account\n"), "{told}");
}

fn assertions_that_rest_on_themselves() {
    let bench = Bench::new();
    let key =
        "type: account-key\npublic-key-sha3-384: StoreKey\naccount-id: canonical\nsign-key-sha3-384: StoreKey\n\nAcLB";
    bench.server.answer("/v2/assertions/account-key/StoreKey?max-format=1", [stated(key)]);
    let told = bench.refused();
    assert!(told.contains("the account-key rests on itself"), "{told}");
}

fn a_place_that_is_not_encrypted() {
    let bench = Bench::new();
    let download = json!({ "sha3-384": "0".repeat(96), "size": 1, "url": "http://files.invalid/microk8s.snap" });
    let snap = json!({ "name": "microk8s", "snap-id": "x", "revision": 7964, "download": download });
    let answer = json!({ "results": [{ "result": "download", "snap": snap }] });
    bench.server.answer(&bench.microk8s().question(), [Reply::json(&answer.to_string())]);
    let told = bench.refused();
    assert!(told.contains("it offers a file at a place that is not encrypted"), "{told}");
}

fn nobody_listens() {
    let bench = Bench::new();
    for snap in &bench.snaps {
        bench.server.answer(&snap.question(), [Reply { cut: Some(10), ..Reply::json(&" ".repeat(100)) }]);
    }
    let told = bench.refused();
    assert!(told.starts_with("failed to ask the snap store for the snap microk8s: STORE/v2/snaps/refresh: "), "{told}");
    assert!(told.contains(ELSEWHERE) && told.contains("PATHLAB_SNAP_STORE names a proxy"), "{told}");
    assert_eq!(bench.server.requests().len(), 3, "it is asked again before that is said");
}
