//! What is wrong with a manifest, and where.

use std::{fmt, sync::Arc};

use camino::Utf8PathBuf;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::{field::Field, tree::Place};

/// One thing that is wrong with a manifest. Reads `FILE:LINE:COLUMN: document N, FIELD: MESSAGE`.
#[derive(Clone, Debug)]
pub struct ManifestError(Box<Details>);

/// All that is wrong with a set of manifests, in the order of the files; never empty.
#[derive(Clone, Debug)]
pub struct ManifestErrors(pub Vec<ManifestError>);

#[derive(Clone, Debug)]
struct Details {
    file: Utf8PathBuf,
    document: Option<usize>,
    field: Field,
    place: Place,
    message: String,
    help: Option<String>,
    source: NamedSource<Arc<str>>,
}

impl ManifestError {
    /// An error at `place` in a file; `document` is counted from 1, none when it is the file that is wrong.
    pub fn new(
        file: &Utf8PathBuf,
        text: &Arc<str>,
        document: Option<usize>,
        field: Field,
        place: Place,
        message: impl Into<String>,
    ) -> Self {
        let source = NamedSource::new(file.as_str(), Arc::clone(text)).with_language("yaml");
        Self(Box::new(Details {
            file: file.clone(),
            document,
            field,
            place,
            message: message.into(),
            help: None,
            source,
        }))
    }

    /// The same with advice on what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// The same of a file in this folder, as messages are to show it.
    #[must_use]
    pub fn in_folder(mut self, folder: &str) -> Self {
        let details = &mut self.0;
        details.file = Utf8PathBuf::from(folder).join(&details.file);
        let text = Arc::clone(details.source.inner());
        details.source = NamedSource::new(details.file.as_str(), text).with_language("yaml");
        self
    }

    /// Where it is: line and column, counted from 1.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        (self.0.place.line, self.0.place.column)
    }

    /// What is wrong, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { file, document, field, place, message, .. } = self.0.as_ref();
        write!(f, "{file}:{}:{}: ", place.line, place.column)?;
        match document {
            Some(number) if field.is_root() => write!(f, "document {number}: ")?,
            Some(number) => write!(f, "document {number}, {field}: ")?,
            None => {}
        }
        f.write_str(message)
    }
}

impl std::error::Error for ManifestError {}

impl Diagnostic for ManifestError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.0.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.0.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = LabeledSpan::new_with_span(Some("here".to_owned()), self.0.place.bytes.clone());
        Some(Box::new(std::iter::once(span)))
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => only.fmt(f),
            errors => {
                write!(f, "{} errors in the manifests", errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "\n{error}"))
            }
        }
    }
}

impl std::error::Error for ManifestErrors {}

impl Diagnostic for ManifestErrors {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.only().and_then(Diagnostic::help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.only().and_then(Diagnostic::source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.only().and_then(Diagnostic::labels)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let all = self.0.iter().map(|error| error as &dyn Diagnostic);
        (self.0.len() > 1).then(|| Box::new(all) as Box<dyn Iterator<Item = &dyn Diagnostic>>)
    }
}

impl ManifestErrors {
    /// The same of files in this folder, as messages are to show it.
    #[must_use]
    pub fn in_folder(self, folder: &str) -> Self {
        Self(self.0.into_iter().map(|error| error.in_folder(folder)).collect())
    }

    fn only(&self) -> Option<&ManifestError> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl From<ManifestError> for ManifestErrors {
    fn from(error: ManifestError) -> Self {
        Self(vec![error])
    }
}
