//! Changes to trials and the summaries of their metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::fault::{self, Faults};
use sweep_core::objective::Summary;
use sweep_core::stop::{Judged, Verdict};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::memory::{Held, TrialRow};
use crate::port::{QueuedTrial, Rows as _, TrialMove, TrialTables};
use crate::{AttemptKey, NewTrial, Result, Trial};

#[async_trait]
impl TrialTables for Held {
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
                objectives: None,
                attempt: 0,
                agent: String::new(),
                created_at_ms: now_ms,
                started_at_ms: None,
                finished_at_ms: None,
                facts: None,
                origin: Some(new.origin.clone()),
                verdict: Verdict::Continue,
                annotation: Annotation::default(),
            };
            let place = (sweep.to_owned(), new.number);
            self.places.set(new.id, place.clone());
            self.trials.set(
                place,
                TrialRow {
                    trial,
                    faults: Faults::default(),
                    pause: (Duration::ZERO, 0),
                    judged: Judged::default(),
                    stop: String::new(),
                    changed,
                },
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

    async fn trials_cancel_waiting(&mut self, sweep: &str, reason: &str, now_ms: i64) -> Result<Vec<Uuid>> {
        let waiting: Vec<_> = self
            .of_sweep(sweep)
            .filter(|row| matches!(row.trial.state, TrialState::Queued | TrialState::Paused))
            .map(|row| row.trial.id)
            .collect();
        for &id in &waiting {
            self.update_trial(id, |row| {
                row.trial.state = TrialState::Cancelled;
                reason.clone_into(&mut row.trial.reason);
                row.trial.finished_at_ms = Some(now_ms);
            });
        }
        Ok(waiting)
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

    async fn trial_objectives(&mut self, trial: Uuid, values: Option<&[f64]>) -> Result<()> {
        self.update_trial(trial, |row| row.trial.objectives = values.map(<[f64]>::to_vec));
        Ok(())
    }

    async fn trial_move(&mut self, end: &TrialMove) -> Result<()> {
        self.update_trial(end.trial, |row| {
            row.trial.state = end.to;
            row.trial.reason.clone_from(&end.reason);
            row.trial.finished_at_ms = end.finished_at;
            row.faults = end.faults;
            row.pause = (end.pause, end.now_ms);
            row.stop.clear();
        });
        Ok(())
    }

    async fn trial_wish(&mut self, trial: Uuid, reason: &str) -> Result<()> {
        self.update_trial(trial, |row| reason.clone_into(&mut row.stop));
        Ok(())
    }

    async fn trial_annotate(&mut self, trial: Uuid, annotation: &Annotation) -> Result<()> {
        self.update_trial(trial, |row| row.trial.annotation.clone_from(annotation));
        Ok(())
    }

    async fn metrics_set(&mut self, trial: Uuid, metrics: &BTreeMap<&str, Summary>) -> Result<()> {
        for (name, summary) in metrics {
            self.metrics.set((trial, (*name).to_owned()), *summary);
        }
        Ok(())
    }

    async fn metrics_forget(&mut self, trial: Uuid) -> Result<()> {
        for (name, _) in self.metrics_of_trial(trial).await? {
            self.metrics.remove(&(trial, name));
        }
        Ok(())
    }
}
