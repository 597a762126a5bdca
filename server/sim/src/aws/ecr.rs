//! The operations of the simulated ECR: repositories, images, manifests, scans.

use super::call::{Call, compact, seconds, with_token};
use super::error::AwsError;
use super::registry::{Image, MANIFEST_TYPE, Reference, Registry, Repository};
use super::state::{Place, State};
use serde_json::{Value, json};

/// The operations on one repository.
type Operation = fn(&Repository, &Call<'_>) -> Result<Value, AwsError>;

const OPERATIONS: &[(&str, Operation)] = &[
    ("DescribeImages", describe_images),
    ("ListImages", list_images),
    ("BatchGetImage", batch_get_image),
    ("DescribeImageScanFindings", findings),
    ("GetDownloadUrlForLayer", download_url),
];

/// The names of all operations.
pub(super) fn operations() -> Vec<&'static str> {
    let on_one = OPERATIONS.iter().map(|(name, _)| *name);
    std::iter::once("DescribeRepositories").chain(on_one).collect()
}

pub(super) fn perform(state: &State, operation: &str, call: &Call<'_>) -> Result<Value, AwsError> {
    let place = match call.text("registryId") {
        Some(account) => Place::new(account, &call.place.region),
        None => call.place.clone(),
    };
    if operation == "DescribeRepositories" {
        return describe_repositories(&state.registry, &place, call);
    }
    let found = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let (_, perform) = found.ok_or_else(|| AwsError::unknown_operation("ECR", operation))?;
    perform(
        state
            .registry
            .repository(&place, call.required("repositoryName")?)?,
        call,
    )
}

fn describe_repositories(registry: &Registry, place: &Place, call: &Call<'_>) -> Result<Value, AwsError> {
    let asked = call.list("repositoryNames");
    if asked.len() > 100 {
        return Err(AwsError::invalid(
            "repositoryNames cannot have more than 100 entries.",
        ));
    }
    if !asked.is_empty() {
        let found: Result<Vec<_>, _> = asked
            .iter()
            .map(|name| registry.repository(place, name))
            .collect();
        return Ok(json!({ "repositories": found?.into_iter().map(repository_shown).collect::<Vec<_>>() }));
    }
    let names = registry
        .repositories
        .get(place)
        .into_iter()
        .flat_map(|all| all.keys().cloned())
        .collect();
    let (page, token) = call.page(names, 100, 1000)?;
    let found: Result<Vec<_>, _> = page.iter().map(|name| registry.repository(place, name)).collect();
    let shown: Vec<Value> = found?.into_iter().map(repository_shown).collect();
    Ok(with_token(json!({ "repositories": shown }), token))
}

fn repository_shown(repository: &Repository) -> Value {
    json!({
        "repositoryArn": repository.place.arn("ecr", &format!("repository/{}", repository.name)),
        "registryId": repository.place.account,
        "repositoryName": repository.name,
        "repositoryUri": repository.uri(),
        "createdAt": seconds(repository.created_at),
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": { "scanOnPush": false },
        "encryptionConfiguration": { "encryptionType": "AES256" },
    })
}

/// The images in the order of their push, filtered as asked. Archived ones show only on demand.
fn filtered<'a>(repository: &'a Repository, call: &Call<'_>) -> Result<Vec<&'a Image>, AwsError> {
    let filter = |name: &str| {
        call.input
            .pointer(&format!("/filter/{name}"))
            .and_then(Value::as_str)
    };
    let tagged = match filter("tagStatus") {
        None | Some("ANY") => None,
        Some("TAGGED") => Some(true),
        Some("UNTAGGED") => Some(false),
        Some(other) => return Err(AwsError::invalid(format!("Invalid tagStatus: {other}."))),
    };
    let archived = match filter("imageStatus") {
        None | Some("ACTIVE") => Some(false),
        Some("ARCHIVED") => Some(true),
        Some("ANY") => None,
        Some("ACTIVATING") => return Ok(Vec::new()),
        Some(other) => return Err(AwsError::invalid(format!("Invalid imageStatus: {other}."))),
    };
    let mut images: Vec<&Image> = repository
        .images
        .values()
        .filter(|image| tagged.is_none_or(|tagged| tagged != image.tags.is_empty()))
        .filter(|image| archived.is_none_or(|archived| archived == image.archived))
        .collect();
    images.sort_by_key(|image| (image.pushed_at, image.digest.clone()));
    Ok(images)
}

fn describe_images(repository: &Repository, call: &Call<'_>) -> Result<Value, AwsError> {
    let asked = identifiers(call)?;
    if !asked.is_empty() {
        let found: Result<Vec<_>, _> = asked
            .into_iter()
            .map(|id| find(repository, id).map(|image| image_shown(repository, image)))
            .collect();
        return Ok(json!({ "imageDetails": found? }));
    }
    let digests = filtered(repository, call)?
        .into_iter()
        .map(|image| image.digest.clone())
        .collect();
    let (page, token) = call.page(digests, 100, 1000)?;
    let images = page.iter().filter_map(|digest| repository.images.get(digest));
    let shown: Vec<Value> = images.map(|image| image_shown(repository, image)).collect();
    Ok(with_token(json!({ "imageDetails": shown }), token))
}

fn image_shown(repository: &Repository, image: &Image) -> Value {
    compact(json!({
        "registryId": repository.place.account,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageTags": (!image.tags.is_empty()).then_some(&image.tags),
        "imageSizeInBytes": image.size,
        "imagePushedAt": seconds(image.pushed_at),
        "imageManifestMediaType": MANIFEST_TYPE,
        "artifactMediaType": "application/vnd.oci.image.config.v1+json",
        "imageStatus": if image.archived { "ARCHIVED" } else { "ACTIVE" },
    }))
}

