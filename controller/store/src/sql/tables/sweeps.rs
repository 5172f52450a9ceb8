//! Changes to sweeps.

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::sweep::SweepState;
use uuid::Uuid;

use super::json;
use crate::port::{Lock, SweepStanding, SweepTables};
use crate::sql::{SqlTx, rows, statements as sql, values};
use crate::{NewSweep, Result};

#[async_trait]
impl<T: SqlTx> SweepTables for T {
    fn is_alone(&self) -> bool {
        !T::LOCKS
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
        let prior = (!new.prior.is_empty()).then(|| json(&new.prior)).transpose()?;
        let objectives = (!new.objectives.is_empty()).then(|| json(&new.objectives)).transpose()?;
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
            if new.stops.is_none() { None } else { Some(json(&new.stops)?) },
            objectives,
            prior,
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
        self.change(&sql::SWEEP_MOVE, values![sweep, to.word(), reason, ended, change]).await?;
        Ok(())
    }

    async fn sweep_proposed(&mut self, sweep: &str, last: u64, exhausted: bool) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::SWEEP_PROPOSED, values![sweep, last, exhausted, change]).await?;
        Ok(())
    }

    async fn sweep_extend(&mut self, sweep: &str, planned: u64) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::SWEEP_EXTEND, values![sweep, planned, change]).await?;
        Ok(())
    }

    async fn sweep_annotate(&mut self, sweep: &str, annotation: &Annotation) -> Result<()> {
        let change = self.next_change().await?;
        let row = values![sweep, &annotation.note, json(&annotation.tags)?, change];
        self.change(&sql::SWEEP_ANNOTATE, row).await
    }

    async fn layout_set(&mut self, project: &str, layout: &str) -> Result<()> {
        self.change(&sql::LAYOUT_SET, values![project, layout]).await
    }

    async fn layout_forget(&mut self, project: &str) -> Result<()> {
        self.change(&sql::LAYOUT_FORGET, values![project]).await
    }

    async fn last_failure(&mut self, sweep: &str) -> Result<Option<String>> {
        let row = self.fetch_optional(&sql::LAST_FAILURE, values![sweep]).await?;
        row.map(|row| rows::text(&row, "reason")).transpose()
    }
}
