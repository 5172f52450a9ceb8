//! Changes to the maps.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sweep_core::fault::{self, Faults, Past};
use sweep_core::file::FileRef;
use sweep_core::objective::Summary;
use sweep_core::retention::Stored;
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::{AttemptRecord, Ended, Held, Key, Seq, SweepRow, TrialRow, key};
use crate::port::{
    AgentStanding, AttemptEnd, AttemptStanding, Lock, PackedBatch, QueuedTrial, ResumedFrom, Rows,
    StoredModel, SweepStanding, Tables, TrialMove,
};
use crate::{
    Agent, Assignment, AttemptKey, Checkpoint, Claim, Facts, Media, NewSweep, NewTrial, Result, Sweep, Trial,
};

impl Held {
    fn update_trial(&mut self, trial: Uuid, change: impl FnOnce(&mut TrialRow)) {
        let changed = self.next_change();
        let Some(place) = self.places.get(&trial).cloned() else { return };
        self.trials.update(&place, |row| {
            change(row);
            row.changed = changed;
        });
    }

    fn update_sweep(&mut self, sweep: &str, change: impl FnOnce(&mut Sweep)) {
        self.next_change();
        self.sweeps.update(&sweep.to_owned(), |row| change(&mut row.sweep));
    }

    /// Whether an attempt left a checkpoint to go on from.
    fn left_checkpoint(&self, (trial, attempt): Key) -> bool {
        let told = self.checkpoints.range((trial, attempt, 0)..=(trial, attempt, u64::MAX));
        told.into_iter().any(|(_, checkpoint)| checkpoint.resume && checkpoint.stored)
    }

    fn is_pointed_to(&self, sha256: &str) -> bool {
        self.files.values().flatten().any(|file| file.sha256 == sha256)
    }

    /// Bytes of a checkpoint's files.
    fn size(&self, place: &Seq) -> u64 {
        self.files.get(place).map_or(0, |files| files.iter().map(|file| file.size).sum())
    }

    fn trial_of(&self, trial: Uuid) -> Option<&TrialRow> {
        self.places.get(&trial).and_then(|place| self.trials.get(place))
    }
}

#[async_trait]
impl Tables for Held {
    fn rows(&mut self) -> &mut dyn Rows {
        self
    }

    async fn sweep_lock(&mut self, _sweep: &str, _lock: Lock) -> Result<()> {
        Ok(())
    }

    async fn sweep_insert(&mut self, new: &NewSweep) -> Result<bool> {
        self.next_change();
        if self.sweep_requests.get(&new.request_id).is_some() {
            return Ok(false);
        }
        let sweep = Sweep {
            id: new.id.clone(),
            name: new.name.clone(),
            project: new.project.clone(),
            description: new.description.clone(),
            state: SweepState::Pending,
            reason: String::new(),
            method: new.method.clone(),
            objective: new.objective.clone(),
            seed: new.seed,
            planned_trials: new.planned_trials,
            proposed: 0,
            exhausted: false,
            counts: Counts::default(),
            best: None,
            created_at_ms: new.created_at_ms,
            ended_at_ms: None,
            text: new.text.clone(),
        };
        let row = SweepRow {
            sweep,
            retries: new.retries,
            infrastructure_retries: new.infrastructure_retries,
            fails_non_finite: new.fails_non_finite,
            max_parallel: new.max_parallel,
        };
        self.sweeps.set(new.id.clone(), row);
        self.sweep_requests.set(new.request_id, new.id.clone());
        Ok(true)
    }

    async fn sweep_by_request(&mut self, request: Uuid) -> Result<Option<String>> {
        Ok(self.sweep_requests.get(&request).cloned())
    }

    async fn sweep_standing(&mut self, sweep: &str) -> Result<Option<SweepStanding>> {
        Ok(self.sweeps.get(&sweep.to_owned()).map(|row| SweepStanding {
            state: row.sweep.state,
            reason: row.sweep.reason.clone(),
            proposed: row.sweep.proposed,
            exhausted: row.sweep.exhausted,
            max_parallel: row.max_parallel,
            target: row.sweep.objective.clone(),
        }))
    }

    async fn sweep_move(
        &mut self,
        sweep: &str,
        to: SweepState,
        reason: &str,
        ended: Option<i64>,
    ) -> Result<()> {
        self.update_sweep(sweep, |sweep| {
            sweep.state = to;
            reason.clone_into(&mut sweep.reason);
            sweep.ended_at_ms = ended;
        });
        Ok(())
    }

    async fn sweep_touch(&mut self, sweep: &str) -> Result<()> {
        self.update_sweep(sweep, |_| ());
        Ok(())
    }

    async fn sweep_proposed(&mut self, sweep: &str, last: u64, exhausted: bool) -> Result<()> {
        self.update_sweep(sweep, |sweep| {
            sweep.proposed = last;
            sweep.exhausted = exhausted;
        });
        Ok(())
    }

    async fn last_failure(&mut self, sweep: &str) -> Result<Option<String>> {
        let failed = self.of_sweep(sweep).filter(|row| row.trial.state == TrialState::Failed);
        Ok(failed.max_by_key(|row| row.trial.finished_at_ms).map(|row| row.trial.reason.clone()))
    }

