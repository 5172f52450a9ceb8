//! Plays a sweep in virtual time: a search, a stop rule and so many workers against known curves.
//!
//! Nothing is run and no time passes, so methods and rules are compared on thousands of sweeps in the time of one real
//! trial. A play is a function of (setup, table, proposer): events at one time are taken in the order of trials'
//! numbers, and nothing is random but what the setup's seed says.
//!
//! Where it is kinder than life: a verdict reaches its trial at once, a promoted trial goes on exactly where it was held,
//! and no machine fails.

mod compare;
mod outcome;
mod rows;

pub use compare::{Ratio, quantile, quartiles, ratio_of_medians};
pub use outcome::{Improvement, Outcome};
pub use rows::{Rows, Unused, history};

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::objective::Goal;
use crate::space::{Domain, Scale};
use crate::stop::{Judge, Point, Record, Rungs, Seen, Spent, SweepRule, Verdict, sweep};
use crate::stream::{keyed, unit};
use crate::trial::TrialState;

/// Known curves.
pub trait Table<P> {
    /// The curve that trial `number` with these parameters follows, its points in order and their seconds counted from
    /// the trial's beginning, and the parameters that it is known for: the nearest ones to those asked for, where a table
    /// has no others. `None`: the table has nothing left, which ends the search.
    fn take(&mut self, number: u64, params: P) -> Option<(P, Arc<[Point]>)>;
}

/// A function as a table: each trial follows what it gives for (number, parameters).
#[derive(Debug, Clone)]
pub struct Function<F>(pub F);

impl<P, F: FnMut(u64, &P) -> Vec<Point>> Table<P> for Function<F> {
    fn take(&mut self, number: u64, params: P) -> Option<(P, Arc<[Point]>)> {
        let curve = (self.0)(number, &params);
        Some((params, curve.into()))
    }
}

/// What is played.
#[derive(Debug, Clone)]
pub struct Setup {
    pub goal: Goal,
    /// Trials at one time, at least 1.
    pub workers: usize,
    /// Most trials.
    pub trials: u64,
    /// The rule by which trials are stopped; `None`: all run to the end of their curves.
    pub judge: Option<Judge>,
    /// What ends the sweep besides; its deadline is not looked at.
    pub stop: SweepRule,
    /// Of what is random here: how fast each trial is.
    pub seed: u64,
    /// Standard deviation of the logarithm of a factor on each trial's seconds; 0: the curves' own.
    pub spread: f64,
    /// What it costs to hold a trial and let it go on: seconds of its worker when it is promoted.
    pub resume_seconds: f64,
}

impl Setup {
    /// One worker, no rule, no randomness.
    pub fn new(goal: Goal, trials: u64) -> Self {
        Self {
            goal,
            workers: 1,
            trials,
            judge: None,
            stop: SweepRule::default(),
            seed: 0,
            spread: 0.0,
            resume_seconds: 0.0,
        }
    }
}

/// A trial of a play, as the search sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial<P> {
    /// From 1.
    pub number: u64,
    /// As the table has them.
    pub params: P,
    /// Running, paused, finished or stopped early.
    pub state: TrialState,
    /// Its best finite value so far.
    pub objective: Option<f64>,
    /// What the rule said last.
    pub verdict: Verdict,
    curve: Arc<[Point]>,
    /// How many points of the curve are seen.
    seen: usize,
    /// On its seconds.
    factor: f64,
    /// The device's seconds that it used, up to its last seen point.
    used: f64,
}

impl<P> Trial<P> {
    /// The points that it has shown so far.
    pub fn points(&self) -> &[Point] {
        &self.curve[..self.seen]
    }
}

/// Proposes the next trial's parameters. It is given all trials so far, in order, and the next one's number; `None` ends
/// the search.
pub type Proposer<'p, P> = dyn FnMut(&[Trial<P>], u64) -> Option<P> + 'p;

/// Plays a sweep.
pub fn play<P>(setup: &Setup, table: &mut dyn Table<P>, propose: &mut Proposer<'_, P>) -> Outcome<P> {
    let mut play = Play {
        setup,
        now: 0.0,
        busy: BinaryHeap::new(),
        rungs: Rungs::default(),
        record: Record::default(),
        searching: true,
        closing: false,
        out: Outcome::new(setup.goal),
    };
    loop {
        while play.busy.len() < setup.workers.max(1) && (play.promote() || play.start(table, propose)) {}
        match play.busy.pop() {
            Some(Reverse(next)) => play.step(&next),
            // Nothing runs and nothing will start: the best of those held go on.
            None if !play.closing => play.closing = true,
            None => break,
        }
    }
    play.out.close(play.now);
    play.out
}

/// When a trial on a worker comes to its next point.
#[derive(Debug, Clone, Copy)]
struct Next {
    at: f64,
    trial: u64,
    /// When its worker began with the way there.
    since: f64,
    /// Seconds of the way that count as used by the trial.
    way: f64,
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.trial.cmp(&other.trial))
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Next {}

struct Play<'s, P> {
    setup: &'s Setup,
    now: f64,
    busy: BinaryHeap<Reverse<Next>>,
    rungs: Rungs,
    record: Record,
    /// Whether new trials may start.
    searching: bool,
    /// Whether nobody will come to a rung by himself any more.
    closing: bool,
    out: Outcome<P>,
}

