//! Ephemeral keys: one pair for the lab's own login, one for each machine that is made.

use std::io::Write as _;

use camino::Utf8Path;
use fs_err::{OpenOptions, os::unix::fs::OpenOptionsExt as _};
use ssh_key::{Algorithm, LineEnding, PrivateKey, rand_core::OsRng};

/// An ed25519 pair in OpenSSH's formats.
#[derive(Clone)]
pub struct KeyPair {
    private: String,
    public: String,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It could not be made.
    #[error("failed to make an SSH key: {0}")]
    Made(#[from] ssh_key::Error),
    /// It could not be written.
    #[error("failed to keep an SSH key: {0}")]
    Written(#[from] std::io::Error),
}

impl KeyPair {
    /// Makes a pair; `comment` is for people.
    pub fn ed25519(comment: &str) -> Result<Self, KeyError> {
        let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        key.set_comment(comment);
        Ok(Self { private: key.to_openssh(LineEnding::LF)?.to_string(), public: key.public_key().to_openssh()? })
    }

    /// The private key, as in `id_ed25519`.
    #[must_use]
    pub fn private(&self) -> &str {
        &self.private
    }

    /// The public key, as in `id_ed25519.pub`.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// Writes the private key to a new file that only its owner may read.
    pub fn write_private(&self, path: &Utf8Path) -> Result<(), KeyError> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(file.write_all(self.private.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use camino::Utf8Path;

    use super::KeyPair;

    #[test]
    fn the_private_key_is_its_owner_s_only_and_replaces_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(folder.path()).expect("UTF-8").join("key");
        let key = KeyPair::ed25519("lab").expect("a key");
        assert!(key.public().starts_with("ssh-ed25519 ") && key.public().trim_end().ends_with(" lab"));
        key.write_private(&path).expect("written");
        assert_eq!(fs_err::metadata(&path).expect("exists").permissions().mode() & 0o777, 0o600);
        assert!(KeyPair::ed25519("lab").expect("a key").write_private(&path).is_err());
        assert_eq!(fs_err::read_to_string(&path).expect("text"), key.private());
    }
}
