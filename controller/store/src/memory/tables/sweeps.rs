//! Changes to sweeps.

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::stop::Account;
use sweep_core::sweep::{Counts, SweepState};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::memory::{Held, SweepRow};
use crate::port::{Lock, SweepStanding, SweepTables};
use crate::{NewSweep, Result, Sweep};

#[async_trait]
impl SweepTables for Held {
    fn is_alone(&self) -> bool {
        true
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
            objectives: new.objectives.clone(),
            seed: new.seed,
            planned_trials: new.planned_trials,
            proposed: 0,
            exhausted: false,
            counts: Counts::default(),
            best: None,
            created_at_ms: new.created_at_ms,
            ended_at_ms: None,
            text: new.text.clone(),
            annotation: Annotation::default(),
        };
        let row = SweepRow {
            sweep,
            retries: new.retries,
            infrastructure_retries: new.infrastructure_retries,
            fails_non_finite: new.fails_non_finite,
            max_parallel: new.max_parallel,
            stops: new.stops.clone(),
            account: Account::default(),
            prior: new.prior.clone(),
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
            planned: row.sweep.planned_trials,
            exhausted: row.sweep.exhausted,
            max_parallel: row.max_parallel,
            target: row.sweep.objective.clone(),
            stops: row.stops.clone(),
            account: row.account,
            targets: row.sweep.objectives.clone(),
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

    async fn sweep_proposed(&mut self, sweep: &str, last: u64, exhausted: bool) -> Result<()> {
        self.update_sweep(sweep, |sweep| {
            sweep.proposed = last;
            sweep.exhausted = exhausted;
        });
        Ok(())
    }

    async fn sweep_extend(&mut self, sweep: &str, planned: u64) -> Result<()> {
        self.update_sweep(sweep, |sweep| {
            sweep.planned_trials = Some(planned);
            sweep.exhausted = false;
        });
        Ok(())
    }

    async fn sweep_annotate(&mut self, sweep: &str, annotation: &Annotation) -> Result<()> {
        self.update_sweep(sweep, |sweep| sweep.annotation.clone_from(annotation));
        Ok(())
    }

    async fn layout_set(&mut self, project: &str, layout: &str) -> Result<()> {
        self.layouts.set(project.to_owned(), layout.to_owned());
        Ok(())
    }

    async fn layout_forget(&mut self, project: &str) -> Result<()> {
        self.layouts.remove(&project.to_owned());
        Ok(())
    }

    async fn last_failure(&mut self, sweep: &str) -> Result<Option<String>> {
        let failed = self.of_sweep(sweep).filter(|row| row.trial.state == TrialState::Failed);
        Ok(failed.max_by_key(|row| row.trial.finished_at_ms).map(|row| row.trial.reason.clone()))
    }
}
