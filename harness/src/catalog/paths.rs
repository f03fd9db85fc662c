//! From the entries of `paths:` to the access paths: every combination once, none without sense.

use std::collections::HashMap;

use miette::SourceSpan;

use super::{
    at::At,
    expect_file::ExpectFile,
    problem::CatalogError,
    scenario::{Expect, ExpectedSource, HttpRequest, PathSpec},
    scenario_file::PathsFile,
    source::Source,
};
use crate::model::{AccessPath, Outcome, Payload, Protocol, Target, Vantage};

/// The most times that an exchange is made.
const MOST_REPEATS: u32 = 1000;

/// Expands the entries in the order of the file. `nodes` is how many machines a cluster has.
pub(super) fn expand(
    source: &Source,
    entries: &At<Vec<At<PathsFile>>>,
    nodes: usize,
) -> Result<Vec<PathSpec>, CatalogError> {
    let mut specs = Vec::new();
    let mut seen = HashMap::new();
    for entry in &entries.value {
        let rest = Rest::of(source, entry)?;
        for (path, place) in combinations(source, entry)? {
            check(source, path, place, nodes)?;
            rest.check(source, path)?;
            if let Some(first) = seen.insert(path, place) {
                let message = format!("the path `{path}` stands twice, first on line {}", source.line(first));
                return Err(source.error(place, message).label("the second time").advice("each path is one case: remove one"));
            }
            specs.push(rest.spec(path));
        }
    }
    if specs.is_empty() {
        return Err(source.error(entries.span, "there are no paths, expected at least one").label("empty"));
    }
    Ok(specs)
}

/// Every combination of the entry's words, each with the place of its target.
fn combinations(source: &Source, entry: &At<PathsFile>) -> Result<Vec<(AccessPath, SourceSpan)>, CatalogError> {
    let (from, to) = (&entry.from.0, &entry.to.0);
    let protocols = entry.protocol.as_ref().map(|many| &many.0);
    let payloads = entry.payload.as_ref().map(|many| &many.0);
    let empty = [("from", from.is_empty()), ("to", to.is_empty())]
        .into_iter()
        .chain([("protocol", protocols.is_some_and(Vec::is_empty)), ("payload", payloads.is_some_and(Vec::is_empty))])
        .find(|(_, empty)| *empty);
    if let Some((key, _)) = empty {
        return Err(source.error(entry.span, format!("`{key}` is an empty list")).label("this entry"));
    }
    let mut paths = Vec::new();
    for from in from {
        for to in to {
            let default = [if to.value == Target::Dns { Protocol::Udp } else { Protocol::Http }];
            let protocols = protocols.map_or_else(|| default.to_vec(), |list| values(list));
            for protocol in protocols {
                let payloads = payloads.map_or_else(|| vec![Payload::Small], |list| values(list));
                for payload in payloads {
                    // The word that is to blame for a remote end is the one that says so.
                    let place = if is_remote(from.value) { from.span } else { to.span };
                    paths.push((AccessPath { from: from.value, to: to.value, protocol, payload }, place));
                }
            }
        }
    }
    Ok(paths)
}

fn values<T: Copy>(list: &[At<T>]) -> Vec<T> {
    list.iter().map(|word| word.value).collect()
}

const fn is_remote(from: Vantage) -> bool {
    matches!(from, Vantage::RemoteNode | Vantage::RemotePod)
}

/// Refuses a path that no cluster can have.
fn check(source: &Source, path: AccessPath, place: SourceSpan, nodes: usize) -> Result<(), CatalogError> {
    let AccessPath { from, to, protocol, payload } = path;
    let refuse = |reason: &str, help: &str| {
        Err(source.error(place, format!("the path `{path}` makes no sense: {reason}")).label("this path").advice(help))
    };
    if nodes < 2 && (is_remote(from) || to == Target::RemoteNodePort) {
        return refuse("there is no other node", "set `nodes: 2`, or leave the remote end away");
    }
    match (to, protocol) {
        (Target::Ingress, Protocol::Tcp | Protocol::Udp) => {
            return refuse("an ingress speaks HTTP only", "use `protocol: http`");
        }
        (Target::Dns, Protocol::Http) => return refuse("a DNS server speaks no HTTP", "use `protocol: [udp, tcp]`"),
        (Target::ApiServer, Protocol::Udp) => return refuse("the Kubernetes API is not on UDP", "use `protocol: http`"),
        _ => {}
    }
    if payload == Payload::Large && matches!(to, Target::Dns | Target::ApiServer) {
        return refuse("there is no large body to ask for", "use `payload: small`");
    }
    Ok(())
}

