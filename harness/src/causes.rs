//! Errors with what is behind them.

use std::error::Error;

/// An error with all its causes, in one line. A cause that the text quotes already is not told again.
#[must_use]
pub fn line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::line;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("failed to read")]
        Silent(#[source] Inner),
        #[error("failed to read: {0}")]
        Quoting(#[source] Inner),
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the disk is gone")]
    struct Inner(#[source] io::Error);

    #[test]
    fn every_cause_is_told_once() {
        let inner = || Inner(io::Error::other("no cable"));
        for error in [Outer::Silent(inner()), Outer::Quoting(inner())] {
            assert_eq!(line(&error), "failed to read: the disk is gone: no cable");
        }
    }
}
