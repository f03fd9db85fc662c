//! YAML with limits, and the parser's complaints in our words.

use miette::SourceSpan;
use serde::de::DeserializeOwned;
use serde_yaml::{DefaultMessageFormatter, Error, MessageFormatter};

use super::at::span_of;
use crate::suggest;

/// Why a text is no such document.
#[derive(Debug)]
pub(super) struct Fault {
    pub span: SourceSpan,
    pub message: String,
    pub label: Option<String>,
    pub help: Option<String>,
}

/// Parses one document. Sizes are bounded, so that a few lines of aliases cannot fill the memory.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 32,
            max_documents: 1,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: 1 << 20,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 1_000,
        },
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| fault(&error))
}

fn fault(error: &Error) -> Fault {
    let span = error.location().map_or_else(|| (0, 0).into(), |location| span_of(&location));
    let (message, label, help) = words(error.without_snippet());
    Fault { span, message, label, help }
}

fn words(error: &Error) -> (String, Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned());
    match error {
        Error::AliasError { error, .. } => words(error),
        Error::SerdeUnknownField { field, expected, .. } => {
            let help = suggest::help(field, expected.iter().copied());
            (format!("unknown key `{field}`"), some("no such key"), Some(help.replacen("there are", "the keys are", 1)))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let help = suggest::closest(variant, expected.iter().copied())
                .map(|closest| format!("did you mean `{closest}`?"));
            (format!("`{variant}` is unknown; expected one of {}", expected.join(", ")), some("no such word"), help)
        }
        Error::SerdeMissingField { field, .. } => (format!("the key `{field}` is missing"), some("in here"), None),
        Error::SerdeInvalidType { unexpected, expected, .. } => {
            (format!("found {unexpected}, expected {expected}"), Some(format!("expected {expected}")), None)
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map_or_else(|| "a key".to_owned(), |key| format!("the key `{key}`"));
            (format!("{key} stands twice"), some("the second one"), Some("remove one of them".to_owned()))
        }
        Error::MultipleDocuments { .. } => {
            ("a second document starts here, expected one".to_owned(), some("the second one"), None)
        }
        Error::Budget { breach, .. } => {
            (format!("the document is too large or too deep to be read safely: {breach:?}"), some("up to here"), None)
        }
        other => (DefaultMessageFormatter.format_message(other).into_owned(), None, None),
    }
}
