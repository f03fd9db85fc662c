//! `report.json`: writing, reading back, and the published JSON Schema.

use std::fmt::Write;

use camino::Utf8Path;
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use super::{error::ReportError, folder::write_file};
use crate::model::report::{FORMAT, Report};

/// The report as JSON text, pretty, with a newline at its end. Control characters are escaped, so that the file can
/// be shown on a terminal.
pub fn to_string(report: &Report) -> Result<String, ReportError> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|source| ReportError::Render { what: "report.json", source: source.into() })?;
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // serde_json escapes those below U+0020; these can only stand inside of strings.
        if matches!(c, '\u{7f}'..='\u{9f}') {
            write!(safe, "\\u{:04x}", u32::from(c)).expect("a string takes any text");
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    Ok(safe)
}

/// Writes the report, whole or not at all.
pub fn write(report: &Report, path: &Utf8Path) -> Result<(), ReportError> {
    write_file(path, &to_string(report)?)
}

/// Reads a report back. Another version of the format is refused, and so is one that names files of other folders.
pub fn read(path: &Utf8Path) -> Result<Report, ReportError> {
    #[derive(Deserialize)]
    struct Head {
        format: String,
    }
    let text = fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })?;
    let parse_error = |source| ReportError::Parse { path: path.to_owned(), source };
    let head: Head = serde_json::from_str(&text).map_err(parse_error)?;
    if head.format != FORMAT {
        return Err(ReportError::OtherFormat {
            path: path.to_owned(),
            found: super::text::clean(&head.format).into_owned(),
        });
    }
    let report: Report = serde_json::from_str(&text).map_err(parse_error)?;
    match report.evidence.iter().find(|file| !file.is_inside()) {
        None => Ok(report),
        Some(file) => Err(ReportError::Outside {
            path: path.to_owned(),
            file: super::text::clean(file.path.as_str()).into_owned(),
        }),
    }
}

/// The JSON Schema (2020-12) of `report.json`. It names no address: it stands for itself.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Report);
    schema.insert("title".to_owned(), Value::from("Pathlab report"));
    schema.insert(
        "description".to_owned(),
        Value::from(format!(
            "report.json of a Pathlab run, format {FORMAT}. Within one version of the format, keys and the meaning of \
             values stay; keys may be added."
        )),
    );
    schema.to_value()
}
