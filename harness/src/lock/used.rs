//! What a run used, as far as it is known: before its machines run that is less than after.

use std::collections::BTreeMap;

use serde_json::Value;

use super::file::Versions;
use crate::{
    image::{BaseImage, Sha256Digest},
    model::{
        ProviderKind,
        report::{CaseReport, DistroReport, Host, MachineReport, Report},
    },
};

/// What a run used. Each part is compared with what is locked once it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Images that machines boot from, by distro.
    pub images: BTreeMap<String, Sha256Digest>,
    /// The kind of lab, as `netns/dataplane`; none where only images are used.
    pub lab: Option<String>,
    /// Versions on the host that runs the lab; empty until it was asked.
    pub host: Versions,
    /// Versions on machines, by distro; those that were not asked are absent.
    pub machines: BTreeMap<String, Versions>,
}

impl Used {
    /// Images, and nothing else.
    #[must_use]
    pub fn of_images<'a>(images: impl IntoIterator<Item = &'a BaseImage>) -> Self {
        let images = images.into_iter().map(|image| (image.distro.clone(), image.sha256));
        Self { images: images.collect(), ..Self::default() }
    }

    /// A lab of which nothing is known yet.
    #[must_use]
    pub fn of_lab(provider: &str, cluster: &str) -> Self {
        Self { lab: Some(format!("{provider}/{cluster}")), ..Self::default() }
    }

    /// What a finished run used.
    #[must_use]
    pub fn of_run(report: &Report) -> Self {
        let run = &report.run;
        let used = Self::of_lab(&run.provider, &run.cluster).on_host(&run.host);
        // Only as installed is a machine what its distro says: a remedy may have taken the firewall away.
        let as_installed = |distro: &&DistroReport| {
            let tried = |case: &CaseReport| case.verdict.says_something();
            report.cases.iter().any(|case| case.distro == distro.id && case.remedy.is_none() && tried(case))
        };
        let distros = report.distros.iter().filter(as_installed);
        distros.fold(used, |used, distro| {
            let others = distro.other_machines.iter();
            let used = others.fold(used, |used, other| used.on_machine(&other.distro, &other.machine));
            used.on_machine(&distro.id, &distro.machine)
        })
    }

    fn is_of_namespaces(&self) -> bool {
        self.lab.as_ref().is_some_and(|lab| lab.split('/').next() == Some(ProviderKind::Netns.as_str()))
    }

    /// With the versions on the host that runs the lab, and of this program.
    #[must_use]
    pub fn on_host(mut self, host: &Host) -> Self {
        let Ok(Value::Object(versions)) = serde_json::to_value(host) else { return self };
        let versions = versions.into_iter().filter_map(|(name, version)| match version {
            // firewalld is the machines'; the report has that of the first.
            Value::String(version) if !version.is_empty() && name != "firewalld" => Some((name, version)),
            _ => None,
        });
        self.host = versions.collect();
        self.host.insert("pathlab".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        self
    }

    /// With what a machine of this distro said of itself. One that was never up said nothing.
    #[must_use]
    pub fn on_machine(mut self, distro: &str, machine: &MachineReport) -> Self {
        if machine.kernel.is_empty() {
            return self;
        }
        let mut versions = Versions::new();
        let mut add = |name: &str, version: Option<&String>| {
            versions.extend(version.map(|version| (name.to_owned(), version.clone())));
        };
        add("firewalld", machine.firewalld.as_ref());
        // Namespace hosts have the host's.
        if !self.is_of_namespaces() {
            add("kernel", Some(&machine.kernel));
            add("nft", machine.nft.as_ref());
            add("snap", machine.snap.as_ref());
        }
        if let Some(image) = machine.image.as_ref().and_then(|image| image.parse().ok()) {
            self.images.insert(distro.to_owned(), image);
        }
        let others = machine.other_images.iter();
        self.images.extend(others.filter_map(|(distro, image)| Some((distro.clone(), image.parse().ok()?))));
        self.machines.insert(distro.to_owned(), versions);
        self
    }
}
