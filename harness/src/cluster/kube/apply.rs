//! Server-side apply of the manifests' own bytes.

use std::{collections::BTreeSet, time::Duration};

use kube::{
    Api,
    core::{DynamicObject, Status},
};
use tokio::time::{sleep, timeout};

use super::{
    api::{KubeApi, PAUSE},
    applied::{Applied, AppliedObject},
    document::{self, Object},
    error::{KubeError, said},
    kinds::Kind,
    patience::{Patience, may_pass, unanswered},
    protocol,
};
use crate::{
    catalog::scenario::Manifest,
    cluster::manifest::{ManifestError, ManifestErrors},
};

/// The name under which fields are applied.
pub const FIELD_MANAGER: &str = "pathlab";

/// How long an answer that time may mend is asked for again.
const MENDING: Duration = Duration::from_secs(20);

/// Namespace of objects that say none.
const DEFAULT_NAMESPACE: &str = "default";

/// What the server says of fields that it does not know.
const NOT_IN_SCHEMA: &str = "failed to create typed patch";

/// Managers that belong to Kubernetes itself and write into every object.
const COMPONENTS: [&str; 7] = [
    "kube-controller-manager",
    "kube-scheduler",
    "kube-apiserver",
    "kubelet",
    "kubelite",
    "cloud-controller-manager",
    "calico-node",
];

impl KubeApi {
    /// Applies manifests: namespaces first, then definitions of kinds, then the rest in the order of the files.
    ///
    /// What is done is noted in `applied` as it is done, so that it can be deleted after an error, too. An object that
    /// is not the lab's stays its owner's: a field that it has otherwise is an error.
    pub async fn apply(&self, manifests: &[Manifest], applied: &mut Applied) -> Result<(), KubeError> {
        let objects = in_order(manifests)?;
        let defined: BTreeSet<&str> = objects.iter().filter_map(defined_kind).collect();
        for object in &objects {
            let done = self.apply_one(object, &defined).await?;
            tracing::debug!(object = %done, own = done.own, "applied");
            applied.objects.push(done);
        }
        Ok(())
    }

    /// `defined` are the kinds that these manifests define.
    async fn apply_one(&self, object: &Object, defined: &BTreeSet<&str>) -> Result<AppliedObject, KubeError> {
        let mut patience = Patience::of(MENDING);
        loop {
            let error = match self.try_apply(object).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let may_pass = match &error {
                Refused::NoKind => defined.contains(object.kind.as_str()),
                other => mends(other),
            };
            if patience.is_over() || !may_pass {
                return Err(self.refused(object, error).await);
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_apply(&self, object: &Object) -> Result<AppliedObject, Refused> {
        let kind = self.kind(&object.api_version, &object.kind).await?.ok_or(Refused::NoKind)?;
        let namespace = kind.namespaced.then(|| object.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE));
        let api = self.dynamic(&kind, namespace);
        let before = self.answered(object, api.get_opt(&object.name)).await?;
        let uri = format!("{}/{}?fieldManager={FIELD_MANAGER}", api.resource_url(), object.name);
        let now = match self.answered(object, self.send(&uri, object.body.clone())).await {
            Err(Refused::Server(kube::Error::Api(status))) if lacks_protocol(&status) => {
                let completed = protocol::completed(&object.value).to_string().into_bytes();
                self.answered(object, self.send(&uri, completed)).await?
            }
            answer => answer?,
        };
        Ok(AppliedObject {
            api_version: object.api_version.clone(),
            kind: object.kind.clone(),
            plural: kind.resource.plural.clone(),
            namespace: namespace.map(str::to_owned),
            name: object.name.clone(),
            uid: now.metadata.uid.unwrap_or_default(),
            own: before.is_none_or(|before| is_own(&before)),
            file: object.origin.file().clone(),
            document: object.origin.number(),
        })
    }

    /// One answer in its time.
    async fn answered<T>(
        &self,
        object: &Object,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Refused> {
        match timeout(self.answer, request).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(unanswered(format!("apply {} {}", object.kind, object.name), self.answer).into()),
        }
    }

    async fn send(&self, uri: &str, body: Vec<u8>) -> Result<DynamicObject, kube::Error> {
        let request = http::Request::patch(uri)
            .header(http::header::CONTENT_TYPE, "application/apply-patch+yaml")
            .header(http::header::ACCEPT, "application/json")
            .body(body)
            .map_err(kube::Error::HttpError)?;
        self.client.request(request).await
    }

    /// All objects of a kind, in a namespace where it has them.
    pub(super) fn dynamic(&self, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &kind.resource),
            None => Api::all_with(self.client.clone(), &kind.resource),
        }
    }

