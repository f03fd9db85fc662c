//! Drawing a packet's way: a line from top to bottom through machines, interfaces and hooks, to where it ends.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::way::{Station, end_word, place};
use crate::{
    model::{AccessPath, Direction, WayStep},
    report::text::{clean, count, wrap},
};

/// Width of every picture, in its own units; a phone shows it one to one.
pub(super) const WIDTH: u32 = 360;

/// Where the line runs.
const LINE: u32 = 26;
/// Where text beside the line begins, and boxes.
const LEFT: u32 = 48;
/// Where boxes end.
const RIGHT: u32 = WIDTH - 14;
/// Height of a line of text.
const ROW: u32 = 16;
/// Columns of the small monospaced text in a box.
const COLUMNS: usize = 42;
/// Columns that are kept free for a verdict.
const VERDICT_COLUMNS: usize = 9;
/// Most lines of one rule; the list below has all of it.
const MOST_LINES: usize = 4;
/// Most steps of one station that are drawn, the last ones.
const MOST_STEPS: usize = 4;

/// Something to draw. The class says what it means; the style sheet, how it looks.
pub(super) enum Shape {
    Rect { class: &'static str, x: u32, y: u32, width: u32, height: u32, radius: u32 },
    Line { class: &'static str, x: u32, from: u32, to: u32 },
    Dot { class: &'static str, x: u32, y: u32, radius: u32 },
    Text { class: &'static str, x: u32, y: u32, text: String },
}

/// A finished drawing.
pub(super) struct Picture {
    pub(super) shapes: Vec<Shape>,
    pub(super) height: u32,
}

/// Draws the stations in order; `ends` are the vantage and the target, if they are known.
pub(super) fn draw(stations: &[Station<'_>], ends: Option<AccessPath>) -> Picture {
    let mut pen = Pen { shapes: Vec::new(), y: 12, ended: false, line_from: 12 };
    if let Some(path) = ends {
        pen.stop("end", path.from.as_str(), "it starts here");
    }
    let mut rest = stations;
    while let Some(first) = rest.first() {
        let same = |station: &Station<'_>| (station.machine, station.direction) == (first.machine, first.direction);
        let (machine, others) = rest.split_at(rest.iter().take_while(|station| same(station)).count());
        pen.machine(machine);
        rest = others;
    }
    if let Some(path) = ends {
        let answered = stations.iter().any(|station| station.direction == Direction::Reply);
        let (name, word) = if answered { (path.from.as_str(), "the answer") } else { (path.to.as_str(), "the target") };
        pen.stop("end", name, if pen.ended { "never reached" } else { word });
    }
    pen.finish()
}

struct Pen {
    shapes: Vec<Shape>,
    y: u32,
    /// Whether the packet has ended; all that follows was not reached.
    ended: bool,
    line_from: u32,
}

impl Pen {
    fn text(&mut self, class: &'static str, x: u32, text: impl Into<String>) {
        self.shapes.push(Shape::Text { class, x, y: self.y + 12, text: text.into() });
    }

    /// A named point of the line.
    fn stop(&mut self, class: &'static str, name: &str, note: &str) {
        let class = if self.ended { "ghost" } else { class };
        self.shapes.push(Shape::Dot { class, x: LINE, y: self.y + 8, radius: 5 });
        let name = clip(&clean(name), 24);
        let note_at = LEFT + 14 + u32::try_from(name.width()).unwrap_or(0) * 8;
        self.text(if self.ended { "name quiet" } else { "name" }, LEFT, name);
        self.text("quiet", note_at, note);
        self.y += ROW + 12;
    }

    fn machine(&mut self, stations: &[Station<'_>]) {
        let frame = self.shapes.len();
        let top = self.y;
        self.y += 8;
        let (name, direction) = (stations[0].machine, stations[0].direction);
        let label = if direction == Direction::Reply { "the answer, on machine " } else { "machine " };
        self.text("quiet", LEFT, format!("{label}{}", clip(&clean(name), 26)));
        self.y += ROW + 8;
        let mut at = None;
        for station in stations {
            if station.interface_in().is_some() && station.interface_in() != at {
                at = station.interface_in();
                self.interface(at, "in");
            }
            self.station(station);
        }
        let last = &stations[stations.len() - 1];
        if last.interface_out().is_some() {
            self.interface(last.interface_out(), if self.ended { "out, never reached" } else { "out" });
        }
        let shape = Shape::Rect { class: "machine", x: 6, y: top, width: WIDTH - 12, height: self.y - top, radius: 10 };
        self.shapes.insert(frame, shape);
        self.y += 14;
    }

    fn interface(&mut self, name: Option<&str>, way: &str) {
        let class = if self.ended { "interface ghost" } else { "interface" };
        self.shapes.push(Shape::Rect { class, x: LINE - 5, y: self.y + 3, width: 10, height: 10, radius: 2 });
        let name = clip(&clean(name.unwrap_or_default()), 24);
        let note_at = LEFT + 12 + u32::try_from(name.width()).unwrap_or(0) * 7;
        self.text(if self.ended { "mono quiet" } else { "mono" }, LEFT, name);
        self.text("quiet", note_at, way);
        self.y += ROW + 10;
    }

    /// A hook or another stage, as a box with the steps in it.
    fn station(&mut self, station: &Station<'_>) {
        let frame = self.shapes.len();
        let top = self.y;
        let end = station.end();
        let stage = clip(&clean(station.stage), 20);
        self.y += 5;
        self.text("stage", LEFT + 10, stage);
        if let Some(step) = end {
            self.text("kill end", RIGHT - 10, format!("✗ {}", step.verdict));
        }
        self.y += ROW + 4;
        let hidden = station.steps.len().saturating_sub(MOST_STEPS);
        if hidden > 0 {
            self.text("quiet", LEFT + 10, format!("{} before let it pass", count(hidden, "step")));
            self.y += ROW;
        }
        for step in &station.steps[hidden..] {
            self.step(step);
            self.y += 4;
        }
        let class = if end.is_some() { "station killer" } else { "station" };
        let height = self.y - top;
        self.shapes.insert(frame, Shape::Rect { class, x: LEFT, y: top, width: RIGHT - LEFT, height, radius: 6 });
        if end.is_some() {
            self.end_line(top + 13);
        } else {
            self.shapes.push(Shape::Dot { class: "hook", x: LINE, y: top + 13, radius: 5 });
        }
        self.y += 10;
    }

    fn step(&mut self, step: &WayStep) {
        let ends = step.verdict.ends();
        let class = if ends { "mono kill" } else { "mono" };
        if step.table.is_some() || step.chain.is_some() {
            let lines = fit(&clean(&place(step)), COLUMNS - VERDICT_COLUMNS);
            self.text("quiet end", RIGHT - 10, step.verdict.as_str());
            self.lines(class, LEFT + 10, lines);
        }
        if let Some(rule) = &step.rule {
            self.lines(if ends { "mono kill strong" } else { "mono quiet" }, LEFT + 20, fit(&clean(rule), COLUMNS - 2));
        }
        if let Some(note) = &step.note {
            self.lines("quiet", LEFT + 10, fit(&clean(note), COLUMNS));
        }
        if ends && step.table.is_none() && step.rule.is_none() && step.note.is_none() {
            self.lines(
                "kill",
                LEFT + 10,
                vec![format!("{} {}", end_word(step.verdict), clip(&clean(&step.stage), 20))],
            );
        }
    }

    fn lines(&mut self, class: &'static str, x: u32, lines: Vec<String>) {
        for line in lines {
            self.text(class, x, line);
            self.y += ROW;
        }
    }

    /// Ends the packet's line here; from here on it is where the packet would have gone.
    fn end_line(&mut self, y: u32) {
        if !self.ended {
            self.shapes.insert(0, Shape::Line { class: "way", x: LINE, from: self.line_from, to: y });
            self.line_from = y;
            self.ended = true;
        }
        self.shapes.push(Shape::Dot { class: "kill", x: LINE, y, radius: 10 });
        self.shapes.push(Shape::Text { class: "cross", x: LINE, y: y + 5, text: "✗".to_owned() });
    }

    fn finish(mut self) -> Picture {
        let class = if self.ended { "way ghost" } else { "way" };
        let to = self.y.saturating_sub(20).max(self.line_from);
        // Below everything but the frames of machines, which come first of all.
        let frames = |shape: &Shape| matches!(shape, Shape::Rect { class: "machine", .. });
        let (mut shapes, others): (Vec<_>, Vec<_>) = self.shapes.drain(..).partition(frames);
        shapes.push(Shape::Line { class, x: LINE, from: self.line_from, to });
        shapes.extend(others);
        Picture { shapes, height: self.y }
    }
}

/// Breaks text into lines of at most `columns`, words too if they must be, and at most [`MOST_LINES`] of them.
fn fit(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in wrap(text, columns) {
        let mut rest = line.as_str();
        while rest.width() > columns {
            let head = clip_at(rest, columns);
            lines.push(rest[..head].to_owned());
            rest = &rest[head..];
        }
        lines.push(rest.to_owned());
    }
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            *last = clip(&format!("{last}{}", "…".repeat(columns)), columns).trim_end_matches('…').to_owned() + "…";
        }
    }
    lines
}

/// Shortens text to `columns`, with an ellipsis for the rest.
fn clip(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    format!("{}…", &text[..clip_at(text, columns - 1)])
}

/// How many bytes of the text take at most `columns`.
fn clip_at(text: &str, columns: usize) -> usize {
    let mut used = 0;
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns && index > 0 {
            return index;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::{MOST_LINES, clip, fit};

    #[test]
    fn text_is_made_to_fit() {
        assert_eq!(fit("reject with icmpx", 11), ["reject with", "icmpx"]);
        assert_eq!(fit("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(fit("漢字漢", 4), ["漢字", "漢"]);
        let long = fit(&"word ".repeat(40), 10);
        assert_eq!(long.len(), MOST_LINES);
        assert!(long.iter().all(|line| line.width() <= 10), "{long:?}");
        assert!(long[MOST_LINES - 1].ends_with('…'));
        assert_eq!(clip("cali0b5de8f4417", 8), "cali0b5…");
    }
}
