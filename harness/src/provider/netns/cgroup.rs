//! Control groups of a lab that keeps root: one parent group per lab in every hierarchy, gone when the lab is.
//!
//! Container runtimes make groups as they like. All of them are below the lab's parent group, because that is the root
//! of the lab's cgroup namespace, so that ending a lab is killing what is in it and removing it.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Where the hierarchies are mounted inside of a lab, for its spaces to bind.
pub const INSIDE: &str = "/run/pathlab/cgroup";

/// Start of the names of parent groups.
const PREFIX: &str = "pathlab";

/// How long processes that were killed may take to be gone: dozens of a cluster, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub at: PathBuf,
    /// The controllers of version 1, as mount takes them; empty for version 2.
    pub controllers: String,
}

/// The same group in every hierarchy.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its folders.
    folders: Vec<PathBuf>,
    unified: bool,
}

/// The hierarchies of this mount namespace: those of version 1 where there are any, else version 2's.
pub fn hierarchies() -> io::Result<Vec<Hierarchy>> {
    let found = parse(&fs::read_to_string("/proc/self/mountinfo")?);
    if found.is_empty() { Err(io::Error::other("no cgroup hierarchy is mounted")) } else { Ok(found) }
}

/// Inside of a lab: the folders of its own root group.
pub fn inside() -> io::Result<Vec<PathBuf>> {
    let inside = Path::new(INSIDE);
    if inside.join("cgroup.procs").exists() {
        return Ok(vec![inside.to_owned()]);
    }
    let entries: Vec<fs::DirEntry> = fs::read_dir(inside)?.collect::<io::Result<_>>()?;
    // Links are other names of the same.
    Ok(entries
        .iter()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(fs::DirEntry::path)
        .collect())
}

fn parse(mountinfo: &str) -> Vec<Hierarchy> {
    let mut all: Vec<Hierarchy> = Vec::new();
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else { continue };
        let (Some(at), words) = (mount.split(' ').nth(4), file_system.split(' ').collect::<Vec<_>>()) else { continue };
        let controllers = match words.as_slice() {
            ["cgroup2", ..] => String::new(),
            ["cgroup", _, options] => {
                let own = options.split(',').filter(|option| !["rw", "ro", "xattr", "clone_children"].contains(option));
                own.filter(|option| !option.starts_with("release_agent=")).collect::<Vec<_>>().join(",")
            }
            _ => continue,
        };
        // What is mounted twice counts once.
        if all.iter().all(|known| known.controllers != controllers) {
            all.push(Hierarchy { at: at.into(), controllers });
        }
    }
    if all.iter().any(|hierarchy| !hierarchy.controllers.is_empty()) {
        all.retain(|hierarchy| !hierarchy.controllers.is_empty());
    }
    all
}

impl Hierarchy {
    /// Whether it is of version 2.
    #[must_use]
    pub const fn unified(&self) -> bool {
        self.controllers.is_empty()
    }

    /// Name of its folder below `/sys/fs/cgroup`; none for version 2, which is mounted there itself.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        if self.unified() { None } else { Some(self.controllers.trim_start_matches("name=")) }
    }
}

impl Group {
    /// Makes the parent group of the lab whose first process this is.
    pub fn of_this_process(hierarchies: &[Hierarchy]) -> io::Result<Self> {
        let pid = std::process::id();
        let start = start_time(pid).ok_or_else(|| io::Error::other("this process has no start time"))?;
        Self::make(hierarchies.iter().map(|one| one.at.clone()), &format!("{PREFIX}-{}-{pid}-{start}", pid_space()?))
    }

