//! What waits for the reader: only what they can act on.

use std::sync::Arc;

use app::account::{Actor, Permission};
use app::board::Need;
use app::deployment::DeploymentState;
use app::error::ApiError;
use app::text::Millis;

use super::sight::Sight;
use crate::approval;
use crate::auth::{Place, may};
use crate::aws::Scope;
use crate::db::Db;
use crate::error::OrInternal;
use crate::gate;
use crate::git::Mirrors;
use crate::policy::Environment;
use crate::service::Slot;
use crate::train::{self, Loader, Phase};

/// Everything, most urgent first.
pub async fn needs(db: &Db, mirrors: &Mirrors, sight: &Sight, actor: &Actor) -> Result<Vec<Need>, ApiError> {
    let loader = Loader::new(db.clone(), Arc::new(mirrors.clone()));
    let mut needs = approvals(db, &loader, actor).await?;
    needs.extend(trains(db, &loader, sight, actor).await?);
    for slot in &sight.slots {
        needs.extend(of_slot(sight, slot, actor));
    }
    if may(actor, Permission::Configure, Place::Anywhere) {
        needs.extend(authors(db, mirrors).await?);
        for (scope, state) in &sight.scopes {
            needs.extend(unreadable(sight, scope, state.all().problem));
        }
        needs.extend(sight.astray.iter().map(|astray| Need {
            sentence: astray.sentence.clone(),
            href: format!("/environments/{}", astray.environment),
            since: astray.since,
            urgent: true,
        }));
    }
    needs.sort_by_key(|need| (!need.urgent, need.since.unwrap_or(Millis::MAX)));
    Ok(needs)
}

fn place<'a>(environment: &'a Environment, team: Option<&'a str>) -> Place<'a> {
    Place::In {
        environment: &environment.name,
        protected: environment.protected,
        team,
    }
}

/// Sealed trains that still need approvals, where the reader is one who may give one.
async fn approvals(db: &Db, loader: &Loader, actor: &Actor) -> Result<Vec<Need>, ApiError> {
    let requests = approval::requests(db, loader, actor).await?;
    Ok(requests
        .into_iter()
        .filter(|request| request.mine)
        .map(|request| {
            let (environment, number) = (&request.environment, request.number);
            Need {
                sentence: format!("{environment} #{number} waits for your approval"),
                href: format!("/trains/{environment}/{number}"),
                since: Some(request.since),
                urgent: false,
            }
        })
        .collect())
}

/// Trains that only wait for the reader: held ones, and sealed ones that every gate lets go and nobody has yet.
async fn trains(db: &Db, loader: &Loader, sight: &Sight, actor: &Actor) -> Result<Vec<Need>, ApiError> {
    let mut needs = Vec::new();
    for train in train::open(db).await? {
        let environment = sight
            .policy
            .as_deref()
            .and_then(|policy| policy.environment(&train.environment));
        let team = train::team(db, &train.id).await.or_internal()?;
        let Some(environment) = environment
            .filter(|environment| may(actor, Permission::Deploy, place(environment, team.as_deref())))
        else {
            continue;
        };
        let title = train.title();
        let need = |sentence, since| Need {
            sentence,
            href: train.href(),
            since,
            urgent: false,
        };
        if let Some(held) = &train.held {
            let why = held.why.trim_end_matches('.');
            needs.push(need(format!("{title} is held by {}: {why}", held.by), None));
        } else if let Phase::Sealed(sealed) = &train.phase
            && !environment.automatic
            && let Some((facts, ancestry)) = loader.one(train.clone()).await.or_internal()?
            && gate::all_pass(&gate::judge(&facts, &ancestry, sight.now))
        {
            needs.push(need(format!("{title} can depart"), Some(sealed.at)));
        }
    }
    Ok(needs)
}

/// Authors whom nobody is known to be: an approval waits for somebody to say who they are.
async fn authors(db: &Db, mirrors: &Mirrors) -> Result<Option<Need>, ApiError> {
    let unmatched = approval::unmatched_authors(db, mirrors).await.or_internal()?;
    let Some(first) = unmatched.first() else {
        return Ok(None);
    };
    let others = match unmatched.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    let waits = first
        .train
        .as_ref()
        .map(|train| format!("; {train} waits for it"))
        .unwrap_or_default();
    Ok(Some(Need {
        sentence: format!("Nobody is known to be the author {}{others}{waits}", first.name),
        href: "/people".to_owned(),
        since: None,
        urgent: false,
    }))
}

fn of_slot(sight: &Sight, slot: &Slot, actor: &Actor) -> Vec<Need> {
    let environment = sight
        .policy
        .as_deref()
        .and_then(|policy| policy.environment(&slot.environment));
    let Some(environment) = environment
        .filter(|environment| may(actor, Permission::Deploy, place(environment, Some(&slot.team))))
    else {
        return Vec::new();
    };
    let (service, name) = (&slot.service, &environment.name);
    let mut needs = Vec::new();
    if let Some(last) = sight.last.get(&slot.id) {
        let why = last
            .failure
            .as_ref()
            .map(|why| format!(": {why}"))
            .unwrap_or_default();
        let sentence = match last.state {
            DeploymentState::NeedsHuman if !last.resolved => {
                Some(format!("{service} in {name} needs a human{why}"))
            }
            DeploymentState::RolledBack => {
                Some(format!("{service} failed in {name} and was rolled back{why}"))
            }
            DeploymentState::FailedUnchanged => {
                Some(format!("{service} failed in {name}, nothing was changed{why}"))
            }
            _ => None,
        };
        needs.extend(sentence.map(|sentence| Need {
            sentence,
            href: format!("/deployments/{}", last.id),
            since: last.ended_at,
            urgent: true,
        }));
    }
    if slot.drift.is_some() {
        needs.push(Need {
            sentence: format!("{service} in {name} runs something else than Yardmaster deployed"),
            href: format!("/services/{service}?slot={name}"),
            since: slot.running_since,
            urgent: true,
        });
    }
    needs
}

fn unreadable(sight: &Sight, scope: &Scope, problem: Option<String>) -> Option<Need> {
    let since = sight.scopes.get(scope).and_then(|state| state.all().as_of);
    Some(Need {
        sentence: format!("Account {scope} cannot be read: {}", problem?),
        href: "/unmapped".to_owned(),
        since,
        urgent: true,
    })
}
