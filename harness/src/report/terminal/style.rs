//! How terminal text is drawn: width, colours, and which characters.

use std::{env, io};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

use crate::model::{RemedyVerdict, Verdict};

/// Columns of text that goes to a file or a pipe.
const PLAIN_WIDTH: usize = 100;

/// How terminal text is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalStyle {
    /// Columns.
    pub width: usize,
    /// With ANSI colours. Nothing is said by colour alone.
    pub color: bool,
    /// With characters beyond ASCII for rules and marks.
    pub unicode: bool,
}

impl TerminalStyle {
    /// What is written to files: 100 columns, no colour.
    pub const PLAIN: Self = Self { width: PLAIN_WIDTH, color: false, unicode: true };

    /// What standard output can show: colours on a terminal only, as `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE`
    /// say; 100 columns where there is no terminal; characters beyond ASCII if the locale is UTF-8.
    #[must_use]
    pub fn detect() -> Self {
        let stdout = io::stdout();
        let width = terminal_size::terminal_size_of(&stdout).map_or(PLAIN_WIDTH, |(width, _)| usize::from(width.0));
        let color = anstream::AutoStream::choice(&stdout) != ColorChoice::Never;
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| env::var(name).ok()).find(|v| !v.is_empty());
        let unicode = locale.is_some_and(|name| name.to_ascii_lowercase().replace('-', "").contains("utf8"));
        Self { width, color, unicode }
    }

    /// The text in a tone, if there are colours.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let style = tone.style();
        if !self.color || style.is_plain() || text.is_empty() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }
}

/// What a piece of text is; only its colour follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Heading,
    Quiet,
    Good,
    Known,
    Odd,
    Bad,
    Broken,
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Heading => Style::new().bold(),
            Self::Quiet => Style::new().dimmed(),
            Self::Good => color(AnsiColor::Green),
            Self::Known => color(AnsiColor::Yellow),
            Self::Odd => color(AnsiColor::Magenta).bold(),
            Self::Bad => color(AnsiColor::Red).bold(),
            Self::Broken => color(AnsiColor::Red).bold().invert(),
        }
    }
}

impl From<Verdict> for Tone {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Good,
            Verdict::Known => Self::Known,
            Verdict::Skipped => Self::Quiet,
            Verdict::Fixed | Verdict::Flaky => Self::Odd,
            Verdict::Fail => Self::Bad,
            Verdict::Error => Self::Broken,
        }
    }
}

impl From<RemedyVerdict> for Tone {
    fn from(verdict: RemedyVerdict) -> Self {
        match verdict {
            RemedyVerdict::Fixes => Self::Good,
            RemedyVerdict::Partly => Self::Known,
            RemedyVerdict::NoEffect | RemedyVerdict::NotApplicable => Self::Quiet,
            RemedyVerdict::Breaks => Self::Bad,
        }
    }
}
