//! Sweeps: creating, finding, moving.

use sqlx::sqlite::SqliteConnection;
use sweep_core::objective::Goal;
use sweep_core::sweep::{self, SweepEvent, SweepState};

use super::writer::Tx;
use super::{rows, sql};
use crate::{NewSweep, NewTrial, Result, StoreError, Sweep};

pub(super) async fn create(tx: &mut Tx, new: NewSweep) -> Result<Sweep> {
    let change = tx.next_change();
    let goal = new.objective.as_ref().map(|objective| objective.goal.word());
    let planned = new.planned_trials.map(|planned| i64::try_from(planned).unwrap_or(i64::MAX));
    let written = sqlx::query(sql::SWEEP_INSERT)
        .bind(&new.id)
        .bind(new.request_id)
        .bind(&new.name)
        .bind(&new.project)
        .bind(&new.description)
        .bind(&new.method)
        .bind(new.objective.as_ref().map(|objective| &objective.name))
        .bind(goal)
        .bind(new.seed.cast_signed())
        .bind(planned)
        .bind(i64::from(new.retries))
        .bind(new.max_parallel.map(i64::from))
        .bind(&new.text)
        .bind(new.created_at_ms)
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database("storing a sweep"))?;
    let id: String = if written.rows_affected() == 1 {
        new.id
    } else {
        sqlx::query_scalar(sql::SWEEP_BY_REQUEST)
            .bind(new.request_id)
            .fetch_one(&mut tx.conn)
            .await
            .map_err(StoreError::database("finding a sweep by its request"))?
    };
    get(&mut tx.conn, &id).await
}

/// A sweep by its whole id.
pub(super) async fn get(conn: &mut SqliteConnection, id: &str) -> Result<Sweep> {
    let row = sqlx::query(sql::SWEEP_BY_ID)
        .bind(id)
        .fetch_optional(&mut *conn)
        .await
        .map_err(StoreError::database("reading a sweep"))?
        .ok_or_else(|| StoreError::SweepNotFound { name: id.to_owned() })?;
    finish_row(conn, &row).await
}

pub(super) async fn list(conn: &mut SqliteConnection) -> Result<Vec<Sweep>> {
    let found = sqlx::query(sql::SWEEPS)
        .fetch_all(&mut *conn)
        .await
        .map_err(StoreError::database("listing sweeps"))?;
    let mut sweeps = Vec::with_capacity(found.len());
    for row in &found {
        sweeps.push(finish_row(conn, row).await?);
    }
    Ok(sweeps)
}

async fn finish_row(conn: &mut SqliteConnection, row: &sqlx::sqlite::SqliteRow) -> Result<Sweep> {
    let id: String = rows::get(row, "id")?;
    let found = sqlx::query(sql::SWEEP_COUNTS)
        .bind(&id)
        .fetch_all(&mut *conn)
        .await
        .map_err(StoreError::database("counting trials"))?;
    let counts = rows::counts(&found)?;
    let best = match rows::objective(row)?.map(|objective| objective.goal) {
        None => None,
        Some(goal) => {
            let statement = match goal {
                Goal::Minimize => sql::SWEEP_LOWEST,
                Goal::Maximize => sql::SWEEP_HIGHEST,
            };
            let best: Option<(f64, i64)> = sqlx::query_as(statement)
                .bind(&id)
                .fetch_optional(&mut *conn)
                .await
                .map_err(StoreError::database("finding the best trial"))?;
            best.map(|(objective, number)| (objective, number.cast_unsigned()))
        }
    };
    rows::sweep(row, counts, best)
}

/// The id that a name means: an id, a prefix of one only, or `-` for the newest.
pub(super) async fn resolve(conn: &mut SqliteConnection, name: &str) -> Result<String> {
    let missing = || StoreError::SweepNotFound { name: name.to_owned() };
    if name == "-" {
        let newest: Option<String> = sqlx::query_scalar(sql::SWEEP_NEWEST)
            .fetch_optional(conn)
            .await
            .map_err(StoreError::database("finding the newest sweep"))?;
        return newest.ok_or_else(missing);
    }
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err(missing());
    }
    // Ids are lower-case letters and digits, which all sort before `{`.
    let mut matches: Vec<String> = sqlx::query_scalar(sql::SWEEPS_BY_PREFIX)
        .bind(name)
        .bind(format!("{name}{{"))
        .fetch_all(conn)
        .await
        .map_err(StoreError::database("finding a sweep"))?;
    match matches.len() {
        0 => Err(missing()),
        1 => Ok(matches.remove(0)),
        _ if matches[0] == name => Ok(matches.remove(0)),
        _ => Err(StoreError::SweepAmbiguous { name: name.to_owned(), matches }),
    }
}

/// What a move of a sweep needs to know.
pub(super) struct Standing {
    pub(super) state: SweepState,
    pub(super) reason: String,
    pub(super) exhausted: bool,
    max_parallel: Option<i64>,
}

impl Standing {
    /// Whether agents hold as many trials as the sweep allows.
    pub(super) async fn is_full(&self, tx: &mut Tx, id: &str) -> Result<bool> {
        let Some(most) = self.max_parallel else { return Ok(false) };
        let active: i64 = sqlx::query_scalar(sql::SWEEP_ACTIVE)
            .bind(id)
            .fetch_one(&mut tx.conn)
            .await
            .map_err(StoreError::database("counting running trials"))?;
        Ok(active >= most)
    }
}

