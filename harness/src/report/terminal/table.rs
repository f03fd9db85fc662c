//! The matrix as an aligned table, in as many blocks as the width needs.

use std::mem;

use unicode_width::UnicodeWidthStr;

use super::{page::Page, style::Tone};
use crate::{
    model::{Verdict, report::CaseReport},
    report::{
        cell,
        matrix::{Column, Matrix},
        text::clean,
    },
};

/// Between the columns of a group.
const GAP: usize = 2;

/// Columns below one distro's name, with a rule before them.
struct Group {
    name: String,
    columns: Vec<TableColumn>,
}

/// A matrix column with its texts.
struct TableColumn {
    /// The state's name, in lines.
    head: Vec<String>,
    installed: bool,
    cells: Vec<(String, Tone)>,
    width: usize,
}

/// How much of a column is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All of it.
    Full,
    /// As narrow as can be: the head in lines, and no note where a case ends as a known issue says.
    Narrow,
}

/// A head that is not wrapped before this width.
const NARROW_HEAD: usize = 10;

/// Writes the whole matrix as one table if it fits, else each distro as installed in as many blocks as are needed.
/// Says whether it was the whole.
pub(super) fn write(page: &mut Page, matrix: &Matrix<'_>) -> bool {
    let table = Table::of(matrix, (0..matrix.rows.len()).collect());
    let has_remedies = matrix.columns.iter().any(|column| column.remedy.is_some());
    let has_installed = matrix.columns.iter().any(|column| column.remedy.is_none());
    let all = matrix.columns.iter().map(|column| (column.distro, TableColumn::of(page, matrix, *column, Form::Full)));
    let whole = group(all, true);
    if has_remedies && table.width(&whole) <= page.width() {
        table.write_block(page, &whole);
        return true;
    }
    let shown = matrix.columns.iter().filter(|column| column.remedy.is_none() || !has_installed);
    let mut rest =
        group(shown.map(|column| (column.distro, TableColumn::of(page, matrix, *column, Form::Full))), false);
    while !rest.is_empty() {
        let fits = (1..=rest.len()).take_while(|n| table.width(&rest[..*n]) <= page.width()).count().max(1);
        let later = rest.split_off(fits);
        table.write_block(page, &mem::replace(&mut rest, later));
        if !rest.is_empty() {
            page.gap();
        }
    }
    !has_remedies || !has_installed
}

/// Writes how the paths of a distro end that are not simply right in each of its states, in as many blocks as the
/// width needs, each with the distro as installed before its remedies.
pub(super) fn write_states<'a>(page: &mut Page, matrix: &Matrix<'a>, distro: &str) {
    let own = matrix.columns.iter().copied().filter(|column| column.distro == distro);
    let (installed, remedies): (Vec<Column<'a>>, Vec<_>) = own.partition(|column| column.remedy.is_none());
    let wrong = |row: &usize| {
        let cells = &matrix.rows[*row].cells;
        matrix
            .columns
            .iter()
            .zip(cells)
            .any(|(column, case)| column.distro == distro && case.is_some_and(|case| case.verdict != Verdict::Pass))
    };
    let table = Table::of(matrix, (0..matrix.rows.len()).filter(wrong).collect());
    let block = |states: &[Column<'a>]| {
        let columns = installed.iter().chain(states);
        group(columns.map(|column| (column.distro, TableColumn::of(page, matrix, *column, Form::Narrow))), true)
    };
    let (mut rest, mut blocks) = (&remedies[..], Vec::new());
    while !rest.is_empty() {
        let fits = |count: &usize| table.width(&block(&rest[..*count])) <= page.width();
        let (now, later) = rest.split_at((1..=rest.len()).take_while(fits).last().unwrap_or(1));
        blocks.push(block(now));
        rest = later;
    }
    for block in blocks {
        page.gap();
        table.write_block(page, &block);
    }
    page.paragraph(2, Tone::Quiet, "without a note: right, or exactly as a known issue says");
}

/// Puts neighbours of one distro below one name, or each below its own.
fn group<'a>(columns: impl Iterator<Item = (&'a str, TableColumn)>, merge: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (distro, column) in columns {
        let name = clean(distro);
        match groups.last_mut().filter(|group| merge && group.name == name) {
            Some(group) => group.columns.push(column),
            None => groups.push(Group { name: name.into_owned(), columns: vec![column] }),
        }
    }
    for group in &mut groups {
        let missing = group.name.width().saturating_sub(group.width());
        if let Some(last) = group.columns.last_mut() {
            last.width += missing;
        }
    }
    groups
}

impl Group {
    fn width(&self) -> usize {
        self.columns.iter().map(|column| column.width).sum::<usize>() + GAP * (self.columns.len() - 1)
    }
}

