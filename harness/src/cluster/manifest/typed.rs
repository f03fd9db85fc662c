//! From a document to a Kubernetes type: strict as the API server is with `--validate=strict`.

use std::fmt;

use serde::{
    de::{
        self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    document::Document,
    error::ManifestError,
    field::Field,
    tree::{Key, Node, Place, Value},
};

/// Reads a document as `T`; a wrong type or a field that `T` does not know is an error.
pub fn typed<T: DeserializeOwned>(document: &Document) -> Result<T, ManifestError> {
    let mut unknown = None;
    let cursor = Cursor { node: &document.root, field: Field::root() };
    let value = serde_ignored::deserialize(cursor, |path| {
        unknown.get_or_insert_with(|| field_of(&path));
    });
    let value = value.map_err(|error: TypeError| match error.at {
        Some((field, place)) => document.error_at(&field, place, error.message),
        None => document.error(&Field::root(), error.message),
    })?;
    match unknown {
        Some(field) => Err(document.key_error(&field, "no such field")),
        None => Ok(value),
    }
}

fn field_of(path: &serde_ignored::Path<'_>) -> Field {
    match path {
        serde_ignored::Path::Root => Field::root(),
        serde_ignored::Path::Seq { parent, index } => field_of(parent).index(*index),
        serde_ignored::Path::Map { parent, key } => field_of(parent).key(key.clone()),
        serde_ignored::Path::Some { parent }
        | serde_ignored::Path::NewtypeStruct { parent }
        | serde_ignored::Path::NewtypeVariant { parent } => field_of(parent),
    }
}

/// A value of the wrong type; `at` is set by the innermost value that knows where it is.
#[derive(Debug)]
struct TypeError {
    message: String,
    at: Option<(Field, Place)>,
}

impl TypeError {
    fn or_at(mut self, field: &Field, place: &Place) -> Self {
        self.at.get_or_insert_with(|| (field.clone(), place.clone()));
        self
    }
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TypeError {}

impl de::Error for TypeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), at: None }
    }
}

/// A node and the way to it.
struct Cursor<'a> {
    node: &'a Node,
    field: Field,
}

impl<'de> Deserializer<'de> for Cursor<'_> {
    type Error = TypeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_str(value),
            Value::List(items) => visitor.visit_seq(Items { nodes: items, next: 0, field: &self.field }),
            Value::Map(entries) => visitor.visit_map(Entries { pairs: entries, next: 0, field: &self.field }),
        };
        result.map_err(|error| error.or_at(&self.field, &self.node.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, TypeError> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, TypeError> {
        // The API takes `cpu: 1` for `cpu: "1"`, in quantities alone.
        match (&self.node.value, name) {
            (Value::Integer(number), "Quantity") => {
                let text = number.to_string();
                visitor.visit_newtype_struct(StrDeserializer::new(&text))
            }
            (Value::Float(number), "Quantity") => {
                let text = number.to_string();
                visitor.visit_newtype_struct(StrDeserializer::new(&text))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Items<'a> {
    nodes: &'a [Node],
    next: usize,
    field: &'a Field,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = TypeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, TypeError> {
        let Some(node) = self.nodes.get(self.next) else { return Ok(None) };
        let field = self.field.index(self.next);
        self.next += 1;
        seed.deserialize(Cursor { node, field }).map(Some)
    }
}

struct Entries<'a> {
    pairs: &'a [(Key, Node)],
    next: usize,
    field: &'a Field,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = TypeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, TypeError> {
        let Some((key, _)) = self.pairs.get(self.next) else { return Ok(None) };
        self.next += 1;
        let known = seed.deserialize(StrDeserializer::new(&key.name));
        known.map(Some).map_err(|error: TypeError| error.or_at(&self.field.key(&key.name), &key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, TypeError> {
        let (key, node) = &self.pairs[self.next - 1];
        let field = self.field.key(&key.name);
        let place = if node.place.bytes.is_empty() { &key.place } else { &node.place };
        seed.deserialize(Cursor { node, field: field.clone() }).map_err(|error| error.or_at(&field, place))
    }
}
