//! A file of any size onto a machine: piece by piece, so that one piece is in memory and not the file.

use std::{io, time::Duration};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::io::AsyncReadExt as _;

use super::{Command, Machine, MachineError};

/// Bytes of one piece. The machines of a run get their files at the same time.
const PIECE: usize = 8 << 20;

/// How long one piece may take: at the slowest that is waited for, 256 KiB per second, with time to connect.
const LIMIT: Duration = Duration::from_secs(60 + (PIECE as u64 / (256 << 10)));

/// Makes `$1` an empty file that only root reads.
const START: &str = r#"umask 077
mkdir -p -m 755 "$(dirname "$1")"
rm -f "$1"
: >"$1""#;

/// Adds standard input to `$1`.
const APPEND: &str = r#"cat >>"$1""#;

/// Gives `$1`, of `$2` bytes, the mode `$3` and the name `$4`.
const PLACE: &str = r#"size=$(stat -c %s "$1")
if [ "$size" != "$2" ]; then echo "$size bytes arrived of $2" >&2; exit 1; fi
chmod "$3" "$1"
mv -fT "$1" "$4""#;

/// Why a file is not on the machine.
#[derive(Debug, thiserror::Error)]
pub enum SendFileError {
    /// It cannot be read here.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// The machine, or the way to it.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

/// Copies the file `from` of this host to `to` on the machine, replacing what is there; folders are created. `mode` as
/// in `chmod`. The file has its name there when all of it has arrived.
///
/// # Errors
/// When it cannot be read here or written there. What had arrived is removed, unless the machine is out of reach.
pub async fn send_file(machine: &dyn Machine, from: &Utf8Path, to: &Utf8Path, mode: u32) -> Result<(), SendFileError> {
    in_pieces(machine, from, to, mode, PIECE).await
}

async fn in_pieces(
    machine: &dyn Machine,
    from: &Utf8Path,
    to: &Utf8Path,
    mode: u32,
    piece: usize,
) -> Result<(), SendFileError> {
    let new = format!("{to}.new");
    let sent = async {
        shell(machine, &[START, "sh", &new], Vec::new()).await?;
        let size = pieces(machine, from, &new, piece).await?;
        shell(machine, &[PLACE, "sh", &new, &size.to_string(), &format!("{mode:o}"), to.as_str()], Vec::new()).await
    };
    let sent = sent.await;
    if sent.is_err() {
        // The first error is the one to tell.
        drop(machine.run(&Command::new(["rm", "-f", &new])).await);
    }
    sent
}

/// Adds all of a file to the one that is new there, and returns how many bytes that were.
async fn pieces(machine: &dyn Machine, from: &Utf8Path, new: &str, piece: usize) -> Result<u64, SendFileError> {
    let unreadable = |reason| SendFileError::Unreadable { path: from.to_owned(), reason };
    let mut file = tokio::fs::File::open(from).await.map_err(unreadable)?;
    let mut size = 0;
    loop {
        let mut bytes = Vec::with_capacity(piece);
        (&mut file).take(piece as u64).read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.is_empty() {
            return Ok(size);
        }
        size += bytes.len() as u64;
        shell(machine, &[APPEND, "sh", new], bytes).await?;
    }
}

async fn shell(machine: &dyn Machine, words: &[&str], stdin: Vec<u8>) -> Result<(), SendFileError> {
    let command = Command::new(["sh", "-ec"].iter().chain(words).copied()).stdin(stdin).limit(LIMIT);
    Ok(machine.run(&command).await?.success(machine.name(), &command).map(drop)?)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, sync::Mutex};

    use async_trait::async_trait;
    use camino::Utf8Path;

    use super::{APPEND, in_pieces};
    use crate::provider::{Command, Machine, MachineError, Output, Running, Stream, ThisHost};

    /// This host, with the sizes of the pieces that arrived; of those behind the first, one byte is lost on request.
    #[derive(Default)]
    struct Counting {
        pieces: Mutex<Vec<usize>>,
        loses: bool,
    }

    #[async_trait]
    impl Machine for Counting {
        fn name(&self) -> &'static str {
            "counting"
        }

        async fn run(&self, command: &Command) -> Result<Output, MachineError> {
            let mut command = command.clone();
            if command.argv.get(2).is_some_and(|line| line == APPEND) {
                let mut pieces = self.pieces.lock().expect("no panic");
                pieces.push(command.stdin.len());
                if self.loses && pieces.len() > 1 {
                    command.stdin.pop();
                }
            }
            ThisHost.run(&command).await
        }

        async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
            ThisHost.start(command).await
        }

        async fn write_file(&self, path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), MachineError> {
            ThisHost.write_file(path, content, mode).await
        }

        async fn connect(&self, socket: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
            ThisHost.connect(socket).await
        }
    }

    #[tokio::test]
    async fn a_file_arrives_in_pieces_and_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(folder.path()).expect("UTF-8");
        let (from, to) = (folder.join("from.snap"), folder.join("deep/er/to's.snap"));
        let content: Vec<u8> = (0_u8..=255).cycle().take(25_000).collect();
        fs_err::write(&from, &content).expect("written");

        let machine = Counting::default();
        for _again in 0..2 {
            in_pieces(&machine, &from, &to, 0o600, 10_000).await.expect("sent");
        }
        assert_eq!(*machine.pieces.lock().expect("no panic"), [10_000, 10_000, 5_000, 10_000, 10_000, 5_000]);
        assert_eq!(fs_err::read(&to).expect("there"), content);
        assert_eq!(fs_err::metadata(&to).expect("there").permissions().mode() & 0o7777, 0o600);

        let other = folder.join("deep/other.snap");
        let losing = Counting { loses: true, ..Counting::default() };
        let error = in_pieces(&losing, &from, &other, 0o600, 10_000).await.expect_err("short").to_string();
        assert!(error.contains("24998 bytes arrived of 25000"), "{error}");
        let error = in_pieces(&machine, &folder.join("none"), &other, 0o600, 1).await.expect_err("absent").to_string();
        assert!(error.contains("none"), "{error}");
        let left: Vec<_> = fs_err::read_dir(folder.join("deep")).expect("there").collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}
