//! The two forms of `nodes:`: a number, or the distro of each machine.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::at::At;

/// The most machines that a cluster has.
pub const MOST_NODES: u8 = 5;

/// `nodes:` as it stands in the file.
#[derive(Clone, Debug)]
pub enum NodesFile {
    /// So many machines of the distro under test.
    Count(i64),
    /// One machine per name.
    Mixed(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for NodesFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodesVisitor)
    }
}

struct NodesVisitor;

impl<'de> Visitor<'de> for NodesVisitor {
    type Value = NodesFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from 1 to {MOST_NODES} or a list of distros")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Self::Value, E> {
        Ok(NodesFile::Count(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Self::Value, E> {
        Ok(NodesFile::Count(count))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = sequence.next_element()? {
            names.push(name);
        }
        Ok(NodesFile::Mixed(names))
    }
}

impl JsonSchema for NodesFile {
    fn schema_name() -> Cow<'static, str> {
        "Nodes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": MOST_NODES },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": MOST_NODES },
            ],
        })
    }
}