    async fn trials_insert(&mut self, sweep: &str, trials: &[NewTrial], now_ms: i64) -> Result<()> {
        for new in trials {
            let changed = self.next_change();
            let trial = Trial {
                id: new.id,
                sweep_id: sweep.to_owned(),
                number: new.number,
                state: TrialState::Queued,
                reason: String::new(),
                params: new.params.clone(),
                metrics: BTreeMap::new(),
                objective: None,
                attempt: 0,
                agent: String::new(),
                created_at_ms: now_ms,
                started_at_ms: None,
                finished_at_ms: None,
                facts: None,
            };
            let place = (sweep.to_owned(), new.number);
            self.places.set(new.id, place.clone());
            self.trials.set(
                place,
                TrialRow { trial, faults: Faults::default(), pause: (Duration::ZERO, 0), changed },
            );
        }
        Ok(())
    }

    async fn trials_withdraw(&mut self, sweep: &str) -> Result<()> {
        let gone: Vec<_> = self
            .of_sweep(sweep)
            .filter(|row| row.trial.state == TrialState::Queued && row.trial.attempt == 0)
            .map(|row| (row.trial.id, row.trial.number))
            .collect();
        for (id, number) in gone {
            self.places.remove(&id);
            self.trials.remove(&(sweep.to_owned(), number));
        }
        let last = self.of_sweep(sweep).next_back().map_or(0, |row| row.trial.number);
        self.sweeps.update(&sweep.to_owned(), |row| {
            row.sweep.proposed = last;
            row.sweep.exhausted = false;
        });
        Ok(())
    }

    async fn trials_cancel_waiting(&mut self, sweep: &str, reason: &str, now_ms: i64) -> Result<()> {
        let waiting: Vec<_> = self
            .of_sweep(sweep)
            .filter(|row| matches!(row.trial.state, TrialState::Queued | TrialState::Paused))
            .map(|row| row.trial.id)
            .collect();
        for id in waiting {
            self.update_trial(id, |row| {
                row.trial.state = TrialState::Cancelled;
                reason.clone_into(&mut row.trial.reason);
                row.trial.finished_at_ms = Some(now_ms);
            });
        }
        Ok(())
    }

    async fn trial_next(&mut self, sweep: &str, now_ms: i64) -> Result<Option<QueuedTrial>> {
        let queued = self.of_sweep(sweep).filter(|row| {
            let (pause, began) = row.pause;
            row.trial.state == TrialState::Queued && fault::pause_is_over(began, pause, now_ms)
        });
        let next = queued.min_by_key(|row| (row.trial.attempt == 0, row.trial.number));
        Ok(next.map(|row| QueuedTrial {
            id: row.trial.id,
            number: row.trial.number,
            attempt: row.trial.attempt,
            params: row.trial.params.clone(),
        }))
    }

    async fn metrics_forget(&mut self, trial: Uuid) -> Result<()> {
        for (name, _) in self.metrics_of_trial(trial).await? {
            self.metrics.remove(&(trial, name));
        }
        Ok(())
    }

    async fn trial_lease(&mut self, key: AttemptKey, objective: Option<f64>, now_ms: i64) -> Result<()> {
        self.update_trial(key.trial, |row| {
            let trial = &mut row.trial;
            trial.state = TrialState::Leased;
            trial.reason.clear();
            trial.attempt = key.attempt;
            trial.objective = objective;
            trial.started_at_ms = Some(now_ms);
            trial.finished_at_ms = None;
        });
        Ok(())
    }

    async fn trial_running(&mut self, trial: Uuid, objective: Option<f64>) -> Result<()> {
        self.update_trial(trial, |row| {
            row.trial.state = TrialState::Running;
            row.trial.objective = objective;
        });
        Ok(())
    }

    async fn trial_move(&mut self, end: &TrialMove) -> Result<()> {
        self.update_trial(end.trial, |row| {
            row.trial.state = end.to;
            row.trial.reason.clone_from(&end.reason);
            row.trial.finished_at_ms = end.finished_at;
            row.faults = end.faults;
            row.pause = (end.pause, end.now_ms);
        });
        Ok(())
    }

    async fn agent_set(&mut self, agent: &Agent, _now_ms: i64) -> Result<()> {
        let known = self.agents.get(&agent.id).map(|(_, standing)| standing.clone()).unwrap_or_default();
        let standing = AgentStanding { name: agent.name.clone(), ..known };
        self.agents.set(agent.id, (agent.clone(), standing));
        Ok(())
    }

    async fn agent_standing(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        Ok(self.agents.get(&agent).map(|(_, standing)| standing.clone()))
    }

    async fn agent_locked(&mut self, agent: Uuid) -> Result<Option<AgentStanding>> {
        self.agent_standing(agent).await
    }

    async fn agent_stand(&mut self, agent: Uuid, standing: &AgentStanding) -> Result<()> {
        self.agents.update(&agent, |(_, held)| held.clone_from(standing));
        Ok(())
    }

