//! Collects a machine's evidence. What a machine does not have is recorded, not an error.

use futures_util::{StreamExt as _, stream};

use super::{
    item::{Area, Item},
    redact::redact,
};
use crate::provider::{Machine, MachineError};

/// What was collected on one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Machine name.
    pub machine: String,
    /// Distro id.
    pub distro: String,
    /// One entry per item, in the order of the items.
    pub collected: Vec<Collected>,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Part of the system.
    pub area: Area,
    /// Name within the area.
    pub name: String,
    /// File in the archive.
    pub path: String,
    /// The command as it was run.
    pub command: String,
    /// Its exit status; none when it could not be run.
    pub status: Option<i32>,
    /// Its output, secrets taken out; why there is none otherwise.
    pub text: String,
    /// How many secrets were taken out.
    pub redacted: usize,
}

/// Items that run at the same time on a machine.
const AT_ONCE: usize = 4;

/// Collects these items.
///
/// # Errors
/// When the machine is lost. Nothing else is an error.
pub async fn collect(machine: &dyn Machine, distro: &str, items: &[Item]) -> Result<Evidence, MachineError> {
    let all: Vec<_> = stream::iter(items).map(|item| one(machine, item)).buffered(AT_ONCE).collect().await;
    Ok(Evidence {
        machine: machine.name().to_owned(),
        distro: distro.to_owned(),
        collected: all.into_iter().collect::<Result<_, _>>()?,
    })
}

async fn one(machine: &dyn Machine, item: &Item) -> Result<Collected, MachineError> {
    let (status, text) = match machine.run(&item.command).await {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let text = output.text();
            (Some(output.status), if output.ok() || said.is_empty() { text } else { text + &said })
        }
        Err(error @ MachineError::Lost { .. }) => return Err(error),
        Err(error) => (None, error.to_string()),
    };
    let (text, redacted) = redact(&text);
    Ok(Collected {
        area: item.area,
        name: item.name.clone(),
        path: item.path(),
        command: item.command.display(),
        status,
        text,
        redacted,
    })
}

impl Evidence {
    /// The output of an item that succeeded.
    #[must_use]
    pub fn text(&self, area: Area, name: &str) -> Option<&str> {
        let found = self.collected.iter().find(|one| one.area == area && one.name == name)?;
        (found.status == Some(0)).then_some(found.text.as_str())
    }
}
