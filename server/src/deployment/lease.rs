//! The lease on a deployment: one process at a time works on it. The row is the truth and the database's clock judges
//! it. ECS knows no fence, so a holder calls it only while enough of the lease is left for the call to end in.
//!
//! A restarted process waits out the lease of the one that died, also on SQLite, where nobody else can hold it: a call
//! of the dead process may still be on its way to ECS, and must show in what is read back before it is called again.

use crate::db::{Db, Tx};

/// How long a lease lasts when it is taken or renewed.
pub(super) const LEASE: i64 = 10_000;
/// The longest a mutating call may take.
pub(super) const CALL: i64 = 5_000;
/// What must be left of the lease beyond the call.
const MARGIN: i64 = 1_000;

/// Held while a deployment is worked on.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub id: String,
    pub owner: String,
    pub fence: i64,
}

/// Somebody else took the lease; this process stops at once.
#[derive(Debug, thiserror::Error)]
#[error("another process works on this deployment now")]
pub(super) struct Lost;

impl Lease {
    /// Takes the lease of a deployment that is not at rest, unless somebody else holds it.
    pub async fn take(db: &Db, id: &str, owner: &str) -> sqlx::Result<Option<Self>> {
        let now = db.lease_clock().await?;
        let mut tx = db.begin().await?;
        let taken = sqlx::query(
            "UPDATE deployment SET lease_owner = $1, lease_until = $2, fence = fence + 1
             WHERE id = $3 AND ended_at IS NULL
               AND (lease_owner IS NULL OR lease_owner = $1 OR lease_until < $4)",
        )
        .bind(owner)
        .bind(now + LEASE)
        .bind(id)
        .bind(now)
        .execute(tx.connection())
        .await?
        .rows_affected();
        if taken == 0 {
            return Ok(None);
        }
        let fence: i64 = sqlx::query_scalar("SELECT fence FROM deployment WHERE id = $1")
            .bind(id)
            .fetch_one(tx.connection())
            .await?;
        tx.commit().await?;
        Ok(Some(Self {
            id: id.to_owned(),
            owner: owner.to_owned(),
            fence,
        }))
    }

    /// Renews it right before a call that changes something. That the call's time and a margin are left is then
    /// certain, unless the renewal itself took long.
    pub async fn renew(&self, db: &Db) -> anyhow::Result<()> {
        let now = db.lease_clock().await?;
        let mut tx = db.begin().await?;
        let kept = sqlx::query(
            "UPDATE deployment SET lease_until = $1 WHERE id = $2 AND fence = $3 AND lease_owner = $4",
        )
        .bind(now + LEASE)
        .bind(&self.id)
        .bind(self.fence)
        .bind(&self.owner)
        .execute(tx.connection())
        .await?
        .rows_affected();
        tx.commit().await?;
        anyhow::ensure!(kept == 1, Lost);
        let left = now + LEASE - db.lease_clock().await?;
        anyhow::ensure!(left > CALL + MARGIN, Lost);
        Ok(())
    }

    /// Gives it up and says when to look again.
    pub async fn release(&self, tx: &mut Tx, wake_at: i64) -> sqlx::Result<bool> {
        let rows = sqlx::query(
            "UPDATE deployment SET lease_owner = NULL, lease_until = NULL, wake_at = $1
             WHERE id = $2 AND fence = $3 AND lease_owner = $4",
        )
        .bind(wake_at)
        .bind(&self.id)
        .bind(self.fence)
        .bind(&self.owner)
        .execute(tx.connection())
        .await?
        .rows_affected();
        Ok(rows == 1)
    }
}
