//! Making an instance.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{client::Multipass, cloud_init, error::MultipassError, machine::MultipassMachine, state::InstanceState};
use crate::{
    catalog::distro::Family,
    provider::{Command, Machine as _},
};

/// What the call needs beside what Multipass itself may wait for.
const BESIDES: Duration = Duration::from_secs(60);

/// Smallest disk that the images of Enterprise Linux fit on, in GiB.
const EL_DISK: u32 = 10;

/// Where an instance comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstanceImage {
    /// One of Multipass's own: `22.04`.
    Named(String),
    /// A file that the daemon can read. From the snap that is none in `/tmp` and none in a hidden folder.
    File(Utf8PathBuf),
}

/// An instance that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchSpec {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: InstanceImage,
    /// Family of its distribution.
    pub family: Family,
    /// Processors.
    pub cpus: u32,
    /// Memory, in GiB.
    pub memory: u32,
    /// Disk, in GiB.
    pub disk: u32,
    /// User data of cloud-init; empty for none.
    pub cloud_init: String,
    /// How long booting and initialising may take.
    pub limit: Duration,
}

impl LaunchSpec {
    /// The arguments of `multipass`. User data come from standard input: the daemon's snap cannot read every file.
    fn arguments(&self) -> Vec<String> {
        let image = match &self.image {
            InstanceImage::Named(name) => name.clone(),
            InstanceImage::File(path) => format!("file://{path}"),
        };
        let disk = if self.family == Family::El { self.disk.max(EL_DISK) } else { self.disk };
        let (cpus, memory, disk) = (self.cpus.to_string(), format!("{}G", self.memory), format!("{disk}G"));
        let timeout = self.limit.as_secs().to_string();
        let mut words = vec!["launch", &image, "--name", &self.name, "--cpus", &cpus];
        words.extend(["--memory", &memory, "--disk", &disk, "--timeout", &timeout]);
        if !self.cloud_init.is_empty() {
            words.extend(["--cloud-init", "-"]);
        }
        words.into_iter().map(str::to_owned).collect()
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
        if !is_name(&spec.name) {
            return Err(MultipassError::BadName(spec.name.clone()));
        }
        if let Some(info) = self.info(&spec.name).await? {
            return Err(MultipassError::NameTaken { name: spec.name.clone(), state: info.state.to_string() });
        }
        let arguments = spec.arguments();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // Booting and initialising are limited each.
        let launched = self.call(&words, spec.cloud_init.as_bytes(), 2 * spec.limit + BESIDES).await;
        let machine = MultipassMachine::new(self.clone(), spec.name.clone(), spec.limit);
        match launched {
            Ok(_) => Ok(machine),
            Err(error @ MultipassError::Failed { .. }) => match self.info(&spec.name).await {
                Ok(Some(info)) if info.state == InstanceState::Running => {
                    self.forgive(spec, &machine, error).await.map(|()| machine)
                }
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Whether all that cloud-init complains of is Multipass's own package; else the error of the call.
    async fn forgive(
        &self,
        spec: &LaunchSpec,
        machine: &MultipassMachine,
        error: MultipassError,
    ) -> Result<(), MultipassError> {
        let ask = Command::new(["cloud-init", "status", "--wait", "--format", "json"]).limit(spec.limit);
        let Ok(output) = machine.run(&ask).await else { return Err(error) };
        match cloud_init::judge(&output.text()) {
            Ok(()) => Ok(()),
            Err(reason) => Err(MultipassError::CloudInit { name: spec.name.clone(), reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{InstanceImage, LaunchSpec, is_name};
    use crate::catalog::distro::Family;

    #[test]
    fn arguments_are_those_that_are_documented() {
        let mut spec = LaunchSpec {
            name: "lab-rhel-1".to_owned(),
            image: InstanceImage::File("/home/me/rhel.qcow2".into()),
            family: Family::El,
            cpus: 2,
            memory: 4,
            disk: 5,
            cloud_init: "#cloud-config\n".to_owned(),
            limit: Duration::from_secs(300),
        };
        assert_eq!(
            spec.arguments().join(" "),
            "launch file:///home/me/rhel.qcow2 --name lab-rhel-1 --cpus 2 --memory 4G --disk 10G --timeout 300 --cloud-init -"
        );
        (spec.image, spec.family, spec.cloud_init) =
            (InstanceImage::Named("22.04".to_owned()), Family::Debian, String::new());
        assert_eq!(
            spec.arguments().join(" "),
            "launch 22.04 --name lab-rhel-1 --cpus 2 --memory 4G --disk 5G --timeout 300"
        );
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
