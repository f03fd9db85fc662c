//! Making an instance.

use std::{net::IpAddr, time::Duration};

use camino::Utf8PathBuf;

use super::{client::Multipass, cloud_init, error::MultipassError, machine::MultipassMachine, state::InstanceState};
use crate::{
    catalog::distro::{Family, Hardware},
    provider::{Command, Machine as _},
};

/// What the call needs beside what Multipass itself may wait for.
const BESIDES: Duration = Duration::from_secs(60);

/// Smallest disk that the images of Enterprise Linux fit on, in GiB.
const EL_DISK: u32 = 10;

/// An instance that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchSpec {
    /// Its name in Multipass.
    pub instance: String,
    /// Its name as a machine of a lab, and its host name.
    pub machine: String,
    /// Its image, a file that the daemon can read. From the snap that is none in `/tmp` and none in a hidden folder.
    pub image: Utf8PathBuf,
    /// Family of its distribution.
    pub family: Family,
    /// Its size.
    pub hardware: Hardware,
    /// How long booting and initialising may take, each.
    pub limit: Duration,
}

impl LaunchSpec {
    /// The arguments of `multipass`.
    fn arguments(&self) -> Vec<String> {
        let Hardware { cpus, memory_mib, disk_gib } = self.hardware;
        let disk = if self.family == Family::El { disk_gib.max(EL_DISK) } else { disk_gib };
        let (image, cpus) = (format!("file://{}", self.image), cpus.to_string());
        let (memory, disk) = (format!("{memory_mib}M"), format!("{disk}G"));
        let timeout = self.limit.as_secs().to_string();
        let mut words = vec!["launch", &image, "--name", &self.instance, "--cpus", &cpus];
        words.extend(["--memory", &memory, "--disk", &disk, "--timeout", &timeout, "--cloud-init", "-"]);
        words.into_iter().map(str::to_owned).collect()
    }

    /// What cloud-init is told, through standard input: the daemon's snap cannot read every file. Without the last line
    /// images of Debian generate locales for minutes.
    fn user_data(&self) -> String {
        format!("#cloud-config\nhostname: {}\nlocale: false\n", self.machine)
    }
}

/// Whether Multipass takes this name.
fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        && !name.ends_with('-')
}

impl Multipass {
    /// Makes an instance and waits until it can be used.
    ///
    /// Multipass adds its own package to the user data of every image. Where a distribution does not have it, cloud-init
    /// reports an error and the call fails, although the instance is as it should be: such an instance is taken.
    pub async fn launch(&self, spec: &LaunchSpec) -> Result<MultipassMachine, MultipassError> {
        let instance = &spec.instance;
        if !is_name(instance) {
            return Err(MultipassError::BadName(instance.clone()));
        }
        if let Some(info) = self.info(instance).await? {
            return Err(MultipassError::NameTaken { name: instance.clone(), state: info.state.to_string() });
        }
        let arguments = spec.arguments();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Booting and initialising are limited each.
        let launched = self.call(&words, spec.user_data().as_bytes(), 2 * spec.limit + BESIDES).await;
        match launched {
            Ok(_) => self.machine(&spec.machine, instance).await,
            Err(error @ MultipassError::Failed { .. }) => match self.info(instance).await {
                Ok(Some(info)) if info.state == InstanceState::Running => self.forgive(spec, error).await,
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// An instance that runs, as the machine of that name.
    pub async fn machine(&self, machine: &str, instance: &str) -> Result<MultipassMachine, MultipassError> {
        let address = self.address(instance).await?;
        Ok(MultipassMachine::new(self.clone(), machine.to_owned(), instance.to_owned(), address))
    }

    /// The address of an instance that runs. Those of its own bridges come after the first.
    pub(super) async fn address(&self, instance: &str) -> Result<IpAddr, MultipassError> {
        let info = self.info(instance).await?;
        let first = info.and_then(|info| info.ipv4.first().copied());
        first.ok_or_else(|| MultipassError::NoAddress(instance.to_owned()))
    }

    /// The machine, if all that cloud-init complains of is Multipass's own package; else the error of the call.
    async fn forgive(&self, spec: &LaunchSpec, error: MultipassError) -> Result<MultipassMachine, MultipassError> {
        let machine = self.machine(&spec.machine, &spec.instance).await?;
        let ask = Command::new(["cloud-init", "status", "--wait", "--format", "json"]).limit(spec.limit);
        let Ok(output) = machine.run(&ask).await else { return Err(error) };
        match cloud_init::judge(&output.text()) {
            Ok(()) => Ok(machine),
            Err(reason) => Err(MultipassError::CloudInit { name: spec.instance.clone(), reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LaunchSpec, is_name};
    use crate::catalog::distro::{Family, Hardware};

    #[test]
    fn arguments_are_those_that_are_documented() {
        let mut spec = LaunchSpec {
            instance: "pathlab-0a1b-rhel-1".to_owned(),
            machine: "rhel-1".to_owned(),
            image: "/home/me/rhel.qcow2".into(),
            family: Family::El,
            hardware: Hardware { cpus: 2, memory_mib: 3584, disk_gib: 5 },
            limit: Duration::from_secs(300),
        };
        let rest = "--timeout 300 --cloud-init -";
        let common = "launch file:///home/me/rhel.qcow2 --name pathlab-0a1b-rhel-1 --cpus 2 --memory 3584M";
        assert_eq!(spec.arguments().join(" "), format!("{common} --disk 10G {rest}"));
        spec.family = Family::Debian;
        assert_eq!(spec.arguments().join(" "), format!("{common} --disk 5G {rest}"));
        assert_eq!(spec.user_data(), "#cloud-config\nhostname: rhel-1\nlocale: false\n");
    }

    #[test]
    fn names() {
        for (name, good) in [
            ("a", true),
            ("lab-1", true),
            ("1ab", false),
            ("lab-", false),
            ("l_b", false),
            ("", false),
            ("rhel-9.5", false),
        ] {
            assert_eq!(is_name(name), good, "{name}");
        }
    }
}
