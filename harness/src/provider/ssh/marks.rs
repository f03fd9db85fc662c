//! The marks that the script on the machine puts between the program's own standard error, and behind its output.

/// How a program fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Mark {
    /// It runs, as this process and process group.
    Started(u32),
    /// It could not be run, for this reason.
    Refused(String),
    /// It ended with this status; 128 + the signal's number when a signal ended it.
    Ended(i32),
    /// Its time was over and it was killed.
    Overdue,
}

/// A stream as it comes, with the marks taken out.
#[derive(Debug)]
pub(super) struct Marked {
    start: Vec<u8>,
    bytes: Vec<u8>,
    /// No mark begins before this.
    searched: usize,
}

impl Marked {
    /// Nothing yet. `token` is what nobody but the script knows.
    pub(super) fn new(token: &str) -> Self {
        Self { start: format!("\0{token} ").into_bytes(), bytes: Vec::new(), searched: 0 }
    }

    /// Takes more bytes; returns the marks that they complete.
    pub(super) fn push(&mut self, more: &[u8]) -> Vec<Mark> {
        self.bytes.extend_from_slice(more);
        let mut marks = Vec::new();
        loop {
            let Some(begin) = find(&self.bytes[self.searched..], &self.start).map(|at| self.searched + at) else {
                // The beginning of a mark may stand at the end.
                self.searched = self.bytes.len().saturating_sub(self.start.len()).max(self.searched);
                return marks;
            };
            self.searched = begin;
            let text = begin + self.start.len();
            let Some(length) = self.bytes[text..].iter().position(|byte| *byte == b'\n') else { return marks };
            marks.extend(parse(&String::from_utf8_lossy(&self.bytes[text..text + length])));
            self.bytes.drain(begin..=text + length);
        }
    }

    /// What the program itself wrote.
    pub(super) fn into_said(self) -> Vec<u8> {
        self.bytes
    }

    /// What the program itself wrote so far.
    pub(super) fn said(&self) -> &[u8] {
        &self.bytes
    }
}

fn parse(text: &str) -> Option<Mark> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "started" => rest.parse().ok().map(Mark::Started),
        "refused" => Some(Mark::Refused(rest.to_owned())),
        "ended" => rest.parse().ok().map(Mark::Ended),
        "overdue" => Some(Mark::Overdue),
        _ => None,
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{Mark, Marked};

    const STREAM: &[u8] = b"\0ab12 started 77\nwarning:\0 \0ab1 ended 1\n\0ab12 ended 255\n late";

    #[test]
    fn marks_are_found_wherever_the_stream_is_cut() {
        for cut in 0..STREAM.len() {
            let mut marked = Marked::new("ab12");
            let mut marks = marked.push(&STREAM[..cut]);
            marks.extend(marked.push(&STREAM[cut..]));
            assert_eq!(marks, [Mark::Started(77), Mark::Ended(255)], "cut at {cut}");
            assert_eq!(marked.into_said(), b"warning:\0 \0ab1 ended 1\n late", "cut at {cut}");
        }
    }

    #[test]
    fn other_marks() {
        let marks = Marked::new("t").push(b"\0t overdue\n\0t refused no such file\n\0t nonsense\n");
        assert_eq!(marks, [Mark::Overdue, Mark::Refused("no such file".to_owned())]);
    }
}