    /// What the server said, at the place of the document or, where the server names one, of the field.
    async fn refused(&self, object: &Object, refused: Refused) -> KubeError {
        let Object { origin, api_version, kind, name, .. } = object;
        let errors = match refused {
            Refused::NoKind => vec![origin.error(self.absent(api_version, kind).await)],
            Refused::Other(error) => return error,
            Refused::Server(error) => {
                let message = format!("the API server ({}) refused {kind} {name}: {}", self.version(), said(&error));
                let field = match &error {
                    kube::Error::Api(status) => field_of(status),
                    _ => None,
                };
                vec![field.map_or_else(|| origin.error(&message), |field| origin.field_error(field, &message))]
            }
        };
        KubeError::Manifest(ManifestErrors(errors))
    }
}

/// Why one object was not applied.
enum Refused {
    NoKind,
    Server(kube::Error),
    Other(KubeError),
}

impl From<kube::Error> for Refused {
    fn from(error: kube::Error) -> Self {
        Self::Server(error)
    }
}

impl From<KubeError> for Refused {
    fn from(error: KubeError) -> Self {
        Self::Other(error)
    }
}

/// All objects, in the order of applying; every file that cannot be read is reported.
pub(super) fn in_order(manifests: &[Manifest]) -> Result<Vec<Object>, ManifestErrors> {
    let (mut objects, mut errors): (Vec<Object>, Vec<ManifestError>) = (Vec::new(), Vec::new());
    for manifest in manifests {
        match document::objects(manifest) {
            Ok(found) => objects.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(ManifestErrors(errors));
    }
    objects.sort_by_key(|object| match object.kind.as_str() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        _ => 2,
    });
    Ok(objects)
}

/// The kind that an object defines. The server has it a moment later.
fn defined_kind(object: &Object) -> Option<&str> {
    if object.kind != "CustomResourceDefinition" {
        return None;
    }
    object.value.pointer("/spec/names/kind")?.as_str()
}

/// Whether asking again may help: the server is busy or starts, a service account is still being made.
fn mends(refused: &Refused) -> bool {
    match refused {
        Refused::NoKind | Refused::Other(_) => false,
        Refused::Server(error @ kube::Error::Api(status)) => match status.code {
            // What does not fit the server's schema never will.
            500 => !status.message.contains(NOT_IN_SCHEMA),
            // The namespace is new, and its controller has not made the account yet.
            403 => status.message.contains("serviceaccount"),
            409 => !has_cause(status, "FieldManagerConflict"),
            _ => may_pass(error),
        },
        Refused::Server(error) => may_pass(error),
    }
}

/// Whether the server does not know the default of a list's key (see [`protocol`]).
fn lacks_protocol(status: &Status) -> bool {
    status.message.contains("omits key field \"protocol\"")
}

fn has_cause(status: &Status, reason: &str) -> bool {
    status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason)
}

/// The first field that the server names: as the field of a cause, else in its message.
fn field_of(status: &Status) -> Option<&str> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let named = causes.map(|cause| cause.field.as_str()).find(|field| !field.is_empty());
    let in_message = || {
        let parts = status.message.contains(NOT_IN_SCHEMA).then(|| status.message.split(": "));
        parts.into_iter().flatten().find(|part| part.starts_with('.'))
    };
    named.or_else(in_message).map(|field| field.trim_start_matches('.'))
}

