//! The two forms of `expect:`: a word, or a mapping that also says which source the backend sees.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{at::At, scenario::ExpectedSource};
use crate::model::Outcome;

/// `expect:` as it stands in the file.
#[derive(Clone, Debug)]
pub enum ExpectFile {
    /// `blocked`, or an outcome. Read later, so that a wrong word is reported at its place.
    Word(String),
    /// `{ outcome: ok, source: preserved }`.
    Map(At<String>, Option<At<ExpectedSource>>),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExpectMap {
    /// What is right.
    #[schemars(with = "ExpectWord")]
    outcome: At<String>,
    /// Which source address the backend must see.
    #[serde(default)]
    source: Option<At<ExpectedSource>>,
}

impl<'de> Deserialize<'de> for ExpectFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpectVisitor)
    }
}

struct ExpectVisitor;

impl<'de> Visitor<'de> for ExpectVisitor {
    type Value = ExpectFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocked, an outcome, or { outcome: …, source: preserved | node }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
        Ok(ExpectFile::Word(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let ExpectMap { outcome, source } = ExpectMap::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ExpectFile::Map(outcome, source))
    }
}

impl JsonSchema for ExpectFile {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let outcome = generator.subschema_for::<OutcomeWord>();
        let map = generator.subschema_for::<ExpectMap>();
        json_schema!({ "anyOf": [{ "const": "blocked" }, outcome, map] })
    }
}

/// The words of an expectation for a schema: `blocked`, or an outcome.
struct ExpectWord;

impl JsonSchema for ExpectWord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ExpectWord".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let outcome = generator.subschema_for::<OutcomeWord>();
        json_schema!({ "anyOf": [{ "const": "blocked" }, outcome] })
    }
}

/// The words of [`Outcome`] for a schema: the agent's package knows nothing of schemas.
pub struct OutcomeWord;

impl JsonSchema for OutcomeWord {
    fn schema_name() -> Cow<'static, str> {
        "Outcome".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named: Vec<&str> = Outcome::NAMED.iter().map(|(name, _)| *name).filter(|name| *name != "error").collect();
        json_schema!({
            "description": "How a probe ends.",
            "anyOf": [{ "enum": named }, { "type": "string", "pattern": "^http-[1-5][0-9][0-9]$" }],
        })
    }
}
