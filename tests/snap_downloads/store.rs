//! A snap store with three snaps, and the cache that is filled from it.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use camino::{Utf8Path, Utf8PathBuf};
use miette::Diagnostic as _;
use pathlab::{
    catalog::microk8s::Release,
    download::Progress,
    snap_store::{SnapStore, SnapStoreError, StoreOptions},
};
use serde_json::json;
use sha3::{Digest as _, Sha3_384};

use super::server::{Reply, Server};

/// The key that every snapd has built in.
const ROOT_KEY: &str = "-CvQKAwRQ5h3Ffn10FILJoEZUXOv6km9FwA80-Rcj-f-6jadQ89VRswHNiEB9Lxk";

/// Where snaps are asked for.
pub const REFRESH: &str = "/v2/snaps/refresh";

#[derive(Clone)]
pub struct Snap {
    pub name: &'static str,
    pub revision: u32,
    pub base: Option<&'static str>,
    pub publisher: &'static str,
    pub content: Vec<u8>,
}

pub struct Bench {
    folder: tempfile::TempDir,
    pub server: Server,
    pub snaps: [Snap; 3],
}

impl Snap {
    fn new(name: &'static str, revision: u32, publisher: &'static str, length: usize) -> Self {
        let content = b"hsqs".iter().copied().chain(name.bytes().cycle().take(length - 4)).collect();
        let base = (name == "microk8s").then_some("core20");
        Self { name, revision, base, publisher, content }
    }

    pub fn id(&self) -> String {
        format!("{}Id00", self.name)
    }

    /// The path of its file in the store.
    pub fn path(&self) -> String {
        format!("/files/{}.snap", self.id())
    }

    /// The path of one of its assertions.
    pub fn assertion(&self, kind: &str) -> String {
        match kind {
            "snap-revision" => format!("/v2/assertions/snap-revision/{}?max-format=0", self.encoded_sum()),
            _ => format!("/v2/assertions/snap-declaration/16/{}?max-format=6", self.id()),
        }
    }

    /// What the question for it is known by.
    pub fn question(&self) -> String {
        format!("{REFRESH} \"name\":\"{}\"", self.name)
    }

    fn encoded_sum(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha3_384::digest(&self.content))
    }

    pub fn snap_revision(&self) -> String {
        let (id, size) = (self.id(), self.content.len());
        let headers = [
            ("snap-sha3-384", self.encoded_sum()),
            ("developer-id", self.publisher.to_owned()),
            ("snap-id", id),
            ("snap-revision", self.revision.to_string()),
            ("snap-size", size.to_string()),
        ];
        assertion("snap-revision", &headers, "StoreKey", "")
    }

    fn snap_declaration(&self) -> String {
        let headers = [
            ("series", "16".to_owned()),
            ("snap-id", self.id()),
            ("publisher-id", self.publisher.to_owned()),
            ("snap-name", self.name.to_owned()),
        ];
        assertion("snap-declaration", &headers, "StoreKey", "")
    }
}

/// An assertion as the store serves it, without a line break at its end.
fn assertion(kind: &str, headers: &[(&str, String)], key: &str, body: &str) -> String {
    let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<Vec<_>>().concat();
    let (length, body) = match body {
        "" => (String::new(), String::new()),
        body => (format!("body-length: {}\n", body.len()), format!("{body}\n\n")),
    };
    format!(
        "type: {kind}\nauthority-id: canonical\n{headers}{length}timestamp: 2026-01-01T00:00:00Z\n\
         sign-key-sha3-384: {key}\n\n{body}AcLBUgQAAQoABgUCWk0\nXIwQzQ=="
    )
}

