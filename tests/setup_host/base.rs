//! The fresh Debian that the tests start from: made once, kept as an archive below the target folder.

use std::{os::unix::fs::MetadataExt, process::Command};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use libtest_mimic::Failed;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/setup_host");
const TABLE: &str = include_str!("../../harness/setup/programs.tsv");
const HOOK: &str = include_str!("base.sh");
/// Not of the set-up: what the tests need besides.
const MORE_PACKAGES: [&str; 1] = ["iptables-persistent"];

/// Why no fresh system can be made here.
pub fn missing() -> Option<String> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    if !is_root {
        return Some("not root".to_owned());
    }
    if pathlab::provider::needs::find_program("mmdebstrap").is_none() {
        return Some("mmdebstrap is not installed".to_owned());
    }
    if sources().is_empty() {
        return Some("this machine has no apt sources".to_owned());
    }
    None
}

/// The archive; makes it where it is not there yet, which downloads packages and takes a minute.
pub fn archive() -> Result<Utf8PathBuf, Failed> {
    let folder = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder)?;
    // Tests run as processes of their own: the first makes the archive, the others wait for it.
    let lock = fs::File::create(folder.join("setup_host.lock"))?;
    let _lock = Flock::lock(lock.into_parts().0, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
    let archive = folder.join(format!("setup_host-{}.tar", key()?));
    if !archive.exists() {
        forget_others(folder)?;
        let unfinished = archive.with_extension("unfinished.tar");
        make(&unfinished)?;
        fs::rename(unfinished, &archive)?;
    }
    Ok(archive)
}

/// Archives of what the set-up was before, and what a broken attempt left.
fn forget_others(folder: &Utf8Path) -> Result<(), Failed> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_name().starts_with("setup_host-") && entry.path().extension() == Some("tar") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn make(archive: &Utf8Path) -> Result<(), Failed> {
    let hook = format!("sh {HERE}/base.sh \"$1\" {}", packages());
    // In a mount namespace of its own: other tests compare what is mounted here.
    let mut mmdebstrap = Command::new("unshare");
    mmdebstrap.args(["--mount", "mmdebstrap"]);
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=minbase", "--include=systemd,systemd-sysv"]);
    mmdebstrap.arg(format!("--customize-hook={hook}")).arg(codename()?).arg(archive).args(sources());
    let output = mmdebstrap.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("failed to make a fresh system ({}): {}", output.status, String::from_utf8_lossy(&output.stderr))
        .into())
}

/// The packages of the programs that the default lab needs, each in quotes.
fn packages() -> String {
    let table = TABLE.lines().filter(|line| line.starts_with("netns\t")).filter_map(|line| line.split('\t').nth(3));
    table.chain(MORE_PACKAGES).map(|package| format!("'{package}'")).collect::<Vec<_>>().join(" ")
}

/// Changes with everything that decides what is in the archive, but for the packages' versions.
fn key() -> Result<String, Failed> {
    let mut hash = Sha256::new();
    for part in [TABLE, HOOK, &MORE_PACKAGES.join(" "), &codename()?] {
        hash.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    Ok(format!("{:016x}", u64::from_be_bytes(first)))
}

/// The release of this machine, since its own package sources are used.
fn codename() -> Result<String, Failed> {
    let release = fs::read_to_string("/etc/os-release")?;
    let line = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    line.map(|name| name.trim_matches('"').to_owned()).ok_or_else(|| "/etc/os-release names no release".into())
}

/// The machine's own package sources.
fn sources() -> Vec<Utf8PathBuf> {
    let files = Utf8Path::new("/etc/apt/sources.list.d").read_dir_utf8();
    let mut sources: Vec<_> = files
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().to_owned())
        .filter(|file| matches!(file.extension(), Some("list" | "sources")))
        .chain([Utf8PathBuf::from("/etc/apt/sources.list")])
        .filter(|file| fs::metadata(file).is_ok_and(|meta| meta.len() > 0))
        .collect();
    sources.sort();
    sources
}
