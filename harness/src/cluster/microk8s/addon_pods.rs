//! Waiting for what an addon runs: `microk8s enable` ends before its pods are up, and a remedy may restart them.

use std::time::Duration;

use k8s_openapi::{
    NamespaceResourceScope, Resource,
    api::apps::v1::{DaemonSet, Deployment},
};
use kube::{Api, ResourceExt as _, api::ListParams};
use serde::de::DeserializeOwned;

use super::error::MicroK8sError;
use crate::cluster::kube::{Applied, AppliedObject, KubeApi, KubeError};

/// Waits until the workloads of an addon's namespace are rolled out. That they are not in time is no error: what keeps
/// them from it may be what the scenario is about. Returns whether there are any.
pub(super) async fn wait_for_pods(api: &KubeApi, namespace: &str, limit: Duration) -> Result<bool, MicroK8sError> {
    let mut objects = workloads::<DaemonSet>(api, namespace, "daemonsets").await?;
    objects.extend(workloads::<Deployment>(api, namespace, "deployments").await?);
    let any = !objects.is_empty();
    match api.rolled_out(&Applied { objects }, limit).await {
        Err(KubeError::Machine(error)) => return Err(KubeError::Machine(error).into()),
        Err(error) => tracing::warn!("namespace {namespace}: {error}"),
        Ok(()) => {}
    }
    Ok(any)
}

async fn workloads<K>(api: &KubeApi, namespace: &str, plural: &str) -> Result<Vec<AppliedObject>, MicroK8sError>
where
    K: Resource<Scope = NamespaceResourceScope>
        + kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let (one, all): (Api<K>, _) = (Api::namespaced(api.client().clone(), namespace), ListParams::default());
    let list = api.patiently(format!("list the {plural} of {namespace}"), || one.list(&all)).await?;
    let object = |one: K| AppliedObject {
        api_version: <K as Resource>::API_VERSION.to_owned(),
        kind: <K as Resource>::KIND.to_owned(),
        plural: plural.to_owned(),
        namespace: Some(namespace.to_owned()),
        name: one.name_any(),
        uid: one.uid().unwrap_or_default(),
        own: false,
        file: namespace.into(),
        document: 1,
    };
    Ok(list.items.into_iter().map(object).collect())
}
