//! What of a set of manifests the lab carries out itself where a real API server takes all of it: the rules of Ingresses
//! by a controller of its own, `NetworkPolicies` by rules of its own. All else is the API server's to judge.

use std::sync::Arc;

use super::{
    document::Document,
    error::{ManifestError, ManifestErrors},
    field::Field,
    ingress::Ingress,
    meta::Meta,
    network_policy::NetworkPolicy,
    objects::Objects,
    selector::Labels,
    tree::{Node, Value},
};
use crate::catalog::scenario::Manifest;

/// The version in which the lab reads its kinds.
const VERSION: &str = "networking.k8s.io/v1";

/// Groups that have had these kinds.
const GROUPS: [&str; 2] = ["networking.k8s.io/", "extensions/"];

/// Every object of manifest files, those of a `List` by themselves.
pub fn documents(manifests: &[Manifest]) -> Result<Vec<Arc<Document>>, ManifestErrors> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for manifest in manifests {
        match Document::read(manifest) {
            Ok(documents) => documents.into_iter().for_each(|document| add(&mut all, document)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(ManifestErrors(errors)) }
}

fn add(all: &mut Vec<Arc<Document>>, document: Arc<Document>) {
    match document.root.get("items").map(|items| &items.value) {
        Some(Value::List(items)) if is(&document, "v1", "List") => {
            for root in items {
                add(all, Arc::new(Document { root: root.clone(), ..(*document).clone() }));
            }
        }
        _ => all.push(document),
    }
}

/// The Namespaces, Ingresses and `NetworkPolicies` of objects. The first error of each is reported.
pub fn lab_part(documents: &[Arc<Document>]) -> Result<Objects, ManifestErrors> {
    let (mut objects, mut errors) = (Objects::default(), Vec::new());
    for document in documents {
        errors.extend(read(document, &mut objects).err());
    }
    if errors.is_empty() { Ok(objects) } else { Err(ManifestErrors(errors)) }
}

fn read(document: &Arc<Document>, objects: &mut Objects) -> Result<(), ManifestError> {
    if is(document, "v1", "Namespace") {
        objects.namespaces.push(namespace(document));
    } else if is_of_the_lab(document, "Ingress")? {
        objects.ingresses.push(Ingress::read(document)?);
    } else if is_of_the_lab(document, "NetworkPolicy")? {
        objects.network_policies.push(NetworkPolicy::read(document)?);
    }
    Ok(())
}

fn text<'a>(document: &'a Document, key: &str) -> &'a str {
    document.root.get(key).and_then(Node::text).unwrap_or_default()
}

fn is(document: &Document, version: &str, kind: &str) -> bool {
    text(document, "apiVersion") == version && text(document, "kind") == kind
}

fn is_of_the_lab(document: &Document, kind: &str) -> Result<bool, ManifestError> {
    let version = text(document, "apiVersion");
    if text(document, "kind") != kind || !GROUPS.iter().any(|group| version.starts_with(group)) {
        return Ok(false);
    }
    if version == VERSION {
        return Ok(true);
    }
    let message = format!("the lab carries out {kind} of `{VERSION}` only, not of `{version}`");
    Err(document.error(&Field::keys("apiVersion"), message))
}

/// What a policy may ask of a namespace.
fn namespace(document: &Document) -> Meta {
    let metadata = document.root.get("metadata");
    let name = metadata.and_then(|metadata| metadata.get("name")?.text()).unwrap_or_default().to_owned();
    let labels = match metadata.and_then(|metadata| metadata.get("labels")).map(|labels| &labels.value) {
        Some(Value::Map(entries)) => {
            entries.iter().filter_map(|(key, value)| Some((key.name.clone(), value.text()?.to_owned()))).collect()
        }
        _ => Labels::new(),
    };
    Meta { name, labels, ..Meta::default() }
}

#[cfg(test)]
mod tests {
    use super::{documents, lab_part};
    use crate::catalog::scenario::Manifest;

    fn read(text: &str) -> Result<Vec<usize>, String> {
        let manifest = Manifest { path: "a.yaml".into(), text: text.into(), sha256: String::new() };
        let objects = documents(&[manifest]).and_then(|all| lab_part(&all)).map_err(|error| error.to_string())?;
        Ok(vec![objects.namespaces.len(), objects.ingresses.len(), objects.network_policies.len()])
    }

    const INGRESS: &str = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, \
        spec: {defaultBackend: {service: {name: a, port: {number: 80}}}}}";

    #[test]
    fn what_the_api_server_knows_is_not_asked_about() {
        let unknown = "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\nspec: {colour: red}\n---\n\
            apiVersion: v1\nkind: Namespace\nmetadata: {name: b, labels: {role: front}}\nspec: {finalizers: [a]}\n---\n\
            apiVersion: traefik.io/v1\nkind: Ingress\nmetadata: {name: a}\n";
        assert_eq!(read(unknown), Ok(vec![1, 0, 0]));
    }

    #[test]
    fn items_of_a_list_count() {
        assert_eq!(read(&format!("apiVersion: v1\nkind: List\nitems: [{INGRESS}]\n")), Ok(vec![0, 1, 0]));
    }

    #[test]
    fn what_the_lab_cannot_carry_out_is_refused_at_its_place() {
        for (text, message) in [
            (
                INGRESS.replace("spec: {", "spec: {tls: [], "),
                "spec.tls: not implemented by the lab's ingress controller",
            ),
            (INGRESS.replace("k8s.io/v1,", "k8s.io/v1beta1,"), "of `networking.k8s.io/v1` only"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.starts_with("a.yaml:1:") && error.contains(message), "{error}");
        }
    }
}
