//! What the harness and the sandbox's supervisor say to each other.
//!
//! The harness passes one end of a fresh socket pair over the control socket for each request. A request is
//! a frame ([`crate::provider::wire`]) that holds JSON; what follows depends on it. When the control socket closes,
//! the supervisor ends, and the lab with it.

use std::net::SocketAddr;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::provider::session::Session;
pub use crate::provider::wire::{receive, receive_bytes, send, send_bytes};

/// A network, mount and UTS namespace of the sandbox: a machine or a pod.
pub type SpaceId = u32;

/// What the harness asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Make a space. Answered with [`Answer::Space`].
    Space(NewSpace),
    /// End the spaces whose names start with this, and every process in them. Answered with [`Answer::Done`].
    Remove {
        /// Start of their names.
        prefix: String,
    },
    /// Run a program; a frame with its standard input follows. Answered with [`Answer::Output`] parts and
    /// then [`Answer::Exit`]. Closing the sending half ends the program.
    Run(Launch),
    /// Run a program that talks with somebody. What goes over the stream from then on is [`Session`]'s.
    Session {
        /// Where.
        space: SpaceId,
        /// The program.
        session: Session,
    },
    /// Start a program that lives as long as the lab. Answered with [`Answer::Done`].
    Daemon {
        /// The program.
        launch: Launch,
        /// File for what it prints, in the lab's own folder.
        log: Utf8PathBuf,
    },
    /// Write a file in a space; a frame with its content follows. Answered with [`Answer::Done`].
    Write {
        /// Where.
        space: SpaceId,
        /// Absolute path; folders are created.
        path: Utf8PathBuf,
        /// Mode, as in `chmod`.
        mode: u32,
    },
    /// Connect to a unix socket in a space. Answered with [`Answer::Done`], then the bytes are the stream's.
    Connect {
        /// Where.
        space: SpaceId,
        /// Absolute path of the socket.
        socket: Utf8PathBuf,
    },
    /// Connect to an address in a space. Answered with [`Answer::Done`], then the bytes are the stream's.
    ConnectTcp {
        /// Where.
        space: SpaceId,
        /// The address.
        to: SocketAddr,
    },
    /// Carry what comes to an address in one space to an address in another. Answered with [`Answer::Done`].
    Forward {
        /// Where to listen.
        space: SpaceId,
        /// The address there.
        listen: SocketAddr,
        /// Where it leads.
        to_space: SpaceId,
        /// The address there.
        to: SocketAddr,
    },
}

/// A space to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewSpace {
    /// Unique in the lab.
    pub name: String,
    /// Its host name.
    pub hostname: String,
}

/// A program to start in a space.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Launch {
    /// Where.
    pub space: SpaceId,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Environment beyond the lab's own.
    pub env: Vec<(String, String)>,
}

/// What the supervisor answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Done.
    Done,
    /// The space is there.
    Space {
        /// Its id.
        id: SpaceId,
        /// Path of its network namespace, valid everywhere in the sandbox.
        netns: Utf8PathBuf,
    },
    /// The program printed something; a frame with the bytes follows.
    Output {
        /// On standard error rather than standard output.
        stderr: bool,
    },
    /// The program ended.
    Exit {
        /// Its status; 128 + the signal's number when a signal ended it.
        status: i32,
    },
    /// It did not work.
    Failed {
        /// Why.
        reason: String,
    },
}
