//! ECR, and what images say of themselves.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatus, ImageStatusFilter,
};

use super::fault::Faults;
use super::manifest::{self, Told};
use crate::aws::{AwsError, Ecr, EcrImage, EcrRepository, ImageFacts};

/// Reads a registry. AWS publishes no rates for it; the SDK backs off when it is told to.
pub(super) struct EcrClient {
    client: Client,
    http: reqwest::Client,
    faults: Faults,
}

impl EcrClient {
    pub(super) fn new(config: &SdkConfig, faults: Faults) -> Result<Self, AwsError> {
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(10))
            .build()
            .map_err(|cause| AwsError::Invalid(format!("no HTTP client for image layers: {cause}")))?;
        Ok(Self {
            client: Client::new(config),
            http,
            faults,
        })
    }

    /// Manifests by digest.
    async fn manifests(&self, repository: &str, digests: &[String]) -> Result<Vec<(String, Told)>, AwsError> {
        let ids = digests
            .iter()
            .map(|digest| ImageIdentifier::builder().image_digest(digest).build());
        let answer = self
            .client
            .batch_get_image()
            .repository_name(repository)
            .set_image_ids(Some(ids.collect()))
            .set_accepted_media_types(Some(manifest::MEDIA_TYPES.map(str::to_owned).to_vec()))
            .send()
            .await
            .map_err(|cause| self.faults.of("BatchGetImage", cause))?;
        Ok(answer
            .images()
            .iter()
            .filter_map(|image| {
                let digest = image.image_id()?.image_digest()?.to_owned();
                Some((digest, manifest::read(image.image_manifest()?)))
            })
            .collect())
    }

    /// The image's configuration, which carries its labels. What cannot be had leaves the facts as they are.
    async fn configuration(&self, repository: &str, digest: &str) -> Option<ImageFacts> {
        let call = self
            .client
            .get_download_url_for_layer()
            .repository_name(repository)
            .layer_digest(digest);
        let url = match call
            .send()
            .await
            .map_err(|cause| self.faults.of("GetDownloadUrlForLayer", cause))
        {
            Ok(answer) => answer.download_url?,
            Err(cause) => {
                tracing::debug!(name: "ecr.configuration", repository, digest, %cause, "an image's labels cannot be read");
                return None;
            }
        };
        let answer = self.http.get(url).send().await.ok()?.error_for_status().ok()?;
        manifest::read_configuration(&answer.bytes().await.ok()?)
    }
}

#[async_trait]
impl Ecr for EcrClient {
    async fn repositories(&self) -> Result<Vec<EcrRepository>, AwsError> {
        let mut repositories = Vec::new();
        let mut token = None;
        loop {
            let call = self
                .client
                .describe_repositories()
                .max_results(1000)
                .set_next_token(token);
            let page = call
                .send()
                .await
                .map_err(|cause| self.faults.of("DescribeRepositories", cause))?;
            repositories.extend(page.repositories().iter().filter_map(|repository| {
                Some(EcrRepository {
                    name: repository.repository_name()?.to_owned(),
                    uri: repository.repository_uri()?.to_owned(),
                })
            }));
            token = page.next_token;
            if token.is_none() {
                return Ok(repositories);
            }
        }
    }

    async fn images(&self, repository: &str) -> Result<Vec<EcrImage>, AwsError> {
        let mut images = Vec::new();
        let mut token = None;
        loop {
            // Without this filter archived images, which may be what a rollback needs, would seem to be gone.
            let any = DescribeImagesFilter::builder()
                .image_status(ImageStatusFilter::Any)
                .build();
            let call = self
                .client
                .describe_images()
                .repository_name(repository)
                .filter(any)
                .max_results(1000)
                .set_next_token(token);
            let page = call
                .send()
                .await
                .map_err(|cause| self.faults.of("DescribeImages", cause))?;
            images.extend(page.image_details().iter().filter_map(image));
            token = page.next_token;
            if token.is_none() {
                return Ok(images);
            }
        }
    }

    async fn image(&self, repository: &str, digest: &str) -> Result<Option<EcrImage>, AwsError> {
        let id = ImageIdentifier::builder().image_digest(digest).build();
        let call = self
            .client
            .describe_images()
            .repository_name(repository)
            .image_ids(id);
        match call
            .send()
            .await
            .map_err(|cause| self.faults.of("DescribeImages", cause))
        {
            Ok(answer) => Ok(answer.image_details().iter().find_map(image)),
            Err(AwsError::NotFound(_)) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    async fn revisions(
        &self,
        repository: &str,
        digests: &[String],
    ) -> Result<Vec<(String, ImageFacts)>, AwsError> {
        if digests.is_empty() {
            return Ok(Vec::new());
        }
        let told = self.manifests(repository, digests).await?;
        // An index says little of itself; its first image for a real platform speaks for it.
        let children: Vec<String> = told
            .iter()
            .filter(|(_, told)| told.facts.revision.is_none())
            .filter_map(|(_, told)| told.child.clone())
            .collect();
        let mut by_child: Vec<(String, Told)> = Vec::new();
        for some in children.chunks(100) {
            by_child.extend(self.manifests(repository, some).await?);
        }
        let mut found = Vec::new();
        for (digest, told) in told {
            let mut facts = told.facts;
            let mut configuration = told.configuration;
            if let Some((_, child)) = by_child
                .iter()
                .find(|(child, _)| told.child.as_ref() == Some(child))
            {
                facts.revision = facts.revision.or_else(|| child.facts.revision.clone());
                configuration = configuration.or_else(|| child.configuration.clone());
            }
            if let (None, Some(configuration)) = (&facts.revision, configuration)
                && let Some(labels) = self.configuration(repository, &configuration).await
            {
                facts.revision = labels.revision;
                facts.platform = facts.platform.or(labels.platform);
            }
            found.push((digest, facts));
        }
        Ok(found)
    }
}

fn image(detail: &ImageDetail) -> Option<EcrImage> {
    let mut tags = detail.image_tags().to_vec();
    tags.sort();
    Some(EcrImage {
        digest: detail.image_digest()?.to_owned(),
        tags,
        pushed_at: detail
            .image_pushed_at()
            .and_then(|at| at.to_millis().ok())
            .unwrap_or_default(),
        size_bytes: detail.image_size_in_bytes(),
        archived: matches!(
            detail.image_status(),
            Some(ImageStatus::Archived | ImageStatus::Activating)
        ),
    })
}