pub(super) async fn standing(tx: &mut Tx, id: &str) -> Result<Standing> {
    let row = sqlx::query(sql::SWEEP_STATE)
        .bind(id)
        .fetch_optional(&mut tx.conn)
        .await
        .map_err(StoreError::database("reading a sweep's state"))?
        .ok_or_else(|| StoreError::SweepNotFound { name: id.to_owned() })?;
    Ok(Standing {
        state: rows::sweep_state(&row, "state")?,
        reason: rows::get(&row, "reason")?,
        exhausted: rows::get(&row, "exhausted")?,
        max_parallel: rows::get(&row, "max_parallel")?,
    })
}

/// A person's verb.
pub(super) async fn change(tx: &mut Tx, id: &str, event: SweepEvent, now_ms: i64) -> Result<Sweep> {
    let standing = standing(tx, id).await?;
    let to = sweep::next(standing.state, event).ok_or_else(|| StoreError::SweepRefuses {
        sweep: id.to_owned(),
        state: standing.state,
        event,
    })?;
    if to != standing.state {
        let reason = match event {
            SweepEvent::Stop => "stopped by a person",
            SweepEvent::Cancel => "cancelled by a person",
            SweepEvent::Pause => "paused by a person",
            _ => "",
        };
        set_state(tx, id, to, reason, now_ms).await?;
    }
    if to.is_over() {
        withdraw(tx, id, now_ms, "the sweep is over").await?;
    }
    get(&mut tx.conn, id).await
}

pub(super) async fn set_state(
    tx: &mut Tx,
    id: &str,
    to: SweepState,
    reason: &str,
    now_ms: i64,
) -> Result<()> {
    let change = tx.next_change();
    sqlx::query(sql::SWEEP_STATE_SET)
        .bind(id)
        .bind(to.word())
        .bind(reason)
        .bind(to.is_over().then_some(now_ms))
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database("moving a sweep"))?;
    Ok(())
}

/// Takes back what no agent has: proposals never started vanish (they are made again, the same, should the sweep go
/// on), trials that ran before are cancelled.
async fn withdraw(tx: &mut Tx, id: &str, now_ms: i64, reason: &str) -> Result<()> {
    let failed = "withdrawing queued trials";
    let change = tx.next_change();
    sqlx::query(sql::TRIALS_WITHDRAW)
        .bind(id)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    sqlx::query(sql::SWEEP_PROPOSED_BACK)
        .bind(id)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    sqlx::query(sql::TRIALS_CANCEL_WAITING)
        .bind(id)
        .bind(reason)
        .bind(now_ms)
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    Ok(())
}

pub(super) async fn enqueue(
    tx: &mut Tx,
    id: &str,
    after: u64,
    trials: Vec<NewTrial>,
    exhausted: bool,
    now_ms: i64,
) -> Result<bool> {
    let failed = "queueing proposals";
    let change = tx.next_change();
    let last = after + trials.len() as u64;
    let moved = sqlx::query(sql::SWEEP_PROPOSED_SET)
        .bind(id)
        .bind(after.cast_signed())
        .bind(last.cast_signed())
        .bind(exhausted)
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database(failed))?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    for trial in trials {
        let params =
            serde_json::to_string(&trial.params).map_err(|error| StoreError::corrupt(error.to_string()))?;
        let change = tx.next_change();
        sqlx::query(sql::TRIAL_INSERT)
            .bind(trial.id)
            .bind(id)
            .bind(trial.number.cast_signed())
            .bind(params)
            .bind(now_ms)
            .bind(change)
            .execute(&mut tx.conn)
            .await
            .map_err(StoreError::database(failed))?;
    }
    settle(tx, id, now_ms).await?;
    Ok(true)
}

/// Moves a sweep on after its trials moved: finished when nothing is left, paused when nothing but failures came.
pub(super) async fn settle(tx: &mut Tx, id: &str, now_ms: i64) -> Result<()> {
    let sweep = get(&mut tx.conn, id).await?;
    if sweep.exhausted
        && sweep.counts.open() == 0
        && let Some(to) = sweep::next(sweep.state, SweepEvent::Exhausted)
    {
        return set_state(tx, id, to, "", now_ms).await;
    }
    if sweep.state == SweepState::Running {
        let last: Option<String> = sqlx::query_scalar(sql::SWEEP_LAST_FAILURE)
            .bind(id)
            .fetch_optional(&mut tx.conn)
            .await
            .map_err(StoreError::database("reading the last failure"))?;
        if let Some(reason) = sweep::breaker(&sweep.counts, last.as_deref().unwrap_or("")) {
            return set_state(tx, id, SweepState::Paused, &reason, now_ms).await;
        }
    }
    let change = tx.next_change();
    sqlx::query(sql::SWEEP_TOUCH)
        .bind(id)
        .bind(change)
        .execute(&mut tx.conn)
        .await
        .map_err(StoreError::database("touching a sweep"))?;
    Ok(())
}
