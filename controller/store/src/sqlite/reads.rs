//! What people ask: trials, curves, logs, changes. Reads never wait for the writer.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sweep_core::curve::{Point, is_visible, visible_until};
use sweep_core::lease::Lease;
use sweep_core::objective::Goal;
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::{rows, sql, sweeps};
use crate::{
    AttemptKey, Changes, LogEntry, Result, StoreError, Trial, TrialDetail, TrialFilter, TrialName, codec,
};

pub(super) async fn trials(
    conn: &mut SqliteConnection,
    sweep: &str,
    filter: TrialFilter,
) -> Result<Vec<Trial>> {
    let failed = "listing trials";
    let found = match filter.top {
        None => sqlx::query(sql::TRIALS).bind(sweep).fetch_all(&mut *conn).await,
        Some(top) => {
            let goal = sweeps::get(conn, sweep).await?.objective.map(|objective| objective.goal);
            let statement = match goal {
                Some(Goal::Minimize) => sql::TRIALS_LOWEST,
                Some(Goal::Maximize) => sql::TRIALS_HIGHEST,
                None => return Ok(Vec::new()),
            };
            // With states to leave out, the first `top` rows may not be enough.
            let limit = if filter.states.is_empty() { i64::from(top) } else { -1 };
            sqlx::query(statement).bind(sweep).bind(limit).fetch_all(&mut *conn).await
        }
    };
    let rows = found.map_err(StoreError::database(failed))?;
    let mut trials = with_metrics(conn, sweep, &rows).await?;
    if !filter.states.is_empty() {
        trials.retain(|trial| filter.states.contains(&trial.state));
    }
    if let Some(top) = filter.top {
        trials.truncate(top as usize);
    }
    Ok(trials)
}

async fn with_metrics(conn: &mut SqliteConnection, sweep: &str, found: &[SqliteRow]) -> Result<Vec<Trial>> {
    let failed = "reading summaries";
    let mut trials = found.iter().map(rows::trial).collect::<Result<Vec<_>>>()?;
    // A few trials: ask for each; many: one pass over the sweep.
    let metrics = if trials.len() <= 16 {
        let mut all = Vec::new();
        for trial in &trials {
            all.extend(
                sqlx::query(sql::METRICS_OF_TRIAL)
                    .bind(trial.id)
                    .fetch_all(&mut *conn)
                    .await
                    .map_err(StoreError::database(failed))?,
            );
        }
        all
    } else {
        sqlx::query(sql::METRICS_OF_SWEEP)
            .bind(sweep)
            .fetch_all(&mut *conn)
            .await
            .map_err(StoreError::database(failed))?
    };
    let at: HashMap<Uuid, usize> = trials.iter().enumerate().map(|(at, trial)| (trial.id, at)).collect();
    for row in &metrics {
        let (id, name, summary) = rows::metric(row)?;
        if let Some(&at) = at.get(&id) {
            trials[at].metrics.insert(name, summary);
        }
    }
    Ok(trials)
}

pub(super) async fn trial(conn: &mut SqliteConnection, name: &TrialName) -> Result<TrialDetail> {
    let failed = "reading a trial";
    let found = match name {
        TrialName::Id(id) => sqlx::query(sql::TRIAL_BY_ID).bind(id).fetch_optional(&mut *conn).await,
        TrialName::Number { sweep, number } => {
            let sweep = sweeps::resolve(conn, sweep).await?;
            sqlx::query(sql::TRIAL_BY_NUMBER)
                .bind(sweep)
                .bind(number.cast_signed())
                .fetch_optional(&mut *conn)
                .await
        }
    };
    let row = found
        .map_err(StoreError::database(failed))?
        .ok_or_else(|| StoreError::TrialNotFound { name: name.to_string() })?;
    let id: Uuid = rows::get(&row, "id")?;
    let sweep: String = rows::get(&row, "sweep_id")?;
    let trial = with_metrics(conn, &sweep, &[row])
        .await?
        .pop()
        .ok_or_else(|| StoreError::corrupt("a trial that was just read is gone"))?;
    let mut all = async |statement: &'static str| {
        sqlx::query(statement).bind(id).fetch_all(&mut *conn).await.map_err(StoreError::database(failed))
    };
    Ok(TrialDetail {
        trial,
        attempts: all(sql::ATTEMPTS_OF_TRIAL).await?.iter().map(rows::attempt).collect::<Result<_>>()?,
        checkpoints: all(sql::CHECKPOINTS_OF_TRIAL)
            .await?
            .iter()
            .map(rows::checkpoint)
            .collect::<Result<_>>()?,
        media: all(sql::MEDIA_OF_TRIAL).await?.iter().map(rows::media).collect::<Result<_>>()?,
    })
}

