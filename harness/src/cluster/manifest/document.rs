//! One document of a manifest file.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::{
    error::ManifestError,
    field::{Field, Segment},
    tree::{Node, Place, Value},
};
use crate::catalog::scenario::Manifest;

/// One document of a manifest file, not yet typed.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file, relative to the scenario's folder.
    pub file: Utf8PathBuf,
    /// The file's text.
    pub text: Arc<str>,
    /// Which document of the file, counted from 1; empty documents do not count.
    pub number: usize,
    /// Its content.
    pub root: Node,
}

impl Document {
    /// The documents of a file. An empty file is an error: it deploys nothing.
    pub fn read(manifest: &Manifest) -> Result<Vec<Arc<Self>>, ManifestError> {
        let roots: Vec<Node> =
            serde_yaml::from_multiple(&manifest.text).map_err(|error| yaml_error(manifest, &error))?;
        if roots.is_empty() {
            return Err(file_error(manifest, Place::START, "the file holds no document"));
        }
        let documents = roots.into_iter().enumerate().map(|(index, root)| {
            let (file, text) = (manifest.path.clone(), Arc::clone(&manifest.text));
            Arc::new(Self { file, text, number: index + 1, root })
        });
        Ok(documents.collect())
    }

    /// An error about a field's value; where the field is absent, it points at the nearest parent.
    pub fn error(&self, field: &Field, message: impl Into<String>) -> ManifestError {
        self.error_at(field, self.place(field, false), message)
    }

    /// An error about a field's key: the field should not be there.
    pub fn key_error(&self, field: &Field, message: impl Into<String>) -> ManifestError {
        self.error_at(field, self.place(field, true), message)
    }

    /// An error about a field at a place that is already known.
    pub fn error_at(&self, field: &Field, place: Place, message: impl Into<String>) -> ManifestError {
        ManifestError::new(&self.file, &self.text, Some(self.number), field.clone(), place, message)
    }

    fn place(&self, field: &Field, of_key: bool) -> Place {
        let (mut node, mut place) = (&self.root, self.root.place.clone());
        for segment in field.segments() {
            let found = match segment {
                Segment::Key(name) => node.entry(name).map(|(key, value)| (key.place.clone(), value)),
                Segment::Index(index) => match &node.value {
                    Value::List(items) => items.get(*index).map(|item| (item.place.clone(), item)),
                    _ => None,
                },
            };
            let Some((key, value)) = found else { return place };
            // A block collection has no text of its own: its key says best where it is.
            let own = matches!(value.value, Value::Map(_) | Value::List(_) | Value::Null) || of_key;
            place = if own { key } else { value.place.clone() };
            node = value;
        }
        place
    }
}

fn yaml_error(manifest: &Manifest, error: &serde_yaml::Error) -> ManifestError {
    let place = error.location().map_or(Place::START, |location| {
        let place = Place::from(location);
        let start = byte_offset(&manifest.text, place.line, place.column);
        let end = manifest.text[start..].chars().next().map_or(start, |next| start + next.len_utf8());
        Place { bytes: start..end, ..place }
    });
    let message = error.without_snippet().to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    // Advice to who calls the parser is no advice to who writes the file.
    let message = message.split_once(", set DuplicateKeyPolicy").map_or(message, |(message, _)| message);
    file_error(manifest, place, message)
}

fn file_error(manifest: &Manifest, place: Place, message: &str) -> ManifestError {
    ManifestError::new(&manifest.path, &manifest.text, None, Field::root(), place, message)
}

/// Where a line and column (counted from 1) begin in a text.
fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = &text[start..];
    start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(offset, _)| offset)
}
