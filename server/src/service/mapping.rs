//! Which ECS service is which slot. Pure: facts and policy in, places and refusals out.
//!
//! The environment comes from policy's binding of account, region and cluster and from nothing else. A person's word,
//! a tag or a name pattern names the service. What is unknown or contradicts itself stays unmapped, with a sentence
//! that says why and what to do: an unmapped service is never deployed.

use std::collections::BTreeMap;

use app::text::Millis;

use crate::policy::Policy;

/// An ECS service as far as mapping looks at it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// ARN.
    pub arn: String,
    /// Name.
    pub name: String,
    /// Account.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the cluster.
    pub cluster: String,
    /// ACTIVE, DRAINING.
    pub status: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Containers of its task definition and their images.
    pub containers: Vec<(String, String)>,
    /// The service and environment it was mapped to until now.
    pub held: Option<(String, String)>,
    /// When it was made.
    pub created_at: Millis,
}

/// A person's word on a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The service.
    pub service: String,
    /// The container.
    pub container: String,
}

/// Where a candidate belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The service.
    pub service: String,
    /// The environment.
    pub environment: String,
    /// The container that carries the image.
    pub container: String,
}

/// Places every candidate, or says why not.
pub fn plan(
    policy: Option<&Policy>,
    words: &BTreeMap<String, Word>,
    candidates: &[Candidate],
) -> BTreeMap<String, Result<Placement, String>> {
    let mut placed: BTreeMap<String, Result<Placement, String>> = candidates
        .iter()
        .map(|candidate| {
            (
                candidate.arn.clone(),
                place(policy, words.get(&candidate.arn), candidate),
            )
        })
        .collect();
    settle_rivals(&mut placed, words, candidates);
    placed
}

fn place(policy: Option<&Policy>, word: Option<&Word>, candidate: &Candidate) -> Result<Placement, String> {
    let Some(policy) = policy else {
        return Err(
            "There is no policy yet. Apply one with `yardmaster policy apply`; it binds clusters to environments."
                .to_owned(),
        );
    };
    let Candidate {
        name,
        account,
        region,
        cluster,
        status,
        ..
    } = candidate;
    if status != "ACTIVE" {
        return Err(format!(
            "ECS is deleting it (its status is {status}). Nothing is to be done."
        ));
    }
    let Some(environment) = policy.environment_of(account, region, cluster) else {
        return Err(format!(
            "No environment is bound to cluster {cluster} in account {account}, {region}. If it is one, add it to the policy as [[environment]]; its services are then found by themselves."
        ));
    };
    let service = match word {
        Some(word) => word.service.clone(),
        None => service_name(policy, candidate)?,
    };
    let container = container(policy, word, &service, candidate)?;
    if word.is_none() {
        agrees(policy, &service, &container, candidate)?;
    }
    if service.is_empty()
        || !service
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
    {
        return Err(format!(
            "It calls itself `{service}`, which is no name of a service: letters, digits, dashes, dots and underscores. Correct the tag of {name} in ECS, or say here which service it is."
        ));
    }
    Ok(Placement {
        service,
        environment: environment.name.clone(),
        container,
    })
}

fn service_name(policy: &Policy, candidate: &Candidate) -> Result<String, String> {
    let tag = policy.mapping.tag.as_deref();
    let pattern = policy.mapping.name.as_deref();
    let tagged = tag.and_then(|tag| candidate.tags.get(tag));
    let called = pattern.and_then(|pattern| by_pattern(pattern, &candidate.name));
    match (tagged, called) {
        (Some(tagged), Some(called)) if tagged != called => {
            return Err(format!(
                "Its tag says that it is {tagged}, its name says {called}. Correct one of them in ECS, or say here which service it is."
            ));
        }
        (Some(tagged), _) => return Ok(tagged.clone()),
        (None, Some(called)) => return Ok(called.to_owned()),
        (None, None) => {}
    }
    let mut missing = Vec::new();
    if let Some(tag) = tag {
        missing.push(format!("it has no tag `{tag}`"));
    }
    if let Some(pattern) = pattern {
        missing.push(format!("its name does not fit `{pattern}`"));
    }
    Err(match missing.is_empty() {
        true => "Policy says neither a tag nor a name pattern by which services are known. Say here which service it is.".to_owned(),
        false => format!("Nothing says which service it is: {}. Tag it in ECS, or say here which service it is.", missing.join(" and ")),
    })
}

