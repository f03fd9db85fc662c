//! Which snap the store has for a channel or a revision.
//!
//! The question is that of `snap download` (snapd: `store/tooling/tooling.go`, `DownloadSnap`; `store/store_action.go`,
//! `snapAction`): `v2/snaps/refresh` with the action `download`. It resolves channels as the store does for machines, a
//! closed risk to the next safer one included, and knows revisions that are in no channel any more.

use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use super::{
    ask::{Answer, Asker},
    error::SnapStoreError,
};
use crate::{
    catalog::image::is_download_url,
    download::{Sha3Digest, words},
};

const JSON: &str = "application/json";
/// What is asked for of a snap (snapd: `store/details_v2.go`, `storeSnap`).
const FIELDS: [&str; 5] = ["base", "download", "name", "revision", "snap-id"];

/// Which of a snap's files.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// The newest of a channel.
    Channel(&'a str),
    /// One revision.
    Revision(u32),
}

/// A file of a snap that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub name: String,
    pub snap_id: String,
    pub revision: u32,
    /// The snap that it needs; none for the oldest one, `core`.
    pub base: Option<String>,
    pub url: reqwest::Url,
    pub sum: Sha3Digest,
    /// In bytes.
    pub size: u64,
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    result: String,
    #[serde(default)]
    snap: Option<Snap>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Snap {
    name: String,
    #[serde(rename = "snap-id")]
    id: String,
    revision: u32,
    #[serde(default)]
    base: Option<String>,
    download: Download,
}

#[derive(Deserialize)]
struct Download {
    #[serde(rename = "sha3-384")]
    sha3_384: String,
    size: u64,
    url: String,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    extra: Extra,
}

#[derive(Default, Deserialize)]
struct Extra {
    #[serde(default)]
    releases: Vec<ChannelOf>,
}

#[derive(Deserialize)]
struct ChannelOf {
    architecture: String,
    channel: String,
}

/// Asks the store.
pub(super) async fn ask(asker: &Asker<'_>, which: Which<'_>) -> Result<Offer, SnapStoreError> {
    // The store wants to hear of `epoch`, be it null: who does not name it does not know that there are any.
    let mut action = json!({ "action": "download", "instance-key": "download-1", "name": asker.snap, "epoch": null });
    match which {
        Which::Channel(channel) => action["channel"] = channel.into(),
        Which::Revision(revision) => action["revision"] = revision.into(),
    }
    let question = json!({ "context": [], "actions": [action], "fields": FIELDS });
    let url = asker.url("v2/snaps/refresh")?;
    let request = asker.client.post(url.clone()).header(CONTENT_TYPE, JSON).body(question.to_string());
    let answer = asker.ask(request, &url, JSON).await?;
    let unusable = |problem: &str| asker.failed(&url, problem);
    let outcome = outcome(&answer).map_err(|problem| unusable(&problem))?;
    match (outcome.snap, outcome.error) {
        (_, Some(refusal)) => Err(refused(asker, which, refusal).unwrap_or_else(|problem| unusable(&problem))),
        (Some(snap), None) if outcome.result == "download" => {
            offer(asker.snap, which, snap).map_err(|problem| unusable(&problem))
        }
        _ => Err(unusable(&format!("its result is `{}` without a snap", outcome.result))),
    }
}

fn outcome(answer: &Answer) -> Result<Outcome, String> {
    if !answer.status.is_success() {
        return Err(answer.refusal());
    }
    let results: Results = match serde_json::from_slice(&answer.body) {
        Ok(results) => results,
        Err(error) if error.is_data() => return Err(format!("its answer is not of the known shape: {error}")),
        Err(_) => return Err(answer.is_not("JSON")),
    };
    results.results.into_iter().next().ok_or_else(|| "its answer has no result".to_owned())
}

/// What the store says no for (snapd: `store/errors.go`, `translateSnapActionError`).
fn refused(asker: &Asker<'_>, which: Which<'_>, refusal: Refusal) -> Result<SnapStoreError, String> {
    let snap = asker.snap.to_owned();
    let architecture = asker.options.architecture;
    match (refusal.code.as_str(), which) {
        ("revision-not-found", Which::Channel(channel)) => {
            let mine = refusal.extra.releases.into_iter().filter(|one| one.architecture == architecture);
            let there_are = mine.map(|one| one.channel).collect();
            Ok(SnapStoreError::NoChannel { snap, channel: channel.to_owned(), there_are })
        }
        ("revision-not-found", Which::Revision(revision)) => {
            Ok(SnapStoreError::NoRevision { snap, revision, architecture })
        }
        (code, _) => Err(format!("{} ({code})", refusal.message)),
    }
}

fn offer(name: &str, which: Which<'_>, snap: Snap) -> Result<Offer, String> {
    let Snap { name: found, id: snap_id, revision, base, download } = snap;
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let base = base.filter(|base| !base.is_empty());
    if found != name {
        return Err(format!("it offers the snap `{found}`"));
    }
    if let Some(base) = base.as_ref().filter(|base| !plain(base)) {
        return Err(format!("it offers a snap whose base is `{base}`"));
    }
    if snap_id.is_empty() || !plain(&snap_id) {
        return Err(format!("it offers a snap with the ID `{snap_id}`"));
    }
    match which {
        Which::Revision(asked) if asked != revision => return Err(format!("it offers revision {revision}")),
        _ if revision == 0 || download.size == 0 => {
            return Err(format!("it offers revision {revision} of {} bytes", download.size));
        }
        _ => {}
    }
    if !is_download_url(&download.url) {
        return Err("it offers a file at a place that is not encrypted".to_owned());
    }
    let url: reqwest::Url = download.url.parse().map_err(|error| format!("it offers a file at no place: {error}"))?;
    let sum = download.sha3_384.parse();
    let sum = sum.map_err(|error| format!("of {} it says: {error}", words::place(&url)))?;
    Ok(Offer { name: found, snap_id, revision, base, url, sum, size: download.size })
}
