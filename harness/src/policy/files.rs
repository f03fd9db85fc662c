//! Files of a policy, written together with what is to be done once they are there.

use camino::Utf8Path;

use crate::provider::{Command, Machine, MachineError};

/// Writes files from standard input, one behind the other: `$1` is the path of the next, `$2` its length.
const WRITE: &str = r#"while [ $# -gt 0 ]; do
    mkdir -p "${1%/*}"
    head -c "$2" >"$1.new"
    chmod 644 "$1.new"
    mv -fT "$1.new" "$1"
    shift 2
done
"#;

/// Files with their content. One command takes all of them: over a connection each command has its price, which on an
/// emulated processor is half a second.
#[derive(Debug, Default)]
pub(super) struct Files {
    arguments: Vec<String>,
    content: Vec<u8>,
    also: &'static str,
}

impl Files {
    /// Adds a file that everybody may read.
    pub(super) fn add(&mut self, path: &Utf8Path, content: &str) {
        self.arguments.extend([path.to_string(), content.len().to_string()]);
        self.content.extend_from_slice(content.as_bytes());
    }

    /// Lines that are run once the files are there, and of which nobody need be told when others fail.
    pub(super) const fn also_run(&mut self, lines: &'static str) {
        self.also = lines;
    }

    /// Writes them, each as a whole, and then runs the lines of a script.
    pub(super) async fn write_and_run(self, machine: &dyn Machine, script: &str) -> Result<(), MachineError> {
        if self.arguments.is_empty() && script.is_empty() {
            return Ok(());
        }
        let lines = format!("{WRITE}{}{script}", self.also);
        let shell = ["sh", "-ec", &lines, "sh"].map(str::to_owned);
        let command = Command::new(shell.into_iter().chain(self.arguments)).stdin(self.content);
        // What a reader has to know of it is what it was for.
        let shown = Command::shell(if script.is_empty() { "writing the host policy's files" } else { script });
        machine.run(&command).await?.success(machine.name(), &shown).map(drop)
    }
}
