//! Images of the cluster's own pods, made of this machine's own programs: nothing is pulled from anywhere.

use std::{collections::BTreeSet, io};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::error::KubernetesError;
use crate::{
    agent_binary::LAB_AGENT,
    cluster::image::{Entry, Image},
    provider::needs::find_program,
};

/// Image of the container that holds a pod's namespaces.
pub const PAUSE: &str = "pathlab/pause:1";

/// Image of the ingress controllers.
pub const NGINX: &str = "pathlab/nginx:1";

/// Image of the cluster's DNS.
pub const DNSMASQ: &str = "pathlab/dnsmasq:1";

/// Users by name, for programs that look for root.
const PASSWD: &str = "root:x:0:0:root:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";

const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";

/// All images of a node, as archives for containerd, with the names by which they are known.
pub fn all() -> Result<Vec<(String, Vec<u8>)>, KubernetesError> {
    let failed = |program: &str| {
        let program = program.to_owned();
        move |source| KubernetesError::Image { program, source }
    };
    let nginx = of_program(NGINX, "nginx", &["/var/log/nginx", "/run"]).map_err(failed("nginx"))?;
    let dnsmasq = of_program(DNSMASQ, "dnsmasq", &["/run"]).map_err(failed("dnsmasq"))?;
    let mut archives = Vec::new();
    for image in [Image::agent(), pause(), nginx, dnsmasq] {
        archives.push((image.full_name(), image.archive().map_err(failed(&image.name))?));
    }
    Ok(archives)
}

/// The agent waits as well as any other program.
fn pause() -> Image {
    let agent = Entry::File { path: "/lab-agent".into(), content: LAB_AGENT.to_vec(), mode: 0o755 };
    let argv = ["/lab-agent", "pause"];
    Image {
        name: PAUSE.to_owned(),
        entries: vec![agent],
        entrypoint: argv.map(str::to_owned).to_vec(),
        ..Image::default()
    }
}

fn of_program(image: &str, program: &str, folders: &[&str]) -> io::Result<Image> {
    let file = find_program(program).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not installed"))?;
    let mut files: BTreeSet<Utf8PathBuf> = libraries(&file)?;
    files.insert(file.clone());
    let mut entries = vec![text("/etc/passwd", PASSWD), text("/etc/group", GROUP)];
    entries.extend(folders.iter().map(|folder| Entry::Folder { path: folder.into(), mode: 0o755 }));
    for path in files {
        let content = fs::read(&path)?;
        entries.push(Entry::File { path, content, mode: 0o755 });
    }
    Ok(Image { name: image.to_owned(), entries, entrypoint: vec![file.into_string()], ..Image::default() })
}

fn text(path: &str, content: &str) -> Entry {
    Entry::File { path: path.into(), content: content.as_bytes().to_vec(), mode: 0o644 }
}

/// The shared libraries that a program needs, and the loader, at the paths where the loader looks for them.
fn libraries(program: &Utf8Path) -> io::Result<BTreeSet<Utf8PathBuf>> {
    let output = std::process::Command::new("ldd").arg(program).env("LC_ALL", "C").output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("ldd {program}: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// `NAME => PATH (ADDRESS)` for a library, `PATH (ADDRESS)` for the loader.
fn parse(said: &str) -> BTreeSet<Utf8PathBuf> {
    let path = |line: &str| {
        let found = line.rsplit("=>").next()?.split_whitespace().next()?;
        found.starts_with('/').then(|| found.into())
    };
    said.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn libraries_and_loader_are_found() {
        let said = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibcrypt.so.1 => /lib/x86_64-linux-gnu/libcrypt.so.1 (0x00007f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let found: Vec<String> = parse(said).into_iter().map(Into::into).collect();
        assert_eq!(found, ["/lib/x86_64-linux-gnu/libcrypt.so.1", "/lib64/ld-linux-x86-64.so.2"]);
    }
}
