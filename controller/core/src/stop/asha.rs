//! Asynchronous successive halving, with Hyperband's brackets.
//!
//! Rungs are at `min`, `min · eta`, `min · eta²`, ... below `max`; bracket *b* leaves out the first *b* of them. Trials are
//! compared within their bracket. With *n* entries at a rung, the newcomer among them:
//!
//! - `promote: stop`: a newcomer goes on if its rank is at most max(1, ⌊n / eta⌋), so the first one always does, and ties
//!   with the last that goes on do as well; others are stopped. Late arrivals meet all that came before; nobody is
//!   judged again because of them. Verdicts depend on the order of arrival.
//! - `promote: pause`: ⌊n / eta⌋ trials go past, never more. A newcomer goes on at once if it is among the best of those
//!   not let past for whom there is room; others are held, and [`Rungs::promotions`] lets the best of them past as room
//!   grows. Of equal ones the trial with the lower number goes first, since the room is exact. What is promoted is a
//!   function of the entries and of who went past before, whatever order the entries came in.
//!
//! A trial that goes past `max` is stopped, in both.

use serde::{Deserialize, Serialize};

use super::reason::{Reason, Standing};
use super::rule::{Asha, Point, Promote, Rule, SLACK};
use super::rungs::{Rung, Rungs};
use super::{Judge, Verdict};

/// A held trial that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    pub trial: u64,
    /// Where it stood when it was let past.
    pub standing: Standing,
}

pub(super) fn take(rungs: &mut Rungs, judge: &Judge, rule: &Asha, trial: u64, point: &Point) {
    let Some(amount) = point.resource(rule.resource) else { return };
    let bracket = judge.bracket(trial);
    let reached = judge.ladder(bracket).partition_point(|level| amount >= level * (1.0 - SLACK)) as u64;
    let progress = rungs.progress(trial);
    // A number of a rung is one less than how many are reached with it.
    let entered = progress.rung.map_or(0, |rung| rung + 1);
    if reached > entered {
        let value = point.value.is_finite().then_some(point.value);
        arrive(rungs, judge, rule, trial, (bracket, reached - 1), value);
    }
    let progress = rungs.progress(trial);
    if amount > rule.max * (1.0 + SLACK) && progress.held.is_none() && !progress.spared {
        let reason = Reason::Spent { resource: rule.resource, max: rule.max, at: amount };
        progress.held = Some(Verdict::Stop(reason));
    }
}

fn arrive(rungs: &mut Rungs, judge: &Judge, rule: &Asha, trial: u64, place: (u32, u64), value: Option<f64>) {
    // One that ran on past a rung at which it is held counts for others here, and stays held.
    let held = rungs.trial(trial).is_some_and(|progress| progress.held.is_some());
    let rung = rungs.enter(judge, place, trial, value);
    if held {
        return;
    }
    let count = rung.entries.len();
    let (keep, goes_on) = match rule.promote {
        Promote::Stop => {
            let keep = quota(count, rule.eta).max(1);
            (keep, rung.rank(judge, value) <= keep)
        }
        Promote::Pause => {
            let keep = quota(count, rule.eta);
            let waiting = rung.entries.iter().filter(|entry| !entry.passed);
            (keep, waiting.take(room(rung, keep)).any(|entry| entry.trial == trial))
        }
    };
    let standing = standing(judge, rule, rung, value, keep);
    if goes_on {
        rung.pass(trial);
        return;
    }
    let verdict = match rule.promote {
        Promote::Stop => Verdict::Stop(Reason::Asha(standing)),
        Promote::Pause => Verdict::Pause(Reason::Asha(standing)),
    };
    let progress = rungs.progress(trial);
    progress.held = Some(verdict).filter(|_| !progress.spared);
}

/// How many of so many go past a rung.
fn quota(count: usize, eta: f64) -> usize {
    (count as f64 / eta * (1.0 + SLACK)) as usize
}

/// How many more may go past a rung, where `keep` may in all.
fn room(rung: &Rung, keep: usize) -> usize {
    keep.saturating_sub(rung.passed())
}

fn standing(judge: &Judge, rule: &Asha, rung: &Rung, value: Option<f64>, keep: usize) -> Standing {
    Standing {
        bracket: rung.bracket,
        rung: rung.number,
        resource: rule.resource,
        level: level(judge, rung),
        value,
        rank: rung.rank(judge, value) as u64,
        others: rung.entries.len() as u64 - 1,
        keep: keep as u64,
        threshold: keep.checked_sub(1).and_then(|last| rung.entries.get(last)?.value),
    }
}

fn level(judge: &Judge, rung: &Rung) -> f64 {
    let ladder = judge.ladder(rung.bracket);
    usize::try_from(rung.number).ok().and_then(|number| ladder.get(number)).copied().unwrap_or(f64::NAN)
}

impl Rungs {
    /// Which held trials go on now, the furthest first, then the best, at most `free` of them. Each is to be queued and
    /// [promoted](Self::promote) in one go.
    ///
    /// `paused` says whether a trial's attempt has ended, so that it can be queued. `closing`: no other trial will come
    /// to any rung by itself; then the best of a rung that nobody went past goes on, so that a sweep that ends has run
    /// the best of each bracket to the end.
    pub fn promotions(
        &self,
        judge: &Judge,
        paused: &dyn Fn(u64) -> bool,
        free: usize,
        closing: bool,
    ) -> Vec<Promotion> {
        let Rule::Asha(rule @ Asha { promote: Promote::Pause, .. }) = judge.rule() else { return Vec::new() };
        let mut rungs: Vec<&Rung> = self.rungs().iter().collect();
        // Stable: the first bracket before the second.
        rungs.sort_by(|a, b| level(judge, b).total_cmp(&level(judge, a)));
        let promotable = rungs.into_iter().flat_map(|rung| {
            let count = rung.entries.len();
            let keep = quota(count, rule.eta).max(usize::from(closing && count > 0));
            let room = room(rung, keep);
            let waiting = rung
                .entries
                .iter()
                .filter(move |entry| self.is_held_at(entry.trial, rung.number) && paused(entry.trial));
            waiting.take(room).map(move |entry| Promotion {
                trial: entry.trial,
                standing: standing(judge, rule, rung, entry.value, keep),
            })
        });
        promotable.take(free).collect()
    }

    fn is_held_at(&self, trial: u64, number: u64) -> bool {
        self.trial(trial).is_some_and(|progress| {
            progress.rung == Some(number) && matches!(progress.held, Some(Verdict::Pause(_)))
        })
    }

    /// Lets a held trial past its rung; whether it was held. Doing it again changes nothing.
    pub fn promote(&mut self, judge: &Judge, trial: u64) -> bool {
        let Some(number) = self.trial(trial).and_then(|progress| progress.rung) else { return false };
        if !self.is_held_at(trial, number) {
            return false;
        }
        self.progress(trial).held = None;
        self.rung_mut(judge.bracket(trial), number).is_some_and(|rung| rung.pass(trial))
    }
}
