//! Encryption at rest for documents that may carry secrets: environment values in task definitions, session data.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::clock::Ids;

/// Seals and opens documents with a key from the configuration.
#[derive(Clone)]
pub struct Cipher(Aes256Gcm);

/// A sealed document that does not open: another key, or changed since.
#[derive(Debug, thiserror::Error)]
#[error(
    "an encrypted document ({0}) cannot be read: keys.data is not the key it was written with, or it was changed"
)]
pub struct Unreadable(pub String);

impl Cipher {
    /// From the configured key, of any length.
    pub fn new(key: &SecretString) -> Self {
        let key = Sha256::digest(key.expose_secret().as_bytes());
        Self(Aes256Gcm::new(&key))
    }

    /// Seals a document. `place` (table and row) is bound to it, so that it cannot be moved to another.
    pub fn seal(&self, ids: &Ids, place: &str, plain: &str) -> String {
        let mut nonce = [0_u8; 12];
        ids.fill(&mut nonce);
        let payload = Payload {
            msg: plain.as_bytes(),
            aad: place.as_bytes(),
        };
        #[expect(clippy::expect_used, reason = "AES-GCM only refuses messages over 64 GiB")]
        let sealed = self
            .0
            .encrypt(Nonce::from_slice(&nonce), payload)
            .expect("under 64 GiB");
        format!(
            "v1.{}.{}",
            BASE64_STANDARD.encode(nonce),
            BASE64_STANDARD.encode(sealed)
        )
    }

    /// Opens a document.
    ///
    /// # Errors
    /// [`Unreadable`] names the place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<String, Unreadable> {
        let unreadable = || Unreadable(place.to_owned());
        let mut parts = sealed.split('.');
        let (Some("v1"), Some(nonce), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(unreadable());
        };
        let nonce = BASE64_STANDARD
            .decode(nonce)
            .ok()
            .filter(|nonce| nonce.len() == 12)
            .ok_or_else(unreadable)?;
        let body = BASE64_STANDARD.decode(body).map_err(|_| unreadable())?;
        let payload = Payload {
            msg: &body,
            aad: place.as_bytes(),
        };
        let plain = self
            .0
            .decrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| unreadable())?;
        String::from_utf8(plain).map_err(|_| unreadable())
    }
}

/// sha256 as hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// JSON with sorted keys and no spaces, so that equal content has equal bytes. `serde_json`'s map is sorted already.
pub fn canonical_json(value: &serde_json::Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_document_opens_only_in_its_place_and_with_its_key() {
        let ids = Ids::seeded(7);
        let cipher = Cipher::new(&SecretString::from("one"));
        let sealed = cipher.seal(&ids, "task_definition/a", "PASSWORD=hunter2");
        assert!(!sealed.contains("hunter2"));
        assert_eq!(
            cipher.open("task_definition/a", &sealed).unwrap(),
            "PASSWORD=hunter2"
        );
        assert!(cipher.open("task_definition/b", &sealed).is_err());
        assert!(
            Cipher::new(&SecretString::from("two"))
                .open("task_definition/a", &sealed)
                .is_err()
        );
    }

    #[test]
    fn canonical_json_does_not_depend_on_the_order_of_keys() {
        let one: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":{"d":2,"c":3}}"#).unwrap();
        let two: serde_json::Value = serde_json::from_str(r#"{"a":{"c":3,"d":2},"b":1}"#).unwrap();
        assert_eq!(canonical_json(&one), canonical_json(&two));
    }
}
