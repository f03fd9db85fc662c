//! The documents of a manifest file, each with its own bytes.

use camino::Utf8PathBuf;
use serde_json::Value;

use crate::{
    catalog::scenario::Manifest,
    cluster::manifest::{Document, Field, ManifestError, Place},
};

/// One object of a manifest file, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// Where it comes from.
    pub(super) origin: Origin,
    /// What is sent: the document's own bytes; JSON for an item of a `List`.
    pub(super) body: Vec<u8>,
    /// The same, parsed.
    pub(super) value: Value,
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// None where the document says none.
    pub(super) namespace: Option<String>,
}

/// The place of a document.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    manifest: Manifest,
    /// Counted from 1; empty documents do not count.
    number: usize,
    place: Place,
}

impl Origin {
    /// An error about the document.
    pub(super) fn error(&self, message: impl Into<String>) -> ManifestError {
        let Manifest { path, text, .. } = &self.manifest;
        ManifestError::new(path, text, Some(self.number), Field::root(), self.place.clone(), message)
    }

    /// An error about a field of the document, at its place if the document has it; `path` as the API server writes
    /// it: `spec.ports[0].nodePort`.
    pub(super) fn field_error(&self, path: &str, message: impl Into<String>) -> ManifestError {
        let parsed = Document::read(&self.manifest).ok();
        let document = parsed.and_then(|all| all.into_iter().find(|document| document.number == self.number));
        match (document, field(path)) {
            (Some(document), Some(field)) => document.error(&field, message),
            _ => self.error(message),
        }
    }

    /// The file, relative to the scenario's folder.
    pub(super) const fn file(&self) -> &Utf8PathBuf {
        &self.manifest.path
    }

    /// Which document of the file.
    pub(super) const fn number(&self) -> usize {
        self.number
    }
}

/// A field's path as the API server writes it; none when it holds what no path of a document does.
fn field(path: &str) -> Option<Field> {
    let mut field = Field::root();
    for step in path.split('.') {
        let (name, indices) = step.split_once('[').unwrap_or((step, ""));
        if name.is_empty() {
            return None;
        }
        field = field.key(name);
        for index in indices.split('[').filter(|index| !index.is_empty()) {
            field = field.index(index.strip_suffix(']')?.parse().ok()?);
        }
    }
    Some(field)
}

/// The objects of a file, in order.
pub(super) fn objects(manifest: &Manifest) -> Result<Vec<Object>, ManifestError> {
    let mut objects = Vec::new();
    let mut number = 0;
    for chunk in chunks(&manifest.text) {
        let origin = |number| Origin { manifest: manifest.clone(), number, place: chunk.place.clone() };
        let parsed: Vec<Value> = serde_yaml::from_multiple(chunk.text).map_err(|error| {
            // With the whole file before it, the place is right.
            let read = Document::read(manifest).err();
            read.unwrap_or_else(|| origin(number + 1).error(error.without_snippet().to_string()))
        })?;
        for value in parsed.into_iter().filter(|value| !value.is_null()) {
            number += 1;
            add(&mut objects, &origin(number), &value, chunk.text.as_bytes())?;
        }
    }
    if objects.is_empty() {
        let origin = Origin { manifest: manifest.clone(), number: 1, place: Place::START };
        return Err(origin.error("the file holds no document"));
    }
    Ok(objects)
}

fn add(objects: &mut Vec<Object>, origin: &Origin, value: &Value, body: &[u8]) -> Result<(), ManifestError> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let need = |pointer: &str, name: &str| {
        text(pointer).map(str::to_owned).ok_or_else(|| origin.error(format!("the document has no `{name}`")))
    };
    let (api_version, kind) = (need("/apiVersion", "apiVersion")?, need("/kind", "kind")?);
    if let (Some(items), "v1", "List") = (value.get("items").and_then(Value::as_array), &*api_version, &*kind) {
        return items.iter().try_for_each(|item| add(objects, origin, item, item.to_string().as_bytes()));
    }
    if text("/metadata/name").is_none() && text("/metadata/generateName").is_some() {
        return Err(origin.error("an object is applied by its name: `metadata.generateName` gives it none"));
    }
    let name = need("/metadata/name", "metadata.name")?;
    let namespace = text("/metadata/namespace").map(str::to_owned);
    let (origin, body, value) = (origin.clone(), body.to_vec(), value.clone());
    objects.push(Object { origin, body, value, api_version, kind, name, namespace });
    Ok(())
}

