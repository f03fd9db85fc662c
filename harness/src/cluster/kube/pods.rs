//! The pods of a namespace, and whose they are.

use std::collections::BTreeMap;

use k8s_openapi::{api::apps::v1::ReplicaSet, api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Api, api::ListParams};

use super::{api::KubeApi, applied::AppliedObject, error::KubeError};

/// The pods of a namespace.
pub(super) struct Pods {
    pub(super) all: Vec<Pod>,
    /// Owners of the `ReplicaSets`, by the sets' ids.
    sets: BTreeMap<String, String>,
}

impl KubeApi {
    /// The pods of a namespace, with their owners.
    pub(super) async fn pods(&self, namespace: &str) -> Result<Pods, KubeError> {
        let (pods, sets): (Api<Pod>, Api<ReplicaSet>) =
            (Api::namespaced(self.client.clone(), namespace), Api::namespaced(self.client.clone(), namespace));
        let params = ListParams::default();
        let all = self.patiently(format!("list the pods of namespace {namespace}"), || pods.list(&params)).await?.items;
        let what = format!("list the ReplicaSets of namespace {namespace}");
        let sets = self.patiently(what, || sets.list(&params)).await?.items;
        let owned = sets.into_iter().filter_map(|set| {
            let owner = controller(set.metadata.owner_references.as_deref()?)?;
            Some((set.metadata.uid?, owner.uid.clone()))
        });
        Ok(Pods { all, sets: owned.collect() })
    }
}

impl Pods {
    /// The pods of an applied object: itself, or those that its controllers made.
    pub(super) fn of<'a>(&'a self, object: &'a AppliedObject) -> impl Iterator<Item = &'a Pod> {
        self.all.iter().filter(move |pod| self.is_of(pod, object))
    }

    /// Whether a pod is the object's.
    pub(super) fn is_of(&self, pod: &Pod, object: &AppliedObject) -> bool {
        if pod.metadata.namespace != object.namespace {
            return false;
        }
        if pod.metadata.uid.as_deref() == Some(&object.uid) {
            return true;
        }
        let Some(owner) = pod.metadata.owner_references.as_deref().and_then(controller) else { return false };
        owner.uid == object.uid || self.sets.get(&owner.uid).is_some_and(|uid| *uid == object.uid)
    }
}

fn controller(owners: &[OwnerReference]) -> Option<&OwnerReference> {
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// Whether the pod says that it is ready.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
