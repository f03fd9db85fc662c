//! Commands on one machine, with this module's limits and errors.

use std::time::Duration;

use super::{error::MicroK8sError, limits::Limits, waiting::Waiting};
use crate::provider::{Command, Machine, MachineError, Output};

/// One machine that has MicroK8s, or will have it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    machine: &'a dyn Machine,
    limits: &'a Limits,
}

impl<'a> Node<'a> {
    /// A machine, with how long each step on it may take.
    #[must_use]
    pub const fn new(machine: &'a dyn Machine, limits: &'a Limits) -> Self {
        Self { machine, limits }
    }

    /// The machine.
    #[must_use]
    pub const fn machine(&self) -> &'a dyn Machine {
        self.machine
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.machine.name()
    }

    pub(super) const fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(super) fn waiting(&self, what: impl Into<String>, limit: Duration) -> Waiting {
        Waiting::new(self.name(), what, limit, self.limits.pause)
    }

    /// Runs a command, whatever its status.
    pub(super) async fn run(&self, argv: &[&str], limit: Duration) -> Result<Output, MachineError> {
        self.machine.run(&command(argv).limit(limit)).await
    }

    /// Whether a command ends with 0: a question.
    pub(super) async fn holds(&self, argv: &[&str]) -> Result<bool, MachineError> {
        Ok(self.run(argv, self.limits.question).await?.ok())
    }

    /// Runs a command that must end with 0.
    pub(super) async fn done(&self, argv: &[&str], limit: Duration) -> Result<Output, MachineError> {
        let command = command(argv).limit(limit);
        self.machine.run(&command).await?.success(self.name(), &command)
    }

    /// The standard output of a question that must end with 0, and how it is understood.
    pub(super) async fn ask<T>(
        &self,
        argv: &[&str],
        understand: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, MicroK8sError> {
        let output = self.done(argv, self.limits.question).await?;
        understand(&output.text()).map_err(|reason| self.not_understood(argv, reason))
    }

    pub(super) fn not_understood(&self, argv: &[&str], reason: String) -> MicroK8sError {
        MicroK8sError::NotUnderstood { machine: self.name().to_owned(), command: argv.join(" "), reason }
    }
}

fn command(argv: &[&str]) -> Command {
    Command::new(argv.iter().copied())
}

/// What a program said, shortened: standard error, else standard output.
pub(super) fn said(output: &Output) -> String {
    let said = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
    let text = String::from_utf8_lossy(said);
    let text = text.trim();
    let shown: String = text.chars().take(500).collect();
    format!("status {}{}{shown}", output.status, if shown.is_empty() { "" } else { ": " })
}
