//! Sizes and places as words.

use reqwest::Url;

/// A number of bytes for people: `642 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    if tenths < 100 {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{} {}", tenths / 10, UNITS[unit])
    }
}

/// A URL without what may be secret in it: user, password, query.
pub(crate) fn place(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

#[cfg(test)]
mod tests {
    use super::{place, size};

    #[test]
    fn sizes() {
        let cases =
            [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (642_123_456, "642 MB"), (3_221_225_472, "3.2 GB")];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_place_tells_no_secret() {
        let url = "https://user:word@images.invalid:8443/a/b.qcow2?_auth_=secret#x".parse().expect("a URL");
        assert_eq!(place(&url), "https://images.invalid:8443/a/b.qcow2");
    }
}