/// Whether an object that was there already is the lab's: an earlier run applied it, and nobody else but Kubernetes
/// itself has written into it.
fn is_own(object: &DynamicObject) -> bool {
    let managers = object.metadata.managed_fields.as_deref().unwrap_or_default();
    let named = |name: &str| managers.iter().any(|entry| entry.manager.as_deref() == Some(name));
    named(FIELD_MANAGER)
        && managers.iter().all(|entry| {
            let manager = entry.manager.as_deref().unwrap_or_default();
            manager == FIELD_MANAGER || COMPONENTS.contains(&manager) || entry.subresource.is_some()
        })
}

#[cfg(test)]
mod tests {
    use kube::core::{DynamicObject, Status};
    use serde_json::json;

    use super::{Refused, field_of, in_order, is_own, mends};
    use crate::catalog::scenario::Manifest;

    #[test]
    fn namespaces_come_first_and_the_rest_stays_in_order() {
        let object =
            |kind: &str, name: &str| format!("---\n{{apiVersion: v1, kind: {kind}, metadata: {{name: {name}}}}}\n");
        let file = |text: String| Manifest { path: "a.yaml".into(), text: text.into(), sha256: String::new() };
        let first = file(object("Pod", "web") + &object("CustomResourceDefinition", "shops"));
        let second = file(object("Namespace", "shop") + &object("Pod", "app"));
        let objects = in_order(&[first, second]).expect("sound");
        let names: Vec<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        assert_eq!(names, ["shop", "shops", "web", "app"]);
    }

    #[test]
    fn only_what_time_may_mend_is_asked_again() {
        let api = |code: u16, message: &str, cause: &str| {
            let causes = json!([{"reason": cause, "field": ".spec"}]);
            let status = json!({"code": code, "message": message, "details": {"causes": causes}});
            let status: Status = serde_json::from_value(status).expect("a status");
            mends(&Refused::Server(kube::Error::Api(status.boxed())))
        };
        assert!(api(503, "", "") && api(500, "", "") && api(409, "the object has been modified", ""));
        assert!(api(403, "error looking up service account a/default: serviceaccount \"default\" not found", ""));
        assert!(!api(403, "pods is forbidden", "") && !api(422, "", "") && !api(404, "", ""));
        assert!(!api(409, "Apply failed with 1 conflict", "FieldManagerConflict"));
        assert!(!mends(&Refused::NoKind));
        let unknown = "failed to create typed patch object: .spec.colour: field not declared in schema";
        assert!(!api(500, unknown, ""));
    }

    #[test]
    fn fields_are_found_in_causes_and_messages() {
        let field = |status: &serde_json::Value| {
            let status: Status = serde_json::from_value(status.clone()).expect("a status");
            field_of(&status).map(str::to_owned)
        };
        let cause =
            json!({"message": "m", "details": {"causes": [{"message": "other"}, {"field": "spec.ports[0].nodePort"}]}});
        assert_eq!(field(&cause).as_deref(), Some("spec.ports[0].nodePort"));
        for object in ["object", "object (default/a; /v1, Kind=Service)"] {
            let message = format!("failed to create typed patch {object}: .spec.colour: field not declared in schema");
            assert_eq!(field(&json!({"message": message})).as_deref(), Some("spec.colour"));
        }
        assert_eq!(field(&json!({"message": "namespaces: .not a field"})), None);
    }

    #[test]
    fn what_others_wrote_is_not_the_labs() {
        let own = |managers: &[(&str, Option<&str>)]| {
            let entry =
                |(name, sub): &(&str, Option<&str>)| json!({"manager": name, "operation": "Apply", "subresource": sub});
            let fields: Vec<_> = managers.iter().map(entry).collect();
            let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "managedFields": fields}});
            let object: DynamicObject = serde_json::from_value(object).expect("an object");
            is_own(&object)
        };
        assert!(own(&[("pathlab", None)]));
        assert!(own(&[("pathlab", None), ("kube-controller-manager", None), ("metallb", Some("status"))]));
        assert!(!own(&[("pathlab", None), ("kubectl-client-side-apply", None)]));
        assert!(!own(&[("kube-controller-manager", None)]) && !own(&[]));
    }
}
