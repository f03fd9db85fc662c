//! What a lab is made of, on the command line: the same for every command that makes one.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use clap::{ArgAction, Args};
use serde::{Deserialize, Serialize};

use super::args::{OwnImageArg, cluster, provider};
use crate::{
    catalog::microk8s::Release,
    model::{ClusterKind, ProviderKind},
};

/// What a lab is made of.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub struct LabArgs {
    /// What makes the machines.
    #[arg(long, value_name = "P", default_value = "netns", value_parser = provider())]
    pub provider: ProviderKind,
    /// What runs the manifests; the provider decides when it is not given.
    #[arg(long, value_name = "C", value_parser = cluster())]
    pub cluster: Option<ClusterKind>,
    /// Folder of the Kubernetes programs, for `--cluster kubernetes`; where `just kube-binaries` left them when it is
    /// not given.
    #[arg(long, value_name = "DIR", env = "PATHLAB_KUBE_BIN", hide_env_values = true)]
    #[serde(default)]
    pub kube_bin: Option<Utf8PathBuf>,
    /// What is only for whole machines.
    #[command(flatten)]
    #[serde(flatten)]
    pub whole: WholeArgs,
}

/// Whole machines and the MicroK8s on them.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(default)]
#[command(next_help_heading = "Whole machines")]
pub struct WholeArgs {
    /// Which libvirt; `qemu:///system` when it is not given. May be repeated: machines are spread over the hosts.
    #[arg(long = "libvirt-uri", value_name = "URI", env = "PATHLAB_LIBVIRT_URI", hide_env_values = true, action = ArgAction::Append)]
    pub libvirt_uris: Vec<String>,
    /// Machines that each host may have at the same time; clusters wait for their places. As many as
    /// `--jobs` makes when it is not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub machines_per_host: Option<u16>,
    /// A network of libvirt that exists; machines get one of their own when it is not given.
    #[arg(long, value_name = "NAME")]
    pub libvirt_network: Option<String>,
    /// Folder, on libvirt's host, for the machines' disks.
    #[arg(long, value_name = "DIR")]
    pub libvirt_storage: Option<Utf8PathBuf>,
    /// Your own file in the place of a distro's image, for instance `rhel=FILE`; may be repeated.
    #[arg(long = "image", value_name = "DISTRO=FILE", action = ArgAction::Append)]
    pub images: Vec<OwnImageArg>,
    /// Processors of each machine, instead of what its distro's file says.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=255))]
    pub cpus: Option<u16>,
    /// Memory of each machine, in GiB.
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub memory: Option<u32>,
    /// Disk of each machine, in GiB.
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub disk: Option<u32>,
    /// Channel that MicroK8s comes from; the scenario's, or else `1.32/stable`, when it is not given.
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// One revision of MicroK8s.
    #[arg(long, value_name = "N")]
    pub revision: Option<u32>,
    /// MicroK8s from files, for machines without network: those of microk8s, its base and snapd, as `snap download`
    /// writes them; may be repeated.
    #[arg(long = "snap", value_name = "FILE", num_args = 1.., conflicts_with_all = ["channel", "revision"])]
    pub snaps: Vec<Utf8PathBuf>,
    /// MicroK8s, its base and snapd are downloaded once, by this host, and copied to all machines.
    #[arg(long, conflicts_with = "snaps")]
    pub download_snaps: bool,
    /// File or URL of the package that brings EPEL, where a machine's repositories do not know it (RHEL).
    #[arg(long, value_name = "PACKAGE", env = "PATHLAB_EPEL", hide_env_values = true)]
    pub epel: Option<String>,
    /// Revisions of MicroK8s that `--locked` insists on, by distro. No argument: the lock file says them.
    #[arg(skip)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub locked_revisions: BTreeMap<String, u32>,
    /// What `--download-snaps` has brought here. No argument: the store says what it is.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub downloaded: Vec<DownloadedSnaps>,
}

