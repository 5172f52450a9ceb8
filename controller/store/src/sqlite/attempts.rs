//! Attempts: claimed, reported, renewed, ended. Each function is one job of the writer.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sweep_core::lease::Lease;
use sweep_core::objective::Summary;
use sweep_core::report::{Intake, intake};
use sweep_core::sweep::{self, SweepEvent, SweepState};
use sweep_core::trial::{self, Budget, Faults, Outcome, TrialEvent, TrialState};
use uuid::Uuid;

use super::writer::Tx;
use super::{rows, sql, sweeps};
use crate::codec::{self, Column};
use crate::{
    Agent, Assignment, AttemptKey, Claim, Claimed, Event, EventKind, Facts, Finish, Finished, LogEntry,
    Objective, Reported, Result, Standing, StoreError, outcome_word,
};

pub(super) async fn register(tx: &mut Tx, agent: Agent, now_ms: i64) -> Result<()> {
    let json = |error: serde_json::Error| StoreError::corrupt(error.to_string());
    sqlx::query(sql::AGENT_SET)
        .bind(agent.id)
        .bind(agent.name)
        .bind(agent.host)
        .bind(agent.version)
        .bind(i64::from(agent.slots))
        .bind(serde_json::to_string(&agent.devices).map_err(json)?)
        .bind(serde_json::to_string(&agent.labels).map_err(json)?)
        .bind(now_ms)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database("registering an agent"))?;
    Ok(())
}