    /// Makes a group below these folders.
    pub fn make(parents: impl IntoIterator<Item = PathBuf>, name: &str) -> io::Result<Self> {
        let mut group = Self { folders: Vec::new(), unified: false };
        for parent in parents {
            let folder = parent.join(name);
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    drop(group.remove());
                    return Err(named(&folder, &error));
                }
                _ => {}
            }
            // A group of version 1's controller cpuset takes no process before it has processors and memory.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let own = folder.join(file);
                if fs::read(&own).is_ok_and(|value| value.trim_ascii().is_empty())
                    && !folder.join("cgroup.subtree_control").exists()
                {
                    fs::write(&own, fs::read(parent.join(file))?.trim_ascii())?;
                }
            }
            group.unified |= folder.join("cgroup.subtree_control").exists();
            group.folders.push(folder);
        }
        Ok(group)
    }

    /// Files that a process writes `0` to, to join.
    pub fn doors(&self) -> io::Result<Vec<fs::File>> {
        let open = |folder: &PathBuf| {
            let file = folder.join("cgroup.procs");
            fs::File::options().write(true).open(&file).map_err(|error| named(&file, &error))
        };
        self.folders.iter().map(open).collect()
    }

    /// Moves this process into the group.
    pub fn join(&self) -> io::Result<()> {
        use std::io::Write as _;
        for (mut door, folder) in self.doors()?.into_iter().zip(&self.folders) {
            door.write_all(b"0").map_err(|error| named(folder, &error))?;
        }
        Ok(())
    }

    /// A group in it for processes; where version 2 allows no processes beside groups, all others get its controllers.
    pub fn for_processes(&self) -> io::Result<Self> {
        if !self.unified {
            return Ok(self.clone());
        }
        self.below("host")
    }

    /// A group in it.
    pub fn below(&self, name: &str) -> io::Result<Self> {
        Self::make(self.folders.iter().cloned(), name)
    }

    /// Lets groups below this one have its controllers, which version 1 does by itself.
    pub fn share_controllers(&self) -> io::Result<()> {
        for folder in self.folders.iter().filter(|_| self.unified) {
            let controllers = fs::read_to_string(folder.join("cgroup.controllers"))?;
            for controller in controllers.split_whitespace() {
                // One that cannot be shared is missed by whoever needs it, with its own words.
                drop(fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}")));
            }
        }
        Ok(())
    }

    /// Kills every process in the group and below, and removes it. Says what is left.
    pub fn remove(&self) -> io::Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let mut left = Ok(());
            for folder in &self.folders {
                kill_all(folder);
                if let Err(error) = remove_tree(folder) {
                    left = Err(named(folder, &error));
                }
            }
            if left.is_ok() || Instant::now() > end {
                return left;
            }
            sleep(Duration::from_millis(5));
        }
    }
}

/// Removes the groups of labs whose first process was killed, with all that still runs in them.
pub fn remove_stale() -> io::Result<()> {
    let own = pid_space()?.to_string();
    let hierarchies = hierarchies()?;
    for hierarchy in &hierarchies {
        for entry in fs::read_dir(&hierarchy.at)?.flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.strip_prefix(PREFIX).is_some_and(|rest| is_stale(rest, &own)) {
                Group { folders: vec![entry.path()], unified: false }.remove()?;
            }
        }
    }
    Ok(())
}

/// Whether the process named by `-SPACE-PID-START` has ended. Of processes in another PID namespace nothing is known.
fn is_stale(rest: &str, own_space: &str) -> bool {
    let words: Vec<&str> = rest.split('-').collect();
    let ["", space, pid, start] = words.as_slice() else { return false };
    let pid: Option<u32> = pid.parse().ok();
    *space == own_space && pid.is_some_and(|pid| start_time(pid).as_deref() != Some(start))
}

/// When a process started, in ticks since the system did; none when it has ended.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold anything; the state follows it.
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let state = words.next()?;
    if state == "Z" { None } else { words.nth(18).map(str::to_owned) }
}

fn pid_space() -> io::Result<u64> {
    Ok(fs::metadata("/proc/self/ns/pid")?.ino())
}

fn kill_all(folder: &Path) {
    let procs = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process that this PID namespace does not see.
    for pid in procs.lines().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid > 0) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    for below in folders(folder) {
        kill_all(&below);
    }
}

fn remove_tree(folder: &Path) -> io::Result<()> {
    folders(folder).iter().try_for_each(|below| remove_tree(below))?;
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Hierarchy, is_stale, parse, pid_space, start_time};

    fn shown(mountinfo: &str) -> Vec<(String, String)> {
        parse(mountinfo).into_iter().map(|one| (one.at.display().to_string(), one.controllers)).collect()
    }

    #[test]
    fn both_versions_are_found() {
        let v1 = "31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
            32 23 0:28 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,release_agent=/a,name=systemd\n\
            33 23 0:27 / /else rw - cgroup cgroup rw,cpu,cpuacct\n\
            34 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let pair = |at: &str, controllers: &str| (at.to_owned(), controllers.to_owned());
        assert_eq!(
            shown(v1),
            [pair("/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"), pair("/sys/fs/cgroup/systemd", "name=systemd")]
        );
        let v2 = "34 23 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n1 0 8:1 / / rw - ext4 a rw\n";
        assert_eq!(shown(v2), [pair("/sys/fs/cgroup", "")]);
        assert_eq!(Hierarchy { at: "/".into(), controllers: "name=systemd".into() }.folder(), Some("systemd"));
    }

    #[test]
    fn a_group_is_stale_when_its_process_is_gone() {
        let (space, pid) = (pid_space().expect("a namespace").to_string(), std::process::id());
        let start = start_time(pid).expect("this process runs");
        assert!(!is_stale(&format!("-{space}-{pid}-{start}"), &space));
        assert!(is_stale(&format!("-{space}-{pid}-1{start}"), &space), "another process has its id now");
        assert!(is_stale(&format!("-{space}-{}-1", u32::MAX), &space));
        assert!(!is_stale(&format!("-1-{}-1", u32::MAX), &space), "another PID namespace");
        assert!(!is_stale("-something", &space));
    }
}
