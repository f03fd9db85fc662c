//! Why a command failed, how it is shown, and which exit status it has.

use std::io::{self, IsTerminal, Write};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};

use super::{exit::Exit, told::Told};

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// Bad arguments or files; each problem is shown.
    Input(Vec<Box<dyn Diagnostic + Send + Sync>>),
    /// The lab could not be built, or broke; each problem is shown.
    Lab(Vec<Box<dyn Diagnostic + Send + Sync>>),
    /// The output could not be written.
    Output(io::Error),
}

impl Failure {
    /// One problem of arguments or files.
    pub fn input(problem: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self::Input(vec![Box::new(problem)])
    }

    /// A lab that could not be built, or broke.
    pub fn lab(problem: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self::Lab(vec![Box::new(problem)])
    }

    /// Shows the failure on standard error and returns the exit status. A reader that went away
    /// (`lab plan | head`) is no failure.
    #[must_use]
    pub fn report(&self) -> Exit {
        let mut text = String::new();
        let exit = match self {
            Self::Input(problems) => {
                text.extend(problems.iter().map(|problem| rendered(problem.as_ref())));
                Exit::BadInput
            }
            Self::Lab(problems) => {
                text.extend(problems.iter().map(|problem| rendered(problem.as_ref())));
                Exit::LabBroken
            }
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return Exit::AsExpected,
            Self::Output(error) => {
                text = format!("error: cannot write to standard output: {error}\n");
                Exit::LabBroken
            }
        };
        // Nothing is left to tell it to when standard error is gone too.
        let _ = io::stderr().write_all(text.as_bytes());
        exit
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// A problem as text: with colours on a terminal, else plain with its first line unbroken, so that
/// `FILE:LINE:COLUMN` can be searched for. `NO_COLOR` means plain as well.
fn rendered(problem: &dyn Diagnostic) -> String {
    let plain = !io::stderr().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let handler = if plain {
        let theme = GraphicalTheme { characters: plain_characters(), styles: ThemeStyles::none() };
        GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false)
    } else {
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
    };
    let mut text = String::new();
    match handler.render_report(&mut text, &Told::new(problem)) {
        Ok(()) if plain => text.trim_start().to_owned(),
        Ok(()) => text,
        // A place outside of its text cannot be drawn; the message still can.
        Err(_) => format!("error: {problem}\n"),
    }
}

fn plain_characters() -> ThemeCharacters {
    ThemeCharacters { error: "error:".to_owned(), ..ThemeCharacters::ascii() }
}
