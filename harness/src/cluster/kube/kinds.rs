//! Which kinds the server has, as it says itself.

use std::{collections::BTreeMap, sync::Mutex};

use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery::{self, Scope},
};

use super::{
    api::KubeApi,
    error::{KubeError, is_absent},
};

/// A kind of the server.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
}

impl KubeApi {
    /// A kind by its API version (`apps/v1`) and name; none when the server does not serve it.
    pub(super) async fn kind(&self, api_version: &str, kind: &str) -> Result<Option<Kind>, KubeError> {
        let what = format!("ask for the kinds of {api_version}");
        self.patiently(what, || self.kinds.find(api_version, kind)).await
    }

    /// The first of several API versions in which the server has a kind.
    pub(super) async fn first_kind(&self, api_versions: &[&str], kind: &str) -> Result<Option<Kind>, KubeError> {
        for api_version in api_versions {
            if let Some(found) = self.kind(api_version, kind).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Why a kind is not there: what the server has instead.
    pub(super) async fn absent(&self, api_version: &str, kind: &str) -> String {
        let what = format!("ask for the versions of {api_version}");
        let instead = self.patiently(what, || self.kinds.elsewhere(api_version, kind)).await;
        let instead = match instead.as_deref() {
            Ok([]) => ", nor of another version".to_owned(),
            Ok(versions) => format!("; it has it as {}", versions.join(", ")),
            Err(_) => String::new(),
        };
        format!("the API server ({}) has no {kind} of {api_version}{instead}", self.version)
    }
}

/// The kinds that were asked for so far.
pub(super) struct Kinds {
    client: Client,
    known: Mutex<BTreeMap<(String, String), Kind>>,
}

impl Kinds {
    pub(super) const fn new(client: Client) -> Self {
        Self { client, known: Mutex::new(BTreeMap::new()) }
    }

    async fn find(&self, api_version: &str, kind: &str) -> Result<Option<Kind>, kube::Error> {
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = self.known.lock().expect("no holder panics").get(&key) {
            return Ok(Some(known.clone()));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let found = match discovery::pinned_kind(&self.client, &gvk).await {
            Ok((resource, capabilities)) => Kind { resource, namespaced: capabilities.scope == Scope::Namespaced },
            Err(kube::Error::Discovery(_)) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.known.lock().expect("no holder panics").insert(key, found.clone());
        Ok(Some(found))
    }

    /// The other versions of a kind's group in which the server has it.
    async fn elsewhere(&self, api_version: &str, kind: &str) -> Result<Vec<String>, kube::Error> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let found = match discovery::group(&self.client, group).await {
            Ok(found) => found,
            Err(kube::Error::Discovery(_)) => return Ok(Vec::new()),
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let has = |version: &&str| found.versioned_resources(version).iter().any(|(resource, _)| resource.kind == kind);
        let named = |version: &str| if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        Ok(found.versions().filter(has).map(named).collect())
    }
}
