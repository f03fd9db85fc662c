//! The programs of a build and this machine's package sources.

use std::{
    io,
    os::{
        fd::{AsRawFd, BorrowedFd},
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    process::Command,
};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    sys::{prctl, signal::Signal},
    unistd::geteuid,
};

use crate::{catalog::image::Build, download::Turn, image::error::ImageError};

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
/// What mmdebstrap needs besides where root does not run it.
const WITHOUT_ROOT: (&str, &str) = ("newuidmap", "uidmap");
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
    turn: Turn,
}

/// Looks for the programs and the release. The turn is theirs as well.
pub(super) fn find(distro: &str, build: &Build, turn: Turn) -> Result<Tools, ImageError> {
    let path = format!("{}:{SYSTEM_FOLDERS}", std::env::var("PATH").unwrap_or_default());
    let is_here = |program: &str| path.split(':').any(|folder| Utf8Path::new(folder).join(program).is_file());
    let root = geteuid().is_root();
    let programs = PROGRAMS.iter().chain((!root).then_some(&WITHOUT_ROOT));
    let mut lacking: Vec<&str> =
        programs.filter(|(program, _)| !is_here(program)).map(|(_, package)| *package).collect();
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
    let mut tools = Tools { path, root, apart: root, turn };
    let trial = tools.as_root_inside("true").output();
    let works = trial.as_ref().is_ok_and(|output| output.status.success());
    if !works && !root {
        let said = trial.map_or_else(|error| error.to_string(), |output| last_line(&output.stderr));
        let help = "root can build it; anybody else needs namespaces of users, and lines in /etc/subuid and /etc/subgid: \
                    sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 \"$USER\"";
        return Err(cannot(format!("mmdebstrap cannot be root in a namespace of this user: {said}"), help.to_owned()));
    }
    tools.apart = root && works;
    Ok(tools)
}

fn last_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

impl Tools {
    /// A program. Root's mmdebstrap mounts for all to see, and its children outlive it: so it runs apart, and ends with a
    /// killed harness. Without root it makes namespaces by itself, where nobody can end it: it goes on, cleans up, and keeps
    /// the turn until then.
    pub(super) fn command(&self, program: &str) -> Command {
        let before: &[&str] = if self.apart { &APART } else { &[] };
        let mut words = before.iter().copied().chain([program]);
        let mut command = Command::new(words.next().unwrap_or(program));
        command.args(words).env("PATH", &self.path);
        let (apart, turn) = (self.apart, self.turn.as_raw_fd());
        let prepare = move || {
            if apart {
                return prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from);
            }
            // SAFETY: it is open in whoever has the tools, and was when this process was forked.
            let turn = unsafe { BorrowedFd::borrow_raw(turn) };
            fcntl(turn, FcntlArg::F_SETFD(FdFlag::empty())).map(drop).map_err(io::Error::from)
        };
        // SAFETY: one system call between fork and exec.
        unsafe {
            command.pre_exec(prepare);
        }
        command
    }

    /// A program that handles files of all users: in a user namespace where this is not root.
    pub(super) fn as_root_inside(&self, program: &str) -> Command {
        if self.root {
            return self.command(program);
        }
        // It has process ids of its own there: programs that look for themselves in /proc need one that has them too.
        let mut command = self.command("mmdebstrap");
        command.args(["--unshare-helper", "unshare", "--mount-proc", program]);
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
