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
    mounts::{LAB, prepare_space},
    protocol::NewSpace,
};

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
}

impl Drop for Space {
    fn drop(&mut self) {
        // What is left of its folder lies in memory and ends with the lab at the latest.
        drop(fs::remove_file(&self.netns));
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Space {
    /// Makes the namespaces. Blocks; the calling thread stays where it is.
    pub fn create(new: &NewSpace) -> io::Result<Self> {
        let folder = Path::new(LAB).join("spaces").join(&new.name);
        fs::create_dir(&folder)?;
        let (own, hostname) = (folder.clone(), new.hostname.clone());
        // Namespaces belong to threads: this one's end with it, but for the descriptors.
        let made = thread::spawn(move || -> io::Result<[File; 3]> {
            unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS)?;
            sethostname(&hostname)?;
            prepare_space(&own)?;
            let open = |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}"));
            Ok([open("net")?, open("mnt")?, open("uts")?])
        });
        let [net, mnt, uts] = made.join().map_err(|_| io::Error::other("the thread that made the space died"))??;
        let netns = Path::new(LAB).join("netns").join(&new.name);
        symlink(format!("/proc/{}/fd/{}", std::process::id(), net.as_raw_fd()), &netns)?;
        Ok(Self { net, mnt, uts, name: new.name.clone(), netns, folder })
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
