//! The claim of a lab on a host, and taking away what the lab added there.

use std::time::Duration;

use crate::{
    ledger::{ReapError, Record},
    provider::{
        Command, Machine, MachineError,
        ssh::{Destination, OwnTarget, SshMachine},
    },
};

/// The file on a host that names the lab which has something there.
pub const CLAIM: &str = "/var/lib/pathlab.lab";

/// How long taking one thing away may take: a snap with its data is the slowest.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// Writes the claim unless there is one, and says whose it is.
const WRITE: &str = r#"umask 077
(set -C; echo "$2" >"$1") 2>/dev/null || :
cat "$1""#;

/// Runs a command if the host carries this lab's claim. A host without any was set up anew, or cleaned by its owner:
/// nothing on it is the lab's.
const UNDER_CLAIM: &str = r#"owner=$(cat "$1" 2>/dev/null) || exit 0
if [ "$owner" != "$2" ]; then echo "$owner"; exit 90; fi
shift 2
exec "$@""#;

/// Status of [`UNDER_CLAIM`] on a host that another lab has by now.
const ANOTHERS: i32 = 90;

/// Claims a host for a lab, unless another one has it: returns that one's id.
pub async fn claim(machine: &dyn Machine, lab: &str) -> Result<Option<String>, MachineError> {
    let command = Command::new(["sh", "-ec", WRITE, "sh", CLAIM, lab]);
    let owner = machine.run(&command).await?.success(machine.name(), &command)?.text().trim().to_owned();
    Ok(Some(owner).filter(|owner| owner != lab))
}

/// Runs the command that takes something away from a host, connecting as its user would.
pub async fn reap(record: &Record, destination: &str, removal: &[String]) -> Result<(), ReapError> {
    let failed = |error: &dyn std::error::Error| ReapError::Failed(error.to_string());
    let destination: Destination = destination.parse().map_err(|error| failed(&error))?;
    let target = OwnTarget::resolve(&destination).await.map_err(|error| failed(&error))?;
    let machine = SshMachine::new(destination.to_string(), target);
    remove(&machine, &record.id, removal).await
}

/// The same with a machine that is connected.
pub async fn remove(machine: &dyn Machine, lab: &str, removal: &[String]) -> Result<(), ReapError> {
    let claim = ["sh", "-c", UNDER_CLAIM, "sh", CLAIM, lab].map(str::to_owned);
    let command = Command::new(claim.into_iter().chain(removal.iter().cloned())).limit(LIMIT);
    let output = machine.run(&command).await.map_err(|error| ReapError::Failed(error.to_string()))?;
    match output.status {
        0 => Ok(()),
        ANOTHERS => Err(ReapError::NotOurs(format!("the host is the lab {}'s by now", output.text().trim()))),
        status => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(ReapError::Failed(format!("`{}` ended with status {status}: {said}", removal.join(" "))))
        }
    }
}
