//! What is heard of a program under way: its output, and the marks that tell how it started and ended.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use super::marks::{Mark, Marked};

/// Once a program's output is complete, how long nothing may come from what it left running, which may hold the streams
/// open.
const SILENCE: Duration = Duration::from_secs(2);

/// How long what a program left running may go on printing before nobody listens any more.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Why a program that was heard has no end, when nothing better is known.
pub(in crate::provider) const CUT_OFF: &str = "the session ended before the program did, or before all its output came";

/// What is heard of a program.
pub(in crate::provider) struct Heard {
    parts: mpsc::UnboundedReceiver<Part>,
    stdout: Marked,
    stderr: Marked,
    started: Option<u32>,
    end: Option<Mark>,
    /// Whether all has come that the program wrote to standard output.
    complete: bool,
}

enum Part {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
}

/// How a wait for an output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) enum Waited {
    /// It was printed.
    Printed,
    /// The program ended before.
    Ended,
    /// Nothing comes any more, and the program has not ended.
    Cut,
    /// The time was over.
    Overdue,
}

/// All that was heard.
pub(in crate::provider) struct Whole {
    /// Standard output, without the mark.
    pub stdout: Vec<u8>,
    /// Standard error, without the marks.
    pub said: Vec<u8>,
    /// The program's process, once it ran.
    pub started: Option<u32>,
    /// How it ended; none when nobody said so, or when a part of its output is missing.
    pub end: Option<Mark>,
}

impl Heard {
    /// Listens to a program's streams. Its marks begin with `token`.
    pub(in crate::provider) fn listen(
        token: &str,
        stdout: impl AsyncRead + Send + Unpin + 'static,
        stderr: impl AsyncRead + Send + Unpin + 'static,
    ) -> Self {
        let (sender, parts) = mpsc::unbounded_channel();
        tokio::spawn(read(stdout, sender.clone(), Part::Stdout));
        tokio::spawn(read(stderr, sender, Part::Stderr));
        let (stdout, stderr) = (Marked::new(token), Marked::new(token));
        Self { parts, stdout, stderr, started: None, end: None, complete: false }
    }

    /// The program's process, once it runs.
    pub(in crate::provider) const fn started(&self) -> Option<u32> {
        self.started
    }

    /// Whether the program has ended, or never will have started.
    pub(in crate::provider) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Takes the next thing that came; false when nothing will come any more.
    async fn next(&mut self) -> bool {
        let Some(part) = self.parts.recv().await else { return false };
        self.take(part);
        true
    }

    /// The process that a kill may go to: none where it has not started, or has ended by what came up to now, for then its
    /// number may be another's.
    pub(in crate::provider) fn killable(&mut self) -> Option<u32> {
        while let Ok(part) = self.parts.try_recv() {
            self.take(part);
        }
        self.started.filter(|_| self.end.is_none())
    }

    fn take(&mut self, part: Part) {
        match part {
            Part::Stdout(bytes) => self.complete |= !self.stdout.push(&bytes).is_empty(),
            Part::Stderr(bytes) => {
                for mark in self.stderr.push(&bytes) {
                    match mark {
                        Mark::Started(process) => self.started = Some(process),
                        end => self.end = Some(end),
                    }
                }
            }
        }
    }

    /// Listens until the program has started, or it is certain that it will not.
    pub(in crate::provider) async fn until_started(&mut self) {
        while !self.start_is_known() && self.next().await {}
    }

    const fn start_is_known(&self) -> bool {
        self.started.is_some() || self.end.is_some()
    }

    /// Listens until that, or until `text` is said instead; tells whether it was.
    pub(in crate::provider) async fn until_started_or(&mut self, text: &str) -> bool {
        while !self.start_is_known() && !self.said().contains(text) && self.next().await {}
        !self.start_is_known() && self.said().contains(text)
    }

    /// Listens until all has come that the program itself wrote, or nothing comes any more.
    pub(in crate::provider) async fn until_complete(&mut self) {
        while !self.is_complete() && self.next().await {}
    }

    const fn is_complete(&self) -> bool {
        self.end.is_some() && self.complete
    }

