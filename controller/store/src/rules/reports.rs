//! Reports and renewals.

use std::collections::BTreeMap;

use sweep_core::objective::Summary;
use sweep_core::report::{Intake, intake};
use sweep_core::stop::Seen;
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::objectives;
use super::standing::unknown;
use super::{stops, sweeps};
use crate::codec::{self, Column, LogRef};
use crate::port::{AttemptStanding, Lock, PackedBatch, Tables};
use crate::{AttemptKey, Checkpoint, Event, EventKind, Facts, Reported, Result, Standing, StoreError};

/// Renews leases and tells how each attempt stands.
pub(crate) async fn renew(tx: &mut dyn Tables, keys: &[AttemptKey]) -> Result<Vec<Reported>> {
    let mut out = Vec::with_capacity(keys.len());
    for &key in keys {
        // Counted first: should the lease be taken away at this moment, what is read after it says so.
        tx.attempt_renew(key).await?;
        let Some(known) = tx.attempt(key).await? else {
            let standing = Standing::Lost("the trial is unknown here".to_owned());
            out.push(Reported { acknowledged: 0, standing, frees: false });
            continue;
        };
        out.push(Reported { acknowledged: known.acknowledged, standing: known.told(key), frees: false });
    }
    Ok(out)
}

/// Stores the new ones of an attempt's events.
pub(crate) async fn report(
    tx: &mut dyn Tables,
    key: AttemptKey,
    first_seq: u64,
    events: &[Event],
    now_ms: i64,
) -> Result<Reported> {
    let mut known = locked(tx, key).await?;
    known.refuse_stale(key)?;
    let skip = match intake(known.acknowledged, first_seq, events.len()) {
        Intake::Gap { after } => return Err(StoreError::SeqGap { acknowledged: after }),
        Intake::Known => {
            tx.attempt_renew(key).await?;
            let acknowledged = known.acknowledged;
            return Ok(Reported { acknowledged, standing: known.told(key), frees: false });
        }
        Intake::Take { skip } => skip,
    };
    let events = &events[skip..];
    let batch = Batch::sort(first_seq + skip as u64, events);
    store_batch(tx, key, &batch).await?;
    let facts = batch.merged_facts(known.facts.clone());
    tx.attempt_advance(key, batch.last_seq, facts.as_ref()).await?;
    let objective = summarise(tx, key.trial, &batch.columns, &known).await?;
    if !batch.columns.is_empty() {
        objectives::note(tx, key.trial, &known.targets).await?;
    }
    if known.state == TrialState::Leased || !batch.columns.is_empty() {
        tx.trial_running(key.trial, objective).await?;
    }
    let first_at_ms = events.first().map_or(0, |event| event.at_ms);
    let frees = judge(tx, key, &mut known, &batch, (first_at_ms, now_ms), objective).await?;
    Ok(Reported { acknowledged: batch.last_seq, standing: known.told(key), frees })
}

/// How an attempt stands, locked; and its sweep before it, if that is judged by what its trials report.
async fn locked(tx: &mut dyn Tables, key: AttemptKey) -> Result<AttemptStanding> {
    if !tx.is_alone() {
        let seen = tx.attempt(key).await?.ok_or_else(|| unknown(key))?;
        if !seen.stops.is_none() {
            tx.sweep_lock(&seen.sweep, Lock::Exclusive).await?;
        }
    }
    tx.attempt_locked(key).await?.ok_or_else(|| unknown(key))
}

/// What a report means for its trial and its sweep, by their stop rules. Whether claims may find something now.
async fn judge(
    tx: &mut dyn Tables,
    key: AttemptKey,
    known: &mut AttemptStanding,
    batch: &Batch<'_>,
    (first_at_ms, now_ms): (i64, i64),
    objective: Option<f64>,
) -> Result<bool> {
    if known.stops.is_none() {
        return Ok(false);
    }
    let target = known.target.as_ref().map(|target| target.name.as_str());
    let column = batch.columns.iter().find(|column| Some(column.name.as_str()) == target);
    let heard = stops::hear(tx, key, known, &stops::Told { first_at_ms, column }).await?;
    if let Some(verdict) = heard.verdict {
        known.judged.verdict = verdict;
    }
    if known.stops.sweep.target.is_none() || objective == known.objective {
        return Ok(heard.may_promote);
    }
    let standing = sweeps::standing(tx, &known.sweep).await?;
    let seen = Seen { trial: known.number, state: TrialState::Running, objective };
    let after = stops::see(tx, &known.sweep, standing.clone(), &seen, None, now_ms).await?;
    Ok(heard.may_promote || after.state != standing.state)
}

