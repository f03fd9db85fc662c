//! The programs of a build and this machine's package sources.

use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::{catalog::image::Build, image::error::ImageError};

/// Each program with the package of Debian that holds it.
const PROGRAMS: [(&str, &str); 8] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("sfdisk", "fdisk"),
    ("mformat", "mtools"),
    ("mcopy", "mtools"),
    ("syslinux", "syslinux"),
    ("qemu-img", "qemu-utils"),
    ("tar", "tar"),
];
/// Not a program: the code in the first sector of the disk.
const BOOT_SECTOR: (&str, &str) = ("/usr/lib/SYSLINUX/mbr.bin", "syslinux");
/// Administrators' programs are not on everybody's `PATH`.
const SYSTEM_FOLDERS: &str = "/usr/local/sbin:/usr/sbin:/sbin";
/// Runs a program in namespaces of its own: nobody else sees what it mounts, and all that it started ends with it.
const APART: [&str; 6] = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child=KILL"];

/// The programs are all here.
pub(super) struct Tools {
    path: String,
    root: bool,
    /// Root may make namespaces: not in every container.
    apart: bool,
}

/// Looks for the programs and the release.
pub(super) fn find(distro: &str, build: &Build) -> Result<Tools, ImageError> {
    let path = format!("{}:{SYSTEM_FOLDERS}", std::env::var("PATH").unwrap_or_default());
    let is_here = |program: &str| path.split(':').any(|folder| Utf8Path::new(folder).join(program).is_file());
    let mut lacking: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !is_here(program)).map(|(_, package)| *package).collect();
    if !Utf8Path::new(BOOT_SECTOR.0).is_file() {
        lacking.push(BOOT_SECTOR.1);
    }
    lacking.dedup();
    let cannot = |problem: String, help: String| ImageError::Build { distro: distro.to_owned(), problem, help };
    if !lacking.is_empty() {
        let packages = lacking.join(" ");
        return Err(cannot(format!("this machine lacks {packages}"), format!("sudo apt-get install {packages}")));
    }
    let suite = &build.suite;
    if !package_sources().iter().any(|file| names(file, suite)) {
        let help =
            format!("build it on a machine of that release, or name your own image; there must be {suite} in /etc/apt");
        return Err(cannot(format!("this machine's package sources have no release {suite}"), help));
    }
    let root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let mut tools = Tools { path, root, apart: root };
    tools.apart = root && tools.command("true").output().is_ok_and(|output| output.status.success());
    Ok(tools)
}

impl Tools {
    /// A program. Root's mmdebstrap mounts for all to see, and its children outlive it: so it runs apart. Without root it makes
    /// namespaces by itself.
    pub(super) fn command(&self, program: &str) -> Command {
        let before: &[&str] = if self.apart { &APART } else { &[] };
        let mut words = before.iter().copied().chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words).env("PATH", &self.path);
        command
    }

    /// A script that makes files of all users: in a user namespace where this is not root.
    pub(super) fn as_root_inside(&self, script: &str) -> Command {
        let mut command = if self.root { self.command("sh") } else { self.command("mmdebstrap") };
        if !self.root {
            command.args(["--unshare-helper", "sh"]);
        }
        command.arg(script);
        command
    }
}

/// In a user namespace, programs of a build are other users: these may write to its folder.
pub(super) fn open_to_others(folder: &Utf8Path) -> Result<(), ImageError> {
    fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))
        .map_err(|error| ImageError::io("open", folder, error))
}

/// The files in which this machine's package sources are.
pub(super) fn package_sources() -> Vec<Utf8PathBuf> {
    let folder = Utf8Path::new("/etc/apt/sources.list.d").read_dir_utf8();
    let files = folder.into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    let mut sources: Vec<Utf8PathBuf> = files
        .filter(|file| matches!(file.extension(), Some("list" | "sources")))
        .chain([Utf8PathBuf::from("/etc/apt/sources.list")])
        .filter(|file| fs::metadata(file).is_ok_and(|meta| meta.len() > 0))
        .collect();
    sources.sort();
    sources
}

/// Whether a file of package sources names a release, as a word.
fn names(file: &Utf8Path, suite: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| {
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .any(|line| line.split_whitespace().any(|word| word == suite))
    })
}