    async fn attempt_by_request(&mut self, request: Uuid) -> Result<Option<Assignment>> {
        let Some(&(trial, attempt)) = self.claims.get(&request) else { return Ok(None) };
        Ok(self.trial_of(trial).map(|row| Assignment {
            trial,
            sweep: row.trial.sweep_id.clone(),
            number: row.trial.number,
            attempt,
            params: row.trial.params.clone(),
            resume: None,
        }))
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
                agent: attempt.agent,
                facts: attempt.facts.clone(),
                sweep_state: sweep.sweep.state,
                target: sweep.sweep.objective.clone(),
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

    async fn checkpoint_insert(&mut self, of: AttemptKey, seq: u64, checkpoint: &Checkpoint) -> Result<()> {
        self.checkpoints.set((of.trial, of.attempt, seq), checkpoint.clone());
        Ok(())
    }

    async fn checkpoint_known(&mut self, of: AttemptKey, seq: u64) -> Result<bool> {
        Ok(self.checkpoints.get(&(of.trial, of.attempt, seq)).is_some())
    }

    async fn checkpoint_stored(
        &mut self,
        of: AttemptKey,
        seq: u64,
        files: &[FileRef],
        _now_ms: i64,
    ) -> Result<()> {
        let place = (of.trial, of.attempt, seq);
        self.checkpoints.update(&place, |row| row.stored = true);
        if self.files.get(&place).is_none() {
            self.files.set(place, files.to_vec());
        }
        Ok(())
    }

    async fn checkpoint_unstore(&mut self, of: AttemptKey, seq: u64, now_ms: i64) -> Result<()> {
        let place = (of.trial, of.attempt, seq);
        let gone = self.files.get(&place).cloned().unwrap_or_default();
        self.files.remove(&place);
        self.checkpoints.update(&place, |row| row.stored = false);
        for file in gone {
            if !self.is_pointed_to(&file.sha256) && self.orphans.get(&file.sha256).is_none() {
                self.orphans.set(file.sha256, (now_ms, false));
            }
        }
        Ok(())
    }

    async fn checkpoint_files(&mut self, of: AttemptKey, seq: u64) -> Result<Vec<FileRef>> {
        Ok(self.files.get(&(of.trial, of.attempt, seq)).cloned().unwrap_or_default())
    }

    async fn checkpoints_stored(&mut self, trial: Uuid, metric: Option<&str>) -> Result<Vec<Stored>> {
        let all = self.checkpoints.range((trial, 0, 0)..=(trial, u32::MAX, u64::MAX));
        let stored = all.filter(|(_, row)| row.stored).map(|(&place, row)| Stored {
            step: row.step,
            attempt: place.1,
            seq: place.2,
            resume: row.resume,
            score: metric.and_then(|metric| row.metrics.get(metric).copied()),
            size: self.size(&place),
        });
        let mut stored: Vec<_> = stored.collect();
        stored.sort_by_key(|one| (one.step, one.attempt, one.seq));
        Ok(stored)
    }

    async fn models_stored(&mut self, sweep: &str) -> Result<Vec<StoredModel>> {
        let mut models = Vec::new();
        for row in self.of_sweep(sweep) {
            let (trial, number) = (row.trial.id, row.trial.number);
            let all = self.checkpoints.range((trial, 0, 0)..=(trial, u32::MAX, u64::MAX));
            models.extend(all.filter(|(_, one)| one.stored && !one.resume).map(|(place, _)| StoredModel {
                key: AttemptKey { trial, attempt: place.1 },
                seq: place.2,
                number,
                objective: row.trial.objective,
                size: self.size(place),
            }));
        }
        Ok(models)
    }

    async fn file_adopt(&mut self, sha256: &str) -> Result<bool> {
        match self.orphans.get(&sha256.to_owned()) {
            Some((_, true)) => return Ok(false),
            Some((_, false)) => self.orphans.remove(&sha256.to_owned()),
            None => {}
        }
        Ok(true)
    }

    async fn orphans_take(&mut self, before_ms: i64) -> Result<Vec<String>> {
        let due = |(sha256, &(since, removing)): (&String, &(i64, bool))| {
            let due = removing || (since < before_ms && !self.is_pointed_to(sha256));
            due.then(|| sha256.clone())
        };
        let taken: Vec<String> = self.orphans.range(..).filter_map(due).collect();
        for sha256 in &taken {
            self.orphans.update(sha256, |row| row.1 = true);
        }
        Ok(taken)
    }

    async fn orphan_forget(&mut self, sha256: &str) -> Result<()> {
        self.orphans.remove(&sha256.to_owned());
        Ok(())
    }

    async fn media_insert(&mut self, of: AttemptKey, seq: u64, media: &Media) -> Result<()> {
        self.media.set((of.trial, of.attempt, seq), media.clone());
        Ok(())
    }

    async fn metrics_set(&mut self, trial: Uuid, metrics: &BTreeMap<&str, Summary>) -> Result<()> {
        for (name, summary) in metrics {
            self.metrics.set((trial, (*name).to_owned()), *summary);
        }
        Ok(())
    }
}
