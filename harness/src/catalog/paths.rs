//! From the entries of `paths:` to the access paths: every combination once, none without sense.

use std::collections::HashMap;

use miette::SourceSpan;

use super::{
    at::At,
    expect_file::ExpectFile,
    many::{Many, Vocabulary},
    problem::CatalogError,
    scenario::{Expect, ExpectedSource, HttpRequest, PathSpec},
    scenario_file::PathsFile,
    source::Source,
};
use crate::model::{AccessPath, IpFamily, Outcome, Payload, Protocol, Target, Vantage};

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
                return Err(source
                    .error(place, message)
                    .label("the second time")
                    .advice("each path is one case: remove one"));
            }
            specs.push(rest.spec(path, place));
        }
    }
    if specs.is_empty() {
        return Err(source.error(entries.span, "there are no paths, expected at least one").label("empty"));
    }
    Ok(specs)
}

/// Every combination of the entry's words, each with the place that is to blame for it.
fn combinations(source: &Source, entry: &At<PathsFile>) -> Result<Vec<(AccessPath, SourceSpan)>, CatalogError> {
    let from = words(source, entry, "from", &entry.from)?;
    let to = words(source, entry, "to", &entry.to)?;
    let protocols = entry.protocol.as_ref().map(|many| words(source, entry, "protocol", many)).transpose()?;
    let payloads = entry.payload.as_ref().map(|many| words(source, entry, "payload", many)).transpose()?;
    let families = entry.family.as_ref().map(|many| words(source, entry, "family", many)).transpose()?;
    let mut paths = Vec::new();
    for &(from, from_place) in &from {
        for &(to, to_place) in &to {
            // The word that is to blame for a remote end is the one that says so.
            let place = if is_remote(from) { from_place } else { to_place };
            let default = if to == Target::Dns { Protocol::Udp } else { Protocol::Http };
            for &(protocol, _) in protocols.as_deref().unwrap_or(&[(default, place)]) {
                for &(payload, _) in payloads.as_deref().unwrap_or(&[(Payload::Small, place)]) {
                    for &(family, _) in families.as_deref().unwrap_or(&[(IpFamily::Ipv4, place)]) {
                        paths.push((AccessPath { from, to, protocol, payload, family }, place));
                    }
                }
            }
        }
    }
    Ok(paths)
}

/// What the words of a key mean; at least one.
fn words<T: Vocabulary>(
    source: &Source,
    entry: &At<PathsFile>,
    key: &str,
    many: &Many<T>,
) -> Result<Vec<(T, SourceSpan)>, CatalogError> {
    if many.words.is_empty() {
        return Err(source.error(entry.span, format!("`{key}` is an empty list")).label("this entry"));
    }
    many.read(source)
}

const fn is_remote(from: Vantage) -> bool {
    matches!(from, Vantage::RemoteNode | Vantage::RemotePod)
}

/// Refuses a path that no cluster can have.
fn check(source: &Source, path: AccessPath, place: SourceSpan, nodes: usize) -> Result<(), CatalogError> {
    let AccessPath { from, to, protocol, payload, .. } = path;
    let refuse = |reason: &str, help: &str| {
        Err(source.error(place, format!("the path `{path}` makes no sense: {reason}")).label("this path").advice(help))
    };
    if nodes < 2 && (is_remote(from) || to == Target::RemoteNodePort) {
        return refuse("there is no other node", "set `nodes: 2`, or leave the remote end away");
    }
    if to == Target::ServiceDns && matches!(from, Vantage::Node | Vantage::RemoteNode | Vantage::Outside) {
        return refuse(
            "a host does not ask the cluster's DNS",
            "ask from a pod, or aim at `dns`: that is the DNS itself, by its address",
        );
    }
    match (to, protocol) {
        (Target::Ingress, Protocol::Tcp | Protocol::Udp) => {
            return refuse("an ingress speaks HTTP only", "use `protocol: http`");
        }
        (Target::Dns, Protocol::Http) => return refuse("a DNS server speaks no HTTP", "use `protocol: [udp, tcp]`"),
        (Target::ApiServer, Protocol::Udp) => {
            return refuse("the Kubernetes API is not on UDP", "use `protocol: http`");
        }
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
            return Err(source
                .error(http.span, message)
                .label("not HTTP")
                .advice("give HTTP paths an entry of their own"));
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

    fn spec(&self, path: AccessPath, place: SourceSpan) -> PathSpec {
        PathSpec {
            path,
            http: self.entry.http.as_ref().map_or_else(HttpRequest::default, |http| http.value.clone()),
            port: self.entry.port.as_ref().map(|port| port.value),
            expect: self.expect,
            repeat: self.entry.repeat.as_ref().map_or(1, |repeat| repeat.value),
            place,
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
    let (word, place, address) = match &file.value {
        ExpectFile::Word(word) => (word, file.span, None),
        ExpectFile::Map(word, address) => (&word.value, word.span, address.as_ref()),
    };
    let expected = match word.parse::<Outcome>() {
        _ if word == "blocked" => Expect::Blocked,
        Ok(Outcome::Ok) => return Ok(Expect::Ok(address.map_or(ExpectedSource::Any, |address| address.value))),
        Ok(Outcome::Error) => {
            let message = "`error` is the lab's own fault and cannot be expected";
            return Err(source.error(place, message).label("never the network's"));
        }
        Ok(outcome) => Expect::Outcome(outcome),
        Err(unknown) => {
            let message = unknown.to_string().replacen("expected ok,", "expected blocked, ok,", 1);
            return Err(source.error(place, message).label("no outcome"));
        }
    };
    match address.filter(|address| address.value != ExpectedSource::Any) {
        None => Ok(expected),
        Some(address) => {
            let message = format!("`source` goes with `outcome: ok` only, found `outcome: {expected}`");
            Err(source.error(address.span, message).label("no backend sees it"))
        }
    }
}
