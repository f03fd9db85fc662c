//! Assertions: signed statements of the store, as text.
//!
//! The format is that of snapd (`asserts/asserts.go`, `Decode` and `Encoder`): headers, an empty line, a body of
//! `body-length` bytes with an empty line behind it where there is one, and the signature. A stream has an empty line
//! between two of them.

use std::collections::BTreeMap;

/// One assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    /// Those with a value of one line.
    headers: BTreeMap<String, String>,
    /// All of it, with one line break at its end.
    text: Vec<u8>,
}

impl Assertion {
    /// The assertions of a stream.
    pub fn stream(text: &[u8]) -> Result<Vec<Self>, String> {
        let (mut rest, mut found) = (text.trim_ascii_start(), Vec::new());
        while !rest.is_empty() {
            let (assertion, behind) = Self::first(rest)?;
            found.push(assertion);
            rest = behind.trim_ascii_start();
        }
        Ok(found)
    }

    /// The only assertion of a text.
    pub fn only(text: &[u8]) -> Result<Self, String> {
        let mut found = Self::stream(text)?;
        match found.pop() {
            Some(only) if found.is_empty() => Ok(only),
            Some(_) => Err("it is several assertions".to_owned()),
            None => Err("it is no assertion".to_owned()),
        }
    }

    /// As a stream.
    pub fn join(assertions: &[Self]) -> Vec<u8> {
        let texts: Vec<&[u8]> = assertions.iter().map(|assertion| assertion.text.as_slice()).collect();
        texts.join(&b'\n')
    }

    fn first(text: &[u8]) -> Result<(Self, &[u8]), String> {
        let short = || "an assertion ends too early".to_owned();
        let head = empty_line(text).ok_or_else(short)?;
        let headers = headers(&text[..head])?;
        let mut at = head + 2;
        let body = headers.get("body-length").map_or(Ok(0), |length| length.parse::<usize>());
        let body = body.map_err(|_| "an assertion's body-length is no number".to_owned())?;
        if body > 0 {
            at = at.checked_add(body).filter(|at| text.get(*at..*at + 2) == Some(b"\n\n")).ok_or_else(short)? + 2;
        }
        let rest = text.get(at..).ok_or_else(short)?;
        let end = empty_line(rest).unwrap_or(rest.len());
        let signature = rest[..end].trim_ascii_end();
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\n".contains(byte);
        if signature.is_empty() || !signature.iter().all(plain) {
            return Err("an assertion has no signature".to_owned());
        }
        let text = [&text[..at + signature.len()], b"\n"].concat();
        Ok((Self { headers, text }, &rest[end..]))
    }

    /// The value of a header; an error that names it where there is none.
    pub fn header(&self, name: &str) -> Result<&str, String> {
        let value = self.headers.get(name).ok_or_else(|| format!("its {} has no {name}", self.kind()))?;
        Ok(value)
    }

    /// What it is about: `snap-revision`.
    pub fn kind(&self) -> &str {
        self.headers.get("type").map_or("assertion", String::as_str)
    }

    /// An error unless a header has this value.
    pub fn insist(&self, name: &str, value: &str) -> Result<(), String> {
        let found = self.header(name)?;
        if found == value {
            return Ok(());
        }
        Err(format!("its {} says {name} `{found}`, expected `{value}`", self.kind()))
    }
}

fn empty_line(text: &[u8]) -> Option<usize> {
    text.windows(2).position(|pair| pair == b"\n\n")
}

/// The headers with a value of one line. Lists, maps and longer texts are on indented lines of their own.
fn headers(head: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let head = std::str::from_utf8(head).map_err(|_| "an assertion's headers are no text".to_owned())?;
    let mut headers = BTreeMap::new();
    for line in head.split('\n').filter(|line| !line.starts_with(' ')) {
        match line.split_once(": ") {
            Some((name, value)) => headers.insert(name.to_owned(), value.to_owned()),
            None if line.ends_with(':') => None,
            None => return Err("it is no assertion".to_owned()),
        };
    }
    if headers.contains_key("type") { Ok(headers) } else { Err("it is no assertion".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::Assertion;

    const KEY: &str = "type: account-key\npublic-key-sha3-384: abc\nbody-length: 6\n\nab\n\ncd\n\nAcLB\nUwQA\n";
    const SNAP: &str =
        "type: snap-declaration\nplugs:\n  home:\n    allow-auto-connection: true\nsnap-name: microk8s\n\nAcLB";

    #[test]
    fn a_stream_is_read_and_written() {
        let stream = [KEY, "\n", SNAP, "\n"].concat();
        let found = Assertion::stream(stream.as_bytes()).expect("assertions");
        let kinds: Vec<&str> = found.iter().map(Assertion::kind).collect();
        assert_eq!(kinds, ["account-key", "snap-declaration"]);
        assert_eq!(found[1].header("snap-name"), Ok("microk8s"));
        assert_eq!(String::from_utf8(Assertion::join(&found)), Ok(stream.clone()));
        assert_eq!(Assertion::only(SNAP.as_bytes()).as_ref(), Ok(&found[1]));
        assert!(Assertion::only(stream.as_bytes()).is_err());
        let error = found[1].insist("snap-name", "snapd").expect_err("another");
        assert_eq!(error, "its snap-declaration says snap-name `microk8s`, expected `snapd`");
    }

    #[test]
    fn what_is_none_is_refused() {
        let cut = KEY.find("\n\nAcLB").expect("a signature");
        for wrong in ["", "<html>\n\nlog in", "a: b\n\nAcLB\n", &KEY[..cut], &KEY[..cut + 2], "type: x\n\n<html>"] {
            assert!(Assertion::only(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
