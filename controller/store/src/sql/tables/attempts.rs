//! Changes to agents and attempts, and what attempts told.

use async_trait::async_trait;
use sweep_core::fault::Past;
use uuid::Uuid;

use super::{json, millis};
use crate::port::{
    AgentStanding, AttemptEnd, AttemptStanding, AttemptTables, ClaimScene, PackedBatch, ResumedFrom,
};
use crate::sql::{SqlRow as _, SqlTx, rows, statements as sql, values};
use crate::{Agent, AgentWish, AttemptKey, Claim, Facts, Media, Result};

#[async_trait]
impl<T: SqlTx> AttemptTables for T {
    async fn agent_set(&mut self, agent: &Agent, now_ms: i64) -> Result<()> {
        let row = values![
            agent.id,
            &agent.name,
            &agent.host,
            &agent.version,
            agent.slots,
            json(&agent.devices)?,
            json(&agent.labels)?,
            now_ms,
        ];
        self.change(&sql::AGENT_SET, row).await?;
        Ok(())
    }

    async fn agent_standing(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        let row = self.fetch_optional(&sql::AGENT_STANDING, values![agent]).await?;
        row.as_ref().map(rows::agent_standing).transpose()
    }

    async fn agent_locked(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        let statement = if T::LOCKS { sql::AGENT_STANDING_LOCKED } else { sql::AGENT_STANDING };
        let row = self.fetch_optional(&statement, values![agent]).await?;
        row.as_ref().map(rows::agent_standing).transpose()
    }

    async fn agent_stand(&mut self, agent: Uuid, standing: &AgentStanding) -> Result<()> {
        let AgentStanding { record, bench, .. } = standing;
        let bench = bench.as_ref();
        let row = values![
            agent,
            record.proven,
            record.first_failures,
            record.machine_faults,
            record.benched,
            bench.map_or(0, |(bench, _)| millis(bench.length)),
            bench.map_or(0, |(_, began)| *began),
            bench.map_or("", |(bench, _)| bench.reason.as_str()),
        ];
        self.change(&sql::AGENT_STAND, row).await?;
        Ok(())
    }

    async fn agent_wish(&mut self, agent: Uuid, wish: Option<&AgentWish>) -> Result<()> {
        let kind = wish.map(|wish| wish.kind.word());
        let reason = wish.map_or("", |wish| wish.reason.as_str());
        self.change(&sql::AGENT_WISH, values![agent, kind, reason]).await
    }

    async fn agent_seen(&mut self, agent: Uuid, at_ms: i64) -> Result<()> {
        self.change(&sql::AGENT_SEEN, values![agent, at_ms]).await
    }

    async fn claim_scene(&mut self, claim: &Claim) -> Result<ClaimScene> {
        let asked = values![&claim.sweep, claim.agent, claim.request_id];
        let row = self.fetch_optional(&sql::CLAIM_SCENE, asked).await?;
        row.as_ref().map_or_else(|| Ok(ClaimScene::default()), rows::claim_scene)
    }

    async fn attempt_insert(
        &mut self,
        key: AttemptKey,
        claim: &Claim,
        from: Option<ResumedFrom>,
        now_ms: i64,
    ) -> Result<()> {
        let lease_ms = millis(claim.lease);
        let row = values![
            key.trial,
            key.attempt,
            claim.agent,
            claim.request_id,
            lease_ms,
            now_ms,
            from.map(|from| from.attempt),
            from.map(|from| from.seq),
            from.map(|from| from.step),
        ];
        self.change(&sql::ATTEMPT_INSERT, row).await?;
        Ok(())
    }

    async fn resumed_from(&mut self, key: AttemptKey) -> Result<Option<ResumedFrom>> {
        let row = self.fetch_optional(&sql::RESUMED_FROM, values![key.trial, key.attempt]).await?;
        row.map_or(Ok(None), |row| rows::resumed_from(&row))
    }

    async fn attempt(&mut self, key: AttemptKey) -> Result<Option<AttemptStanding>> {
        let row = self.fetch_optional(&sql::ATTEMPT_STANDING, values![key.trial, key.attempt]).await?;
        row.as_ref().map(rows::attempt_standing).transpose()
    }

    async fn attempt_locked(&mut self, key: AttemptKey) -> Result<Option<AttemptStanding>> {
        let statement = if T::LOCKS { sql::ATTEMPT_STANDING_LOCKED } else { sql::ATTEMPT_STANDING };
        let row = self.fetch_optional(&statement, values![key.trial, key.attempt]).await?;
        row.as_ref().map(rows::attempt_standing).transpose()
    }

    async fn got_on(&mut self, key: AttemptKey) -> Result<bool> {
        let row = self.fetch_optional(&sql::GOT_ON, values![key.trial, key.attempt]).await?;
        row.map_or(Ok(false), |row| row.flag("got_on"))
    }

    async fn attempts_past(&mut self, trial: Uuid) -> Result<Vec<Past<Uuid>>> {
        self.fetch(&sql::ATTEMPTS_PAST, values![trial]).await?.iter().map(rows::past).collect()
    }

    async fn attempt_renew(&mut self, key: AttemptKey) -> Result<()> {
        self.change(&sql::ATTEMPT_RENEW, values![key.trial, key.attempt]).await?;
        Ok(())
    }

    async fn attempt_advance(
        &mut self,
        key: AttemptKey,
        acknowledged: u64,
        facts: Option<&Facts>,
    ) -> Result<()> {
        let facts = facts.map(json).transpose()?;
        self.change(&sql::ATTEMPT_ADVANCE, values![key.trial, key.attempt, acknowledged, facts]).await?;
        Ok(())
    }

    async fn attempt_end(&mut self, key: AttemptKey, end: &AttemptEnd<'_>) -> Result<()> {
        let row = values![
            key.trial,
            key.attempt,
            end.at_ms,
            end.end.word(),
            end.reason,
            end.exit_code,
            end.signal,
        ];
        self.change(&sql::ATTEMPT_END, row).await?;
        Ok(())
    }

    async fn batch_insert(&mut self, key: AttemptKey, batch: &PackedBatch) -> Result<()> {
        let row = values![
            key.trial,
            key.attempt,
            batch.first_seq,
            batch.last_seq,
            batch.points.as_deref(),
            batch.logs.as_deref(),
        ];
        self.change(&sql::BATCH_INSERT, row).await?;
        Ok(())
    }

    async fn media_insert(&mut self, key: AttemptKey, seq: u64, media: &Media) -> Result<()> {
        let row = values![key.trial, key.attempt, seq, &media.name, media.step, media.value.to_string()];
        self.change(&sql::MEDIA_INSERT, row).await?;
        Ok(())
    }
}
