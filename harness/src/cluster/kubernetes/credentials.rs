//! Keys and tokens of one cluster. They are made anew for each, and are worth nothing outside of its sandbox.

use k8s_openapi::ByteString;
use ring::{
    rand::{SecureRandom as _, SystemRandom},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};

use super::error::KubernetesError;
use crate::hex;

/// What a cluster's components know each other by.
pub struct Credentials {
    /// Bearer token of the administrator, and of the components.
    pub token: String,
    /// Key that signs tokens of service accounts, as PEM.
    pub service_account_key: String,
}

impl Credentials {
    /// Fresh ones.
    pub fn generate() -> Result<Self, KubernetesError> {
        let failed = |_| KubernetesError::Key("the system gave no random bytes".to_owned());
        let random = SystemRandom::new();
        let mut bytes = [0; 24];
        random.fill(&mut bytes).map_err(failed)?;
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).map_err(failed)?;
        Ok(Self { token: hex::of(bytes), service_account_key: pem(&sec1(key.as_ref())?) })
    }

    /// The file of the API server's `--token-auth-file`.
    #[must_use]
    pub fn token_file(&self) -> String {
        format!("{},admin,admin,system:masters\n", self.token)
    }
}

/// Kubernetes reads the older form of RFC 5915, not what `ring` writes (RFC 5208): the private key, then at the end the
/// public one.
fn sec1(pkcs8: &[u8]) -> Result<Vec<u8>, KubernetesError> {
    const PRIVATE: std::ops::Range<usize> = 36..68;
    const PUBLIC: usize = 65;
    /// `SEQUENCE { INTEGER 1, OCTET STRING …`
    const HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
    /// `[0] { OBJECT prime256v1 }, [1] { BIT STRING …`
    const CURVE: [u8; 17] =
        [0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0xA1, 0x44, 0x03, 0x42, 0x00];
    let unknown = || KubernetesError::Key("the key has an unknown form".to_owned());
    let private = pkcs8.get(PRIVATE).ok_or_else(unknown)?;
    let public = pkcs8.len().checked_sub(PUBLIC).and_then(|start| pkcs8.get(start..)).ok_or_else(unknown)?;
    Ok([&HEAD, private, &CURVE, public].concat())
}

fn pem(der: &[u8]) -> String {
    let base64 = serde_json::to_value(ByteString(der.to_vec())).ok();
    let base64 = base64.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
    let lines: Vec<&str> = base64.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::Credentials;

    #[test]
    fn every_cluster_has_its_own() {
        let (one, other) = (Credentials::generate().expect("random"), Credentials::generate().expect("random"));
        assert_ne!(one.token, other.token);
        assert_ne!(one.service_account_key, other.service_account_key);
        assert_eq!(one.token.len(), 48);
        assert!(one.service_account_key.lines().all(|line| line.len() <= 64));
        assert!(one.token_file().ends_with(",system:masters\n"));
    }
}