impl TableColumn {
    fn of(page: &Page, matrix: &Matrix<'_>, column: Column<'_>, form: Form) -> Self {
        let index = matrix.columns.iter().position(|other| *other == column);
        let cell = |case: Option<&CaseReport>| {
            case.map_or_else(
                || ("-".to_owned(), Tone::Quiet),
                |case| (cell_text(page, case, form), Tone::from(case.verdict)),
            )
        };
        let cells: Vec<_> = matrix.rows.iter().map(|row| cell(index.and_then(|index| row.cells[index]))).collect();
        let width = cells.iter().map(|(text, _)| text.width()).max().unwrap_or(0);
        let state = clean(column.state());
        let head = match form {
            Form::Full => vec![state.into_owned()],
            Form::Narrow => wrapped(&state, width.max(NARROW_HEAD)),
        };
        let width = head.iter().map(|line| line.width()).chain([width]).max().unwrap_or(0);
        Self { head, installed: column.remedy.is_none(), cells, width }
    }
}

/// A name in lines of this width, broken behind its hyphens and at its spaces.
fn wrapped(name: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in name.split_inclusive(['-', ' ']) {
        match lines.last_mut() {
            Some(line) if line.width() + part.trim_end().width() <= width => line.push_str(part),
            _ => lines.push(part.to_owned()),
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

fn cell_text(page: &Page, case: &CaseReport, form: Form) -> String {
    let outcome = cell::outcome(case);
    match cell::note(case) {
        None => outcome,
        Some(_) if form == Form::Narrow && case.verdict == Verdict::Known => outcome,
        Some("FAIL") if page.style.unicode => format!("{outcome} {}", cell::mark(case.verdict, true)),
        Some(note) => format!("{outcome} ({note})"),
    }
}

/// What all lines of a table have in common.
struct Table<'a> {
    /// Width of the first column, the paths'.
    stub: usize,
    matrix: &'a Matrix<'a>,
    /// The rows that are shown.
    rows: Vec<usize>,
}

impl<'a> Table<'a> {
    fn of(matrix: &'a Matrix<'a>, rows: Vec<usize>) -> Self {
        let stub = rows.iter().map(|row| matrix.rows[*row].path.width()).max().unwrap_or(0).max(4);
        Self { stub, matrix, rows }
    }

    fn width(&self, groups: &[Group]) -> usize {
        2 + self.stub + groups.iter().map(|group| 3 + group.width()).sum::<usize>()
    }

    fn write_block(&self, page: &mut Page, groups: &[Group]) {
        let names = groups.iter().map(|group| vec![(group.name.as_str(), Tone::Heading, group.width())]).collect();
        if groups.iter().flat_map(|group| &group.columns).all(|column| column.installed) {
            self.write_line(page, ("as installed", Tone::Quiet), names);
        } else {
            self.write_line(page, ("", Tone::Plain), names);
            let lines =
                groups.iter().flat_map(|group| &group.columns).map(|column| column.head.len()).max().unwrap_or(1);
            for line in 0..lines {
                let heads =
                    |group| texts(group, |column| (column.head.get(line).map_or("", String::as_str), Tone::Heading));
                let label = if line + 1 == lines { "path" } else { "" };
                self.write_line(page, (label, Tone::Heading), groups.iter().map(heads).collect());
            }
        }
        self.write_rule(page, groups);
        for index in self.rows.iter().copied() {
            let row = &self.matrix.rows[index];
            let cells = |group| texts(group, |column| (column.cells[index].0.as_str(), column.cells[index].1));
            self.write_line(page, (&row.path, Tone::Plain), groups.iter().map(cells).collect());
        }
    }

    fn write_line(&self, page: &mut Page, label: (&str, Tone), groups: Vec<Vec<(&str, Tone, usize)>>) {
        let bar = page.style.paint(Tone::Quiet, if page.style.unicode { "│" } else { "|" });
        let mut line = format!("  {}", padded(page, label.0, label.1, self.stub));
        for texts in groups {
            let texts: Vec<_> = texts.into_iter().map(|(text, tone, width)| padded(page, text, tone, width)).collect();
            line.extend([" ", &bar, " ", &texts.join(&" ".repeat(GAP))]);
        }
        page.line(&line);
    }

    fn write_rule(&self, page: &mut Page, groups: &[Group]) {
        let (dash, cross) = if page.style.unicode { ("─", "┼") } else { ("-", "+") };
        let parts: Vec<_> = groups.iter().map(|group| dash.repeat(group.width() + 1)).collect();
        let rule = format!("{}{cross}{}", dash.repeat(self.stub + 1), parts.join(&format!("{dash}{cross}")));
        let rule = page.style.paint(Tone::Quiet, &rule);
        page.line(&format!("  {rule}"));
    }
}

fn texts<'a>(group: &'a Group, text: impl Fn(&'a TableColumn) -> (&'a str, Tone)) -> Vec<(&'a str, Tone, usize)> {
    let of = |column: &'a TableColumn| {
        let (text, tone) = text(column);
        (text, tone, column.width)
    };
    group.columns.iter().map(of).collect()
}

fn padded(page: &Page, text: &str, tone: Tone, width: usize) -> String {
    format!("{}{}", page.style.paint(tone, text), " ".repeat(width.saturating_sub(text.width())))
}
