//! What an image's manifest and configuration say: the commit it was made from and its platform.

use serde_json::Value;

use crate::aws::ImageFacts;

/// Kinds of manifest we understand.
pub(super) const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

const REVISION: &str = "org.opencontainers.image.revision";

/// What a manifest tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Facts that stand in it.
    pub(super) facts: ImageFacts,
    /// Digest of its configuration, where it is an image's.
    pub(super) configuration: Option<String>,
    /// Digest of its first image for a real platform, where it is an index.
    pub(super) child: Option<String>,
}

/// Reads a manifest. One that cannot be read tells nothing.
pub(super) fn read(manifest: &str) -> Told {
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    // Attestations stand in an index as images for the platform "unknown/unknown".
    let child = manifest
        .get("manifests")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .find(|child| platform(child.get("platform")).is_some());
    Told {
        facts: ImageFacts {
            revision: text(manifest.pointer("/annotations").and_then(|all| all.get(REVISION))),
            platform: child.and_then(|child| platform(child.get("platform"))),
        },
        configuration: text(manifest.pointer("/config/digest")),
        child: text(child.and_then(|child| child.get("digest"))),
    }
}

/// Reads an image's configuration.
pub(super) fn read_configuration(blob: &[u8]) -> Option<ImageFacts> {
    let configuration: Value = serde_json::from_slice(blob).ok()?;
    let labels = configuration.pointer("/config/Labels");
    Some(ImageFacts {
        revision: labels
            .and_then(|all| all.get(REVISION))
            .and_then(Value::as_str)
            .map(str::to_owned),
        platform: platform(Some(&configuration)),
    })
}

fn platform(value: Option<&Value>) -> Option<String> {
    let part = |key| value?.get(key)?.as_str().filter(|part| *part != "unknown");
    Some(format!("{}/{}", part("os")?, part("architecture")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_points_at_its_first_real_image() {
        let told = read(
            r#"{"manifests":[
                {"digest":"sha256:att","platform":{"os":"unknown","architecture":"unknown"}},
                {"digest":"sha256:arm","platform":{"os":"linux","architecture":"arm64"}}]}"#,
        );
        assert_eq!(told.child.as_deref(), Some("sha256:arm"));
        assert_eq!(told.facts.platform.as_deref(), Some("linux/arm64"));
    }

    #[test]
    fn the_commit_stands_in_an_annotation_or_a_label() {
        let told = read(
            r#"{"annotations":{"org.opencontainers.image.revision":"abc"},"config":{"digest":"sha256:c"}}"#,
        );
        assert_eq!(told.facts.revision.as_deref(), Some("abc"));
        assert_eq!(told.configuration.as_deref(), Some("sha256:c"));
        let label = br#"{"os":"linux","architecture":"amd64","config":{"Labels":{"org.opencontainers.image.revision":"def"}}}"#;
        let facts = read_configuration(label).unwrap();
        assert_eq!(facts.revision.as_deref(), Some("def"));
        assert_eq!(facts.platform.as_deref(), Some("linux/amd64"));
        assert_eq!(read("<html>"), Told::default());
    }
}
