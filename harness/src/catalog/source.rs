//! One file of the catalogue: read with limits, parsed with places.

use std::{io::Read, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use miette::SourceSpan;
use serde::de::DeserializeOwned;

use super::{
    problem::{CatalogError, line_and_column},
    yaml,
};

/// No file of the catalogue is larger, in bytes.
pub const SIZE_LIMIT: u64 = 1 << 20;

/// A file's text and the name under which messages show it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path relative to the working directory where it is below it, else absolute.
    pub name: String,
    /// The content, without a byte order mark.
    pub text: Arc<str>,
}

impl Source {
    /// Reads a file of the catalogue, see [`read_text`].
    pub fn read(path: &Utf8Path) -> Result<Self, CatalogError> {
        let text = read_text(path)?;
        let text = text.strip_prefix('\u{feff}').map_or_else(|| text.as_str().into(), Arc::from);
        Ok(Self { name: shown(path), text })
    }

    /// Parses the file as one YAML document.
    pub fn yaml<T: DeserializeOwned>(&self) -> Result<T, CatalogError> {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if self.text.lines().all(blank) {
            return Err(CatalogError::in_file(&self.name, 1, 1, "the file is empty"));
        }
        yaml::parse(&self.text).map_err(|fault| {
            let error = self.error(fault.span, fault.message);
            let error = if let Some(label) = fault.label { error.label(label) } else { error };
            if let Some(help) = fault.help { error.advice(help) } else { error }
        })
    }

    /// A problem at a place of this file.
    #[must_use]
    pub fn error(&self, span: SourceSpan, message: impl Into<String>) -> CatalogError {
        CatalogError::at(&self.name, &self.text, span, message)
    }

    /// `FILE:LINE` of a place, to mention it in another problem.
    #[must_use]
    pub fn line(&self, span: SourceSpan) -> usize {
        line_and_column(&self.text, span.offset()).0
    }
}

/// Reads a text file of at most [`SIZE_LIMIT`] bytes. A larger one is refused without reading it.
pub fn read_text(path: &Utf8Path) -> Result<String, CatalogError> {
    let name = shown(path);
    let unreadable =
        |error: &std::io::Error| CatalogError::new(format!("{name}: cannot be read: {}", error_text(error)));
    let meta = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if meta.is_dir() {
        return Err(CatalogError::new(format!("{name}: is a directory, expected a file")));
    }
    if !meta.is_file() {
        return Err(CatalogError::new(format!("{name}: is no regular file")));
    }
    let mut bytes = Vec::new();
    if meta.len() <= SIZE_LIMIT {
        let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
        // A file may grow while it is read: the limit holds for what is really read.
        file.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    }
    let length = meta.len().max(bytes.len() as u64);
    if length > SIZE_LIMIT {
        let message = format!("the file has {length} bytes, expected at most {SIZE_LIMIT} (1 MiB)");
        return Err(CatalogError::in_file(&name, 1, 1, message));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(&name, &error))
}

/// A path as messages show it: relative to the working directory where it is below it.
#[must_use]
pub fn shown(path: &Utf8Path) -> String {
    let here = std::env::current_dir().ok().and_then(|here| Utf8PathBuf::from_path_buf(here).ok());
    let relative = here.as_ref().and_then(|here| path.strip_prefix(here).ok());
    match relative {
        Some(relative) if !relative.as_str().is_empty() => relative.to_string(),
        _ => path.to_string(),
    }
}

fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> CatalogError {
    let offset = error.utf8_error().valid_up_to();
    let valid = std::str::from_utf8(&error.as_bytes()[..offset]).unwrap_or_default();
    let (line, column) = line_and_column(valid, offset);
    let message = format!(
        "the file is not UTF-8: byte {:#04x} at offset {offset} starts no character",
        error.as_bytes()[offset],
    );
    CatalogError::in_file(name, line, column, message)
}

/// The system's reason, without the path that `fs_err` adds.
fn error_text(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |code| std::io::Error::from_raw_os_error(code).to_string())
}