/// What runs in the container must come from where policy says that the service's images are: a tag put on the wrong
/// ECS service would else have another program's image deployed there.
fn agrees(policy: &Policy, service: &str, container: &str, candidate: &Candidate) -> Result<(), String> {
    let Some(wanted) = policy
        .service(service)
        .and_then(|known| known.image_repository.as_deref())
    else {
        return Ok(());
    };
    let runs = candidate
        .containers
        .iter()
        .find(|(name, _)| name == container)
        .map_or("", |(_, image)| image_repository(image));
    if runs == wanted {
        return Ok(());
    }
    Err(format!(
        "It says that it is {service}, but its container {container} runs an image of {runs}, where policy says {wanted}. Correct its tag or name in ECS or the policy; or say here which service it is, if it is to run that image from now on."
    ))
}

fn by_pattern<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    let (before, after) = pattern.split_once("{service}")?;
    let service = name.strip_prefix(before)?.strip_suffix(after)?;
    (!service.is_empty()).then_some(service)
}

fn container(
    policy: &Policy,
    word: Option<&Word>,
    service: &str,
    candidate: &Candidate,
) -> Result<String, String> {
    let names: Vec<&str> = candidate
        .containers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let list = names.join(", ");
    let known = policy.service(service);
    let named = match word {
        Some(word) => Some((word.container.as_str(), "The mapping")),
        None => known
            .and_then(|known| known.container.as_deref())
            .map(|name| (name, "Policy")),
    };
    if let Some((name, who)) = named {
        return match names.contains(&name) {
            true => Ok(name.to_owned()),
            false => Err(format!(
                "{who} names the container `{name}`, which its task definition does not have (it has {list}). Map it again, or correct the policy."
            )),
        };
    }
    if let [only] = names.as_slice() {
        return Ok((*only).to_owned());
    }
    if names.is_empty() {
        return Err("Its task definition has not been read yet, or has no containers.".to_owned());
    }
    let wanted = known.and_then(|known| known.image_repository.as_deref());
    let mut carrying = candidate
        .containers
        .iter()
        .filter(|(_, image)| wanted.is_some_and(|wanted| image_repository(image) == wanted));
    match (carrying.next(), carrying.next()) {
        (Some((name, _)), None) => Ok(name.clone()),
        _ => Err(format!(
            "Its task definition has {} containers ({list}), and nothing says which one carries {service}'s image. Say so here, or name the service's container or image repository in the policy.",
            names.len()
        )),
    }
}

/// A slot is held by one ECS service. Who held it goes on holding it; else a person's word decides; else nobody gets it.
fn settle_rivals(
    placed: &mut BTreeMap<String, Result<Placement, String>>,
    words: &BTreeMap<String, Word>,
    candidates: &[Candidate],
) {
    let mut claims: BTreeMap<(String, String), Vec<&Candidate>> = BTreeMap::new();
    for candidate in candidates {
        if let Some(Ok(placement)) = placed.get(&candidate.arn) {
            let slot = (placement.service.clone(), placement.environment.clone());
            claims.entry(slot).or_default().push(candidate);
        }
    }
    for (slot, rivals) in claims.into_iter().filter(|(_, rivals)| rivals.len() > 1) {
        let (service, environment) = &slot;
        let only = |wins: &dyn Fn(&Candidate) -> bool| {
            let mut winners = rivals.iter().filter(|rival| wins(rival));
            match (winners.next(), winners.next()) {
                (Some(winner), None) => Some(winner.arn.clone()),
                _ => None,
            }
        };
        let winner = only(&|rival| rival.held.as_ref() == Some(&slot))
            .or_else(|| only(&|rival| words.contains_key(&rival.arn)));
        for rival in &rivals {
            if Some(&rival.arn) == winner.as_ref() {
                continue;
            }
            let others: Vec<&str> = rivals
                .iter()
                .filter(|other| {
                    winner
                        .as_ref()
                        .map_or(other.arn != rival.arn, |winner| *winner == other.arn)
                })
                .map(|other| other.name.as_str())
                .collect();
            let others = others.join(", ");
            let sentence = match winner {
                Some(_) => format!(
                    "It says that it is {service}, but {service} in {environment} is already the ECS service {others}. Give one of them another name, or say here what this one is."
                ),
                None => format!(
                    "It says that it is {service} in {environment}, and so does {others}; one slot is one ECS service. Correct the tags in ECS, or say here which one it is."
                ),
            };
            placed.insert(rival.arn.clone(), Err(sentence));
        }
    }
}

/// An image reference without its tag and digest.
pub fn image_repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    match image.get(name..).and_then(|last| last.find(':')) {
        Some(colon) => image.get(..name + colon).unwrap_or(image),
        None => image,
    }
}

#[cfg(test)]
mod tests;
