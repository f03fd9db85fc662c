//! Waiting until MicroK8s is ready, and enabling its addons.

use std::time::Duration;

use super::{
    Addon,
    added::Added,
    additions::Additions,
    error::MicroK8sError,
    node::{Node, said},
    status::{self, Running, Status},
};
use crate::provider::MachineError;

/// How long MicroK8s itself waits at a time. It would wait for ever without being told.
const AT_A_TIME: Duration = Duration::from_secs(60);

/// What the command needs beside the wait.
const BESIDES: Duration = Duration::from_secs(30);

/// What the status says, asked with a wait of at most `wait`.
pub(super) async fn status(node: Node<'_>, wait: Duration) -> Result<Result<Status, String>, MicroK8sError> {
    let seconds = wait.as_secs().to_string();
    let argv = ["microk8s", "status", "--format", "yaml", "--wait-ready", "--timeout", &seconds];
    match node.run(&argv, wait + BESIDES).await {
        // Its exit status is 0 for a stopped node and another for a worker: only the text counts.
        Ok(output) => Ok(status::parse(&output.text()).map_err(|reason| format!("{reason} ({})", said(&output)))),
        Err(error @ MachineError::TimedOut { .. }) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the node is ready; starts it when it was stopped.
pub async fn ready(node: Node<'_>) -> Result<Running, MicroK8sError> {
    let waiting = node.waiting("MicroK8s to be ready", node.limits().ready);
    let mut started = false;
    loop {
        let last = match status(node, waiting.left(AT_A_TIME)).await? {
            Ok(Status::Running(running)) => return Ok(running),
            Ok(Status::NotReady(message)) => message,
            Ok(Status::Stopped) if started => "it is stopped, although it was started".to_owned(),
            Ok(Status::Stopped) => {
                started = true;
                node.done(&["microk8s", "start"], node.limits().ready).await?;
                continue;
            }
            Ok(Status::Worker) => return Ok(Running::default()),
            Err(reason) => reason,
        };
        waiting.again(last).await?;
    }
}

/// Enables the addons that are not enabled, one after the other, and waits until the status says that they are.
pub async fn enable(node: Node<'_>, addons: &[Addon], added: &mut dyn Additions) -> Result<(), MicroK8sError> {
    for addon in addons {
        let running = ready(node).await?;
        match running.is_enabled(addon.name()) {
            Some(true) => continue,
            Some(false) => {}
            None => {
                let known: Vec<&str> = running.addons.iter().map(|known| known.name.as_str()).collect();
                let (machine, addon) = (node.name().to_owned(), addon.name().to_owned());
                return Err(MicroK8sError::NoAddon { machine, addon, known: known.join(", ") });
            }
        }
        added.add(Added::Addon(addon.name().to_owned()))?;
        enable_one(node, addon).await?;
    }
    Ok(())
}

async fn enable_one(node: Node<'_>, addon: &Addon) -> Result<(), MicroK8sError> {
    let waiting = node.waiting(format!("the addon {} to be enabled", addon.name()), node.limits().addon);
    let argument = addon.argument();
    let limit = waiting.left(node.limits().addon);
    // Its status says little: some addons end with 0 and are not there, others the other way round.
    let mut last = match node.run(&["microk8s", "enable", &argument], limit).await {
        Ok(output) => said(&output),
        Err(error @ MachineError::TimedOut { .. }) => error.to_string(),
        Err(error) => return Err(error.into()),
    };
    loop {
        match status(node, waiting.left(AT_A_TIME)).await? {
            Ok(Status::Running(running)) if running.is_enabled(addon.name()) == Some(true) => return Ok(()),
            Ok(_) => {}
            Err(reason) => last = reason,
        }
        waiting.again(format!("`microk8s enable {argument}` ended with {last}")).await?;
    }
}
