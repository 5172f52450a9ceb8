//! Changes to the tables.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use sweep_core::fault::Past;
use sweep_core::file::FileRef;
use sweep_core::objective::Summary;
use sweep_core::retention::Stored;
use sweep_core::sweep::SweepState;
use uuid::Uuid;

use super::{SqlRow as _, SqlTx, Value, rows, statements as sql, values};
use crate::port::{
    AgentStanding, AttemptEnd, AttemptStanding, Lock, PackedBatch, QueuedTrial, ResumedFrom, Rows,
    StoredModel, SweepStanding, Tables, TrialMove,
};
use crate::{
    Agent, Assignment, AttemptKey, Checkpoint, Claim, Facts, Media, NewSweep, NewTrial, Result, StoreError,
};

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(error.to_string()))
}

/// Numbers that are not finite have no place in a column; see [`Summary`].
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

#[async_trait]
impl<T: SqlTx> Tables for T {
    fn rows(&mut self) -> &mut dyn Rows {
        self
    }

    async fn sweep_lock(&mut self, sweep: &str, lock: Lock) -> Result<()> {
        if T::LOCKS {
            let statement = match lock {
                Lock::Shared => sql::SWEEP_LOCK_SHARED,
                Lock::Exclusive => sql::SWEEP_LOCK_EXCLUSIVE,
            };
            self.fetch(&statement, values![sweep]).await?;
        }
        Ok(())
    }

    async fn sweep_insert(&mut self, new: &NewSweep) -> Result<bool> {
        let change = self.next_change().await?;
        let objective = new.objective.as_ref();
        let row = values![
            &new.id,
            new.request_id,
            &new.name,
            &new.project,
            &new.description,
            &new.method,
            objective.map(|objective| objective.name.as_str()),
            objective.map(|objective| objective.goal.word()),
            new.seed,
            new.planned_trials,
            new.retries,
            new.infrastructure_retries,
            new.fails_non_finite,
            new.max_parallel,
            &new.text,
            new.created_at_ms,
            change,
        ];
        Ok(self.execute(&sql::SWEEP_INSERT, row).await? == 1)
    }

    async fn sweep_by_request(&mut self, request: Uuid) -> Result<Option<String>> {
        let row = self.fetch_optional(&sql::SWEEP_BY_REQUEST, values![request]).await?;
        row.map(|row| rows::text(&row, "id")).transpose()
    }

    async fn sweep_standing(&mut self, sweep: &str) -> Result<Option<SweepStanding>> {
        let row = self.fetch_optional(&sql::SWEEP_STANDING, values![sweep]).await?;
        row.as_ref().map(rows::sweep_standing).transpose()
    }

    async fn sweep_move(
        &mut self,
        sweep: &str,
        to: SweepState,
        reason: &str,
        ended: Option<i64>,
    ) -> Result<()> {
        let change = self.next_change().await?;
        self.execute(&sql::SWEEP_MOVE, values![sweep, to.word(), reason, ended, change]).await?;
        Ok(())
    }

    async fn sweep_touch(&mut self, sweep: &str) -> Result<()> {
        let change = self.next_change().await?;
        self.execute(&sql::SWEEP_TOUCH, values![sweep, change]).await?;
        Ok(())
    }

    async fn sweep_proposed(&mut self, sweep: &str, last: u64, exhausted: bool) -> Result<()> {
        let change = self.next_change().await?;
        self.execute(&sql::SWEEP_PROPOSED, values![sweep, last, exhausted, change]).await?;
        Ok(())
    }

    async fn last_failure(&mut self, sweep: &str) -> Result<Option<String>> {
        let row = self.fetch_optional(&sql::LAST_FAILURE, values![sweep]).await?;
        row.map(|row| rows::text(&row, "reason")).transpose()
    }

    async fn trials_insert(&mut self, sweep: &str, trials: &[NewTrial], now_ms: i64) -> Result<()> {
        let mut rows = Vec::with_capacity(trials.len());
        for trial in trials {
            let change = self.next_change().await?;
            rows.push(values![trial.id, sweep, trial.number, json(&trial.params)?, now_ms, change]);
        }
        let (eights, rest) = rows.as_chunks::<8>();
        for eight in eights {
            self.execute(&sql::TRIAL_INSERT_8, eight.concat()).await?;
        }
        for one in rest {
            self.execute(&sql::TRIAL_INSERT, one.clone()).await?;
        }
        Ok(())
    }

