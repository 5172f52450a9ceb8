//! Stop rules: what a report means for its trial, who goes on, and when a sweep is done. Core decides; a sweep that is
//! judged is locked.

use std::collections::{BTreeMap, BTreeSet};

use sweep_core::objective::Goal;
use sweep_core::stop::{
    self, Event, Judge, Judged, Judgement, Point, Promotion, Rungs, Seen, Verdict, visible,
};
use sweep_core::sweep::{self, SweepEvent};

use super::sweeps;
use crate::codec::Column;
use crate::port::{AttemptStanding, PausedTrial, SweepStanding, Tables};
use crate::{AttemptKey, Objective, Result, Trial};

/// What a report tells of the objective.
pub(super) struct Told<'a> {
    /// When its first event was, by its agent's clock.
    pub(super) first_at_ms: i64,
    /// `None`: it tells nothing of it.
    pub(super) column: Option<&'a Column>,
}

/// What a report came to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What the trial's agent is told; `None`: as before.
    pub(super) verdict: Option<Verdict>,
    /// Whether somebody who is held back may go on because of it.
    pub(super) may_promote: bool,
}

fn goal(target: Option<&Objective>) -> Goal {
    target.map_or(Goal::Minimize, |target| target.goal)
}

/// Judges a trial by a report.
pub(super) async fn hear(
    tx: &mut dyn Tables,
    key: AttemptKey,
    known: &AttemptStanding,
    told: &Told<'_>,
) -> Result<Heard> {
    let Some(judge) = known.stops.judge(goal(known.target.as_ref())) else { return Ok(Heard::default()) };
    let (sweep, trial, first) = (&known.sweep, known.number, known.acknowledged == 0);
    let mut judged = known.judged.clone();
    if first {
        judged.begin(told.first_at_ms);
    }
    let points = told.column.map_or_else(Vec::new, |column| points(column, &mut judged));
    let mut events = Vec::new();
    let mut shown = None;
    if first && key.attempt > 1 {
        let step = tx.resumed_from(key).await?.map(|from| from.step);
        events.push(Event::Resumed { trial, step });
        let past = tx.judgements_of(sweep, trial).await?.into_iter().flat_map(|past| past.events);
        shown = Some(visible(&past.chain(events.clone()).collect::<Vec<_>>()));
    }
    events.extend(points.iter().map(|&point| Event::Reported { trial, point }));
    if events.is_empty() {
        if first {
            tx.trial_judged(key.trial, &judged).await?;
        }
        return Ok(Heard::default());
    }
    let take = |rungs: &mut Rungs| {
        if let Some(shown) = &shown {
            rungs.resume(&judge, trial, shown);
        }
        rungs.report(&judge, trial, &points)
    };
    let own = BTreeMap::from([(trial, judged.progress.clone())]);
    // Which rungs it comes to does not depend on who else is there.
    let mut probe = Rungs::from_rows(&judge, [], own.clone());
    take(&mut probe);
    let mut rows = Vec::new();
    for place in probe.places(&judge, trial) {
        rows.extend(tx.rung_entries(sweep, Some(place)).await?);
    }
    let mut rungs = Rungs::from_rows(&judge, rows.iter().copied(), own);
    let verdict = take(&mut rungs);
    if shown.is_some() && matches!(judge.rule(), stop::Rule::Hyperband(_)) {
        // That rule forgets what a resume hides.
        tx.rungs_leave(sweep, trial).await?;
        rows.retain(|(_, _, entry)| entry.trial != trial);
    }
    let mut entered = false;
    for entry in rungs.entries_of(trial).filter(|entry| !rows.contains(entry)) {
        tx.rung_enter(sweep, entry).await?;
        entered = true;
    }
    judged.progress = rungs.trials().get(&trial).cloned().unwrap_or_default();
    judged.verdict = verdict.clone();
    tx.trial_judged(key.trial, &judged).await?;
    record(tx, sweep, trial, events, verdict.clone()).await?;
    Ok(Heard { verdict: Some(verdict), may_promote: entered && known.stops.pauses() })
}

fn points(column: &Column, judged: &mut Judged) -> Vec<Point> {
    let times = column.at_ms.iter().map(|&at_ms| judged.seconds(at_ms));
    let steps = column.steps.iter().zip(&column.epochs).zip(&column.values);
    steps
        .zip(times)
        .map(|(((&step, &epoch), &value), seconds)| Point { step, epoch, seconds, value })
        .collect()
}

async fn record(
    tx: &mut dyn Tables,
    sweep: &str,
    trial: u64,
    events: Vec<Event>,
    verdict: Verdict,
) -> Result<()> {
    let number = tx.judgement_last(sweep).await? + 1;
    tx.judgement_insert(sweep, &Judgement { number, trial, events, verdict }).await
}

/// Queues trials that are held back and may go on, at most `free` of them; how many those were. `closing`: no other trial
/// will come to any rung.
pub(super) async fn promote(
    tx: &mut dyn Tables,
    sweep: &str,
    standing: &SweepStanding,
    free: usize,
    closing: bool,
) -> Result<usize> {
    if !standing.stops.pauses() {
        return Ok(0);
    }
    let Some(judge) = standing.stops.judge(goal(standing.target.as_ref())) else { return Ok(0) };
    let paused: BTreeMap<u64, PausedTrial> =
        tx.trials_paused(sweep).await?.into_iter().map(|trial| (trial.number, trial)).collect();
    if paused.is_empty() {
        return Ok(0);
    }
    let own = paused.iter().map(|(number, trial)| (*number, trial.judged.progress.clone()));
    let rungs = Rungs::from_rows(&judge, tx.rung_entries(sweep, None).await?, own.collect());
    let promotions = rungs.promotions(&judge, &|trial| paused.contains_key(&trial), free, closing);
    for promotion in &promotions {
        let Some(trial) = paused.get(&promotion.trial) else { continue };
        let_on(tx, sweep, &judge, rungs.clone(), trial, promotion, closing).await?;
    }
    Ok(promotions.len())
}

