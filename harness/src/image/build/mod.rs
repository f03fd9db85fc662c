//! Builds the image of a distro from this machine's own package sources.
//!
//! mmdebstrap makes the system's tree, `disk.sh` a disk of it, qemu-img the image. Nothing of this machine is changed:
//! mmdebstrap mounts in a namespace of its own. Root is not needed where mmdebstrap can do without.

mod step;
mod tools;

use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use self::{
    step::Step,
    tools::{Tools, package_sources},
};
use super::{
    error::ImageError,
    record::{Origin, Record},
    store::{BaseImage, Store, disk, sum},
};
use crate::{
    catalog::{
        distro::Distro,
        image::{Build, ImageSource},
    },
    download::{Progress, Sha256Digest, Turn, need_room, place},
};

const INITRAMFS: &str = include_str!("initramfs.sh");
const GUEST: &str = include_str!("guest.sh");
const DISK: &str = include_str!("disk.sh");
/// Room for the archive of a system, its tree and the image; the disk itself is sparse.
const ROOM: u64 = 3_000_000_000;
/// Documentation of packages: half of the files, and nobody reads it there.
const LEFT_OUT: [&str; 3] = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"];

/// The sum of everything that decides what is built, but for the packages' versions: another one is another image.
#[must_use]
pub(super) fn definition(build: &Build, user: &str) -> Sha256Digest {
    let text = serde_json::json!({ "build": build, "user": user, "scripts": [INITRAMFS, GUEST, DISK] });
    Sha256Digest::of_bytes(text.to_string().as_bytes())
}

/// Builds the image of a distro, unless the one of this definition is here and right; `anew` builds it in any case.
///
/// Takes some minutes. Others that want the same image wait for it.
pub fn build(store: &Store, distro: &Distro, anew: bool, progress: &Progress) -> Result<BaseImage, ImageError> {
    let Ok(ImageSource::Build(build)) = distro.image.source() else {
        let problem = "it is not one that is built".to_owned();
        let help = super::store::how_to_get(distro);
        return Err(ImageError::Build { distro: distro.id.clone(), problem, help });
    };
    store.create()?;
    let image = store.path(distro);
    let turn = Turn::wait(&image, &distro.id, "the image", progress)?;
    if !anew {
        match store.checked(distro) {
            Ok(base) => return Ok(base),
            Err(ImageError::Mismatch(_) | ImageError::Absent { .. } | ImageError::Qcow2 { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let tools = tools::find(&distro.id, build, turn)?;
    need_room(store.folder(), ROOM)?;
    let work = Work::fresh(&tools, &image)?;
    let made = make(build, distro, &work, progress);
    progress.end();
    let packages = made?;
    let finished = work.file("image.qcow2");
    disk(&finished)?;
    let mut record = Record::new(&distro.id, Origin::Built, sum(&finished)?);
    record.packages = packages;
    record.write(&image)?;
    place::read_only(&finished, &image)?;
    work.remove()?;
    store.checked(distro)
}

/// Makes `image.qcow2` in the working folder and returns the packages in it.
fn make(build: &Build, distro: &Distro, work: &Work<'_>, progress: &Progress) -> Result<Vec<String>, ImageError> {
    let tools = work.tools;
    for (name, script) in [("initramfs.sh", INITRAMFS), ("guest.sh", GUEST), ("disk.sh", DISK)] {
        let path = work.file(name);
        fs::write(&path, script).map_err(|error| ImageError::io("write", &path, error))?;
    }
    let step = |program| Step::new(&distro.id, program, work.file("log"));
    let (archive, raw) = (work.file("system.tar"), work.file("disk.raw"));

    progress.start(&format!("{}: installing {} packages", distro.id, build.packages.len()), 0, None);
    step("mmdebstrap").run(system(build, work).arg(&archive).args(package_sources()))?;
    progress.start(&format!("{}: writing the disk", distro.id), 0, None);
    let mut disk = tools.as_root_inside("sh");
    disk.env("TMPDIR", work.folder()).arg(work.file("disk.sh")).arg(&raw).arg(build.disk_mib.to_string());
    step("disk.sh").reading(&archive)?.run(&mut disk)?;
    let mut convert = tools.command("qemu-img");
    convert.args(["convert", "-c", "-f", "raw", "-O", "qcow2", "-o", "compression_type=zstd"]);
    step("qemu-img").run(convert.arg(&raw).arg(work.file("image.qcow2")))?;

    let mut list = tools.command("tar");
    list.args(["--extract", "--to-stdout", "--file", archive.as_str(), "./etc/pathlab-packages"]);
    let list = step("tar").output(&mut list)?;
    Ok(list.lines().map(str::to_owned).collect())
}

fn system(build: &Build, work: &Work<'_>) -> std::process::Command {
    let mut command = work.tools.command("mmdebstrap");
    command.args(["--variant=minbase", "--format=tar", "--aptopt=APT::Install-Recommends \"false\""]);
    command.args(["--dpkgopt=force-unsafe-io", "--dpkgopt=force-confold"]);
    command.args(LEFT_OUT.map(|pattern| format!("--dpkgopt=path-exclude={pattern}")));
    command.arg(format!("--include={}", build.packages.join(",")));
    // mmdebstrap gives these lines to a shell, with the tree as `$1`. Names of units are plain words.
    command.arg(format!("--essential-hook=sh {} \"$1\"", quoted(&work.file("initramfs.sh"))));
    command.arg(format!("--customize-hook=sh {} \"$1\" {}", quoted(&work.file("guest.sh")), build.disable.join(" ")));
    command.env("TMPDIR", work.folder());
    command.arg(&build.suite);
    command
}

fn quoted(path: &Utf8Path) -> String {
    format!("'{}'", path.as_str().replace('\'', r"'\''"))
}

/// The folder of one build, removed at its end and, after a kill, by the next.
struct Work<'a> {
    tools: &'a Tools,
    folder: Utf8PathBuf,
}

impl<'a> Work<'a> {
    fn fresh(tools: &'a Tools, image: &Utf8Path) -> Result<Self, ImageError> {
        let folder = image.with_file_name(format!(".{}.build", image.file_stem().unwrap_or_default()));
        let work = Self { tools, folder };
        work.remove()?;
        fs::create_dir(&work.folder).map_err(|error| ImageError::io("create", &work.folder, error))?;
        tools::open_to_others(&work.folder)?;
        Ok(work)
    }

    fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    fn file(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }

    fn remove(&self) -> Result<(), ImageError> {
        let mut removed = fs::remove_dir_all(&self.folder);
        if removed.as_ref().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            // Files of users whom only a namespace has. What else is in their way is told by the second attempt.
            drop(self.tools.as_root_inside("rm").args(["-rf", "--"]).arg(&self.folder).output());
            removed = fs::remove_dir_all(&self.folder);
        }
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(ImageError::io("remove", &self.folder, error)),
            _ => Ok(()),
        }
    }
}
