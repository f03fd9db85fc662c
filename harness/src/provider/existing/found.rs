//! Finding a host: the way there, the way to root, and whether it is what it is said to be.

use std::{sync::Arc, time::Duration};

use miette::Diagnostic;

use super::{facts::Facts, host::ExistingHost, os_release::Likeness};
use crate::{
    catalog::distro::Distro,
    provider::{
        MachineError,
        command_log::CommandLog,
        ssh::{ConfigurationError, Destination, OwnTarget, SshMachine},
    },
};

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(30);

/// What the agent is built for.
const ARCHITECTURE: &str = std::env::consts::ARCH;

/// Why a host cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ExistingError {
    /// The user's SSH configuration.
    #[error(transparent)]
    #[diagnostic(help("`ssh -G HOST` shows what your SSH configuration makes of a host"))]
    Configuration(#[from] ConfigurationError),
    /// No connection.
    #[error("{destination} cannot be reached: {reason}")]
    #[diagnostic(help(
        "your own SSH configuration, agent and known_hosts decide; `ssh -o BatchMode=yes {destination} true` must work"
    ))]
    Unreachable {
        /// Which.
        destination: Destination,
        /// What ssh said.
        reason: String,
    },
    /// A login that may not do what is needed.
    #[error("{destination}: {reason}")]
    #[diagnostic(help(
        "log in as root, or let the user run `sudo` without a password for as long as the lab lasts; nothing was changed"
    ))]
    NoRoot {
        /// Which.
        destination: Destination,
        /// What sudo said.
        reason: String,
    },
    /// Another system than it was said to be.
    #[error("{destination} is {is}, not {said}")]
    #[diagnostic(help(
        "name it as what it is: `lab list distros` shows the names, and vm-images/README.md how to add one"
    ))]
    Another {
        /// Which.
        destination: Destination,
        /// What its `/etc/os-release` says.
        is: String,
        /// What the command line said.
        said: String,
    },
    /// It cannot run what it should.
    #[error("{destination} {reason}")]
    Unfit {
        /// Which.
        destination: Destination,
        /// Why.
        reason: String,
    },
    /// Something else is on it.
    #[error("{destination} has something of Pathlab on it already: {what}")]
    #[diagnostic(help(
        "if that run still goes on, wait for it; else `lab gc` on the machine that started it removes what it left"
    ))]
    InUse {
        /// Which.
        destination: Destination,
        /// What.
        what: String,
    },
    /// Anything else.
    #[error(transparent)]
    Machine(MachineError),
}

/// Connects to a host and asks what it is; nothing is changed. All that is done on it is written to the log. Without a distro any Linux will do.
pub async fn find(
    destination: &Destination,
    distro: Option<&Distro>,
    log: Option<&Arc<CommandLog>>,
) -> Result<ExistingHost, ExistingError> {
    let target = OwnTarget::resolve(destination).await?;
    let machine = Arc::new(SshMachine::new(destination.to_string(), target.clone()));
    let unreachable = |error: MachineError| match error {
        MachineError::Lost { reason, .. } => ExistingError::Unreachable { destination: destination.clone(), reason },
        MachineError::NotStarted { reason, .. } => ExistingError::NoRoot { destination: destination.clone(), reason },
        other => ExistingError::Machine(other),
    };
    machine.connect_within(CONNECTING).await.map_err(unreachable)?;
    let facts = Facts::ask(&machine, log.map(|log| &**log)).await.map_err(unreachable)?;
    fit(destination, &facts, distro)?;
    // From here on it is known by its own name, which is its node's.
    let named = Arc::new(SshMachine::new(facts.hostname.clone(), target));
    Ok(ExistingHost::new(destination.clone(), facts, named, log.cloned()))
}

fn fit(destination: &Destination, facts: &Facts, distro: Option<&Distro>) -> Result<(), ExistingError> {
    let unfit = |reason: String| ExistingError::Unfit { destination: destination.clone(), reason };
    if let Some(distro) = distro.filter(|distro| facts.os.likeness(distro) == Likeness::Another) {
        let is =
            if facts.os.title.is_empty() { "no Linux that says what it is".to_owned() } else { facts.os.title.clone() };
        return Err(ExistingError::Another { destination: destination.clone(), is, said: distro.title.clone() });
    }
    if facts.architecture != ARCHITECTURE {
        return Err(unfit(format!("is {}, and the agent here is for {ARCHITECTURE}", facts.architecture)));
    }
    if distro.is_some() && !facts.systemd {
        return Err(unfit("is not run by systemd, without which there are no snaps".to_owned()));
    }
    if facts.hostname.is_empty() {
        return Err(unfit("has no host name".to_owned()));
    }
    let what = match (&facts.claim, facts.folders.as_slice()) {
        (Some(lab), _) => format!("the lab {lab} holds it"),
        (None, []) => return Ok(()),
        (None, folders) => folders.join(", "),
    };
    Err(ExistingError::InUse { destination: destination.clone(), what })
}