/// What an entry says beside the four words.
struct Rest<'a> {
    entry: &'a PathsFile,
    expect: Expect,
}

impl<'a> Rest<'a> {
    fn of(source: &Source, entry: &'a At<PathsFile>) -> Result<Self, CatalogError> {
        let entry = &entry.value;
        if let Some(repeat) = entry.repeat.as_ref().filter(|repeat| !(1..=MOST_REPEATS).contains(&repeat.value)) {
            let message = format!("`repeat` is {}, expected 1 to {MOST_REPEATS}", repeat.value);
            return Err(source.error(repeat.span, message).label("out of range"));
        }
        if let Some(port) = entry.port.as_ref().filter(|port| port.value == 0) {
            return Err(source.error(port.span, "`port` is 0, expected 1 to 65535").label("out of range"));
        }
        if let Some(http) = entry.http.as_ref() {
            check_request(source, http)?;
        }
        let expect = entry.expect.as_ref().map_or(Ok(Expect::Ok(ExpectedSource::Any)), |file| expect(source, file))?;
        Ok(Self { entry, expect })
    }

    /// Refuses what does not go with the path.
    fn check(&self, source: &Source, path: AccessPath) -> Result<(), CatalogError> {
        if let Some(http) = self.entry.http.as_ref().filter(|_| path.protocol != Protocol::Http) {
            let message = format!("`http` does not go with the path `{path}`, which is not HTTP");
            return Err(source.error(http.span, message).label("not HTTP").advice("give HTTP paths an entry of their own"));
        }
        let no_service = matches!(path.to, Target::Ingress | Target::Dns | Target::ApiServer);
        if let Some(port) = self.entry.port.as_ref().filter(|_| no_service) {
            let message = format!("`port` does not go with the path `{path}`, which is not to the service");
            return Err(source.error(port.span, message).label("not the service's"));
        }
        let sourced = matches!(self.expect, Expect::Ok(ExpectedSource::Preserved | ExpectedSource::Node));
        if let Some(expect) = self.entry.expect.as_ref().filter(|_| sourced && no_service) {
            let message = format!("`source` does not go with the path `{path}`: no backend sees its source");
            return Err(source.error(expect.span, message).label("no backend sees it"));
        }
        Ok(())
    }

    fn spec(&self, path: AccessPath) -> PathSpec {
        PathSpec {
            path,
            http: self.entry.http.as_ref().map_or_else(HttpRequest::default, |http| http.value.clone()),
            port: self.entry.port.as_ref().map(|port| port.value),
            expect: self.expect,
            repeat: self.entry.repeat.as_ref().map_or(1, |repeat| repeat.value),
        }
    }
}

fn check_request(source: &Source, http: &At<HttpRequest>) -> Result<(), CatalogError> {
    let graphic = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
    if !http.path.starts_with('/') || !graphic(&http.path) {
        let message = format!("`{}` is no path of a URL, expected one that starts with `/`", http.path);
        return Err(source.error(http.span, message).label("in here"));
    }
    if let Some(host) = http.host.as_ref().filter(|host| host.is_empty() || !graphic(host) || host.contains('/')) {
        return Err(source.error(http.span, format!("`{host}` is no host name")).label("in here"));
    }
    Ok(())
}

fn expect(source: &Source, file: &At<ExpectFile>) -> Result<Expect, CatalogError> {
    match file.value {
        ExpectFile::Blocked => Ok(Expect::Blocked),
        ExpectFile::Outcome(Outcome::Ok, address) => Ok(Expect::Ok(address)),
        ExpectFile::Outcome(Outcome::Error, _) => {
            let message = "`error` is the lab's own fault and cannot be expected";
            Err(source.error(file.span, message).label("never the network's"))
        }
        ExpectFile::Outcome(outcome, ExpectedSource::Any) => Ok(Expect::Outcome(outcome)),
        ExpectFile::Outcome(outcome, _) => {
            let message = format!("`source` goes with `outcome: ok` only, found `{outcome}`");
            Err(source.error(file.span, message).label("no backend sees it"))
        }
    }
}
