//! What `ctr image list` says. Pure.

/// Whether an image is among those that containerd has, with that manifest.
///
/// `ctr image import` only prints what went wrong and ends with 0, so that the list is what counts. `digest` is
/// `sha256:…`; the table holds it in its third column.
pub fn holds(list: &str, name: &str, digest: &str) -> Result<bool, String> {
    Ok(rows(list)?.any(|row| row[..] == [name, digest]))
}

/// Whether containerd has an image of that name, whatever is in it.
pub fn names(list: &str, name: &str) -> Result<bool, String> {
    Ok(rows(list)?.any(|row| row[0] == name))
}

/// Names and digests.
fn rows(list: &str) -> Result<impl Iterator<Item = [&str; 2]>, String> {
    let mut lines = list.lines();
    let header = lines.next().unwrap_or_default();
    if header.split_whitespace().take(3).ne(["REF", "TYPE", "DIGEST"]) {
        return Err(format!("expected the titles of `ctr image list`, not `{header}`"));
    }
    Ok(lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        Some([words.next()?, words.nth(1)?])
    }))
}

#[cfg(test)]
mod tests {
    use super::{holds, names};

    /// As containerd's `cmd/ctr/commands/images/images.go` writes it.
    const LIST: &str = "REF                       TYPE                                       DIGEST                                                                  SIZE    PLATFORMS   LABELS
docker.io/pathlab/agent:1 application/vnd.oci.image.manifest.v1+json sha256:8a6d9ac3c6a5c1ad4ac3a6d8e4a1d0ac2d2a3bd9d7b8d2a4b1fa9e6c5d4c3b2a 5.1 MiB linux/amd64 io.cri-containerd.image=managed
";

    #[test]
    fn name_and_content_count() {
        let digest = "sha256:8a6d9ac3c6a5c1ad4ac3a6d8e4a1d0ac2d2a3bd9d7b8d2a4b1fa9e6c5d4c3b2a";
        assert_eq!(holds(LIST, "docker.io/pathlab/agent:1", digest), Ok(true));
        assert_eq!(holds(LIST, "docker.io/pathlab/agent:1", "sha256:00"), Ok(false));
        assert_eq!(holds(LIST, "pathlab/agent:1", digest), Ok(false));
        assert_eq!(names(LIST, "docker.io/pathlab/agent:1"), Ok(true));
        assert_eq!(names(LIST, "docker.io/pathlab/agent:2"), Ok(false));
        assert!(holds("ctr: cannot access socket", "a", digest).is_err());
        assert!(holds("", "a", digest).is_err());
    }
}
