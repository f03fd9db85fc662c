//! The one layer of an image: a tar archive that is the same whenever and by whomever it is made.

use std::{collections::BTreeMap, io};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use tar::{Builder, EntryType, Header};

use super::Entry;

/// Writes entries, and the folders above them, in the order of their paths.
pub(super) fn write(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut all: BTreeMap<Utf8PathBuf, Option<&Entry>> = BTreeMap::new();
    for entry in entries {
        let path = inside(entry.path())?;
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_str().is_empty()) {
            all.entry(folder.to_owned()).or_insert(None);
        }
        if let Some(Some(_)) = all.insert(path.clone(), Some(entry)) {
            return Err(io::Error::other(format!("/{path} stands twice in the image")));
        }
    }
    let mut tar = Builder::new(Vec::new());
    for (path, entry) in &all {
        append(&mut tar, path, *entry)?;
    }
    tar.into_inner()
}

fn append(tar: &mut Builder<Vec<u8>>, path: &Utf8Path, entry: Option<&Entry>) -> io::Result<()> {
    match entry {
        Some(Entry::File { content, mode, .. }) => {
            let mut header = header(EntryType::Regular, *mode);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, path, content.as_slice())
        }
        Some(Entry::Link { target, .. }) => tar.append_link(&mut header(EntryType::Symlink, 0o777), path, target),
        Some(Entry::Folder { mode, .. }) => folder(tar, path, *mode),
        None => folder(tar, path, 0o755),
    }
}

fn folder(tar: &mut Builder<Vec<u8>>, path: &Utf8Path, mode: u32) -> io::Result<()> {
    tar.append_data(&mut header(EntryType::Directory, mode), format!("{path}/"), io::empty())
}

/// Root's, and of the first second of time.
fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

/// The path below the image's root.
fn inside(path: &Utf8Path) -> io::Result<Utf8PathBuf> {
    let wrong = || io::Error::other(format!("{path} is no absolute path of a file in an image"));
    let below = path.strip_prefix("/").map_err(|_| wrong())?;
    let plain = below.components().all(|component| matches!(component, Utf8Component::Normal(_)));
    if plain && !below.as_str().is_empty() { Ok(below.to_owned()) } else { Err(wrong()) }
}

impl Entry {
    fn path(&self) -> &Utf8Path {
        match self {
            Self::File { path, .. } | Self::Folder { path, .. } | Self::Link { path, .. } => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::{Entry, write};

    fn file(path: &str) -> Entry {
        Entry::File { path: path.into(), content: b"x".to_vec(), mode: 0o640 }
    }

    #[test]
    fn folders_come_before_what_is_in_them() {
        let link = Entry::Link { path: "/bin".into(), target: "usr/bin".into() };
        let folder = Entry::Folder { path: "/tmp".into(), mode: 0o1777 };
        let bytes = write(&[file("/usr/bin/a"), link, folder]).expect("written");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let shown: Vec<String> = archive
            .entries()
            .expect("an archive")
            .map(|entry| {
                let mut entry = entry.expect("an entry");
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("text");
                let header = entry.header();
                let mode = header.mode().expect("a mode");
                assert_eq!((header.uid().ok(), header.gid().ok(), header.mtime().ok()), (Some(0), Some(0), Some(0)));
                format!("{} {mode:o} {text}", entry.path().expect("a path").display())
            })
            .collect();
        assert_eq!(shown, ["bin 777 ", "tmp/ 1777 ", "usr/ 755 ", "usr/bin/ 755 ", "usr/bin/a 640 x"]);
    }

    #[test]
    fn only_paths_of_an_image_are_taken() {
        for path in ["a", "/", "/a/../b", ""] {
            assert!(write(&[file(path)]).is_err(), "{path}");
        }
        assert!(write(&[file("/a"), file("/a")]).is_err());
    }
}
