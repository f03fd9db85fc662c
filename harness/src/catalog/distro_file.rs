//! A file of `vm-images/`: the distro and where its parts stand, checked.

use camino::Utf8Path;
use miette::SourceSpan;
use serde::{Deserialize, de::IgnoredAny};

use super::{
    at::At,
    distro::{Distro, Firewall, Zone},
    image::{Account, Image, is_download_url},
    problem::CatalogError,
    source::Source,
};

/// Sizes of the disk of an image that is built, in MiB: less holds no system, more is a slip.
const MIN_DISK_MIB: u32 = 512;
const MAX_DISK_MIB: u32 = 65_536;

/// A distro that has been read and checked, with the places that a later problem may point at.
#[derive(Debug)]
pub(super) struct DistroFile {
    pub source: Source,
    pub distro: Distro,
    places: Places,
}

/// Where the parts stand. Read beside the distro itself, so that its type needs no places.
#[derive(Debug, Deserialize)]
struct Places {
    id: At<IgnoredAny>,
    title: At<IgnoredAny>,
    #[serde(default)]
    aliases: Vec<At<IgnoredAny>>,
    image: At<ImagePlaces>,
    #[serde(default)]
    prepare: Vec<At<IgnoredAny>>,
    policy: PolicyPlaces,
}

#[derive(Debug, Deserialize)]
struct ImagePlaces {
    url: Option<At<IgnoredAny>>,
    #[serde(default)]
    mirrors: Vec<At<IgnoredAny>>,
    sha256: Option<At<IgnoredAny>>,
    user: At<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct PolicyPlaces {
    firewall: At<IgnoredAny>,
    sysctls: Option<At<IgnoredAny>>,
}

impl DistroFile {
    pub(super) fn read(path: &Utf8Path) -> Result<Self, CatalogError> {
        let source = Source::read(path)?;
        let distro: Distro = source.yaml()?;
        let places: Places = source.yaml()?;
        let file = Self { source, distro, places };
        file.check_names(path.file_stem().unwrap_or_default())?;
        file.check_image()?;
        file.check_policy()?;
        Ok(file)
    }

    /// The id and the aliases with their places.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, SourceSpan)> {
        let aliases = self.distro.aliases.iter().zip(&self.places.aliases);
        std::iter::once((self.distro.id.as_str(), self.places.id.span))
            .chain(aliases.map(|(alias, place)| (alias.as_str(), place.span)))
    }

    fn check_names(&self, stem: &str) -> Result<(), CatalogError> {
        let Distro { id, title, .. } = &self.distro;
        for (number, (name, span)) in self.names().enumerate() {
            if !is_distro_name(name) {
                let message = format!("`{name}` is no distro name, expected lower-case letters, digits, `-` and `.`");
                return Err(self.source.error(span, message).label("no name"));
            }
            if self.names().take(number).any(|(earlier, _)| earlier == name) {
                return Err(self.source.error(span, format!("`{name}` stands twice")).label("the second one"));
            }
        }
        if id != stem {
            let message = format!("the id `{id}` differs from the file's name, expected `{stem}`");
            return Err(self.source.error(self.places.id.span, message).label("not the file's name"));
        }
        if title.trim().is_empty() {
            return Err(self.source.error(self.places.title.span, "the title is empty"));
        }
        Ok(())
    }

