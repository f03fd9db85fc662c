//! Making and entering spaces: network, mount and UTS namespaces held by open descriptors.

use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd},
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
    thread,
};

use nix::{
    sched::{CloneFlags, setns, unshare},
    sys::signal::{Signal, kill},
    unistd::{Pid, chdir, sethostname},
};

use super::{
    cgroup::{self, Group},
    mounts::{LAB, prepare_space},
    protocol::NewSpace,
};

/// The group for containers in a space's own.
pub const CONTAINERS: &str = "kubepods";

/// The namespaces of one machine or pod. They live as long as this value or a process in them.
#[derive(Debug)]
pub struct Space {
    net: File,
    mnt: File,
    uts: File,
    /// Its name, unique in the lab.
    pub name: String,
    /// Path of its network namespace, valid everywhere in the sandbox.
    pub netns: PathBuf,
    /// Its folder in the lab's own folder.
    pub folder: PathBuf,
    /// Where the sandbox keeps root: its control group, and what its processes join it by.
    group: Option<(Group, Vec<File>)>,
}

impl Drop for Space {
    fn drop(&mut self) {
        // What is left of its folder lies in memory and ends with the lab at the latest.
        drop(fs::remove_file(&self.netns));
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// The control group of a space, named like it, with the groups of its containers below [`CONTAINERS`]. However little each
/// asks for, all of them together have the share of the processor that one program of the space has (version 1), or that all
/// programs have (version 2).
fn own_group(name: &str) -> io::Result<(Group, Vec<File>)> {
    let group = Group::make(cgroup::inside()?, name)?;
    group.share_controllers()?;
    group.below(CONTAINERS)?.share_controllers()?;
    let doors = group.for_processes()?.doors()?;
    Ok((group, doors))
}

impl Space {
    /// Makes the namespaces. Blocks; the calling thread stays where it is.
    pub fn create(new: &NewSpace, keeps_root: bool) -> io::Result<Self> {
        let folder = Path::new(LAB).join("spaces").join(&new.name);
        fs::create_dir(&folder)?;
        let (own, hostname) = (folder.clone(), new.hostname.clone());
        // Namespaces belong to threads: this one's end with it, but for the descriptors.
        let made = thread::spawn(move || -> io::Result<[File; 3]> {
            unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS)?;
            sethostname(&hostname)?;
            prepare_space(&own, keeps_root)?;
            let open = |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}"));
            Ok([open("net")?, open("mnt")?, open("uts")?])
        });
        let [net, mnt, uts] = made.join().map_err(|_| io::Error::other("the thread that made the space died"))??;
        let netns = Path::new(LAB).join("netns").join(&new.name);
        symlink(format!("/proc/{}/fd/{}", std::process::id(), net.as_raw_fd()), &netns)?;
        let group = if keeps_root { Some(own_group(&new.name)?) } else { None };
        Ok(Self { net, mnt, uts, name: new.name.clone(), netns, folder, group })
    }

    /// Ends every process whose network namespace is this one.
    pub fn end_processes(&self) -> io::Result<()> {
        let own = self.net.metadata()?.ino();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A process that ends in between has no namespace any more.
            if fs::metadata(entry.path().join("ns/net")).is_ok_and(|net| net.ino() == own) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        // Containers have network namespaces of their own.
        self.group.as_ref().map_or(Ok(()), |(group, _)| group.remove())
    }

    /// Moves the calling process into the space's control group, where it has one. For a forked child.
    pub fn join_group(&self) -> io::Result<()> {
        for door in self.group.iter().flat_map(|(_, doors)| doors) {
            nix::unistd::write(door, b"0")?;
        }
        Ok(())
    }

    /// Moves the calling thread into the space. For a forked child, or a thread that ends soon after.
    pub fn enter(&self) -> io::Result<()> {
        setns(self.net.as_fd(), CloneFlags::CLONE_NEWNET)?;
        setns(self.uts.as_fd(), CloneFlags::CLONE_NEWUTS)?;
        unshare(CloneFlags::CLONE_FS)?;
        setns(self.mnt.as_fd(), CloneFlags::CLONE_NEWNS)?;
        Ok(chdir("/")?)
    }

    /// Runs `work` in the space, on a thread of its own.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                work()
            });
            thread.join().map_err(|_| io::Error::other("the thread in the space died"))?
        })
    }
}