pub(super) async fn claim(tx: &mut Tx, claim: Claim, now_ms: i64) -> Result<Claimed> {
    let failed = "claiming a trial";
    // The same request again: the reply was lost, the grant was not.
    let known = sqlx::query(sql::ATTEMPT_BY_REQUEST)
        .bind(claim.request_id)
        .fetch_optional(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    if let Some(row) = known {
        let attempt: i64 = rows::get(&row, "attempt")?;
        return granted(rows::get(&row, "trial_id")?, rows::get(&row, "sweep_id")?, attempt, &row);
    }
    let agent: Option<i64> = sqlx::query_scalar(sql::AGENT_EXISTS)
        .bind(claim.agent)
        .fetch_optional(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    if agent.is_none() {
        return Err(StoreError::AgentUnknown { agent: claim.agent });
    }
    let standing = sweeps::standing(tx, &claim.sweep).await?;
    let nothing = |standing: sweeps::Standing| {
        Ok(Claimed::Nothing { state: standing.state, reason: standing.reason, exhausted: standing.exhausted })
    };
    if !standing.state.hands_out() || standing.is_full(tx, &claim.sweep).await? {
        return nothing(standing);
    }
    let next = sqlx::query(sql::TRIAL_NEXT)
        .bind(&claim.sweep)
        .fetch_optional(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    let Some(row) = next else { return nothing(standing) };
    let trial: Uuid = rows::get(&row, "id")?;
    let attempt: i64 = rows::get::<i64>(&row, "attempt")? + 1;
    lease(tx, trial, attempt, &claim, now_ms).await?;
    if standing.state == SweepState::Pending
        && let Some(to) = sweep::next(standing.state, SweepEvent::Started)
    {
        sweeps::set_state(tx, &claim.sweep, to, "", now_ms).await?;
    }
    granted(trial, claim.sweep, attempt, &row)
}

fn granted(trial: Uuid, sweep: String, attempt: i64, row: &SqliteRow) -> Result<Claimed> {
    Ok(Claimed::Granted(Box::new(Assignment {
        trial,
        sweep,
        number: rows::count(row, "number")?,
        attempt: u32::try_from(attempt).map_err(|_| StoreError::corrupt(format!("attempt {attempt}")))?,
        params: rows::json(rows::get(row, "params")?)?,
    })))
}

async fn lease(tx: &mut Tx, trial: Uuid, attempt: i64, claim: &Claim, now_ms: i64) -> Result<()> {
    let failed = "leasing a trial";
    let change = tx.next_change();
    if attempt > 1 {
        // It starts from the beginning, so what earlier attempts reported is superseded.
        sqlx::query(sql::METRICS_FORGET)
            .bind(trial)
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database(failed))?;
    }
    sqlx::query(sql::TRIAL_LEASE)
        .bind(trial)
        .bind(attempt)
        .bind(now_ms)
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    sqlx::query(sql::ATTEMPT_INSERT)
        .bind(trial)
        .bind(attempt)
        .bind(claim.agent)
        .bind(claim.request_id)
        .bind(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX))
        .bind(now_ms)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    Ok(())
}

/// What is known of an attempt, its trial and its sweep.
struct Known {
    sweep: String,
    number: u64,
    state: TrialState,
    current: bool,
    objective: Option<f64>,
    faults: Faults,
    renewals: u64,
    acknowledged: u64,
    outcome: Option<String>,
    facts: Option<Facts>,
    sweep_state: SweepState,
    target: Option<Objective>,
    budget: Budget,
}

impl Known {
    async fn read(tx: &mut Tx, key: AttemptKey) -> Result<Self> {
        let row = sqlx::query(sql::ATTEMPT_STANDING)
            .bind(key.trial)
            .bind(i64::from(key.attempt))
            .fetch_optional(&mut tx.conn)
            .await
            .map_err(StoreError::database("reading an attempt"))?
            .ok_or_else(|| StoreError::TrialNotFound {
                name: format!("{} (attempt {})", key.trial, key.attempt),
            })?;
        let small =
            |column| -> Result<u32> { Ok(u32::try_from(rows::count(&row, column)?).unwrap_or(u32::MAX)) };
        Ok(Self {
            sweep: rows::get(&row, "sweep_id")?,
            number: rows::count(&row, "number")?,
            state: rows::trial_state(&row)?,
            current: small("current")? == key.attempt,
            objective: rows::get(&row, "objective")?,
            faults: Faults { user: small("user_faults")?, infrastructure: small("infrastructure_faults")? },
            renewals: rows::count(&row, "renewals")?,
            acknowledged: rows::count(&row, "acknowledged_seq")?,
            outcome: rows::get(&row, "outcome")?,
            facts: rows::facts(&row)?,
            sweep_state: rows::sweep_state(&row, "sweep_state")?,
            target: rows::objective(&row)?,
            budget: Budget { user_retries: small("retries")?, ..Budget::default() },
        })
    }

    fn standing(&self) -> Standing {
        if let Some(reason) = self.stale() {
            return Standing::Lost(reason);
        }
        match self.sweep_state {
            SweepState::Cancelled => Standing::Cancel("sweep cancelled".to_owned()),
            _ => Standing::GoOn,
        }
    }

    /// Why the attempt may not write any more.
    fn stale(&self) -> Option<String> {
        if !self.current {
            return Some("a newer attempt has the trial".to_owned());
        }
        match &self.outcome {
            Some(outcome) => Some(format!("it ended: {outcome}")),
            None if !self.state.is_active() => Some(format!("the trial is {}", self.state)),
            None => None,
        }
    }

    fn refuse_stale(&self, key: AttemptKey) -> Result<()> {
        let trial = format!("{}/{}", self.sweep, self.number);
        self.stale()
            .map_or(Ok(()), |reason| Err(StoreError::AttemptStale { trial, attempt: key.attempt, reason }))
    }
}

pub(super) async fn renew(tx: &mut Tx, keys: Vec<AttemptKey>) -> Result<Vec<Reported>> {
    let mut out = Vec::with_capacity(keys.len());
    for key in keys {
        let known = match Known::read(tx, key).await {
            Ok(known) => known,
            Err(StoreError::TrialNotFound { .. }) => {
                out.push(Reported {
                    acknowledged: 0,
                    standing: Standing::Lost("the trial is unknown here".to_owned()),
                });
                continue;
            }
            Err(error) => return Err(error),
        };
        sqlx::query(sql::ATTEMPT_RENEW)
            .bind(key.trial)
            .bind(i64::from(key.attempt))
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database("renewing a lease"))?;
        out.push(Reported { acknowledged: known.acknowledged, standing: known.standing() });
    }
    Ok(out)
}

