//! What the OCI image format names by its SHA-256.

use serde_json::{Value, json};

use crate::hex;

/// A blob of an image: bytes that are known by their digest.
pub(super) struct Blob {
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Blob {
    pub(super) fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let sha256 = hex::sha256(&bytes);
        Self { media_type, bytes, sha256 }
    }

    pub(super) fn json(media_type: &'static str, value: &Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }

    /// How another blob names it.
    pub(super) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len()})
    }

    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", self.sha256)
    }
}
