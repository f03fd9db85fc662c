//! What the sandbox and its spaces see of the file system: the host's, read-only, with places of their own.

use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::Uid,
};

use super::{
    cgroup::Hierarchy,
    enter::{EnterError, step},
    root_mounts,
};
use crate::agent_binary::LAB_AGENT;

/// Folder of the lab, in memory, the same in every space of a sandbox.
pub const LAB: &str = "/run/pathlab";

/// Folder of programs that come first in the lab's `PATH`.
pub const BIN: &str = "/run/pathlab/bin";

/// Folder of a space's own programs, next in its `PATH`: stand-ins for those of the cluster that it is in.
pub const OWN_BIN: &str = "/run/bin";

/// Configuration that no lab may see: the host's firewalls (a lab brings its own), and secrets.
const HIDDEN_ETC: [&str; 10] =
    ["firewalld", "ufw", "nftables.conf", "shadow", "shadow-", "gshadow", "gshadow-", "ssl", "ssh", "sudoers.d"];

/// Places that are empty and writable in every space.
const SCRATCH: [&str; 3] = ["/tmp", "/var/log", "/var/tmp"];

/// What a sandbox may do on the host.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Root in a user namespace only.
    Powerless,
    /// Root, for programs that need it.
    Root {
        /// Folder of the programs that the lab's cluster is made of.
        programs: PathBuf,
        /// The control groups to mount.
        hierarchies: Vec<Hierarchy>,
    },
}

impl Kind {
    /// Whether it is root outside of the sandbox as well.
    #[must_use]
    pub const fn keeps_root(&self) -> bool {
        matches!(self, Self::Root { .. })
    }
}

/// As root, before the power is given up: puts this program where the powerless user can reach it.
///
/// The program may lie in a folder that only root may enter. Without root it is reachable as it is.
pub fn keep_own_program() -> Result<(), EnterError> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let program = step("find this program", std::env::current_exe())?;
    step("enter a mount namespace", unshare(CloneFlags::CLONE_NEWNS))?;
    step("make mounts private", change(Path::new("/"), MsFlags::MS_REC | MsFlags::MS_PRIVATE))?;
    provide_lab_folder(&program)
}

/// In PID 1: makes the file system of the sandbox.
pub fn prepare_sandbox(kind: &Kind) -> Result<(), EnterError> {
    step("make mounts private", change(Path::new("/"), MsFlags::MS_REC | MsFlags::MS_PRIVATE))?;
    let root = match kind {
        Kind::Powerless => None,
        // It may lie where something is mounted over it.
        Kind::Root { programs, hierarchies } => {
            Some((step("open the folder of programs", fs::File::open(programs))?, hierarchies))
        }
    };
    if !Path::new(BIN).join("lab").exists() {
        let program = step("find this program", std::env::current_exe())?;
        provide_lab_folder(&program)?;
    }
    step("make the host's files read-only", read_only_recursive("/"))?;
    // The lab's folder was made read-only with the rest: a fresh one takes its place, the program moves along.
    let program = step("open this program", fs::File::open(Path::new(BIN).join("lab")))?;
    step("mount the lab's folder", tmpfs(Path::new(LAB), "0755"))?;
    fill_lab_folder(&fd_path(&program))?;
    step("mount /proc (in a container, see `lab doctor`)", proc())?;
    // Without terminals of its own the lab uses the host's, which are as good as long as nobody is asked for names.
    drop(terminals());
    for place in SCRATCH {
        step("mount a scratch folder", tmpfs(Path::new(place), "1777"))?;
    }
    step("copy configuration", copy_etc())?;
    if let Some((programs, hierarchies)) = root {
        step("mount what root needs", root_mounts::prepare_sandbox(&programs, hierarchies))?;
    }
    cover_systemctl()
}