/// One MicroK8s that was downloaded, with its base and snapd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadedSnaps {
    /// Which one was asked for.
    pub release: Release,
    /// The snaps' files; each has its assertions beside it.
    pub files: Vec<Utf8PathBuf>,
}

impl LabArgs {
    /// A lab of this provider, all else as without arguments.
    #[must_use]
    pub fn of(provider: ProviderKind, cluster: Option<ClusterKind>) -> Self {
        Self { provider, cluster, kube_bin: None, whole: WholeArgs::default() }
    }

    /// The arguments as words, for another machine: what this one's environment says is not for that. Of images, those
    /// for which `wants`.
    #[must_use]
    pub fn words(&self, wants: impl Fn(&OwnImageArg) -> bool) -> Vec<String> {
        let Self { provider, cluster, kube_bin, whole } = self;
        let kube_bin =
            kube_bin.as_ref().map(ToString::to_string).filter(|dir| !is_environment("PATHLAB_KUBE_BIN", dir));
        let one = [
            ("--provider", (*provider != ProviderKind::Netns).then(|| provider.to_string())),
            ("--cluster", cluster.map(|cluster| cluster.to_string())),
            ("--kube-bin", kube_bin),
        ];
        let given = one.into_iter().filter_map(|(option, value)| Some((option, value?)));
        let pairs = given.chain(whole.pairs(wants));
        let flags = whole.download_snaps.then(|| "--download-snaps".to_owned());
        pairs.flat_map(|(option, value)| [option.to_owned(), value]).chain(flags).collect()
    }

    /// The same with paths that hold in every folder.
    #[must_use]
    pub fn absolute(&self) -> Self {
        let absolute = |path: &Utf8PathBuf| path.canonicalize_utf8().unwrap_or_else(|_| path.clone());
        let mut all = self.clone();
        all.kube_bin = all.kube_bin.as_ref().map(absolute);
        all.whole.images.iter_mut().for_each(|image| image.file = absolute(&image.file));
        all.whole.snaps = all.whole.snaps.iter().map(absolute).collect();
        all
    }
}

/// Providers that make their machines.
const MAKERS: &[ProviderKind] = &[ProviderKind::Libvirt, ProviderKind::Multipass];

/// Providers whose machines have a MicroK8s.
const WHOLE: &[ProviderKind] = &[ProviderKind::Libvirt, ProviderKind::Multipass, ProviderKind::Ssh];

impl WholeArgs {
    /// The first argument that was given and means nothing to this provider, with those to whom it means something.
    /// What the environment may name is for whoever needs it.
    #[must_use]
    pub fn misplaced(&self, provider: ProviderKind) -> Option<(&'static str, &'static [ProviderKind])> {
        let all: [(&str, &[ProviderKind], bool); 11] = [
            ("--libvirt-network", &[ProviderKind::Libvirt], self.libvirt_network.is_some()),
            ("--libvirt-storage", &[ProviderKind::Libvirt], self.libvirt_storage.is_some()),
            ("--machines-per-host", MAKERS, self.machines_per_host.is_some()),
            ("--image", MAKERS, !self.images.is_empty()),
            ("--cpus", MAKERS, self.cpus.is_some()),
            ("--memory", MAKERS, self.memory.is_some()),
            ("--disk", MAKERS, self.disk.is_some()),
            ("--channel", WHOLE, self.channel.is_some()),
            ("--revision", WHOLE, self.revision.is_some()),
            ("--snap", WHOLE, !self.snaps.is_empty()),
            ("--download-snaps", WHOLE, self.download_snaps),
        ];
        let misplaced = all.into_iter().find(|(_, whose, given)| *given && !whose.contains(&provider));
        misplaced.map(|(argument, whose, _)| (argument, whose))
    }