async fn let_on(
    tx: &mut dyn Tables,
    sweep: &str,
    judge: &Judge,
    mut rungs: Rungs,
    trial: &PausedTrial,
    promotion: &Promotion,
    closing: bool,
) -> Result<()> {
    let number = trial.number;
    let before: BTreeSet<_> =
        rungs.entries_of(number).filter(|(_, _, entry)| entry.passed).map(place).collect();
    rungs.promote(judge, number);
    let passed: Vec<_> = rungs.entries_of(number).filter(|(_, _, entry)| entry.passed).collect();
    for entry in passed.into_iter().filter(|entry| !before.contains(&place(*entry))) {
        tx.rung_enter(sweep, entry).await?;
    }
    let mut judged = trial.judged.clone();
    judged.progress = rungs.trials().get(&number).cloned().unwrap_or_default();
    judged.verdict = Verdict::Continue;
    let standing = promotion.standing.clone();
    tx.trial_promote(trial.id, &format!("goes on: {standing}"), &judged).await?;
    record(tx, sweep, number, vec![Event::Promoted { trial: number, standing, closing }], Verdict::Continue)
        .await
}

/// A person wants a trial run again: the rule says no more of it, and it begins to count anew.
pub(super) async fn spare(
    tx: &mut dyn Tables,
    sweep: &str,
    standing: &SweepStanding,
    trial: &Trial,
) -> Result<()> {
    let Some(judge) = standing.stops.judge(goal(standing.target.as_ref())) else { return Ok(()) };
    let number = trial.number;
    let mut judged = tx.judged(trial.id).await?;
    let mut rungs = Rungs::from_rows(&judge, [], BTreeMap::from([(number, judged.progress.clone())]));
    rungs.spare(number);
    judged.progress = rungs.trials().get(&number).cloned().unwrap_or_default();
    judged.verdict = Verdict::Continue;
    tx.trial_judged(trial.id, &judged).await?;
    record(tx, sweep, number, vec![Event::Spared { trial: number }], Verdict::Continue).await
}

fn place((bracket, rung, _): (u32, u64, stop::Entry)) -> (u32, u64) {
    (bracket, rung)
}

/// A trial was seen in a state, with an objective: notes it for the sweep's rule, with the time of an attempt that ended
/// and was claimed then, and ends the sweep if it is done.
pub(super) async fn see(
    tx: &mut dyn Tables,
    sweep: &str,
    mut standing: SweepStanding,
    seen: &Seen,
    ended: Option<i64>,
    now_ms: i64,
) -> Result<SweepStanding> {
    if !standing.stops.ends_sweep() {
        return Ok(standing);
    }
    let before = standing.account;
    let account = &mut standing.account;
    account.record = account.record.after(&standing.stops.sweep, goal(standing.target.as_ref()), seen);
    let took = ended.map_or(0, |claimed| u64::try_from(now_ms.saturating_sub(claimed)).unwrap_or(0));
    account.device_ms = account.device_ms.saturating_add(took);
    if *account != before {
        tx.sweep_account(sweep, &standing.account).await?;
    }
    end_if_done(tx, sweep, standing, now_ms).await
}

/// Ends a sweep that its rule says is done: no new trials, those that run go on.
async fn end_if_done(
    tx: &mut dyn Tables,
    id: &str,
    standing: SweepStanding,
    now_ms: i64,
) -> Result<SweepStanding> {
    let rule = &standing.stops.sweep;
    let running = if rule.device_time.is_some() { tx.claimed_at(id).await? } else { Vec::new() };
    let spent = standing.account.spent(now_ms, running);
    let done = stop::sweep(rule, goal(standing.target.as_ref()), &standing.account.record, &spent);
    let (Some(reason), Some(to)) = (done, sweep::next(standing.state, SweepEvent::Stop)) else {
        return Ok(standing);
    };
    if to == standing.state {
        return Ok(standing);
    }
    let reason = reason.to_string();
    sweeps::set_state(tx, id, to, &reason, now_ms).await?;
    sweeps::close(tx, id, to, now_ms).await?;
    Ok(SweepStanding { state: to, reason, ..standing })
}

/// Ends the sweeps whose time is over; which those were.
pub(crate) async fn ended_by_time(tx: &mut dyn Tables, now_ms: i64) -> Result<Vec<String>> {
    let mut ended = Vec::new();
    for id in tx.sweeps_ruled().await? {
        let seen = sweeps::standing(tx, &id).await?;
        let rule = &seen.stops.sweep;
        if rule.time.is_none() && rule.device_time.is_none() && rule.deadline.is_none() {
            continue;
        }
        tx.sweep_lock(&id, crate::port::Lock::Exclusive).await?;
        let standing = sweeps::standing(tx, &id).await?;
        if !standing.state.is_over() && end_if_done(tx, &id, standing, now_ms).await?.state.is_over() {
            ended.push(id);
        }
    }
    Ok(ended)
}