    async fn trials_withdraw(&mut self, sweep: &str) -> Result<()> {
        self.execute(&sql::TRIALS_WITHDRAW, values![sweep]).await?;
        self.execute(&sql::SWEEP_PROPOSED_BACK, values![sweep]).await?;
        Ok(())
    }

    async fn trials_cancel_waiting(&mut self, sweep: &str, reason: &str, now_ms: i64) -> Result<()> {
        let change = self.next_change().await?;
        self.execute(&sql::TRIALS_CANCEL_WAITING, values![sweep, reason, now_ms, change]).await?;
        Ok(())
    }

    async fn trial_next(&mut self, sweep: &str, now_ms: i64) -> Result<Option<QueuedTrial>> {
        let statement = if T::LOCKS { sql::TRIAL_NEXT_LOCKED } else { sql::TRIAL_NEXT };
        let row = self.fetch_optional(&statement, values![sweep, now_ms]).await?;
        row.as_ref().map(rows::queued).transpose()
    }

    async fn trial_lease(&mut self, key: AttemptKey, objective: Option<f64>, now_ms: i64) -> Result<()> {
        let change = self.next_change().await?;
        let row = values![key.trial, key.attempt, now_ms, change, objective];
        self.execute(&sql::TRIAL_LEASE, row).await?;
        Ok(())
    }

    async fn trial_running(&mut self, trial: Uuid, objective: Option<f64>) -> Result<()> {
        let change = self.next_change().await?;
        self.execute(&sql::TRIAL_RUNNING, values![trial, objective, change]).await?;
        Ok(())
    }

