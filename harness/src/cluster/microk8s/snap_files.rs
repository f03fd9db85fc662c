//! Snaps as files, for machines without a way to the store.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::MicroK8sError;

/// A snap as `snap download` writes it: `NAME_REVISION.snap` with `NAME_REVISION.assert` beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapFile {
    /// The snap's name.
    pub name: String,
    /// The store's revision.
    pub revision: String,
    /// The snap.
    pub snap: Utf8PathBuf,
    /// The store's word for it.
    pub assertion: Utf8PathBuf,
}

/// MicroK8s with all that it needs, in the order in which they are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapFiles(Vec<SnapFile>);

impl SnapFiles {
    /// From the files that the user named; either of the two files of a snap will do, and both must exist.
    pub fn find(paths: &[Utf8PathBuf]) -> Result<Self, MicroK8sError> {
        let mut files: Vec<SnapFile> = Vec::new();
        for path in paths {
            let file = snap_file(path)?;
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files.sort_by_key(|file| rank(&file.name));
        let has = |test: fn(&str) -> bool| files.iter().any(|file| test(&file.name));
        for (there, what) in [
            (has(|name| name == "microk8s"), "microk8s"),
            (has(|name| name == "snapd"), "snapd"),
            (has(is_base), "its base (core20 up to 1.33, core22 from 1.34)"),
        ] {
            if !there {
                let help = "`snap download NAME` gets both files of a snap where there is a network";
                return Err(MicroK8sError::SnapFiles(format!("the files lack the snap {what}; {help}")));
            }
        }
        Ok(Self(files))
    }

    /// In the order in which they are installed.
    pub fn iter(&self) -> impl Iterator<Item = &SnapFile> {
        self.0.iter()
    }

    /// Revision of MicroK8s itself.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.0.last().map_or("", |file| &file.revision)
    }
}

fn is_base(name: &str) -> bool {
    name.strip_prefix("core").is_some_and(|rest| rest.chars().all(|digit| digit.is_ascii_digit()))
}

fn rank(name: &str) -> u8 {
    match name {
        "snapd" => 0,
        "microk8s" => 2,
        _ => 1,
    }
}

fn snap_file(path: &Utf8Path) -> Result<SnapFile, MicroK8sError> {
    let wrong = |reason: &str| MicroK8sError::File { path: path.to_owned(), reason: reason.to_owned() };
    if !matches!(path.extension(), Some("snap" | "assert")) {
        return Err(wrong("neither a .snap nor an .assert"));
    }
    let parts = path.file_stem().and_then(|stem| stem.rsplit_once('_'));
    let (name, revision) =
        parts.ok_or_else(|| wrong("its name is not NAME_REVISION.snap, as `snap download` writes it"))?;
    let (snap, assertion) = (path.with_extension("snap"), path.with_extension("assert"));
    for file in [&snap, &assertion] {
        if !file.is_file() {
            return Err(MicroK8sError::File { path: file.clone(), reason: "there is no such file".to_owned() });
        }
    }
    Ok(SnapFile { name: name.to_owned(), revision: revision.to_owned(), snap, assertion })
}

#[cfg(test)]
mod tests {
    use camino::{Utf8Path, Utf8PathBuf};

    use super::SnapFiles;

    fn folder(names: &[&str]) -> (tempfile::TempDir, impl Fn(&str) -> Utf8PathBuf + use<>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(folder.path()).expect("UTF-8").to_owned();
        for name in names {
            fs_err::write(path.join(name), name).expect("written");
        }
        (folder, move |name: &str| path.join(name))
    }

    #[test]
    fn all_are_there_and_in_order() {
        let in_folder = ["microk8s_7964.snap", "microk8s_7964.assert", "core20_2571.snap", "core20_2571.assert"];
        let (_folder, path) = folder(&[&in_folder[..], &["snapd_24505.snap", "snapd_24505.assert"]].concat());
        let named = [
            path("microk8s_7964.snap"),
            path("core20_2571.assert"),
            path("core20_2571.snap"),
            path("snapd_24505.snap"),
        ];
        let files = SnapFiles::find(&named).expect("complete");
        let order: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(order, ["snapd", "core20", "microk8s"]);
        assert_eq!(files.revision(), "7964");
        let error = SnapFiles::find(&named[..3]).expect_err("no snapd").to_string();
        assert!(error.contains("lack the snap snapd"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let (_folder, path) = folder(&["microk8s_7964.snap", "microk8s.snap", "readme.txt"]);
        for (name, reason) in [
            ("microk8s_7964.snap", "microk8s_7964.assert: there is no such file"),
            ("microk8s.snap", "not NAME_REVISION.snap"),
            ("readme.txt", "neither"),
            ("core20_1.snap", "core20_1.snap: there is no such file"),
        ] {
            let error = SnapFiles::find(&[path(name)]).expect_err(name).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
