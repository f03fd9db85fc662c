//! RHEL machines are registered with Red Hat as long as their packages are installed: their repositories need it.

use std::{env, sync::Arc, time::Duration};

use crate::{
    catalog::{distro::Distro, image::Account},
    provider::{Command, Machine, MachineError},
};

/// Number of the organisation.
const ORG_VARIABLE: &str = "PATHLAB_RHSM_ORG";

/// Activation key, which is a secret.
const KEY_VARIABLE: &str = "PATHLAB_RHSM_ACTIVATION_KEY";

/// Red Hat's service may take its time.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Keeps the key out of arguments, which others on the machine and the log of commands see.
const REGISTER: &str =
    r#"read -r key; exec subscription-manager register --force --org "$1" --activationkey "$key" 2>&1"#;

/// An organisation's right to register machines.
pub(super) struct Subscription {
    org: String,
    key: String,
}

impl Subscription {
    /// The one that the environment names; none where it does not.
    pub(super) fn from_environment() -> Option<Self> {
        let value = |name| env::var(name).ok().filter(|value| !value.trim().is_empty());
        Some(Self { org: value(ORG_VARIABLE)?, key: value(KEY_VARIABLE)? })
    }

    /// Whether machines of this distro are registered.
    pub(super) fn is_for(distro: &Distro) -> bool {
        matches!(distro.image.account, Some(Account::RedHat { .. }))
    }

    /// Registers a machine.
    pub(super) async fn register(&self, machine: &dyn Machine) -> Result<(), MachineError> {
        let argv = ["sh", "-c", REGISTER, "subscription-manager register", &self.org];
        let command = Command::new(argv).stdin(format!("{}\n", self.key)).limit(LIMIT);
        let mut output = machine.run(&command).await?;
        // What it says of a key that it does not know may have it.
        output.stdout = output.text().replace(&self.key, "[redacted]").into_bytes();
        output.success(machine.name(), &command).map(drop)
    }
}

/// Machines that are registered. Where the making is cut off before they are taken out of the organisation's list, it is
/// said which are left there: they are removed, and nobody can ask them any more.
pub(super) struct OnList(Vec<String>);

impl OnList {
    pub(super) fn new<'a, M: Machine + ?Sized + 'a>(machines: impl Iterator<Item = &'a Arc<M>>) -> Self {
        Self(machines.map(|machine| machine.name().to_owned()).collect())
    }

    /// They are taken out, or it was told why not.
    pub(super) fn done(mut self) {
        self.0.clear();
    }
}

impl Drop for OnList {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            let machines = self.0.join(", ");
            tracing::warn!(
                "{machines}: cut off while registered with Red Hat; remove them from your account's systems"
            );
        }
    }
}

/// Takes a machine out of the organisation's list. It lives on without: what it needs is installed. One that cannot be
/// taken out is told, and spoils nothing.
pub(super) async fn unregister(machine: &dyn Machine) {
    let command = Command::new(["subscription-manager", "unregister"]).limit(LIMIT);
    let ended = match machine.run(&command).await {
        Ok(output) => output.success(machine.name(), &command).map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::warn!("{}: still registered with Red Hat: {error}", machine.name());
    }
}

/// The machines that are to be registered.
pub(super) fn registered<'a, M: ?Sized>(
    machines: &'a [Arc<M>],
    distros: &'a [Arc<Distro>],
) -> impl Iterator<Item = &'a Arc<M>> {
    machines.iter().zip(distros).filter(|(_, distro)| Subscription::is_for(distro)).map(|(machine, _)| machine)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use camino::Utf8Path;

    use super::{Subscription, unregister};
    use crate::provider::{Command, Machine, MachineError, Output, Running, Stream};

    /// Writes down what it is told to run, and answers the same to all of it.
    struct Told {
        commands: Mutex<Vec<Command>>,
        answer: Output,
    }

    impl Told {
        fn answering(status: i32, stdout: &str) -> Self {
            let answer = Output { status, stdout: stdout.as_bytes().to_vec(), ..Output::default() };
            Self { commands: Mutex::default(), answer }
        }
    }

    #[async_trait]
    impl Machine for Told {
        fn name(&self) -> &'static str {
            "rhel-1"
        }

        async fn run(&self, command: &Command) -> Result<Output, MachineError> {
            self.commands.lock().expect("a list").push(command.clone());
            Ok(self.answer.clone())
        }

        async fn start(&self, command: &Command) -> Result<Box<dyn Running>, MachineError> {
            Err(self.refused(command.display()))
        }

        async fn write_file(&self, path: &Utf8Path, _: &[u8], _: u32) -> Result<(), MachineError> {
            Err(self.refused(path.to_string()))
        }

        async fn connect(&self, path: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
            Err(self.refused(path.to_string()))
        }
    }

    impl Told {
        fn refused(&self, command: String) -> MachineError {
            MachineError::NotStarted { machine: self.name().to_owned(), command, reason: "only told".to_owned() }
        }
    }

    fn subscription() -> Subscription {
        Subscription { org: "1234567".to_owned(), key: "hunter2".to_owned() }
    }

    #[tokio::test]
    async fn the_key_is_read_by_the_machine_and_seen_by_nobody() {
        let machine = Told::answering(0, "The system has been registered");
        subscription().register(&machine).await.expect("registered");
        unregister(&machine).await;
        let commands = machine.commands.into_inner().expect("a list");
        assert_eq!(commands[0].stdin, b"hunter2\n");
        assert!(commands.iter().all(|command| !command.display().contains("hunter2")), "{commands:?}");
        assert!(commands[0].argv.contains(&"1234567".to_owned()), "{commands:?}");
        assert_eq!(commands[1].display(), "subscription-manager unregister");
    }

    #[tokio::test]
    async fn a_refusal_is_told_without_the_key() {
        let machine = Told::answering(70, "the activation key hunter2 does not exist");
        let error = subscription().register(&machine).await.expect_err("refused").to_string();
        assert!(error.contains("the activation key [redacted] does not exist"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