    async fn trial_move(&mut self, end: &TrialMove) -> Result<()> {
        let change = self.next_change().await?;
        let row = values![
            end.trial,
            end.to.word(),
            &end.reason,
            end.faults.user,
            end.faults.infrastructure,
            end.finished_at,
            change,
            millis(end.pause),
            end.now_ms,
        ];
        self.execute(&sql::TRIAL_MOVE, row).await?;
        Ok(())
    }

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
        self.execute(&sql::AGENT_SET, row).await?;
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
        self.execute(&sql::AGENT_STAND, row).await?;
        Ok(())
    }

    async fn attempt_by_request(&mut self, request: Uuid) -> Result<Option<Assignment>> {
        let row = self.fetch_optional(&sql::ATTEMPT_BY_REQUEST, values![request]).await?;
        row.as_ref().map(rows::assignment).transpose()
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
        self.execute(&sql::ATTEMPT_INSERT, row).await?;
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
        self.execute(&sql::ATTEMPT_RENEW, values![key.trial, key.attempt]).await?;
        Ok(())
    }

    async fn attempt_advance(
        &mut self,
        key: AttemptKey,
        acknowledged: u64,
        facts: Option<&Facts>,
    ) -> Result<()> {
        let facts = facts.map(json).transpose()?;
        self.execute(&sql::ATTEMPT_ADVANCE, values![key.trial, key.attempt, acknowledged, facts]).await?;
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
        self.execute(&sql::ATTEMPT_END, row).await?;
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
        self.execute(&sql::BATCH_INSERT, row).await?;
        Ok(())
    }

    async fn checkpoint_insert(&mut self, key: AttemptKey, seq: u64, checkpoint: &Checkpoint) -> Result<()> {
        let row = values![
            key.trial,
            key.attempt,
            seq,
            checkpoint.step,
            checkpoint.epoch,
            &checkpoint.path,
            json(&checkpoint.metrics)?,
            checkpoint.resume,
        ];
        self.execute(&sql::CHECKPOINT_INSERT, row).await?;
        Ok(())
    }

    async fn checkpoint_known(&mut self, key: AttemptKey, seq: u64) -> Result<bool> {
        let row = values![key.trial, key.attempt, seq];
        Ok(self.fetch_optional(&sql::CHECKPOINT_KNOWN, row).await?.is_some())
    }

    async fn checkpoint_stored(
        &mut self,
        key: AttemptKey,
        seq: u64,
        files: &[FileRef],
        now_ms: i64,
    ) -> Result<()> {
        self.execute(&sql::CHECKPOINT_STORED, values![key.trial, key.attempt, seq, now_ms]).await?;
        for (place, file) in (0_u32..).zip(files) {
            let row = values![key.trial, key.attempt, seq, &file.name, &file.sha256, file.size, place];
            self.execute(&sql::CHECKPOINT_FILE_INSERT, row).await?;
        }
        Ok(())
    }

    async fn checkpoint_unstore(&mut self, key: AttemptKey, seq: u64, now_ms: i64) -> Result<()> {
        self.execute(&sql::CHECKPOINT_ORPHANS, values![key.trial, key.attempt, seq, now_ms]).await?;
        self.execute(&sql::CHECKPOINT_FILES_DELETE, values![key.trial, key.attempt, seq]).await?;
        self.execute(&sql::CHECKPOINT_UNSTORED, values![key.trial, key.attempt, seq]).await?;
        Ok(())
    }

    async fn checkpoint_files(&mut self, key: AttemptKey, seq: u64) -> Result<Vec<FileRef>> {
        let found = self.fetch(&sql::CHECKPOINT_FILES, values![key.trial, key.attempt, seq]).await?;
        found.iter().map(rows::file).collect()
    }

    async fn checkpoints_stored(&mut self, trial: Uuid, metric: Option<&str>) -> Result<Vec<Stored>> {
        let found = self.fetch(&sql::CHECKPOINTS_STORED, values![trial]).await?;
        found.iter().map(|row| rows::stored(row, metric)).collect()
    }

    async fn models_stored(&mut self, sweep: &str) -> Result<Vec<StoredModel>> {
        self.fetch(&sql::MODELS_STORED, values![sweep]).await?.iter().map(rows::stored_model).collect()
    }

    async fn file_adopt(&mut self, sha256: &str) -> Result<bool> {
        self.execute(&sql::FILE_ADOPT, values![sha256]).await?;
        Ok(self.fetch_optional(&sql::FILE_REMOVING, values![sha256]).await?.is_none())
    }

    async fn orphans_take(&mut self, before_ms: i64) -> Result<Vec<String>> {
        let found = self.fetch(&sql::ORPHANS_TAKE, values![before_ms]).await?;
        found.iter().map(|row| rows::text(row, "sha256")).collect()
    }

    async fn orphan_forget(&mut self, sha256: &str) -> Result<()> {
        self.execute(&sql::ORPHAN_FORGET, values![sha256]).await?;
        Ok(())
    }

    async fn metrics_forget(&mut self, trial: Uuid) -> Result<()> {
        self.execute(&sql::METRICS_FORGET, values![trial]).await?;
        Ok(())
    }

    async fn media_insert(&mut self, key: AttemptKey, seq: u64, media: &Media) -> Result<()> {
        let row = values![key.trial, key.attempt, seq, &media.name, media.step, media.value.to_string()];
        self.execute(&sql::MEDIA_INSERT, row).await?;
        Ok(())
    }

    async fn metrics_set(&mut self, trial: Uuid, metrics: &BTreeMap<&str, Summary>) -> Result<()> {
        let rows: Vec<_> = metrics.iter().map(|(name, summary)| metric(trial, name, summary)).collect();
        // Four at a time: a report has few metrics, and each statement is a way to the database and back.
        let (fours, rest) = rows.as_chunks::<4>();
        for four in fours {
            self.execute(&sql::METRIC_SET_4, four.concat()).await?;
        }
        for one in rest {
            self.execute(&sql::METRIC_SET, one.clone()).await?;
        }
        Ok(())
    }
}

fn metric<'a>(trial: Uuid, name: &'a str, summary: &Summary) -> Vec<Value<'a>> {
    values![
        trial,
        name,
        summary.count,
        summary.non_finite,
        finite(summary.last),
        summary.last_step,
        finite(summary.min),
        finite(summary.max),
    ]
}
