//! Questions to the maps.

use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::lease::Lease;
use sweep_core::objective::{Goal, Summary};
use sweep_core::search::{Prior, Recorded};
use sweep_core::stop::Judgement;
use sweep_core::sweep::Counts;
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::{AgentRecord, AttemptRecord, Held, ModelRow, State, SweepRow, TrialRow};
use crate::port::{Pick, Rows, TrialPoints, TrialResume};
use crate::{
    AgentRow, AgentTrial, AttemptBrief, AttemptKey, AttemptRow, Checkpoint, Media, Model, Reached, Result,
    Sweep, Trial, TrialBrief, TrialName, count_of, ended_words,
};

impl State {
    /// The trials of a sweep, by number.
    pub(super) fn of_sweep(&self, sweep: &str) -> impl DoubleEndedIterator<Item = &TrialRow> {
        self.trials.range((sweep.to_owned(), 0)..=(sweep.to_owned(), u64::MAX)).map(|(_, row)| row)
    }

    fn agent_name(&self, agent: Uuid) -> String {
        self.agents.get(&agent).map_or_else(String::new, |record| record.agent.name.clone())
    }

    fn shown(&self, row: &TrialRow) -> Trial {
        let attempt = self.attempts.get(&(row.trial.id, row.trial.attempt));
        Trial {
            agent: attempt.map_or_else(String::new, |attempt| self.agent_name(attempt.agent)),
            facts: attempt.and_then(|attempt| attempt.facts.clone()),
            verdict: row.judged.verdict.clone(),
            ..row.trial.clone()
        }
    }

    /// A model with what its trial and its checkpoint say; nothing deletes those.
    fn whole_model(&self, id: Uuid, row: &ModelRow) -> Option<Model> {
        let (trial, attempt, seq) = row.checkpoint;
        let checkpoint = self.checkpoints.get(&row.checkpoint)?;
        let (sweep, number) = self.places.get(&trial)?.clone();
        Some(Model {
            id,
            name: row.name.clone(),
            key: AttemptKey { trial, attempt },
            seq,
            sweep_name: self.sweeps.get(&sweep)?.sweep.name.clone(),
            params: self.trials.get(&(sweep.clone(), number))?.trial.params.clone(),
            sweep,
            number,
            step: checkpoint.step,
            epoch: checkpoint.epoch,
            metrics: checkpoint.metrics.clone(),
            promoted_at_ms: row.promoted_at,
            files: row.files.clone(),
        })
    }

    fn brief_of(&self, row: &TrialRow) -> TrialBrief {
        let trial = &row.trial;
        let attempt = self.attempts.get(&(trial.id, trial.attempt));
        TrialBrief {
            id: trial.id,
            sweep_id: trial.sweep_id.clone(),
            number: trial.number,
            state: trial.state,
            reason: trial.reason.clone(),
            params: trial.params.clone(),
            objective: trial.objective,
            objectives: trial.objectives.clone(),
            attempt: trial.attempt,
            agent: attempt.map_or_else(String::new, |attempt| self.agent_name(attempt.agent)),
            started_at_ms: trial.started_at_ms,
            finished_at_ms: trial.finished_at_ms,
            tags: trial.annotation.tags.clone(),
            changed: row.changed,
        }
    }

    /// The attempts of a trial.
    fn attempts_of(&self, trial: &Trial) -> impl Iterator<Item = AttemptBrief> {
        let (trial, id) = (trial.number, trial.id);
        self.attempts.range((id, 0)..=(id, u32::MAX)).map(move |((_, number), row)| {
            let ended = row.ended.as_ref();
            AttemptBrief {
                trial,
                number: *number,
                agent: self.agent_name(row.agent),
                devices: row.facts.as_ref().map(|facts| facts.devices.clone()).unwrap_or_default(),
                claimed_at_ms: row.claimed_at,
                ended_at_ms: ended.map(|ended| ended.at_ms),
                end: ended.map(|ended| ended.end),
                reason: ended.map(|ended| ended.reason.clone()).unwrap_or_default(),
            }
        })
    }

    /// Those of a sweep with numbers in a range.
    fn numbered(&self, sweep: &str, numbers: &RangeInclusive<u64>) -> impl Iterator<Item = &TrialRow> {
        self.trials
            .range((sweep.to_owned(), *numbers.start())..=(sweep.to_owned(), *numbers.end()))
            .map(|(_, row)| row)
    }

