//! A program on a machine that talks with somebody: `lab exec`, and `lab shell` with a terminal.
//!
//! Over the session's stream go frames: [`Input`] to the program, [`Event`] back. Closing the stream ends the
//! program. Of its input, no more than [`WINDOW`] bytes are on the way at a time, so that a signal never has to
//! wait behind input that the program does not read.

mod serve;
mod terminal;

use serde::{Deserialize, Serialize};

pub use self::serve::{exit_code, kill_group, serve};

/// How many bytes of input may be on the way, not yet [`Event::Taken`] by the program.
pub const WINDOW: usize = 1 << 18;

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment beyond the machine's own.
    pub env: Vec<(String, String)>,
    /// The size of its terminal; none for plain pipes.
    pub terminal: Option<Size>,
}

/// Size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What is said to the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Standard input; a frame with the bytes follows.
    Bytes,
    /// Standard input has ended.
    End,
    /// Its terminal has another size now.
    Size(Size),
    /// A signal, by its number, for the program and all that it started in its process group.
    Signal(i32),
}

/// What the program does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It has read so many bytes of its input, or will never.
    Taken(usize),
    /// It printed something; a frame with the bytes follows. A terminal knows no standard error.
    Output {
        /// On standard error rather than standard output.
        stderr: bool,
    },
    /// It ended.
    Exit {
        /// Its status; 128 + the signal's number when a signal ended it.
        status: i32,
    },
    /// It could not be started.
    NotStarted {
        /// The system's reason.
        reason: String,
        /// There is no such program.
        unknown: bool,
    },
}
