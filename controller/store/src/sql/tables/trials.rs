//! Changes to trials and the summaries of their metrics.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sweep_core::annotation::Annotation;
use sweep_core::objective::Summary;
use uuid::Uuid;

use super::{json, millis};
use crate::port::{QueuedTrial, TrialMove, TrialTables};
use crate::sql::{SqlRow as _, SqlTx, Value, rows, statements as sql, values};
use crate::{AttemptKey, NewTrial, Result};

#[async_trait]
impl<T: SqlTx> TrialTables for T {
    async fn trials_insert(&mut self, sweep: &str, trials: &[NewTrial], now_ms: i64) -> Result<()> {
        let mut rows = Vec::with_capacity(trials.len());
        for trial in trials {
            let change = self.next_change().await?;
            let (params, origin) = (json(&trial.params)?, json(&trial.origin)?);
            rows.push(values![trial.id, sweep, trial.number, params, now_ms, change, origin]);
        }
        let (eights, rest) = rows.as_chunks::<8>();
        for eight in eights {
            self.change(&sql::TRIAL_INSERT_8, eight.concat()).await?;
        }
        for one in rest {
            self.change(&sql::TRIAL_INSERT, one.clone()).await?;
        }
        Ok(())
    }

    async fn trials_withdraw(&mut self, sweep: &str) -> Result<()> {
        self.change(&sql::TRIALS_WITHDRAW, values![sweep]).await?;
        self.change(&sql::SWEEP_PROPOSED_BACK, values![sweep]).await?;
        Ok(())
    }

    async fn trials_cancel_waiting(&mut self, sweep: &str, reason: &str, now_ms: i64) -> Result<Vec<Uuid>> {
        let change = self.next_change().await?;
        let row = values![sweep, reason, now_ms, change];
        self.fetch(&sql::TRIALS_CANCEL_WAITING, row).await?.iter().map(|row| row.id("id")).collect()
    }

    async fn trial_next(&mut self, sweep: &str, now_ms: i64) -> Result<Option<QueuedTrial>> {
        let statement = if T::LOCKS { sql::TRIAL_NEXT_LOCKED } else { sql::TRIAL_NEXT };
        let row = self.fetch_optional(&statement, values![sweep, now_ms]).await?;
        row.as_ref().map(rows::queued).transpose()
    }

    async fn trial_lease(&mut self, key: AttemptKey, objective: Option<f64>, now_ms: i64) -> Result<()> {
        let change = self.next_change().await?;
        let row = values![key.trial, key.attempt, now_ms, change, objective];
        self.change(&sql::TRIAL_LEASE, row).await?;
        Ok(())
    }

    async fn trial_running(&mut self, trial: Uuid, objective: Option<f64>) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::TRIAL_RUNNING, values![trial, objective, change]).await?;
        Ok(())
    }

    async fn trial_objectives(&mut self, trial: Uuid, values: Option<&[f64]>) -> Result<()> {
        let values = values.map(json).transpose()?;
        self.change(&sql::TRIAL_OBJECTIVES, values![trial, values]).await
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
        self.change(&sql::TRIAL_MOVE, row).await?;
        Ok(())
    }

    async fn trial_wish(&mut self, trial: Uuid, reason: &str) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::TRIAL_WISH, values![trial, reason, change]).await?;
        Ok(())
    }

    async fn trial_annotate(&mut self, trial: Uuid, annotation: &Annotation) -> Result<()> {
        let change = self.next_change().await?;
        let row = values![trial, &annotation.note, json(&annotation.tags)?, change];
        self.change(&sql::TRIAL_ANNOTATE, row).await
    }

    async fn metrics_set(&mut self, trial: Uuid, metrics: &BTreeMap<&str, Summary>) -> Result<()> {
        let rows: Vec<_> = metrics.iter().map(|(name, summary)| metric(trial, name, summary)).collect();
        // Four at a time: a report has few metrics, and each statement is a way to the database and back.
        let (fours, rest) = rows.as_chunks::<4>();
        for four in fours {
            self.change(&sql::METRIC_SET_4, four.concat()).await?;
        }
        for one in rest {
            self.change(&sql::METRIC_SET, one.clone()).await?;
        }
        Ok(())
    }

    async fn metrics_forget(&mut self, trial: Uuid) -> Result<()> {
        self.change(&sql::METRICS_FORGET, values![trial]).await?;
        Ok(())
    }
}

/// Numbers that are not finite have no place in a column; see [`Summary`].
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
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
