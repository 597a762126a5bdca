//! The captain's log: what the audit says about a train, in sentences.

use app::text::Millis;
use app::train::LogEntry;

use crate::db::Db;

/// What happened to a train, newest first.
pub async fn of_train(db: &Db, train: &str) -> sqlx::Result<Vec<LogEntry>> {
    let rows: Vec<(Millis, String, String, String)> = sqlx::query_as(
        "SELECT at, actor, action, details FROM audit WHERE subject_id = $1 ORDER BY seq DESC LIMIT 200",
    )
    .bind(train)
    .fetch_all(db.read())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(at, actor, action, details)| LogEntry {
            at,
            actor,
            sentence: sentence(&action, &details),
        })
        .collect())
}

fn sentence(action: &str, details: &str) -> String {
    let details: Vec<(String, String)> = serde_json::from_str(details).unwrap_or_default();
    let get = |name: &str| {
        details
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let service = get("service").unwrap_or("a service");
    let because = get("reason")
        .or_else(|| get("comment"))
        .map(|reason| format!(": {}", reason.trim_end_matches('.')))
        .unwrap_or_default();
    let manifest = get("manifest")
        .map(|manifest| format!(" (manifest {})", manifest.chars().take(8).collect::<String>()))
        .unwrap_or_default();
    match action {
        "train.open" => "Began to board.".to_owned(),
        "train.board" => match (get("promoted from"), get("branch"), get("commit")) {
            (Some(from), _, _) => format!("{service} boarded, promoted from {from}."),
            (None, Some(branch), Some(commit)) => format!(
                "{service} boarded with {} of {branch}.",
                commit.chars().take(7).collect::<String>()
            ),
            _ => format!("{service} boarded."),
        },
        "train.alight" => format!("{service} got off{because}."),
        "train.seal" => format!("Sealed{manifest}."),
        "train.reopen" => format!("Reopened{because}. Its approvals are void."),
        "train.approve" => format!("Approved{because}{manifest}."),
        "train.reject" => format!("Rejected{because}{manifest}."),
        "train.expire" => "An approval expired.".to_owned(),
        "train.depart" => format!("Departed{manifest}."),
        "train.deploy" => format!("Began to deploy {service}."),
        "train.car" => format!("{service}: {}{because}.", get("state").unwrap_or("at its end")),
        "train.hold" => format!("Held{because}."),
        "train.release" => "Released the hold.".to_owned(),
        "train.cancel" => format!("Cancelled{because}."),
        "train.end" => format!("{}{because}.", get("state").unwrap_or("Ended")),
        other => format!("{other}{because}."),
    }
}
