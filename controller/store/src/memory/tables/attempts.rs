//! Changes to agents and attempts, and what attempts told.

use async_trait::async_trait;
use sweep_core::fault::Past;
use uuid::Uuid;

use crate::memory::{AgentRecord, AttemptRecord, Ended, Held, Key, key};
use crate::port::{
    AgentStanding, AttemptEnd, AttemptStanding, AttemptTables, ClaimScene, PackedBatch, ResumedFrom,
    SweepTables as _,
};
use crate::{Agent, AgentWish, Assignment, AttemptKey, Claim, Facts, Media, Result};

#[async_trait]
impl AttemptTables for Held {
    async fn agent_set(&mut self, agent: &Agent, now_ms: i64) -> Result<()> {
        let known = self.agents.get(&agent.id);
        let seen_at_ms = known.map_or(0, |known| known.seen_at_ms);
        let standing = known.map(|known| known.standing.clone()).unwrap_or_default();
        let standing = AgentStanding { name: agent.name.clone(), ..standing };
        let record = AgentRecord { agent: agent.clone(), standing, registered_at_ms: now_ms, seen_at_ms };
        self.agents.set(agent.id, record);
        Ok(())
    }

    async fn agent_standing(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        Ok(self.agents.get(&agent).map(|record| record.standing.clone()))
    }

    async fn agent_locked(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        self.agent_standing(agent).await
    }

    async fn agent_stand(&mut self, agent: Uuid, standing: &AgentStanding) -> Result<()> {
        self.agents.update(&agent, |record| {
            let wish = record.standing.wish.take();
            record.standing = AgentStanding { wish, ..standing.clone() };
        });
        Ok(())
    }

    async fn agent_wish(&mut self, agent: Uuid, wish: Option<&AgentWish>) -> Result<()> {
        self.agents.update(&agent, |record| record.standing.wish = wish.cloned());
        Ok(())
    }

    async fn agent_seen(&mut self, agent: Uuid, at_ms: i64) -> Result<()> {
        self.agents.update(&agent, |record| record.seen_at_ms = record.seen_at_ms.max(at_ms));
        Ok(())
    }

    async fn claim_scene(&mut self, claim: &Claim) -> Result<ClaimScene> {
        let given = self.claims.get(&claim.request_id).copied().and_then(|(trial, attempt)| {
            self.trial_of(trial).map(|row| Assignment {
                trial,
                sweep: row.trial.sweep_id.clone(),
                number: row.trial.number,
                attempt,
                params: row.trial.params.clone(),
                resume: None,
            })
        });
        let agent = self.agent_standing(claim.agent).await?;
        Ok(ClaimScene { given, agent, sweep: self.sweep_standing(&claim.sweep).await? })
    }

    async fn attempt_insert(
        &mut self,
        of: AttemptKey,
        claim: &Claim,
        from: Option<ResumedFrom>,
        now_ms: i64,
    ) -> Result<()> {
        let record = AttemptRecord {
            agent: claim.agent,
            lease_ms: u64::try_from(claim.lease.as_millis()).unwrap_or(u64::MAX),
            renewals: 0,
            acknowledged: 0,
            from,
            claimed_at: now_ms,
            ended: None,
            facts: None,
        };
        self.attempts.set(key(of), record);
        self.claims.set(claim.request_id, key(of));
        Ok(())
    }

    async fn resumed_from(&mut self, of: AttemptKey) -> Result<Option<ResumedFrom>> {
        Ok(self.attempts.get(&key(of)).and_then(|row| row.from))
    }

    async fn attempt(&mut self, of: AttemptKey) -> Result<Option<AttemptStanding>> {
        let found = self.attempts.get(&key(of)).zip(self.trial_of(of.trial));
        Ok(found.and_then(|(attempt, row)| {
            let sweep = self.sweeps.get(&row.trial.sweep_id)?;
            Some(AttemptStanding {
                sweep: row.trial.sweep_id.clone(),
                number: row.trial.number,
                state: row.trial.state,
                current: row.trial.attempt,
                objective: row.trial.objective,
                faults: row.faults,
                renewals: attempt.renewals,
                acknowledged: attempt.acknowledged,
                end: attempt.ended.as_ref().map(|ended| ended.end),
                stop: row.stop.clone(),
                agent: attempt.agent,
                facts: attempt.facts.clone(),
                claimed_at: attempt.claimed_at,
                judged: row.judged.clone(),
                stops: sweep.stops.clone(),
                sweep_state: sweep.sweep.state,
                exhausted: sweep.sweep.exhausted,
                target: sweep.sweep.objective.clone(),
                targets: sweep.sweep.objectives.clone(),
                objectives: row.trial.objectives.clone(),
                retries: sweep.retries,
                infrastructure_retries: sweep.infrastructure_retries,
                fails_non_finite: sweep.fails_non_finite,
            })
        }))
    }

    async fn attempt_locked(&mut self, of: AttemptKey) -> Result<Option<AttemptStanding>> {
        self.attempt(of).await
    }

    async fn got_on(&mut self, of: AttemptKey) -> Result<bool> {
        Ok(self.left_checkpoint(key(of)))
    }

    async fn attempts_past(&mut self, trial: Uuid) -> Result<Vec<Past<Uuid>>> {
        let ended = self.attempts.range((trial, 0)..=(trial, u32::MAX));
        let past = |(key, row): (&Key, &AttemptRecord)| {
            let end = row.ended.as_ref()?.end;
            Some(Past { agent: row.agent, end, got_on: self.left_checkpoint(*key) })
        };
        Ok(ended.filter_map(past).collect())
    }

    async fn attempt_renew(&mut self, of: AttemptKey) -> Result<()> {
        self.attempts.update(&key(of), |row| row.renewals += u64::from(row.ended.is_none()));
        Ok(())
    }

    async fn attempt_advance(
        &mut self,
        of: AttemptKey,
        acknowledged: u64,
        facts: Option<&Facts>,
    ) -> Result<()> {
        self.attempts.update(&key(of), |row| {
            row.renewals += 1;
            row.acknowledged = acknowledged;
            row.facts = facts.cloned();
        });
        Ok(())
    }

    async fn attempt_end(&mut self, of: AttemptKey, end: &AttemptEnd<'_>) -> Result<()> {
        let ended = Ended { at_ms: end.at_ms, end: end.end, reason: end.reason.to_owned() };
        self.attempts.update(&key(of), |row| row.ended = Some(ended));
        Ok(())
    }

    async fn batch_insert(&mut self, of: AttemptKey, batch: &PackedBatch) -> Result<()> {
        self.batches.set((of.trial, of.attempt, batch.first_seq), batch.clone());
        Ok(())
    }

    async fn media_insert(&mut self, of: AttemptKey, seq: u64, media: &Media) -> Result<()> {
        self.media.set((of.trial, of.attempt, seq), media.clone());
        Ok(())
    }
}