    fn check_image(&self) -> Result<(), CatalogError> {
        let image = &self.distro.image;
        let places = &self.places.image;
        self.check_urls()?;
        if let Err(message) = image.source() {
            return Err(self.source.error(places.span, message).label("this image"));
        }
        if let Some(sum) = image.sha256.as_ref().filter(|sum| !is_sha256(sum)) {
            let message = format!("`{sum}` is no SHA-256 sum, expected 64 hexadecimal digits in lower case");
            let label = format!("{} characters", sum.chars().count());
            let span = places.sha256.as_ref().map_or(places.span, |place| place.span);
            return Err(self.source.error(span, message).label(label));
        }
        let user = &image.user;
        if user.is_empty() || user.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
            return Err(self.source.error(places.user.span, format!("`{user}` is no login user")));
        }
        self.check_image_words()
    }

    fn check_urls(&self) -> Result<(), CatalogError> {
        let Image { url, mirrors, .. } = &self.distro.image;
        let places = &self.places.image;
        let spans = places.url.iter().chain(&places.mirrors).map(|place| place.span);
        match url.iter().chain(mirrors).zip(spans).find(|(url, _)| !is_download_url(url)) {
            Some((url, span)) => Err(self.source.error(span, format!("`{url}` is no HTTPS URL, expected https://…"))),
            None => Ok(()),
        }
    }

    /// What ends up in paths, arguments and URLs holds nothing that they would take for something else.
    fn check_image_words(&self) -> Result<(), CatalogError> {
        let image = &self.distro.image;
        let release = image.account.as_ref().map(|Account::RedHat { release }| release);
        let build = image.build.as_ref();
        let words = image
            .filename
            .iter()
            .chain(release)
            .chain(build.map(|build| &build.suite))
            .chain(build.into_iter().flat_map(|build| build.packages.iter().chain(&build.disable)));
        for word in words {
            let plain = word.starts_with(|c: char| c.is_ascii_alphanumeric())
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "-._+@".contains(c));
            if !plain {
                let message = format!("`{word}` is no name of a file, release, package or unit");
                return Err(self.source.error(self.places.image.span, message).label("in here"));
            }
        }
        match build.map(|build| build.disk_mib) {
            Some(size) if !(MIN_DISK_MIB..=MAX_DISK_MIB).contains(&size) => {
                let message = format!("a disk of {size} MiB, expected {MIN_DISK_MIB} to {MAX_DISK_MIB}");
                Err(self.source.error(self.places.image.span, message).label("in here"))
            }
            _ => Ok(()),
        }
    }

    fn check_policy(&self) -> Result<(), CatalogError> {
        let policy = &self.distro.policy;
        if let Some(key) = policy.sysctls.keys().find(|key| !is_net_sysctl(key)) {
            let span = self.places.policy.sysctls.as_ref().map_or(self.places.policy.firewall.span, |place| place.span);
            let message = format!("`{key}` is no sysctl of the network, expected a key like net.ipv4.ip_forward");
            return Err(self.source.error(span, message).label("in here"));
        }
        if let Firewall::Firewalld { zones, .. } = &policy.firewall {
            for (name, zone) in zones {
                self.check_zone(name, zone)?;
            }
        }
        let empty = self.distro.prepare.iter().zip(&self.places.prepare).find(|(line, _)| line.trim().is_empty());
        if let Some((_, place)) = empty {
            return Err(self.source.error(place.span, "the line is empty"));
        }
        Ok(())
    }

    fn check_zone(&self, name: &str, zone: &Zone) -> Result<(), CatalogError> {
        if let Some(port) = zone.ports.iter().find(|port| !is_port(port)) {
            let message =
                format!("`{port}` of zone {name} is no port, expected for instance 8080/tcp or 30000-32767/udp");
            return Err(self.source.error(self.places.policy.firewall.span, message).label("in here"));
        }
        Ok(())
    }
}

fn is_distro_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
}

fn is_sha256(sum: &str) -> bool {
    sum.len() == 64 && sum.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn is_net_sysctl(key: &str) -> bool {
    key.strip_prefix("net.").is_some_and(|rest| {
        !rest.contains("..") && rest.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    })
}

fn is_port(port: &str) -> bool {
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let Some((ports, protocol)) = port.split_once('/') else { return false };
    let range = match ports.split_once('-') {
        None => number(ports).is_some(),
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first < last),
    };
    range && ["tcp", "udp", "sctp", "dccp"].contains(&protocol)
}

#[cfg(test)]
mod tests {
    use super::{is_net_sysctl, is_port};

    #[test]
    fn ports() {
        for port in ["22/tcp", "30000-32767/udp"] {
            assert!(is_port(port), "{port}");
        }
        for port in ["", "22", "0/tcp", "70000/tcp", "5-4/tcp", "22/http", "22/tcp/x"] {
            assert!(!is_port(port), "{port}");
        }
    }

    #[test]
    fn sysctls() {
        assert!(is_net_sysctl("net.ipv4.conf.all.rp_filter"));
        for key in ["kernel.panic", "net", "net...x", "net.ipv4/../../kernel"] {
            assert!(!is_net_sysctl(key), "{key}");
        }
    }
}
