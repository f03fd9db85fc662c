//! A machine that is asked for, and what can be said against it before anything is made.

use std::{collections::BTreeMap, io::Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use super::ProviderError;
use crate::{
    catalog::distro::{Family, Hardware},
    hex,
};

/// A machine that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name, unique in the lab, and its host name.
    pub name: String,
    /// The disk image that it starts from (qcow2). It is never written to.
    pub image: Utf8PathBuf,
    /// SHA-256 that the image must have, in hexadecimal.
    pub sha256: Option<String>,
    /// Login user, made if the image has none of that name.
    pub user: String,
    /// Family of its distribution.
    pub family: Family,
    /// Its size.
    pub hardware: Hardware,
}

/// Looks at all that can be looked at before anything is created.
pub(super) async fn check_wanted(wanted: &[Wanted]) -> Result<(), ProviderError> {
    for (number, one) in wanted.iter().enumerate() {
        let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        if one.name.is_empty() || !one.name.chars().all(plain) {
            let message = format!("`{}` is no name for a machine: lower-case letters, digits and hyphens", one.name);
            return Err(ProviderError::Refused(message));
        }
        if wanted[..number].iter().any(|earlier| earlier.name == one.name) {
            return Err(ProviderError::Refused(format!("two machines are named {}", one.name)));
        }
    }
    let images: BTreeMap<_, _> = wanted.iter().map(|one| (one.image.clone(), one.sha256.clone())).collect();
    for (path, expected) in images {
        let checked = tokio::task::spawn_blocking(move || check_image(&path, expected.as_deref())).await;
        checked.map_err(|error| ProviderError::Refused(error.to_string()))??;
    }
    Ok(())
}

fn check_image(path: &Utf8Path, expected: Option<&str>) -> Result<(), ProviderError> {
    let unusable = |reason: String| ProviderError::Image { path: path.to_owned(), reason };
    let mut file = fs::File::open(path).map_err(|error| unusable(error.to_string()))?;
    let Some(expected) = expected else { return Ok(()) };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(|error| unusable(error.to_string()))? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    let found = hex::of(hasher.finalize());
    if found == expected.to_ascii_lowercase() {
        return Ok(());
    }
    Err(unusable(format!("its SHA-256 is {found}, not {expected}: it was changed, or is another image")))
}

#[cfg(test)]
mod tests {
    use super::{ProviderError, Wanted, check_image, check_wanted};
    use crate::catalog::distro::{Family, Hardware};

    fn wanted(name: &str) -> Wanted {
        let (image, user) = ("/dev/null".into(), "debian".to_owned());
        Wanted {
            name: name.to_owned(),
            image,
            sha256: None,
            user,
            family: Family::Debian,
            hardware: Hardware::default(),
        }
    }

    #[tokio::test]
    async fn machines_need_names_of_their_own() {
        assert!(check_wanted(&[wanted("rhel-9-5"), wanted("ubuntu")]).await.is_ok());
        for names in [&["a b"][..], &[""], &["rhel", "rhel"], &["../x"], &["rhel-9.5"]] {
            let all: Vec<_> = names.iter().map(|name| wanted(name)).collect();
            assert!(matches!(check_wanted(&all).await, Err(ProviderError::Refused(_))), "{names:?}");
        }
    }

    #[test]
    fn an_image_that_was_changed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = camino::Utf8Path::from_path(folder.path()).expect("UTF-8").join("image");
        fs_err::write(&path, "abc").expect("written");
        let abc = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert!(check_image(&path, Some(abc)).is_ok());
        fs_err::write(&path, "abd").expect("written");
        let error = check_image(&path, Some(abc)).expect_err("another image");
        assert!(error.to_string().contains("it was changed"), "{error}");
        assert!(check_image(&path.join("no"), None).is_err());
    }
}