/// A part of a file that holds one document, or nothing.
struct Chunk<'a> {
    text: &'a str,
    place: Place,
}

/// Splits where YAML does: a line that begins with `---` or `...` is a marker even in the midst of a block of text.
fn chunks(text: &str) -> Vec<Chunk<'_>> {
    let mut starts = vec![(0, 1)];
    let mut offset = 0;
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        let marker = |marker: &str| {
            content
                .strip_prefix(marker)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
        };
        if marker("---") {
            starts.push((offset, line));
        } else if marker("...") {
            starts.push((offset + content.len(), line + 1));
        }
        offset += content.len();
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let chunk = |((start, line), end): (&(usize, usize), usize)| {
        let text = &text[*start..end];
        // The place to point at is the first line that says something.
        let quiet = |line: &&str| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---"
        };
        let skipped: Vec<&str> = text.split_inclusive('\n').take_while(quiet).collect();
        let at = start + skipped.iter().map(|line| line.len()).sum::<usize>();
        let place = Place { line: line + skipped.len(), column: 1, bytes: at..at };
        Chunk { text, place }
    };
    starts.iter().zip(ends).map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::{field, objects};
    use crate::catalog::scenario::Manifest;

    fn manifest(text: &str) -> Manifest {
        Manifest { path: "a.yaml".into(), text: text.into(), sha256: String::new() }
    }

    fn shown(text: &str) -> Vec<String> {
        let found = objects(&manifest(text)).expect("sound");
        let show = |object: &super::Object| {
            let namespace = object.namespace.as_deref().unwrap_or("-");
            format!("{} {} {namespace}/{}", object.origin.number(), object.kind, object.name)
        };
        found.iter().map(show).collect()
    }

    #[test]
    fn documents_are_split_where_yaml_splits_them() {
        let text = "# a comment\n---\nkind: A\napiVersion: v1\nmetadata: {name: a}\n--- # next\n\n---\napiVersion: v1\n\
                    kind: ConfigMap\nmetadata: {name: b, namespace: ns}\ndata:\n  text: |\n    ---\n    ----\n...\n---\n\
                    {apiVersion: v1, kind: C, metadata: {name: c}}\n---\n# the end\n";
        assert_eq!(shown(text), ["1 A -/a", "2 ConfigMap ns/b", "3 C -/c"]);
        let bytes = objects(&manifest(text)).expect("sound").remove(1).body;
        let own = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: ns}\ndata:\n  text: |\n    ---\n    \
                   ----\n...\n";
        assert_eq!(String::from_utf8(bytes).expect("UTF-8"), own);
    }

    #[test]
    fn items_of_a_list_are_objects_of_their_own() {
        let text = "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: A, metadata: {name: a}}\n  - \
                    {apiVersion: v1, kind: B, metadata: {name: b}}\n";
        assert_eq!(shown(text), ["1 A -/a", "1 B -/b"]);
    }

    #[test]
    fn what_cannot_be_applied_is_said_with_its_place() {
        let sound = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n";
        for (text, message) in [
            ("kind: A\n", "a.yaml:5:1: document 2: the document has no `apiVersion`"),
            ("\n# here\nkind: A\napiVersion: v1\n", "a.yaml:7:1: document 2: the document has no `metadata.name`"),
            ("apiVersion: v1\nkind: A\nmetadata: {generateName: a}\n", "an object is applied by its name"),
            ("apiVersion: [\n", "a.yaml:"),
        ] {
            let error = objects(&manifest(&format!("{sound}{text}"))).expect_err(text).to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(objects(&manifest("# nothing\n")).expect_err("empty").to_string().contains("no document"));
    }

    #[test]
    fn paths_of_the_server_are_fields() {
        assert_eq!(field("spec.ports[0].nodePort").expect("a path").to_string(), "spec.ports[0].nodePort");
        for path in ["", "spec..a", "metadata.labels[a/b]"] {
            assert_eq!(field(path), None, "{path}");
        }
    }
}