pub(super) async fn report(
    tx: &mut Tx,
    key: AttemptKey,
    first_seq: u64,
    events: Vec<Event>,
    _now_ms: i64,
) -> Result<Reported> {
    let known = Known::read(tx, key).await?;
    known.refuse_stale(key)?;
    let skip = match intake(known.acknowledged, first_seq, events.len()) {
        Intake::Gap { after } => return Err(StoreError::SeqGap { acknowledged: after }),
        Intake::Known => {
            let renewed = renew(tx, vec![key]).await?;
            return Ok(renewed
                .into_iter()
                .next()
                .unwrap_or(Reported { acknowledged: known.acknowledged, standing: known.standing() }));
        }
        Intake::Take { skip } => skip,
    };
    let first = first_seq + skip as u64;
    let batch = Batch::sort(first, events.into_iter().skip(skip));
    let last = batch.last_seq;
    let facts = batch.merged_facts(known.facts.clone());
    store_batch(tx, key, &batch).await?;
    sqlx::query(sql::ATTEMPT_ADVANCE)
        .bind(key.trial)
        .bind(i64::from(key.attempt))
        .bind(last.cast_signed())
        .bind(
            facts
                .map(|facts| serde_json::to_string(&facts))
                .transpose()
                .map_err(|error| StoreError::corrupt(error.to_string()))?,
        )
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database("advancing an attempt"))?;
    let objective = summarise(tx, key.trial, &batch.columns, &known).await?;
    if known.state == TrialState::Leased || !batch.columns.is_empty() {
        let change = tx.next_change();
        sqlx::query(sql::TRIAL_RUNNING)
            .bind(key.trial)
            .bind(objective)
            .bind(change)
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database("moving a trial"))?;
    }
    Ok(Reported { acknowledged: last, standing: known.standing() })
}

/// The events of one report, sorted by where they go.
struct Batch {
    first_seq: u64,
    last_seq: u64,
    columns: Vec<Column>,
    logs: Vec<LogEntry>,
    others: Vec<(u64, EventKind)>,
}