    /// Trials with an objective, best first.
    fn ranked(&self, sweep: &str, goal: Goal) -> Vec<&TrialRow> {
        let mut rows: Vec<_> = self.of_sweep(sweep).filter(|row| row.trial.objective.is_some()).collect();
        // A stable sort: equals stay by number.
        rows.sort_by(|a, b| {
            let (a, b) = (a.trial.objective.unwrap_or(f64::NAN), b.trial.objective.unwrap_or(f64::NAN));
            match goal {
                Goal::Minimize => a.total_cmp(&b),
                Goal::Maximize => b.total_cmp(&a),
            }
        });
        rows
    }
}

/// Whether a trial counts for what its sweep came to.
fn counts(row: &TrialRow) -> bool {
    use TrialState::{Finished, Running, StoppedEarly};
    row.trial.objective.is_some() && matches!(row.trial.state, Running | Finished | StoppedEarly)
}

/// The keys of everything that events of a trial left.
fn of_trial(trial: Uuid) -> std::ops::RangeInclusive<super::Seq> {
    (trial, 0, 0)..=(trial, u32::MAX, u64::MAX)
}

#[async_trait]
impl Rows for Held {
    async fn change(&mut self) -> Result<u64> {
        Ok(self.change)
    }

    async fn sweeps(&mut self) -> Result<Vec<Sweep>> {
        let listed = |row: &SweepRow| {
            let annotation = Annotation { note: String::new(), tags: row.sweep.annotation.tags.clone() };
            Sweep { text: String::new(), annotation, ..row.sweep.clone() }
        };
        let mut sweeps: Vec<_> = self.sweeps.values().map(listed).collect();
        sweeps.sort_by(|a, b| (b.created_at_ms, &b.id).cmp(&(a.created_at_ms, &a.id)));
        Ok(sweeps)
    }

    async fn sweep(&mut self, id: &str) -> Result<Option<Sweep>> {
        Ok(self.sweeps.get(&id.to_owned()).map(|row| row.sweep.clone()))
    }

    async fn sweep_newest(&mut self) -> Result<Option<String>> {
        Ok(self.sweeps().await?.into_iter().next().map(|sweep| sweep.id))
    }

    async fn sweeps_by_prefix(&mut self, prefix: &str) -> Result<Vec<String>> {
        let after = self.sweeps.range(prefix.to_owned()..);
        Ok(after.map(|(id, _)| id.clone()).take_while(|id| id.starts_with(prefix)).take(6).collect())
    }

    async fn project_known(&mut self, project: &str) -> Result<bool> {
        Ok(self.sweeps.values().any(|row| row.sweep.project == project))
    }

    async fn layout(&mut self, project: &str) -> Result<Option<String>> {
        Ok(self.layouts.get(&project.to_owned()).cloned())
    }

    async fn sweep_counts(&mut self, sweep: &str) -> Result<Counts> {
        let mut counts = Counts::default();
        for row in self.of_sweep(sweep) {
            *count_of(&mut counts, row.trial.state) += 1;
        }
        Ok(counts)
    }

    async fn sweep_best(&mut self, sweep: &str, goal: Goal) -> Result<Option<(f64, u64)>> {
        let best = self.ranked(sweep, goal).into_iter().find(|row| counts(row));
        Ok(best.and_then(|row| Some((row.trial.objective?, row.trial.number))))
    }

    async fn trials(&mut self, sweep: &str, pick: Pick) -> Result<Vec<Trial>> {
        Ok(match pick {
            Pick::All => self.of_sweep(sweep).map(|row| self.shown(row)).collect(),
            Pick::Best { goal, limit } => {
                self.ranked(sweep, goal).into_iter().take(limit as usize).map(|row| self.shown(row)).collect()
            }
            Pick::Changed { since, until } => self
                .of_sweep(sweep)
                .filter(|row| row.changed > since && row.changed <= until)
                .map(|row| self.shown(row))
                .collect(),
        })
    }

    async fn trials_recorded(&mut self, sweep: &str) -> Result<Vec<Recorded>> {
        let target = self.sweeps.get(&sweep.to_owned()).and_then(|row| row.sweep.objective.clone());
        let one = |row: &TrialRow| {
            let metric =
                target.as_ref().and_then(|target| self.metrics.get(&(row.trial.id, target.name.clone())));
            Recorded {
                number: row.trial.number,
                params: row.trial.params.clone(),
                state: row.trial.state,
                objective: row.trial.objective,
                latest: metric.filter(|metric| metric.count > 0).map(|metric| metric.last),
                objectives: row.trial.objectives.clone(),
            }
        };
        Ok(self.of_sweep(sweep).map(one).collect())
    }

    async fn trial(&mut self, name: &TrialName) -> Result<Option<Trial>> {
        let place = match name {
            TrialName::Id(id) => self.places.get(id).cloned(),
            TrialName::Number { sweep, number } => Some((sweep.clone(), *number)),
        };
        Ok(place.and_then(|place| self.trials.get(&place)).map(|row| self.shown(row)))
    }

