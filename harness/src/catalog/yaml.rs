//! YAML with limits, and the parser's complaints in our words.

use miette::SourceSpan;
use serde::de::DeserializeOwned;
use serde_yaml::{DefaultMessageFormatter, Error, Location, MessageFormatter};

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
            max_aliases: 100,
            max_anchors: 100,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: 1 << 20,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 50_000,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 100,
        },
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| fault(text, &error))
}

fn fault(text: &str, error: &Error) -> Fault {
    let span = error.location().map_or_else(|| (0, 0).into(), |location| place(text, &location));
    let (message, label, help) = words(error.without_snippet());
    Fault { span, message, label, help }
}

/// Where an error is. Those of the scanner know line and column only.
fn place(text: &str, location: &Location) -> SourceSpan {
    if location.span().byte_offset().is_some() {
        return span_of(location);
    }
    let number = |value: u64| usize::try_from(value).unwrap_or(1).max(1) - 1;
    let line_start = match number(location.line()) {
        0 => 0,
        line => text.match_indices('\n').nth(line - 1).map_or(text.len(), |(newline, _)| newline + 1),
    };
    let line = text[line_start..].lines().next().unwrap_or_default();
    let column = line.char_indices().nth(number(location.column())).map_or(line.len(), |(offset, _)| offset);
    (line_start + column, 0).into()
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
            let help =
                suggest::closest(variant, expected.iter().copied()).map(|closest| format!("did you mean `{closest}`?"));
            (format!("`{variant}` is unknown; expected one of {}", expected.join(", ")), some("no such word"), help)
        }
        Error::SerdeMissingField { field, .. } => {
            (format!("the key `{field}` is missing"), some("in the mapping that this belongs to"), None)
        }
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
        Error::Unexpected { expected, .. } => {
            (format!("expected {expected}"), Some(format!("expected {expected}")), None)
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            let reason = DefaultMessageFormatter.format_message(error);
            let message = format!("the document is too large or too deep to be read safely: {reason}");
            (message, some("up to here"), None)
        }
        other => (DefaultMessageFormatter.format_message(other).into_owned(), None, None),
    }
}
