//! The configured sources of webhooks: who may sign, and which addresses their payloads may name.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::config::WebhookSource;

/// All sources by name.
pub(super) struct Sources(BTreeMap<String, Source>);

/// One source.
pub(super) struct Source {
    secrets: [SecretString; 2],
    clone_urls: BTreeMap<String, String>,
    clone_prefixes: Vec<String>,
}

impl Sources {
    pub(super) fn new(configured: &[WebhookSource]) -> Self {
        let sources = configured.iter().filter_map(|source| {
            // The configuration refuses a source without a secret; here it would simply not exist.
            let secret = source.secret.clone()?;
            let previous = source.previous_secret.clone().unwrap_or_else(|| secret.clone());
            let kept = Source {
                secrets: [secret, previous],
                clone_urls: source.clone_urls.clone(),
                clone_prefixes: source.clone_prefixes.clone(),
            };
            Some((source.name.clone(), kept))
        });
        Self(sources.collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Source> {
        self.0.get(name)
    }

    /// Repositories that the configuration names, with their addresses.
    pub(super) fn repositories(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .values()
            .flat_map(|source| &source.clone_urls)
            .map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// Whether a source is known and a body was signed with its secret or the one before. An unknown source costs the
    /// same time as a wrong signature: which names exist is nobody's business.
    pub(super) fn verifies(&self, name: &str, body: &[u8], signature: Option<&str>) -> bool {
        let nobody = [SecretString::from("nobody"), SecretString::from("no one")];
        let source = self.get(name);
        let secrets = source.map_or(&nobody, |source| &source.secrets);
        let told = signature.and_then(parse_signature).unwrap_or([0; 32]);
        let right = secrets
            .iter()
            .map(|secret| signed(secret, body, &told))
            .fold(false, |any, one| any | one);
        right && source.is_some() && signature.and_then(parse_signature).is_some()
    }
}

impl Source {
    /// Where to clone a repository from: as configured, or as told where the configuration allows it.
    pub(super) fn clone_url(&self, repository: &str, told: Option<&str>) -> Result<String, String> {
        if let Some(url) = self.clone_urls.get(repository) {
            return Ok(url.clone());
        }
        let Some(told) = told.filter(|url| !url.is_empty()) else {
            return Err(format!(
                "no clone address is known; name one under source.clone_urls.\"{repository}\""
            ));
        };
        let shown = told.split('@').next_back().unwrap_or_default();
        if told.contains("..")
            || told.contains('@')
            || !self.clone_prefixes.iter().any(|prefix| begins(told, prefix))
        {
            return Err(format!(
                "the clone address {shown} begins with none of source.clone_prefixes; add its beginning there, or name the address under source.clone_urls.\"{repository}\""
            ));
        }
        // Else a payload could have the branches of another repository taken for this one's.
        if !told
            .strip_suffix(".git")
            .unwrap_or(told)
            .ends_with(&format!("/{repository}"))
        {
            return Err(format!(
                "the clone address {shown} is not that of {repository}; name its address under source.clone_urls.\"{repository}\""
            ));
        }
        Ok(told.to_owned())
    }
}

/// Whether an address begins with another at the end of a part: `https://forge` is no beginning of `https://forge.evil`.
fn begins(url: &str, prefix: &str) -> bool {
    !prefix.is_empty()
        && url
            .strip_prefix(prefix)
            .is_some_and(|rest| prefix.ends_with('/') || rest.starts_with('/'))
}

fn signed(secret: &SecretString, body: &[u8], told: &[u8; 32]) -> bool {
    // A key of any length is a key for HMAC, so this never fails.
    Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(told).is_ok())
}

/// `sha256=` and 64 hexadecimal digits.
fn parse_signature(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_prefix("sha256=")?.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0_u8; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let value = pair.iter().try_fold(0_u32, |sum, digit| {
            char::from(*digit).to_digit(16).map(|digit| sum * 16 + digit)
        })?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_addresses_are_cloned_from() {
        let source = Source {
            secrets: [SecretString::from("a"), SecretString::from("a")],
            clone_urls: BTreeMap::from([("acme/own".to_owned(), "file:///srv/own.git".to_owned())]),
            clone_prefixes: vec![
                "https://forge.example/".to_owned(),
                "https://other.example".to_owned(),
            ],
        };
        let url = |told| source.clone_url("acme/checkout", Some(told)).is_ok();
        assert!(url("https://forge.example/acme/checkout.git"));
        assert!(url("https://other.example/acme/checkout.git"));
        assert!(!url("https://other.example.evil/acme/checkout.git"));
        assert!(url("https://forge.example/acme/checkout"));
        assert!(!url("https://forge.example/evil/checkout.git"));
        assert!(!url("https://forge.example/evil-acme/checkout.git"));
        assert!(!url("https://forge.example/acme/checkout-evil.git"));
        assert!(!url("https://forge.example@evil.example/acme/checkout.git"));
        assert!(!url("https://forge.example/../etc"));
        assert!(!url("ext::sh -c id"));
        assert!(!url("--upload-pack=touch /tmp/x"));
        assert_eq!(
            source
                .clone_url("acme/own", Some("https://evil.example/x"))
                .as_deref(),
            Ok("file:///srv/own.git")
        );
        let refusal = source.clone_url("acme/checkout", None).unwrap_err();
        assert!(refusal.contains("source.clone_urls"), "{refusal}");
    }
}