    async fn sweep_prior(&mut self, sweep: &str) -> Result<Option<Vec<Prior>>> {
        Ok(self.sweeps.get(&sweep.to_owned()).map(|row| row.prior.clone()))
    }

    async fn trials_count(&mut self, sweep: &str, state: TrialState) -> Result<u64> {
        Ok(self.of_sweep(sweep).filter(|row| row.trial.state == state).count() as u64)
    }

    async fn metrics_of_trial(&mut self, trial: Uuid) -> Result<Vec<(String, Summary)>> {
        let from = self.metrics.range((trial, String::new())..);
        Ok(from
            .take_while(|((id, _), _)| *id == trial)
            .map(|((_, name), summary)| (name.clone(), *summary))
            .collect())
    }

    async fn metrics_of_sweep(&mut self, sweep: &str) -> Result<Vec<(Uuid, String, Summary)>> {
        let ids: Vec<_> = self.of_sweep(sweep).map(|row| row.trial.id).collect();
        let mut all = Vec::new();
        for id in ids {
            let found = self.metrics_of_trial(id).await?;
            all.extend(found.into_iter().map(|(name, summary)| (id, name, summary)));
        }
        Ok(all)
    }

    async fn attempts(&mut self, trial: Uuid) -> Result<Vec<(AttemptRow, Option<u64>)>> {
        let found = self.attempts.range((trial, 0)..=(trial, u32::MAX));
        Ok(found
            .map(|((_, number), row)| {
                let ended = row.ended.as_ref();
                let shown = AttemptRow {
                    number: *number,
                    agent: self.agent_name(row.agent),
                    claimed_at_ms: row.claimed_at,
                    ended_at_ms: ended.map(|ended| ended.at_ms),
                    ended: ended
                        .map_or_else(String::new, |ended| ended_words(Some(ended.end.word()), &ended.reason)),
                    facts: row.facts.clone(),
                };
                (shown, row.from.map(|from| from.step))
            })
            .collect())
    }

    async fn leases(&mut self) -> Result<Vec<Lease<AttemptKey>>> {
        let live = self.attempts.range(..).filter(|(_, row)| row.ended.is_none());
        Ok(live
            .map(|((trial, attempt), row)| Lease {
                key: AttemptKey { trial: *trial, attempt: *attempt },
                renewals: row.renewals,
                length: Duration::from_millis(row.lease_ms),
            })
            .collect())
    }

    async fn checkpoints(&mut self, trial: Uuid) -> Result<Vec<Checkpoint>> {
        let told = self.checkpoints.range(of_trial(trial));
        let files = |place| self.files.get(place).cloned().unwrap_or_default();
        Ok(told.map(|(place, row)| Checkpoint { files: files(place), ..row.clone() }).collect())
    }

    async fn media(&mut self, trial: Uuid) -> Result<Vec<Media>> {
        Ok(self.media.range(of_trial(trial)).map(|(_, row)| row.clone()).collect())
    }

    async fn models(&mut self) -> Result<Vec<Model>> {
        let mut rows: Vec<_> = self.models.range(..).collect();
        rows.sort_by_key(|&(id, row)| std::cmp::Reverse((row.promoted_at, *id)));
        Ok(rows.into_iter().filter_map(|(id, row)| self.whole_model(*id, row)).collect())
    }

    async fn model(&mut self, name: &str) -> Result<Option<Model>> {
        let found = self.models.range(..).find(|(_, row)| row.name == name);
        Ok(found.and_then(|(id, row)| self.whole_model(*id, row)))
    }

    async fn judgements(&mut self, sweep: &str) -> Result<Vec<Judgement>> {
        let all = self.judgements.range((sweep.to_owned(), 0)..=(sweep.to_owned(), u64::MAX));
        Ok(all.map(|(_, judgement)| judgement.clone()).collect())
    }

    async fn points(&mut self, trial: Uuid) -> Result<Vec<(u32, Vec<u8>)>> {
        let batches = self.batches.range(of_trial(trial));
        Ok(batches.filter_map(|((_, attempt, _), batch)| Some((*attempt, batch.points.clone()?))).collect())
    }

    async fn logs(&mut self, trial: Uuid, attempt: u32, after: u64) -> Result<Vec<Vec<u8>>> {
        let batches = self.batches.range((trial, attempt, 0)..=(trial, attempt, u64::MAX)).rev();
        let batches = batches.filter(|(_, batch)| batch.last_seq > after);
        Ok(batches.filter_map(|(_, batch)| batch.logs.clone()).collect())
    }

