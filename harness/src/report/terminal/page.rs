//! Lines of terminal text, written in order: headings, wrapped paragraphs, entries with a hanging indent.

use unicode_width::UnicodeWidthStr;

use super::style::{TerminalStyle, Tone};
use crate::report::text::wrap;

/// The least width that text is wrapped to, however narrow the terminal.
const LEAST_WIDTH: usize = 40;

/// A text under construction.
pub(super) struct Page {
    pub(super) style: TerminalStyle,
    text: String,
}

impl Page {
    pub(super) const fn new(style: TerminalStyle) -> Self {
        Self { style, text: String::new() }
    }

    /// Columns to fill.
    pub(super) fn width(&self) -> usize {
        self.style.width.max(LEAST_WIDTH)
    }

    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// An empty line, unless there is one already.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.gap();
        self.paragraph(0, Tone::Heading, text);
    }

    /// A paragraph in one tone, every line indented.
    pub(super) fn paragraph(&mut self, indent: usize, tone: Tone, text: &str) {
        self.entry(indent, &[], tone, text);
    }

    /// Labels, padded to their widths, and text beside them that wraps below its own beginning.
    pub(super) fn entry(&mut self, indent: usize, labels: &[(&str, usize, Tone)], tone: Tone, text: &str) {
        let mut start = " ".repeat(indent);
        let mut column = indent;
        for (label, width, tone) in labels {
            let padding = width.saturating_sub(label.width()) + 2;
            start.push_str(&self.style.paint(*tone, label));
            start.push_str(&" ".repeat(padding));
            column += label.width() + padding;
        }
        let column = column.min(self.width() / 2);
        for (index, line) in wrap(text, self.width() - column).iter().enumerate() {
            let lead = if index == 0 { start.clone() } else { " ".repeat(column) };
            let line = self.style.paint(tone, line);
            self.line(&format!("{lead}{line}"));
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
