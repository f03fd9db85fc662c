//! Which kinds the server has, as it says itself.

use std::{collections::BTreeMap, sync::Mutex};

use kube::{
    Client,
    core::{ApiResource, GroupVersionKind},
    discovery::{self, Scope},
};

use super::{
    api::{KubeApi, ServerVersion},
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
}

/// The kinds that were asked for so far.
pub(super) struct Kinds {
    client: Client,
    version: ServerVersion,
    known: Mutex<BTreeMap<(String, String), Kind>>,
}

impl Kinds {
    pub(super) const fn new(client: Client, version: ServerVersion) -> Self {
        Self { client, version, known: Mutex::new(BTreeMap::new()) }
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

    /// Why a kind is not there: what the server has instead.
    pub(super) async fn absent(&self, api_version: &str, kind: &str) -> String {
        let server = &self.version;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let mut instead = Vec::new();
        if let Ok(found) = discovery::group(&self.client, group).await {
            for version in found.versions() {
                let has = found.versioned_resources(version).into_iter().any(|(resource, _)| resource.kind == kind);
                if has {
                    instead.push(if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") });
                }
            }
        }
        if instead.is_empty() {
            return format!("the API server ({server}) has no {kind} of {api_version}, nor of another version");
        }
        format!("the API server ({server}) has no {kind} of {api_version}; it has it as {}", instead.join(", "))
    }
}