    /// Every argument with a value that was given, with it.
    fn pairs(&self, wants: impl Fn(&OwnImageArg) -> bool) -> Vec<(&'static str, String)> {
        // None is left out: the names are all here.
        let Self {
            libvirt_uris,
            machines_per_host,
            libvirt_network,
            libvirt_storage,
            images,
            cpus,
            memory,
            disk,
            channel,
            revision,
            snaps,
            epel,
            // It has no value.
            download_snaps: _,
            // The lock file says it to whoever reads it there, and the store.
            locked_revisions: _,
            downloaded: _,
        } = self;
        let uris = libvirt_uris.iter().filter(|uri| !is_environment("PATHLAB_LIBVIRT_URI", uri));
        let mut pairs: Vec<_> = uris.map(|uri| ("--libvirt-uri", uri.clone())).collect();
        let one = [
            ("--machines-per-host", machines_per_host.map(|count| count.to_string())),
            ("--libvirt-network", libvirt_network.clone()),
            ("--libvirt-storage", libvirt_storage.as_ref().map(ToString::to_string)),
            ("--cpus", cpus.map(|count| count.to_string())),
            ("--memory", memory.map(|gib| gib.to_string())),
            ("--disk", disk.map(|gib| gib.to_string())),
            ("--channel", channel.clone()),
            ("--revision", revision.map(|number| number.to_string())),
            ("--epel", epel.clone().filter(|package| !is_environment("PATHLAB_EPEL", package))),
        ];
        pairs.extend(one.into_iter().filter_map(|(option, value)| Some((option, value?))));
        let images = images.iter().filter(|image| wants(image));
        pairs.extend(images.map(|image| ("--image", format!("{}={}", image.distro, image.file))));
        pairs.extend(snaps.iter().map(|file| ("--snap", file.to_string())));
        pairs
    }
}

/// Whether it is only what the environment says here.
fn is_environment(variable: &str, value: &str) -> bool {
    std::env::var(variable).is_ok_and(|said| said == value)
}

#[cfg(test)]
mod tests {
    use super::{DownloadedSnaps, LabArgs, Release, WholeArgs};
    use crate::model::ProviderKind;

    #[test]
    fn arguments_are_for_the_providers_that_heed_them() {
        let args = WholeArgs { cpus: Some(2), channel: Some("1.32/stable".to_owned()), ..WholeArgs::default() };
        let misplaced = |provider| args.misplaced(provider).map(|(argument, _)| argument);
        assert_eq!(misplaced(ProviderKind::Netns), Some("--cpus"));
        assert_eq!(misplaced(ProviderKind::Ssh), Some("--cpus"));
        assert_eq!(misplaced(ProviderKind::Libvirt), None);
        assert_eq!(misplaced(ProviderKind::Multipass), None);
        let args = WholeArgs { libvirt_network: Some("default".to_owned()), ..WholeArgs::default() };
        assert!(ProviderKind::ALL.iter().all(|one| args.misplaced(*one).is_none() == (*one == ProviderKind::Libvirt)));
        let args = WholeArgs { download_snaps: true, ..WholeArgs::default() };
        assert_eq!(args.misplaced(ProviderKind::Netns).map(|(argument, _)| argument), Some("--download-snaps"));
        assert!(
            [ProviderKind::Libvirt, ProviderKind::Multipass, ProviderKind::Ssh]
                .iter()
                .all(|one| args.misplaced(*one).is_none())
        );
        let args = WholeArgs { channel: Some("1.32/stable".to_owned()), ..WholeArgs::default() };
        assert!(ProviderKind::ALL.iter().all(|one| args.misplaced(*one).is_some() == (*one == ProviderKind::Netns)));
    }

    #[test]
    fn another_machine_downloads_for_itself() {
        let mut args = LabArgs::of(ProviderKind::Libvirt, None);
        assert_eq!(args.words(|_| true), ["--provider", "libvirt"]);
        args.whole.download_snaps = true;
        let release = Release::Revision(7964);
        args.whole.downloaded = vec![DownloadedSnaps { release, files: vec!["/cache/microk8s_7964.snap".into()] }];
        assert_eq!(args.words(|_| true), ["--provider", "libvirt", "--download-snaps"]);
        let kept = serde_json::to_value(&args).and_then(serde_json::from_value::<LabArgs>).expect("its own words");
        assert_eq!(kept.whole.downloaded, args.whole.downloaded);
    }
}