impl Bench {
    /// A store that has all; `microk8s` is of a publisher whom snapd does not know.
    pub fn new() -> Self {
        let snaps = [
            Snap::new("microk8s", 7964, "AcmeId", 200_000),
            Snap::new("core20", 2571, "canonical", 50_000),
            Snap::new("snapd", 24505, "canonical", 60_000),
        ];
        let bench = Self { folder: tempfile::tempdir().expect("a folder"), server: Server::start(), snaps };
        for snap in &bench.snaps {
            bench.offer(snap, &snap.content);
            for (kind, text) in [("snap-revision", snap.snap_revision()), ("snap-declaration", snap.snap_declaration())]
            {
                bench.server.answer(&snap.assertion(kind), [stated(&text)]);
            }
        }
        let account = assertion(
            "account",
            &[("account-id", "AcmeId".to_owned()), ("username", "acme".to_owned())],
            "StoreKey",
            "",
        );
        bench.server.answer("/v2/assertions/account/AcmeId?max-format=0", [stated(&account)]);
        let key = [("public-key-sha3-384", "StoreKey".to_owned()), ("account-id", "canonical".to_owned())];
        let key = assertion("account-key", &key, ROOT_KEY, "AcbBTQRWhcGAARAA\n\nQQ==");
        bench.server.answer("/v2/assertions/account-key/StoreKey?max-format=1", [stated(&key)]);
        bench
    }

    /// The store offers a snap, of which this is the content that it says.
    fn offer(&self, snap: &Snap, content: &[u8]) {
        let sum = pathlab::hex::of(Sha3_384::digest(content));
        let download =
            json!({ "sha3-384": sum, "size": content.len(), "url": self.server.url(&snap.path()), "deltas": [] });
        let found = json!({ "name": snap.name, "snap-id": snap.id(), "revision": snap.revision, "base": snap.base,
            "download": download });
        let result = json!({ "result": "download", "instance-key": "download-1", "snap-id": snap.id(),
            "name": snap.name, "snap": found, "effective-channel": "stable" });
        let answer = json!({ "results": [result], "error-list": [] });
        self.server.answer(&snap.question(), [Reply::json(&answer.to_string())]);
        self.server.answer(&snap.path(), [Reply::file(&snap.content)]);
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).expect("UTF-8").join(name)
    }

    pub fn microk8s(&self) -> &Snap {
        &self.snaps[0]
    }

    /// The cache.
    pub fn cache(&self) -> Utf8PathBuf {
        self.path("cache/pathlab/snaps")
    }

    /// The visible files of the cache.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = self.cache().read_dir_utf8() else { return Vec::new() };
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Has a release of MicroK8s brought into the cache.
    pub fn bring(&self, release: &Release) -> Result<Vec<Utf8PathBuf>, SnapStoreError> {
        let store = self.server.url("/").parse().expect("a URL");
        let options =
            StoreOptions { store, folder: self.cache(), architecture: "amd64", stall: Duration::from_secs(10) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async { SnapStore::open(options, Progress::detect())?.microk8s(release).await })
    }

    /// The files of the channel that is there.
    pub fn brought(&self) -> Vec<Utf8PathBuf> {
        self.bring(&channel("1.32/stable")).unwrap_or_else(|error| panic!("{}", self.told(&error)))
    }

    /// What is said when it cannot be had, with what to do.
    pub fn refused(&self) -> String {
        let error = self.bring(&channel("1.32/stable")).expect_err("it cannot be had");
        assert!(!error.is_input(), "{error}");
        self.told(&error)
    }

    pub fn told(&self, error: &SnapStoreError) -> String {
        let help = error.help().map_or_else(String::new, |help| format!("\nhelp: {help}"));
        format!("{error}{help}").replace(&self.server.url(""), "STORE").replace(self.path("").as_str(), "BENCH/")
    }

    /// The questions that were asked, as `POST /path`, those for this path.
    pub fn asked(&self, path: &str) -> usize {
        self.server.requests().iter().filter(|request| request.line.split(' ').nth(1) == Some(path)).count()
    }
}

pub fn channel(name: &str) -> Release {
    Release::Channel(name.to_owned())
}

/// An assertion as an answer.
pub fn stated(text: &str) -> Reply {
    Reply { content_type: "application/x.ubuntu.assertion", ranges: false, ..Reply::file(text.as_bytes()) }
}
