//! The image of a distro's virtual machines: where it comes from and what proves that it is the right one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cloud image, in qcow2 format. It comes from one place: `url`, `account`, `build`, or else a file of the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Where it is downloaded from: https, or http from this machine itself.
    #[serde(default)]
    pub url: Option<String>,
    /// Other places of the same file, tried in this order after `url`.
    #[serde(default)]
    pub mirrors: Vec<String>,
    /// The publisher's file name, when there is no URL.
    #[serde(default)]
    pub filename: Option<String>,
    /// SHA-256 of the file as it is published, in hexadecimal; none only where the account's API says it, or the image
    /// is the user's own or built.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Bytes of the file as it is published, so that room for it can be checked before the download.
    #[serde(default)]
    pub size: Option<u64>,
    /// How the published file is compressed, when it is: the image is what is inside.
    #[serde(default)]
    pub compressed: Option<Compression>,
    /// The account that downloads `filename`; the user's own file is the other way.
    #[serde(default)]
    pub account: Option<Account>,
    /// How this machine builds it from its own package sources.
    #[serde(default)]
    pub build: Option<Build>,
    /// Login user that the image creates.
    pub user: String,
}

/// How a published file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// xz.
    Xz,
    /// gzip.
    Gz,
    /// Zstandard.
    Zst,
}

/// An account with a publisher that gives its images to customers only. In files: `account: { kind: red-hat, … }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Account {
    /// A Red Hat account, by an offline token.
    RedHat {
        /// The release of Red Hat Enterprise Linux: `9.5`.
        release: String,
    },
}

/// How an image is built with mmdebstrap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Code name of the Debian release, which this machine's package sources must have: `bookworm`.
    pub suite: String,
    /// Size of the disk in MiB. A machine may have a larger one: the file system grows at its first boot.
    pub disk_mib: u32,
    /// Packages in it, beside what is essential. Recommended ones do not come along.
    pub packages: Vec<String>,
    /// systemd units that these packages switch on and that stay off.
    #[serde(default)]
    pub disable: Vec<String>,
}

/// The one place where an image comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageSource<'a> {
    /// Anybody can download it.
    Download(Download<'a>),
    /// An account can download it, or the user has the file.
    Account {
        /// Whose account.
        account: &'a Account,
        /// The publisher's file name.
        filename: &'a str,
    },
    /// The user has the file.
    Own {
        /// The publisher's file name.
        filename: &'a str,
    },
    /// This machine builds it.
    Build(&'a Build),
}

/// A file that anybody can download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download<'a> {
    /// The first place.
    pub url: &'a str,
    /// The others.
    pub mirrors: &'a [String],
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: &'a str,
}

impl Image {
    /// Where it comes from; none, with the reason, when it names no place, or more than one.
    pub fn source(&self) -> Result<ImageSource<'_>, &'static str> {
        if self.url.is_none() && !self.mirrors.is_empty() {
            return Err("the image has `mirrors` but no `url`");
        }
        match (self.url.as_deref(), self.account.as_ref(), self.build.as_ref(), self.filename.as_deref()) {
            (Some(_), Some(_), ..) | (Some(_), _, Some(_), _) | (_, Some(_), Some(_), _) => {
                Err("the image has more than one of `url`, `account` and `build`, expected one of them")
            }
            (Some(url), None, None, _) => match self.sha256.as_deref() {
                Some(sha256) => Ok(ImageSource::Download(Download { url, mirrors: &self.mirrors, sha256 })),
                None => Err("the image has a `url` but no `sha256`"),
            },
            (None, Some(account), None, Some(filename)) => Ok(ImageSource::Account { account, filename }),
            (None, Some(_), None, None) => Err("the image has an `account` but no `filename`"),
            (None, None, Some(_), _) if self.sha256.is_some() || self.compressed.is_some() => {
                Err("the image is built, so it has neither `sha256` nor `compressed`")
            }
            (None, None, Some(build), _) => Ok(ImageSource::Build(build)),
            (None, None, None, Some(filename)) => Ok(ImageSource::Own { filename }),
            (None, None, None, None) => {
                Err("the image has neither `url` nor `filename`, nor `build`, expected one of them")
            }
        }
    }
}

/// Whether a place may be downloaded from: encrypted, or on this machine itself.
#[must_use]
pub fn is_download_url(url: &str) -> bool {
    let host_follows = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    if let Some(rest) = url.strip_prefix("https://") {
        return host_follows(rest);
    }
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    ["127.0.0.1", "[::1]"].contains(&host)
}

#[cfg(test)]
mod tests {
    use super::{Build, Image, ImageSource, is_download_url};

    fn image() -> Image {
        Image {
            url: None,
            mirrors: Vec::new(),
            filename: None,
            sha256: None,
            size: None,
            compressed: None,
            account: None,
            build: None,
            user: "root".to_owned(),
        }
    }

    #[test]
    fn an_image_comes_from_one_place() {
        let (url, sum) = (Some("https://images.invalid/x".to_owned()), Some("0".repeat(64)));
        let build = Build { suite: "x".to_owned(), disk_mib: 1, packages: Vec::new(), disable: Vec::new() };
        let download = Image { url: url.clone(), sha256: sum.clone(), ..image() };
        assert!(matches!(download.source(), Ok(ImageSource::Download(_))));
        assert!(Image { build: Some(build.clone()), ..download }.source().is_err());
        assert!(Image { url, ..image() }.source().is_err());
        assert!(Image { build: Some(build.clone()), sha256: sum, ..image() }.source().is_err());
        assert!(matches!(Image { build: Some(build), ..image() }.source(), Ok(ImageSource::Build(_))));
        assert!(Image { mirrors: vec!["x".to_owned()], filename: Some("x".to_owned()), ..image() }.source().is_err());
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for url in ["https://images.invalid/x", "http://127.0.0.1:8080/x", "http://[::1]/x", "http://127.0.0.1/x"] {
            assert!(is_download_url(url), "{url}");
        }
        for url in [
            "http://images.invalid/x",
            "ftp://127.0.0.1/x",
            "http://127.0.0.1.invalid/",
            "http://127.0.0.1@x/",
            "https://",
        ] {
            assert!(!is_download_url(url), "{url}");
        }
    }
}