fn list_images(repository: &Repository, call: &Call<'_>) -> Result<Value, AwsError> {
    let mut keys = Vec::new();
    for image in filtered(repository, call)? {
        if image.tags.is_empty() {
            keys.push(image.digest.clone());
        }
        keys.extend(image.tags.iter().map(|tag| format!("{} {tag}", image.digest)));
    }
    let (page, token) = call.page(keys, 100, 1000)?;
    let ids: Vec<Value> = page
        .iter()
        .map(|key| match key.split_once(' ') {
            Some((digest, tag)) => json!({ "imageDigest": digest, "imageTag": tag }),
            None => json!({ "imageDigest": key }),
        })
        .collect();
    Ok(with_token(json!({ "imageIds": ids }), token))
}

fn batch_get_image(repository: &Repository, call: &Call<'_>) -> Result<Value, AwsError> {
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    let asked = identifiers(call)?;
    if asked.is_empty() {
        return Err(AwsError::invalid("imageIds cannot be empty."));
    }
    for id in asked {
        match find(repository, id) {
            Ok(image) => images.push(json!({
                "registryId": repository.place.account,
                "repositoryName": repository.name,
                "imageId": compact(json!({
                    "imageDigest": image.digest,
                    "imageTag": id.get("imageTag").or(image.tags.first().map(|tag| json!(tag)).as_ref()),
                })),
                "imageManifest": image.manifest,
                "imageManifestMediaType": MANIFEST_TYPE,
            })),
            Err(_) => failures.push(json!({
                "imageId": id,
                "failureCode": "ImageNotFound",
                "failureReason": "Requested image not found",
            })),
        }
    }
    Ok(json!({ "images": images, "failures": failures }))
}

fn findings(repository: &Repository, call: &Call<'_>) -> Result<Value, AwsError> {
    let id = call
        .input
        .get("imageId")
        .ok_or_else(|| AwsError::invalid("imageId cannot be empty."))?;
    let image = find(repository, id)?;
    let Some(counts) = &image.findings else {
        return Err(AwsError::new(
            "ScanNotFoundException",
            format!(
                "Image scan does not exist for the image with '{}' in the repository with name '{}' in the \
                 registry with id '{}'",
                named(id),
                repository.name,
                repository.place.account
            ),
        ));
    };
    let findings: Vec<Value> = counts
        .iter()
        .flat_map(|(severity, count)| {
            (1..=*count).map(move |number| {
                json!({
                    "name": format!("CVE-2026-{}{number:03}", severity.len()),
                    "description": "A finding of the simulated scan",
                    "uri": "https://cve.example/",
                    "severity": severity,
                    "attributes": [{ "key": "package_name", "value": "openssl" }],
                })
            })
        })
        .collect();
    Ok(json!({
        "registryId": repository.place.account,
        "repositoryName": repository.name,
        "imageId": { "imageDigest": image.digest },
        "imageScanStatus": { "status": "COMPLETE", "description": "The scan was completed successfully." },
        "imageScanFindings": {
            "imageScanCompletedAt": seconds(image.pushed_at + 60_000),
            "vulnerabilitySourceUpdatedAt": seconds(image.pushed_at),
            "findingSeverityCounts": counts,
            "findings": findings,
        },
    }))
}

/// Answers a path of this server; `protocol` puts the address before it.
fn download_url(repository: &Repository, call: &Call<'_>) -> Result<Value, AwsError> {
    let digest = call.required("layerDigest")?;
    if !repository.blobs.contains_key(digest) {
        return Err(AwsError::new(
            "LayersNotFoundException",
            format!(
                "The layer with digest '{digest}' does not exist in the repository '{}'",
                repository.name
            ),
        ));
    }
    Ok(json!({ "downloadUrl": format!("/_blobs/{digest}"), "layerDigest": digest }))
}

fn identifiers<'a>(call: &Call<'a>) -> Result<Vec<&'a Value>, AwsError> {
    let ids: Vec<&Value> = call
        .input
        .get("imageIds")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    match ids.len() {
        0..=100 => Ok(ids),
        _ => Err(AwsError::invalid("imageIds cannot have more than 100 entries.")),
    }
}

fn find<'a>(repository: &'a Repository, id: &Value) -> Result<&'a Image, AwsError> {
    let text = |field: &str| id.get(field).and_then(Value::as_str);
    let found = match (text("imageDigest"), text("imageTag")) {
        (Some(digest), tag) => repository
            .find(Reference::Digest(digest))
            .filter(|image| tag.is_none_or(|tag| image.tags.iter().any(|other| other == tag))),
        (None, Some(tag)) => repository.find(Reference::Tag(tag)),
        (None, None) => return Err(AwsError::invalid("An image id must have a digest or a tag.")),
    };
    found.ok_or_else(|| {
        AwsError::new(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{{}}} does not exist within the repository with name '{}' in the \
                 registry with id '{}'",
                named(id),
                repository.name,
                repository.place.account
            ),
        )
    })
}

fn named(id: &Value) -> String {
    let text = |field: &str| id.get(field).and_then(Value::as_str).unwrap_or("null");
    format!(
        "imageDigest:'{}', imageTag:'{}'",
        text("imageDigest"),
        text("imageTag")
    )
}
