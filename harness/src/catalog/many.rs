//! One word or a list of words: `to: service` and `to: [service, pod-ip]` are the same form.

use std::{borrow::Cow, fmt, marker::PhantomData};

use miette::SourceSpan;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::{at::At, problem::CatalogError, source::Source};
use crate::{
    model::{IpFamily, Payload, Protocol, ProviderKind, RemedyVerdict, Target, Vantage},
    suggest,
};

/// The words, each with its place. What they mean is read from them with [`Many::read`]: a word that
/// the parser itself refuses would be reported at its key.
#[derive(Clone, Debug)]
pub struct Many<T> {
    /// The words.
    pub words: Vec<At<String>>,
    meaning: PhantomData<T>,
}

/// A closed set of words.
pub trait Vocabulary: Copy + 'static {
    /// Every member with its word.
    fn words() -> impl Iterator<Item = (&'static str, Self)>;
}

macro_rules! vocabulary {
    ($($name:ty),+) => {
        $(impl Vocabulary for $name {
            fn words() -> impl Iterator<Item = (&'static str, Self)> {
                Self::ALL.iter().map(|member| (member.as_str(), *member))
            }
        })+
    };
}
vocabulary!(Vantage, Target, Protocol, Payload, ProviderKind, RemedyVerdict, IpFamily);

impl<T: Vocabulary> Many<T> {
    /// The members that the words name, each with its place.
    pub fn read(&self, source: &Source) -> Result<Vec<(T, SourceSpan)>, CatalogError> {
        self.words.iter().map(|word| read_word(source, word).map(|member| (member, word.span))).collect()
    }
}

/// The member that a word names.
pub fn read_word<T: Vocabulary>(source: &Source, word: &At<String>) -> Result<T, CatalogError> {
    if let Some((_, member)) = T::words().find(|(known, _)| *known == word.value) {
        return Ok(member);
    }
    let known: Vec<&str> = T::words().map(|(known, _)| known).collect();
    let message = format!("`{}` is unknown; expected one of {}", word.value, known.join(", "));
    let error = source.error(word.span, message).label("no such word");
    Err(match suggest::closest(word, known) {
        Some(closest) => error.advice(format!("did you mean `{closest}`?")),
        None => error,
    })
}

/// What stands in the file; the place of a single word is known one level up only.
enum Form {
    One(String),
    List(Vec<At<String>>),
}

impl<'de, T> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let At { value, span } = At::<Form>::deserialize(deserializer)?;
        let words = match value {
            Form::One(value) => vec![At { value, span }],
            Form::List(words) => words,
        };
        Ok(Self { words, meaning: PhantomData })
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word or a list of words")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
        Ok(Form::One(word.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = sequence.next_element()? {
            words.push(word);
        }
        Ok(Form::List(words))
    }
}

impl<T: JsonSchema> JsonSchema for Many<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Many{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}