    /// Listens to what the program left running, for a while.
    pub(in crate::provider) async fn until_silent(&mut self) {
        let end = Instant::now() + AFTERWARDS;
        while Instant::now() < end && timeout(SILENCE, self.next()).await.unwrap_or(false) {}
    }

    /// Listens until standard output holds `text`.
    pub(in crate::provider) async fn wait_for(&mut self, text: &str, limit: Duration) -> Waited {
        let end = Instant::now() + limit;
        while !String::from_utf8_lossy(self.stdout.said()).contains(text) {
            if self.is_complete() {
                return Waited::Ended;
            }
            match timeout_at(end, self.next()).await {
                Ok(true) => {}
                Ok(false) => return if self.end.is_some() { Waited::Ended } else { Waited::Cut },
                Err(_) => return Waited::Overdue,
            }
        }
        Waited::Printed
    }

    /// What the program said on standard error so far.
    pub(in crate::provider) fn said(&self) -> String {
        String::from_utf8_lossy(self.stderr.said()).trim().to_owned()
    }

    /// All of it; nobody listens any more.
    pub(in crate::provider) fn into_whole(self) -> Whole {
        let end = self.end.filter(|end| self.complete || !matches!(end, Mark::Ended(_)));
        Whole { stdout: self.stdout.into_said(), said: self.stderr.into_said(), started: self.started, end }
    }
}

async fn read(mut stream: impl AsyncRead + Unpin, parts: mpsc::UnboundedSender<Part>, kind: fn(Vec<u8>) -> Part) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        if parts.send(kind(buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::AsyncWriteExt as _, time::timeout};

    use super::{Heard, Waited};
    use crate::provider::ssh::Mark;

    #[tokio::test]
    async fn a_program_is_heard_from_start_to_end() {
        let mut heard = Heard::listen("t", &b"one\ntwo\n\0t ended 3\n"[..], &b"\0t started 7\nso\n\0t ended 3\n"[..]);
        heard.until_started().await;
        assert_eq!(heard.started(), Some(7));
        assert_eq!(heard.wait_for("two", Duration::from_secs(5)).await, Waited::Printed);
        assert_eq!(heard.wait_for("three", Duration::from_secs(5)).await, Waited::Ended);
        heard.until_complete().await;
        heard.until_silent().await;
        let whole = heard.into_whole();
        assert_eq!((&*whole.stdout, &*whole.said), (&b"one\ntwo\n"[..], &b"so\n"[..]));
        assert_eq!(whole.end, Some(Mark::Ended(3)));
    }

    #[tokio::test]
    async fn output_is_complete_when_both_streams_say_so() {
        let (stdout, mut program) = tokio::io::duplex(64);
        let (stderr, mut script) = tokio::io::duplex(64);
        let mut heard = Heard::listen("t", stdout, stderr);
        script.write_all(b"\0t started 7\n\0t ended 0\n").await.expect("room");
        let early = timeout(Duration::from_millis(20), heard.until_complete()).await;
        assert!(heard.has_ended() && early.is_err());
        program.write_all(b"late\n\0t ended 0\n").await.expect("room");
        heard.until_complete().await;
        // Somebody else still holds both streams open.
        assert_eq!(heard.into_whole().stdout, b"late\n");
        drop((program, script));
    }

    #[tokio::test]
    async fn what_is_cut_off_has_no_end() {
        let mut heard = Heard::listen("t", &b"one\n"[..], &b"\0t started 7\n"[..]);
        assert_eq!(heard.wait_for("two", Duration::from_secs(5)).await, Waited::Cut);
        let (stdout, held_open) = tokio::io::duplex(8);
        let mut heard = Heard::listen("t", stdout, &b""[..]);
        assert_eq!(heard.wait_for("two", Duration::from_millis(20)).await, Waited::Overdue);
        drop(held_open);
        heard.until_started().await;
        assert!(heard.started().is_none() && !heard.has_ended());
        let mut heard = Heard::listen("t", &b"on"[..], &b"\0t started 7\n\0t ended 0\n"[..]);
        heard.until_complete().await;
        assert_eq!(heard.into_whole().end, None);
    }
}
