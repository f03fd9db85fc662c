//! Words and safe text that every writer shares.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

/// Makes text from elsewhere (rules, details, names) safe to show on one line: line breaks and tabs become spaces,
/// control characters and those that reorder or hide text become visible escapes (`\u{1b}`).
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| needs_escape(c) || is_break(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.trim_end_matches(is_break).chars() {
        if is_break(c) {
            safe.push(' ');
        } else if needs_escape(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}')
}

/// Control characters, bidirectional overrides, invisible characters, and what XML does not allow.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}')
}

/// `1 case`, `2 cases`.
pub(super) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A duration for a person: `870 µs`, `12 ms`, `8.4 s`, `3 min 12 s`.
pub(super) fn duration(micros: u64) -> String {
    match micros {
        0..=999 => format!("{micros} µs"),
        1_000..=999_949 => format!("{} ms", micros / 1_000),
        999_950..=59_949_999 => {
            let tenths = (micros + 50_000) / 100_000;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        _ => {
            let seconds = (micros + 500_000) / 1_000_000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// A size for a person: `512 B`, `34 kB`, `1.2 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => {
            let tenths = bytes.div_ceil(100_000);
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// `10250, 16443`, or `nothing`.
pub(super) fn ports(ports: &[u16]) -> String {
    if ports.is_empty() {
        return "nothing".to_owned();
    }
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// One argument as a shell would need it.
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// The command that explains a case.
pub(super) fn explain_command(case: &str) -> String {
    format!("lab explain {}", shell_word(&clean(case)))
}

/// Breaks text at spaces into lines of at most `width` columns; a longer word gets a line of its own, whole.
/// Never returns nothing.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let line = lines.last_mut().expect("starts with one line and only grows");
        if line.is_empty() {
            line.push_str(word);
            used = word.width();
        } else if used + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
            used += 1 + word.width();
        } else {
            used = word.width();
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{clean, duration, explain_command, ports, shell_word, size, wrap};

    #[test]
    fn what_could_deceive_is_made_visible() {
        assert_eq!(clean("plain äß 漢字"), "plain äß 漢字");
        assert_eq!(clean("\u{1b}[31mred"), r"\u{1b}[31mred");
        assert_eq!(clean("a\nb\tc\r\n"), "a b c");
        assert_eq!(clean("\u{9b}2J\u{7f}\u{202e}cod\u{0}"), r"\u{9b}2J\u{7f}\u{202e}cod\u{0}");
    }

    #[test]
    fn durations_keep_two_digits_or_so() {
        let cases = [(0, "0 µs"), (870, "870 µs"), (12_345, "12 ms"), (999_949, "999 ms"), (999_950, "1.0 s")];
        let longer =
            [(8_440_000, "8.4 s"), (59_949_999, "59.9 s"), (59_950_000, "1 min 0 s"), (192_000_000, "3 min 12 s")];
        for (micros, words) in cases.into_iter().chain(longer) {
            assert_eq!(duration(micros), words, "{micros}");
        }
    }

    #[test]
    fn sizes_and_ports_read_well() {
        assert_eq!([size(0), size(33_001), size(1_200_000)], ["0 B", "34 kB", "1.2 MB"]);
        assert_eq!([ports(&[]), ports(&[80, 443])], ["nothing", "80, 443"]);
    }

    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(shell_word("--path=/a b"), "'--path=/a b'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(
            explain_command("s::d::as-installed::pod-to-dns:udp"),
            "lab explain s::d::as-installed::pod-to-dns:udp"
        );
    }

    #[test]
    fn text_wraps_at_spaces_by_columns() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("漢字 漢字 漢字", 9), ["漢字 漢字", "漢字"]);
        assert_eq!(wrap("a unbreakable b", 4), ["a", "unbreakable", "b"]);
        assert_eq!(wrap("", 10), [""]);
    }
}