pub(super) async fn curves(
    conn: &mut SqliteConnection,
    trial: Uuid,
    names: &[String],
) -> Result<Vec<(String, Vec<Point>)>> {
    let failed = "reading curves";
    let attempts = sqlx::query(sql::ATTEMPTS_OF_TRIAL)
        .bind(trial)
        .fetch_all(&mut *conn)
        .await
        .map_err(StoreError::database(failed))?;
    let mut resumes = Vec::new();
    for row in &attempts {
        let number: i64 = rows::get(row, "number")?;
        let step: Option<i64> = rows::get(row, "resume_step")?;
        resumes.push((number, step.map(i64::cast_unsigned)));
    }
    let batches = sqlx::query(sql::BATCH_POINTS)
        .bind(trial)
        .fetch_all(&mut *conn)
        .await
        .map_err(StoreError::database(failed))?;
    let mut curves: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for row in &batches {
        let attempt: i64 = rows::get(row, "attempt")?;
        let later: Vec<_> =
            resumes.iter().filter(|(number, _)| *number > attempt).map(|(_, step)| *step).collect();
        let until = visible_until(&later);
        for column in codec::unpack_points(rows::get(row, "points")?)? {
            if !names.is_empty() && !names.contains(&column.name) {
                continue;
            }
            let points = column.steps.iter().zip(&column.epochs).zip(&column.values);
            let curve = curves.entry(column.name).or_default();
            curve.extend(
                points
                    .filter(|((step, _), _)| is_visible(**step, until))
                    .map(|((&step, &epoch), &value)| Point { step, epoch, value }),
            );
        }
    }
    curves.retain(|_, points| !points.is_empty());
    Ok(curves.into_iter().collect())
}

pub(super) async fn logs(
    conn: &mut SqliteConnection,
    trial: Uuid,
    attempt: u32,
    tail: Option<usize>,
) -> Result<Vec<LogEntry>> {
    let batches = sqlx::query(sql::BATCH_LOGS)
        .bind(trial)
        .bind(i64::from(attempt))
        .fetch_all(conn)
        .await
        .map_err(StoreError::database("reading logs"))?;
    // Newest first, so that a tail unpacks only what it shows.
    let mut newest_first: Vec<LogEntry> = Vec::new();
    for row in &batches {
        newest_first.extend(codec::unpack_logs(rows::get(row, "logs")?)?.into_iter().rev());
        if tail.is_some_and(|tail| newest_first.len() >= tail) {
            break;
        }
    }
    newest_first.truncate(tail.unwrap_or(usize::MAX));
    newest_first.reverse();
    Ok(newest_first)
}

pub(super) async fn changes(conn: &mut SqliteConnection, sweep: &str, since: u64) -> Result<Changes> {
    let failed = "reading changes";
    // The counter first: what changes after it comes again with the next question, never not at all.
    let change: i64 = sqlx::query_scalar(sql::CHANGE_READ)
        .fetch_one(&mut *conn)
        .await
        .map_err(StoreError::database(failed))?;
    let found = sqlx::query(sql::TRIALS_CHANGED)
        .bind(sweep)
        .bind(since.cast_signed())
        .fetch_all(&mut *conn)
        .await
        .map_err(StoreError::database(failed))?;
    let trials = with_metrics(conn, sweep, &found).await?;
    Ok(Changes { change: change.cast_unsigned(), sweep: sweeps::get(conn, sweep).await?, trials })
}

pub(super) async fn leases(conn: &mut SqliteConnection) -> Result<Vec<Lease<AttemptKey>>> {
    let found = sqlx::query(sql::ATTEMPTS_LIVE)
        .fetch_all(conn)
        .await
        .map_err(StoreError::database("reading leases"))?;
    found
        .iter()
        .map(|row| {
            let attempt = u32::try_from(rows::count(row, "number")?).unwrap_or(u32::MAX);
            Ok(Lease {
                key: AttemptKey { trial: rows::get(row, "trial_id")?, attempt },
                renewals: rows::count(row, "renewals")?,
                length: Duration::from_millis(rows::count(row, "lease_ms")?),
            })
        })
        .collect()
}

pub(super) async fn count(conn: &mut SqliteConnection, sweep: &str, state: TrialState) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(sql::TRIALS_COUNT)
        .bind(sweep)
        .bind(state.word())
        .fetch_one(conn)
        .await
        .map_err(StoreError::database("counting trials"))?;
    Ok(count.cast_unsigned())
}