/// The events of one report, sorted by where they go.
struct Batch<'a> {
    first_seq: u64,
    last_seq: u64,
    columns: Vec<Column>,
    logs: Vec<LogRef<'a>>,
    others: Vec<(u64, &'a EventKind)>,
}

impl<'a> Batch<'a> {
    fn sort(first_seq: u64, events: &'a [Event]) -> Self {
        let mut columns: BTreeMap<&str, Column> = BTreeMap::new();
        let mut batch = Self {
            first_seq,
            last_seq: first_seq.saturating_sub(1),
            columns: Vec::new(),
            logs: Vec::new(),
            others: Vec::new(),
        };
        for event in events {
            batch.last_seq += 1;
            match &event.kind {
                EventKind::Metrics { step, epoch, values } => {
                    for (name, &value) in values {
                        let column = columns
                            .entry(name)
                            .or_insert_with(|| Column { name: name.clone(), ..Column::default() });
                        column.steps.push(*step);
                        column.epochs.push(epoch.unwrap_or(f64::NAN));
                        column.at_ms.push(event.at_ms);
                        column.values.push(value);
                    }
                }
                EventKind::Log(line) => {
                    batch.logs.push((batch.last_seq, event.at_ms, &line.stream, &line.text));
                }
                other => batch.others.push((batch.last_seq, other)),
            }
        }
        batch.columns = columns.into_values().collect();
        batch
    }

    fn merged_facts(&self, stored: Option<Facts>) -> Option<Facts> {
        let mut facts = stored;
        for (_, kind) in &self.others {
            if let EventKind::Facts(new) = kind {
                facts.get_or_insert_default().merge(new.clone());
            }
        }
        facts
    }
}

async fn store_batch(tx: &mut dyn Tables, key: AttemptKey, batch: &Batch<'_>) -> Result<()> {
    if !batch.columns.is_empty() || !batch.logs.is_empty() {
        let packed = PackedBatch {
            first_seq: batch.first_seq,
            last_seq: batch.last_seq,
            points: codec::pack_points(&batch.columns)?,
            logs: codec::pack_logs(&batch.logs)?,
        };
        tx.batch_insert(key, &packed).await?;
    }
    for &(seq, kind) in &batch.others {
        match kind {
            EventKind::Checkpoint(told) => tx.checkpoint_insert(key, seq, &finite(told)).await?,
            EventKind::Media(media) => tx.media_insert(key, seq, media).await?,
            EventKind::Metrics { .. } | EventKind::Log(_) | EventKind::Facts(_) => {}
        }
    }
    Ok(())
}

/// A record without numbers that are not finite: tables have no place for them, and as a score they are none.
fn finite(told: &Checkpoint) -> Checkpoint {
    let mut checkpoint = told.clone();
    checkpoint.metrics.retain(|_, value| value.is_finite());
    checkpoint.epoch = checkpoint.epoch.filter(|epoch| epoch.is_finite());
    checkpoint
}

/// Moves the summaries of a trial's metrics; returns its objective after the batch.
async fn summarise(
    tx: &mut dyn Tables,
    trial: Uuid,
    columns: &[Column],
    known: &AttemptStanding,
) -> Result<Option<f64>> {
    let mut objective = known.objective;
    if columns.is_empty() {
        return Ok(objective);
    }
    let stored: BTreeMap<String, Summary> = tx.rows().metrics_of_trial(trial).await?.into_iter().collect();
    let mut moved = BTreeMap::new();
    for column in columns {
        let mut summary = stored.get(&column.name).copied().unwrap_or_default();
        for (step, value) in column.steps.iter().zip(&column.values) {
            summary.add(*step, *value);
        }
        if let Some(target) = known.target.as_ref().filter(|target| target.name == column.name) {
            objective = summary.best(target.goal);
        }
        moved.insert(column.name.as_str(), summary);
    }
    tx.metrics_set(trial, &moved).await?;
    Ok(objective)
}
