//! What waits for the reader: only what they can act on.

use app::account::{Actor, Permission};
use app::board::Need;
use app::deployment::DeploymentState;
use app::text::Millis;

use super::sight::Sight;
use crate::auth::{Place, may};
use crate::aws::Scope;
use crate::db::Db;
use crate::policy::Environment;
use crate::service::Slot;

/// Everything, most urgent first.
pub async fn needs(db: &Db, sight: &Sight, actor: &Actor) -> anyhow::Result<Vec<Need>> {
    let mut needs = approvals(db, sight, actor).await?;
    for slot in &sight.slots {
        needs.extend(of_slot(sight, slot, actor));
    }
    if may(actor, Permission::Configure, Place::Anywhere) {
        for (scope, state) in &sight.scopes {
            needs.extend(unreadable(sight, scope, state.all().problem));
        }
    }
    needs.sort_by_key(|need| (!need.urgent, need.since.unwrap_or(Millis::MAX)));
    Ok(needs)
}

fn place(environment: &Environment) -> Place<'_> {
    Place::In {
        environment: &environment.name,
        protected: environment.protected,
    }
}

/// Sealed trains whose manifest still lacks approvals, where the reader may give one.
async fn approvals(db: &Db, sight: &Sight, actor: &Actor) -> anyhow::Result<Vec<Need>> {
    let Some(policy) = &sight.policy else {
        return Ok(Vec::new());
    };
    let rows: Vec<(String, i64, Option<Millis>, i64)> = sqlx::query_as(
        "SELECT train.environment, train.number, train.sealed_at,
                (SELECT COUNT(*) FROM approval
                 WHERE approval.train_id = train.id AND approval.manifest_sha256 = train.manifest_sha256
                   AND approval.approved = 1 AND approval.void_at IS NULL AND approval.expires_at > $2)
         FROM train
         WHERE train.state = 'sealed'
           AND NOT EXISTS (SELECT 1 FROM train_editor
                           WHERE train_editor.train_id = train.id AND train_editor.person_id = $1)
           AND NOT EXISTS (SELECT 1 FROM approval
                           WHERE approval.train_id = train.id AND approval.manifest_sha256 = train.manifest_sha256
                             AND approval.person_id = $1 AND approval.void_at IS NULL)",
    )
    .bind(&actor.id)
    .bind(sight.now)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(name, number, since, count)| {
            let environment = policy.environment(&name)?;
            let wanted = &environment.approvals;
            let role = wanted.roles.is_empty()
                || actor.grants.iter().any(|grant| {
                    let here = grant.environment.as_ref().is_none_or(|only| *only == name);
                    here && wanted.roles.contains(&grant.role)
                });
            let mine = count < i64::from(wanted.count)
                && role
                && may(actor, Permission::Approve, place(environment));
            mine.then(|| Need {
                sentence: format!("{name} #{number} waits for your approval"),
                href: format!("/trains/{name}/{number}"),
                since,
                urgent: false,
            })
        })
        .collect())
}

fn of_slot(sight: &Sight, slot: &Slot, actor: &Actor) -> Vec<Need> {
    let environment = sight
        .policy
        .as_deref()
        .and_then(|policy| policy.environment(&slot.environment));
    let Some(environment) =
        environment.filter(|environment| may(actor, Permission::Deploy, place(environment)))
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
