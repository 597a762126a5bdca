//! The images of the simulated ECR, and what becomes of a task that wants to run one.

use super::error::AwsError;
use super::service::hex;
use super::spec::{Failure, ImageSpec};
use super::state::Place;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const REVISION: &str = "org.opencontainers.image.revision";

#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub repositories: BTreeMap<Place, BTreeMap<String, Repository>>,
    /// What was scripted to go wrong, by digest.
    pub failures: BTreeMap<String, Failure>,
}

#[derive(Debug)]
pub(crate) struct Repository {
    pub place: Place,
    pub name: String,
    pub created_at: i64,
    /// By digest.
    pub images: BTreeMap<String, Image>,
    /// Blobs by digest: the image configurations.
    pub blobs: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub digest: String,
    pub manifest: String,
    pub tags: Vec<String>,
    pub pushed_at: i64,
    pub size: u64,
    pub platform: String,
    pub archived: bool,
    pub findings: Option<BTreeMap<String, u32>>,
}

impl Repository {
    pub fn uri(&self) -> String {
        let Place { account, region } = &self.place;
        format!("{account}.dkr.ecr.{region}.amazonaws.com/{}", self.name)
    }

    /// The image that a tag or digest means.
    pub fn find(&self, reference: Reference<'_>) -> Option<&Image> {
        match reference {
            Reference::Digest(digest) => self.images.get(digest),
            Reference::Tag(tag) => self
                .images
                .values()
                .find(|image| image.tags.iter().any(|t| t == tag)),
        }
    }

    /// Stores the image; the digest is the hash of its manifest, which is made from the specification.
    pub fn push(&mut self, spec: &ImageSpec, pushed_at: i64) -> String {
        let revision = spec.revision_label.as_deref();
        let labels: BTreeMap<_, _> = revision.map(|commit| (REVISION, commit)).into_iter().collect();
        let (os, architecture) = spec.platform.split_once('/').unwrap_or(("linux", "amd64"));
        // The layer stands for the content: another repository, commit or moment is another content.
        let content = revision.map_or_else(|| spec.tags.join(" "), str::to_owned);
        let layer = sha256(&format!("{} {content} {pushed_at}", self.name));
        let config = json!({
            "architecture": architecture,
            "os": os,
            "created": chrono::DateTime::from_timestamp_millis(pushed_at).map(|at| at.to_rfc3339()),
            "config": { "Labels": labels },
            "rootfs": { "type": "layers", "diff_ids": [layer] },
        })
        .to_string();
        let config_digest = sha256(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": config_digest, "size": config.len() },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": spec.size
            }],
            "annotations": labels,
        })
        .to_string();
        let digest = sha256(&manifest);
        for image in self.images.values_mut() {
            image.tags.retain(|tag| !spec.tags.contains(tag));
        }
        self.blobs.insert(config_digest, config);
        let image = self.images.entry(digest.clone()).or_insert_with(|| Image {
            digest: digest.clone(),
            manifest,
            tags: Vec::new(),
            pushed_at,
            size: spec.size,
            platform: spec.platform.clone(),
            archived: spec.archived,
            findings: spec.findings.clone(),
        });
        image.tags.extend(spec.tags.iter().cloned());
        digest
    }

    /// Moves a tag to an image, or says that there is no such image.
    pub fn tag(&mut self, digest: &str, tag: &str) -> bool {
        if !self.images.contains_key(digest) {
            return false;
        }
        for image in self.images.values_mut() {
            image.tags.retain(|other| other != tag);
            if image.digest == digest {
                image.tags.push(tag.into());
            }
        }
        true
    }
}

/// How an image is named inside a repository.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reference<'a> {
    Tag(&'a str),
    Digest(&'a str),
}

impl Registry {
    pub fn repository(&self, place: &Place, name: &str) -> Result<&Repository, AwsError> {
        self.repositories
            .get(place)
            .and_then(|all| all.get(name))
            .ok_or_else(|| {
                let account = &place.account;
                AwsError::new(
                    "RepositoryNotFoundException",
                    format!(
                        "The repository with name '{name}' does not exist in the registry with id '{account}'"
                    ),
                )
            })
    }

    pub fn repository_mut(&mut self, place: &Place, name: &str, now: i64) -> &mut Repository {
        self.repositories
            .entry(place.clone())
            .or_default()
            .entry(name.into())
            .or_insert_with(|| Repository {
                place: place.clone(),
                name: name.into(),
                created_at: now,
                images: BTreeMap::new(),
                blobs: BTreeMap::new(),
            })
    }

    /// The digest that an image reference of a task definition means now. An image outside of ECR is
    /// taken to exist.
    pub fn resolve(&self, image: &str) -> Option<String> {
        match parse(image) {
            Some((place, repository, reference)) => {
                let repository = self.repository(&place, repository).ok()?;
                repository.find(reference).map(|image| image.digest.clone())
            }
            None => Some(match image.split_once('@') {
                Some((_, digest)) => digest.to_owned(),
                None => sha256(image),
            }),
        }
    }

    /// Why a task cannot pull the image that was resolved to `digest`, in AWS's words.
    pub fn pull_error(&self, image: &str, digest: Option<&str>, platform: &str) -> Option<String> {
        let (place, name, reference) = parse(image)?;
        let retried = "CannotPullContainerError: pull image manifest has been retried 7 time(s):";
        let repository = self.repository(&place, name).ok();
        let found = match digest {
            Some(digest) => repository.and_then(|repository| repository.images.get(digest)),
            None => repository.and_then(|repository| repository.find(reference)),
        };
        match found {
            None => {
                let pinned = match (reference, digest) {
                    (Reference::Tag(_), Some(digest)) => format!("{image}@{digest}"),
                    _ => image.to_owned(),
                };
                Some(format!("{retried} failed to resolve ref {pinned}: not found"))
            }
            Some(found) if found.archived => Some(format!(
                "{retried} failed to resolve ref {image}: not found: the image is archived and must be restored first"
            )),
            Some(found) if found.platform != platform => Some(format!(
                "{retried} image Manifest does not contain descriptor matching platform '{platform}'"
            )),
            Some(_) => None,
        }
    }
}

/// Splits `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY(:TAG|@DIGEST)`; nothing if it is another registry.
fn parse(image: &str) -> Option<(Place, &str, Reference<'_>)> {
    let (host, rest) = image.split_once('/')?;
    let (account, region) = host.strip_suffix(".amazonaws.com")?.split_once(".dkr.ecr.")?;
    let place = Place::new(account, region);
    Some(match (rest.split_once('@'), rest.split_once(':')) {
        (Some((repository, digest)), _) => (
            place,
            repository.split(':').next().unwrap_or(repository),
            Reference::Digest(digest),
        ),
        (None, Some((repository, tag))) => (place, repository, Reference::Tag(tag)),
        (None, None) => (place, rest, Reference::Tag("latest")),
    })
}

pub(crate) fn sha256(text: &str) -> String {
    format!("sha256:{}", hex(&Sha256::digest(text)))
}
