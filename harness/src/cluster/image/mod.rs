//! Container images that the harness writes itself: OCI archives that containerd imports, no registry needed.

mod archive;
mod digest;
mod layer;

use std::io;

use camino::Utf8PathBuf;

use crate::agent_binary::LAB_AGENT;

/// An image of one layer. The same content always gives the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Name with tag, as manifests write it: `pathlab/agent:1`.
    pub name: String,
    /// What is in it.
    pub entries: Vec<Entry>,
    /// The program that runs, with arguments that manifests cannot replace by `args`.
    pub entrypoint: Vec<String>,
    /// Arguments that manifests replace by `args`.
    pub arguments: Vec<String>,
    /// Environment: `NAME=VALUE`.
    pub environment: Vec<String>,
}

/// Something in an image. Folders above it need not be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File {
        /// Absolute path.
        path: Utf8PathBuf,
        /// Content.
        content: Vec<u8>,
        /// Mode, as in `chmod`.
        mode: u32,
    },
    /// A folder.
    Folder {
        /// Absolute path.
        path: Utf8PathBuf,
        /// Mode, as in `chmod`.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Absolute path.
        path: Utf8PathBuf,
        /// Where it leads.
        target: Utf8PathBuf,
    },
}

impl Image {
    /// The image of the scenarios' manifests: nothing but the agent, which echoes when it has no arguments.
    #[must_use]
    pub fn agent() -> Self {
        let agent = Entry::File { path: "/lab-agent".into(), content: LAB_AGENT.to_vec(), mode: 0o755 };
        Self {
            name: lab_agent::AGENT_IMAGE.to_owned(),
            entries: vec![agent],
            entrypoint: vec!["/lab-agent".to_owned()],
            ..Self::default()
        }
    }

    /// The image as an OCI archive, for `ctr image import`. Fails when a path is none of an image's, or stands twice.
    pub fn archive(&self) -> io::Result<Vec<u8>> {
        archive::write(self)
    }

    /// The name with host and tag, as containerd knows it: `docker.io/pathlab/agent:1`.
    #[must_use]
    pub fn full_name(&self) -> String {
        // The first part is a registry when it looks like a host.
        let first = self.name.split_once('/').map_or("", |(first, _)| first);
        if first.contains(['.', ':']) || first == "localhost" {
            return self.name.clone();
        }
        let folder = if self.name.contains('/') { "" } else { "library/" };
        format!("docker.io/{folder}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn names_are_completed_as_containerd_does() {
        for (name, full) in [
            ("pathlab/agent:1", "docker.io/pathlab/agent:1"),
            ("pause:3", "docker.io/library/pause:3"),
            ("localhost/a:1", "localhost/a:1"),
            ("example.test:5000/a/b:1", "example.test:5000/a/b:1"),
        ] {
            assert_eq!(Image { name: name.to_owned(), ..Image::default() }.full_name(), full);
        }
    }
}