/// In a fresh mount namespace: makes a space's own places. `own` is its folder below [`LAB`].
pub fn prepare_space(own: &Path, keeps_root: bool) -> io::Result<()> {
    change(Path::new("/"), MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    let lab = fs::File::open(LAB)?;
    let (upper, work) = (own.join("etc"), own.join("etc-work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let options = format!("lowerdir={LAB}/etc,upperdir={},workdir={},userxattr", upper.display(), work.display());
    mount(Some("overlay"), "/etc", Some("overlay"), MsFlags::empty(), Some(options.as_str()))?;
    for place in SCRATCH {
        tmpfs(Path::new(place), "1777")?;
    }
    tmpfs(Path::new("/run"), "0755")?;
    fs::create_dir(LAB)?;
    // Recursive, because the program is a mount of its own within.
    mount(Some(&fd_path(&lab)), LAB, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
    std::os::unix::fs::symlink(format!("{LAB}/netns"), "/run/netns")?;
    fs::create_dir("/run/lock")?;
    if keeps_root { root_mounts::prepare_space() } else { Ok(()) }
}

fn provide_lab_folder(program: &Path) -> Result<(), EnterError> {
    let run_is_home = program.starts_with("/run");
    let opened = step("open this program", fs::File::open(program))?;
    step("mount /run", tmpfs(Path::new("/run"), "0755"))?;
    step("create the lab's folder", fs::create_dir_all(BIN))?;
    let own = Path::new(BIN).join("lab");
    if run_is_home {
        // Its mount is covered now; what is open can still be read.
        step("copy this program", copy_program(opened, &own))
    } else {
        step("create a file", fs::File::create(&own).map(drop))?;
        step("bind this program", bind(program, &own))
    }
}

fn fill_lab_folder(program: &Path) -> Result<(), EnterError> {
    for folder in ["bin", "etc", "netns", "spaces"] {
        step("create the lab's folders", fs::create_dir(Path::new(LAB).join(folder)))?;
    }
    let bin = Path::new(BIN);
    step("create a file", fs::File::create(bin.join("lab")).map(drop))?;
    step("bind this program", bind(program, &bin.join("lab")))?;
    let agent = bin.join("lab-agent");
    step("write the agent", fs::write(&agent, LAB_AGENT))?;
    step("make the agent executable", fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)))?;
    step("create the systemctl of the lab", std::os::unix::fs::symlink("lab", bin.join("systemctl")))
}

/// An absolute `/usr/bin/systemctl` must not reach for the host's init.
fn cover_systemctl() -> Result<(), EnterError> {
    for place in ["/usr/bin/systemctl", "/bin/systemctl"] {
        if fs::symlink_metadata(place).is_ok_and(|meta| meta.is_file()) {
            step("cover systemctl", bind(&Path::new(BIN).join("lab"), Path::new(place)))?;
        }
    }
    Ok(())
}

fn copy_program(mut from: fs::File, to: &Path) -> io::Result<()> {
    io::copy(&mut from, &mut fs::File::create(to)?)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

/// Copies what of `/etc` this user may read, small files only: what programs need, owned by the lab's root.
fn copy_etc() -> io::Result<()> {
    let to = Path::new(LAB).join("etc");
    copy_entries(fs::read_dir("/etc")?, &to, true)?;
    fs::create_dir_all(to.join("firewalld"))?;
    fs::create_dir_all(to.join("ufw"))
}

fn copy_entries(entries: fs::ReadDir, to: &Path, top: bool) -> io::Result<()> {
    const LARGEST: u64 = 1 << 20;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if top && HIDDEN_ETC.iter().any(|hidden| name == *hidden) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        // What this user may not read is left out, and what a package manager has just taken away: a lab must not depend on
        // it.
        if kind.is_symlink() {
            if let Ok(leads_to) = fs::read_link(&source) {
                std::os::unix::fs::symlink(leads_to, &target)?;
            }
        } else if kind.is_dir() {
            if let Ok(entries) = fs::read_dir(&source) {
                fs::create_dir(&target)?;
                copy_entries(entries, &target, false)?;
            }
        } else if kind.is_file()
            && let Ok(meta) = entry.metadata()
            && meta.len() <= LARGEST
            && let Ok(content) = fs::read(&source)
        {
            fs::write(&target, content)?;
            fs::set_permissions(&target, meta.permissions())?;
        }
    }
    Ok(())
}

pub(super) fn tmpfs(at: &Path, mode: &str) -> io::Result<()> {
    let options = format!("mode={mode}");
    Ok(mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))?)
}

/// Terminals of the lab's own.
fn terminals() -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount(Some("devpts"), "/dev/pts", Some("devpts"), flags, Some("newinstance,ptmxmode=0666,mode=0620"))?;
    bind(Path::new("/dev/pts/ptmx"), Path::new("/dev/ptmx"))
}

fn proc() -> io::Result<()> {
    Ok(mount(
        Some("proc"),
        "/proc",
        Some("proc"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC,
        None::<&str>,
    )?)
}

pub(super) fn bind(from: &Path, to: &Path) -> io::Result<()> {
    Ok(mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

pub(super) fn change(at: &Path, flags: MsFlags) -> io::Result<()> {
    Ok(mount(None::<&str>, at, None::<&str>, flags, None::<&str>)?)
}

pub(super) fn fd_path(file: &fs::File) -> PathBuf {
    use std::os::fd::AsRawFd as _;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// `mount_setattr(2)` with `AT_RECURSIVE` and `MOUNT_ATTR_RDONLY`, in Linux since 5.12.
fn read_only_recursive(at: &str) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        userns_fd: u64,
    }
    const MOUNT_ATTR_RDONLY: u64 = 1;
    const AT_RECURSIVE: libc::c_uint = 0x8000;
    let at = CString::new(at)?;
    let attributes = MountAttr { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the arguments are those of mount_setattr(2); both pointers live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            at.as_ptr(),
            AT_RECURSIVE,
            &raw const attributes,
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