    async fn briefs(&mut self, sweep: &str, since: u64, after: u64, most: u32) -> Result<Vec<TrialBrief>> {
        let wanted = self.of_sweep(sweep).filter(|row| row.changed > since && row.trial.number > after);
        Ok(wanted.take(most as usize).map(|row| self.brief_of(row)).collect())
    }

    async fn briefs_best(&mut self, sweep: &str, goal: Goal, most: u32) -> Result<Vec<TrialBrief>> {
        let best = self.ranked(sweep, goal).into_iter().filter(|row| counts(row));
        Ok(best.take(most as usize).map(|row| self.brief_of(row)).collect())
    }

    async fn brief(&mut self, name: &TrialName) -> Result<Option<TrialBrief>> {
        let place = match name {
            TrialName::Id(id) => self.places.get(id).cloned(),
            TrialName::Number { sweep, number } => Some((sweep.clone(), *number)),
        };
        Ok(place.and_then(|place| self.trials.get(&place)).map(|row| self.brief_of(row)))
    }

    async fn attempts_of_sweep(&mut self, sweep: &str, since: u64, most: u32) -> Result<Vec<AttemptBrief>> {
        let changed = self.of_sweep(sweep).filter(|row| row.changed > since);
        let mut attempts: Vec<_> = changed.flat_map(|row| self.attempts_of(&row.trial)).collect();
        attempts.sort_by_key(|one| std::cmp::Reverse((one.claimed_at_ms, one.trial, one.number)));
        attempts.truncate(most as usize);
        Ok(attempts)
    }

    async fn reached(&mut self, sweep: &str) -> Result<Vec<Reached>> {
        let reached = |row: &TrialRow| {
            let TrialRow { trial, .. } = row;
            let objective = trial.objective?;
            Some(Reached { number: trial.number, objective, finished_at_ms: trial.finished_at_ms })
        };
        Ok(self.of_sweep(sweep).filter(|row| counts(row)).filter_map(reached).collect())
    }

    async fn points_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialPoints>> {
        let batches = self.numbered(sweep, &numbers).flat_map(|row| {
            let batches = self.batches.range(of_trial(row.trial.id));
            batches.map(|((_, attempt, _), batch)| (row.trial.number, *attempt, batch.points.clone()))
        });
        let points = batches
            .filter_map(|(number, attempt, points)| Some(TrialPoints { number, attempt, points: points? }));
        Ok(points.collect())
    }

    async fn resumes_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialResume>> {
        let later = self.numbered(sweep, &numbers).flat_map(|row| {
            let attempts = self.attempts.range((row.trial.id, 2)..=(row.trial.id, u32::MAX));
            attempts.map(|((_, attempt), record)| TrialResume {
                number: row.trial.number,
                attempt: *attempt,
                step: record.from.map(|from| from.step),
            })
        });
        Ok(later.collect())
    }

    async fn media_newest(&mut self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>> {
        Ok(self.of_sweep(sweep).rev().find_map(|row| {
            let told = self.media.range(of_trial(row.trial.id)).rev();
            let found = told.map(|(_, media)| media).find(|media| media.name == name)?;
            Some((row.trial.number, found.clone()))
        }))
    }

    async fn agents(&mut self) -> Result<Vec<AgentRow>> {
        let row = |record: &AgentRecord| AgentRow {
            agent: record.agent.clone(),
            registered_at_ms: record.registered_at_ms,
            seen_at_ms: record.seen_at_ms,
            wish: record.standing.wish.clone(),
            benched: record.standing.bench.clone().map(AgentRow::benched),
            trials: Vec::new(),
        };
        let mut agents: Vec<_> = self.agents.values().map(row).collect();
        agents.sort_by(|a, b| (&a.agent.name, a.agent.id).cmp(&(&b.agent.name, b.agent.id)));
        Ok(agents)
    }

    async fn agent_trials(&mut self) -> Result<Vec<(Uuid, AgentTrial)>> {
        let live = self.attempts.range(..).filter(|(_, record)| record.ended.is_none());
        let trial = |(&(trial, attempt), record): (&super::Key, &AttemptRecord)| {
            let (sweep, number) = self.places.get(&trial)?.clone();
            let devices = record.facts.as_ref().map(|facts| facts.devices.clone()).unwrap_or_default();
            let key = AttemptKey { trial, attempt };
            Some((record.agent, AgentTrial { key, sweep, number, claimed_at_ms: record.claimed_at, devices }))
        };
        let mut trials: Vec<_> = live.filter_map(trial).collect();
        trials.sort_by(|(_, a), (_, b)| (&a.sweep, a.number).cmp(&(&b.sweep, b.number)));
        Ok(trials)
    }
}
