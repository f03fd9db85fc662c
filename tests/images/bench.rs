//! The bench: a catalogue with one distro, an empty cache, a server, and the real program.

use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use super::server::Server;

pub struct Bench {
    folder: tempfile::TempDir,
    pub server: Server,
}

/// A qcow2 image of 1 GiB whose content is `length` bytes that do not compress.
pub fn image(length: usize) -> Vec<u8> {
    let mut image = vec![0; 112];
    image[..8].copy_from_slice(b"QFI\xfb\0\0\0\x03");
    image[24..32].copy_from_slice(&(1_u64 << 30).to_be_bytes());
    image[100..104].copy_from_slice(&104_u32.to_be_bytes());
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    image.extend(
        std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .take(length - 112),
    );
    image
}

pub fn sum(bytes: &[u8]) -> String {
    pathlab::image::Sha256Digest::of_bytes(bytes).to_string()
}

impl Bench {
    /// A bench whose distro has this image: the lines of the `image` key, `SERVER` being the server.
    pub fn new(image: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder"), server: Server::start() };
        for folder in ["home/vm-images", "home/scenarios", "cwd"] {
            std::fs::create_dir_all(bench.path(folder)).expect(folder);
        }
        let image = image.replace("SERVER", &bench.server.url(""));
        let distro = format!(
            "id: testos-1\ntitle: Test OS 1\naliases: [testos]\nfamily: el\nimage: {{ user: root, {image} }}\n\
             policy: {{ firewall: {{ kind: none }} }}\n"
        );
        std::fs::write(bench.path("home/vm-images/testos-1.yaml"), distro).expect("a distro");
        bench
    }

    /// A bench whose distro has this image at `/image`.
    pub fn with_image(image: &[u8]) -> Self {
        Self::new(&format!("url: SERVER/image, sha256: {}", sum(image)))
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).expect("UTF-8").canonicalize_utf8().expect("it is there").join(name)
    }

    /// The folder of images.
    pub fn images(&self) -> Utf8PathBuf {
        self.path("cache/pathlab/images")
    }

    /// The visible files in the folder of images, sums in their names left out.
    pub fn files(&self) -> Vec<String> {
        let Ok(entries) = self.images().read_dir_utf8() else { return Vec::new() };
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_owned());
        let mut names: Vec<String> = names.filter(|name| Utf8Path::new(name).extension() != Some("lock")).collect();
        names.sort();
        names
            .into_iter()
            .map(|name| format!("{}{}", &name[..9.min(name.len())], &name[name.find('.').unwrap_or(0)..]))
            .collect()
    }

    /// The file with this ending.
    pub fn file(&self, ending: &str) -> Utf8PathBuf {
        let entries =
            self.images().read_dir_utf8().expect("a folder").map(|entry| entry.expect("an entry").into_path());
        let mut found = entries.filter(|path| path.as_str().ends_with(ending));
        found.next().unwrap_or_else(|| panic!("no {ending} in {:?}", self.files()))
    }

    /// `lab ARGUMENTS` with nothing of the caller's environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args(arguments)
            .current_dir(self.path("cwd"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PATHLAB_HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What `lab ARGUMENTS` said and how it ended.
    pub fn lab(&self, arguments: &[&str]) -> String {
        self.said(&self.command(arguments).output().expect("lab starts"))
    }

    /// An output as text, with what differs from run to run replaced.
    pub fn said(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = format!(
            "status {}\n-- stdout\n{}-- stderr\n{}",
            output.status.code().map_or_else(|| "none".to_owned(), |code| code.to_string()),
            text(&output.stdout),
            text(&output.stderr)
        );
        said.replace(&self.server.url(""), "SERVER").replace(self.path("").as_str().trim_end_matches('/'), "BENCH")
    }
}