impl Batch {
    fn sort(first_seq: u64, events: impl Iterator<Item = Event>) -> Self {
        let mut columns: BTreeMap<String, Column> = BTreeMap::new();
        let mut batch = Self {
            first_seq,
            last_seq: first_seq.saturating_sub(1),
            columns: Vec::new(),
            logs: Vec::new(),
            others: Vec::new(),
        };
        for event in events {
            batch.last_seq += 1;
            match event.kind {
                EventKind::Metrics { step, epoch, values } => {
                    for (name, value) in values {
                        let column = columns
                            .entry(name.clone())
                            .or_insert_with(|| Column { name, ..Column::default() });
                        column.steps.push(step);
                        column.epochs.push(epoch.unwrap_or(f64::NAN));
                        column.at_ms.push(event.at_ms);
                        column.values.push(value);
                    }
                }
                EventKind::Log(line) => {
                    batch.logs.push(LogEntry { seq: batch.last_seq, at_ms: event.at_ms, line });
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

async fn store_batch(tx: &mut Tx, key: AttemptKey, batch: &Batch) -> Result<()> {
    let attempt = i64::from(key.attempt);
    if !batch.columns.is_empty() || !batch.logs.is_empty() {
        sqlx::query(sql::BATCH_INSERT)
            .bind(key.trial)
            .bind(attempt)
            .bind(batch.first_seq.cast_signed())
            .bind(batch.last_seq.cast_signed())
            .bind(codec::pack_points(&batch.columns)?)
            .bind(codec::pack_logs(&batch.logs)?)
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database("storing a batch"))?;
    }
    let json = |error: serde_json::Error| StoreError::corrupt(error.to_string());
    for (seq, kind) in &batch.others {
        let statement = match kind {
            EventKind::Checkpoint(checkpoint) => sqlx::query(sql::CHECKPOINT_INSERT)
                .bind(key.trial)
                .bind(attempt)
                .bind(seq.cast_signed())
                .bind(checkpoint.step.cast_signed())
                .bind(checkpoint.epoch)
                .bind(&checkpoint.path)
                .bind(serde_json::to_string(&checkpoint.metrics).map_err(json)?),
            EventKind::Media(media) => sqlx::query(sql::MEDIA_INSERT)
                .bind(key.trial)
                .bind(attempt)
                .bind(seq.cast_signed())
                .bind(&media.name)
                .bind(media.step.cast_signed())
                .bind(media.value.to_string()),
            EventKind::Metrics { .. } | EventKind::Log(_) | EventKind::Facts(_) => continue,
        };
        statement.execute(&mut tx.conn).await.map_err(StoreError::database("storing a record"))?;
    }
    Ok(())
}

/// Moves the summaries of a trial's metrics; returns its objective after the batch.
async fn summarise(tx: &mut Tx, trial: Uuid, columns: &[Column], known: &Known) -> Result<Option<f64>> {
    let mut objective = known.objective;
    if columns.is_empty() {
        return Ok(objective);
    }
    let stored = sqlx::query(sql::METRICS_OF_TRIAL)
        .bind(trial)
        .fetch_all(&mut tx.conn)
        .await
        .map_err(StoreError::database("reading summaries"))?;
    let mut summaries = BTreeMap::new();
    for row in &stored {
        let (_, name, summary) = rows::metric(row)?;
        summaries.insert(name, summary);
    }
    for column in columns {
        let summary: &mut Summary = summaries.entry(column.name.clone()).or_default();
        for (step, value) in column.steps.iter().zip(&column.values) {
            summary.add(*step, *value);
        }
        if let Some(target) = known.target.as_ref().filter(|target| target.name == column.name) {
            objective = summary.best(target.goal);
        }
        let finite = |value: f64| value.is_finite().then_some(value);
        sqlx::query(sql::METRIC_SET)
            .bind(trial)
            .bind(&column.name)
            .bind(summary.count.cast_signed())
            .bind(summary.non_finite.cast_signed())
            .bind(finite(summary.last))
            .bind(summary.last_step.cast_signed())
            .bind(finite(summary.min))
            .bind(finite(summary.max))
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database("storing a summary"))?;
    }
    Ok(objective)
}

pub(super) async fn finish(tx: &mut Tx, finish: Finish, now_ms: i64) -> Result<Finished> {
    let known = Known::read(tx, finish.key).await?;
    if known.outcome.as_deref() == Some(outcome_word(finish.outcome)) {
        // The same end told again: the reply was lost, the end was not.
        return Ok(Finished { sweep: known.sweep, state: known.state });
    }
    known.refuse_stale(finish.key)?;
    if finish.last_seq > known.acknowledged {
        return Err(StoreError::SeqGap { acknowledged: known.acknowledged });
    }
    end(tx, &known, &finish, now_ms).await
}

async fn end(tx: &mut Tx, known: &Known, finish: &Finish, now_ms: i64) -> Result<Finished> {
    let failed = "ending an attempt";
    let AttemptKey { trial, attempt } = finish.key;
    let ending = trial::judge(finish.outcome, &finish.reason, known.faults, known.budget, known.sweep_state);
    let to = trial::next(known.state, ending.event).ok_or_else(|| {
        StoreError::corrupt(format!("a {} trial cannot end by {:?}", known.state, ending.event))
    })?;
    sqlx::query(sql::ATTEMPT_END)
        .bind(trial)
        .bind(i64::from(attempt))
        .bind(now_ms)
        .bind(outcome_word(finish.outcome))
        .bind(&finish.reason)
        .bind(finish.exit_code)
        .bind(finish.signal)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    let change = tx.next_change();
    sqlx::query(sql::TRIAL_STATE_SET)
        .bind(trial)
        .bind(to.word())
        .bind(&ending.reason)
        .bind(i64::from(ending.faults.user))
        .bind(i64::from(ending.faults.infrastructure))
        .bind((ending.event != TrialEvent::Requeued).then_some(now_ms))
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    sweeps::settle(tx, &known.sweep, now_ms).await?;
    Ok(Finished { sweep: known.sweep.clone(), state: to })
}

/// Takes a lease away if nobody renewed it meanwhile.
pub(super) async fn expire(tx: &mut Tx, lease: Lease<AttemptKey>, now_ms: i64) -> Result<bool> {
    let known = Known::read(tx, lease.key).await?;
    if known.stale().is_some() || known.renewals != lease.renewals {
        return Ok(false);
    }
    let agent: String = sqlx::query_scalar(sql::ATTEMPT_AGENT)
        .bind(lease.key.trial)
        .bind(i64::from(lease.key.attempt))
        .fetch_one(&mut tx.conn)
        .await
        .map_err(StoreError::database("naming an agent"))?;
    let finish = Finish {
        key: lease.key,
        outcome: Outcome::Infrastructure,
        reason: format!("agent {agent} was not heard of for {} s", lease.length.as_secs()),
        exit_code: None,
        signal: None,
        last_seq: 0,
    };
    end(tx, &known, &finish, now_ms).await?;
    Ok(true)
}