impl<P> Play<'_, P> {
    /// Lets a held trial go on; whether there was one.
    fn promote(&mut self) -> bool {
        // A sweep that its rule ended lets nobody go on.
        let Some(judge) = self.setup.judge.as_ref().filter(|_| self.out.stopped.is_none()) else {
            return false;
        };
        let trials = &self.out.trials;
        let paused = |trial: u64| trials[trial as usize - 1].state == TrialState::Paused;
        let promotions = self.rungs.promotions(judge, &paused, 1, self.closing);
        let Some(promotion) = promotions.first() else { return false };
        self.rungs.promote(judge, promotion.trial);
        let trial = &mut self.out.trials[promotion.trial as usize - 1];
        trial.state = TrialState::Running;
        trial.verdict = Verdict::Continue;
        trial.used += self.setup.resume_seconds;
        self.out.resumed += 1;
        self.await_point(promotion.trial, self.setup.resume_seconds);
        true
    }

    /// Starts a new trial; whether there was one.
    fn start(&mut self, table: &mut dyn Table<P>, propose: &mut Proposer<'_, P>) -> bool {
        let number = self.out.trials.len() as u64 + 1;
        self.searching &= number <= self.setup.trials;
        if !self.searching {
            return false;
        }
        let taken = propose(&self.out.trials, number).and_then(|params| table.take(number, params));
        let Some((params, curve)) = taken else {
            self.searching = false;
            return false;
        };
        self.out.trials.push(Trial {
            number,
            params,
            state: TrialState::Running,
            objective: None,
            verdict: Verdict::Continue,
            curve,
            seen: 0,
            factor: factor(self.setup, number),
            used: 0.0,
        });
        self.await_point(number, 0.0);
        true
    }

    /// A trial on a worker goes on to its next point, after a delay; one without points ends where it stands.
    fn await_point(&mut self, number: u64, delay: f64) {
        let trial = &mut self.out.trials[number as usize - 1];
        let seconds = |at: usize| trial.curve.get(at).map_or(0.0, |point| point.seconds.max(0.0));
        let before = trial.seen.checked_sub(1).map_or(0.0, seconds);
        if trial.seen == trial.curve.len() {
            trial.state = TrialState::Finished;
            self.out.over(number);
            let running = self.running(self.now);
            return self.judge_sweep(number, running);
        }
        let way = (seconds(trial.seen) - before).max(0.0) * trial.factor;
        self.busy.push(Reverse(Next { at: self.now + delay + way, trial: number, since: self.now, way }));
    }

    /// A trial comes to its next point.
    fn step(&mut self, next: &Next) {
        self.now = next.at;
        let trial = &mut self.out.trials[next.trial as usize - 1];
        let point = trial.curve[trial.seen];
        trial.seen += 1;
        trial.used += next.way;
        self.out.used += next.at - next.since;
        if self.setup.goal.better(point.value, trial.objective.unwrap_or(f64::NAN)) {
            trial.objective = Some(point.value);
        }
        let ends = trial.seen == trial.curve.len();
        if let Some(judge) = &self.setup.judge {
            // The rule counts the seconds that really passed.
            let point = Point { seconds: trial.used, ..point };
            trial.verdict = self.rungs.report(judge, next.trial, &[point]);
        }
        trial.state = match trial.verdict {
            // A program that is through is through.
            _ if ends => TrialState::Finished,
            Verdict::Continue => TrialState::Running,
            Verdict::Stop(_) => TrialState::StoppedEarly,
            Verdict::Pause(_) => TrialState::Paused,
        };
        let (state, number) = (trial.state, next.trial);
        let running = self.running(next.at);
        self.out.note(next.at, running, number);
        match state {
            TrialState::Running => self.await_point(number, 0.0),
            TrialState::Paused => {}
            _ => self.out.over(number),
        }
        self.judge_sweep(number, running);
    }

    /// Seconds that trials on their way have taken by then.
    fn running(&self, now: f64) -> f64 {
        self.busy.iter().map(|Reverse(other)| now - other.since).sum()
    }

    fn judge_sweep(&mut self, number: u64, running: f64) {
        if self.setup.stop == SweepRule::default() || self.out.stopped.is_some() {
            return;
        }
        let trial = &self.out.trials[number as usize - 1];
        let seen = Seen { trial: number, state: trial.state, objective: trial.objective };
        self.record = self.record.after(&self.setup.stop, self.setup.goal, &seen);
        let spent = Spent {
            time: seconds(self.now),
            device_time: seconds(self.out.used + running),
            now: Timestamp::MIN,
        };
        self.out.stopped = sweep(&self.setup.stop, self.setup.goal, &self.record, &spent);
        self.searching &= self.out.stopped.is_none();
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// How much slower than its curve a trial is.
fn factor(setup: &Setup, number: u64) -> f64 {
    if setup.spread <= 0.0 {
        return 1.0;
    }
    let u = unit(&mut keyed(setup.seed, number, *b"slowness"));
    let spread = Domain::Normal { scale: Scale::Log, mu: 0.0, sigma: setup.spread, step: None };
    spread.at(u).as_f64().unwrap_or(1.0)
}

#[cfg(test)]
mod tests;
