//! What a rule remembers of a sweep: who was at which rung with what, and how far each trial is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::replay::Fold;
use super::rule::{Point, Rule};
use super::{Judge, Standing, Verdict, asha, hyperband, median, patience};

/// Something that happened to a trial, as far as it matters to a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A value of the objective was stored.
    Reported { trial: u64, point: Point },
    /// A new attempt went on from a step; `None`: from the beginning. Points beyond are hidden.
    Resumed { trial: u64, step: Option<u64> },
    /// It was let past the rung at which it was held; `closing` as in [`Rungs::promotions`].
    Promoted { trial: u64, standing: Standing, closing: bool },
    /// A person wants it again, whatever the rule said.
    Spared { trial: u64 },
}

/// The rungs of a sweep, and how far its trials are. A few numbers for each entry and trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rungs {
    /// Ordered by bracket and number.
    rungs: Vec<Rung>,
    trials: BTreeMap<u64, Progress>,
}

/// A rung with those that came to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    pub bracket: u32,
    /// The place in the bracket's ladder, from 0; the multiple of the interval, for `median`.
    pub number: u64,
    /// The best first, of equal ones the trial with the lower number.
    pub entries: Vec<Entry>,
}

/// A trial at a rung.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub trial: u64,
    /// What it is compared by; `None`: not finite.
    pub value: Option<f64>,
    /// Whether it was let past.
    pub passed: bool,
}

/// How far a trial is, on its visible curve, and what was decided on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Finite values.
    pub(super) values: u64,
    /// The best of these.
    pub(super) best: Option<f64>,
    pub(super) mean: f64,
    /// For `patience`: the last value that was better by enough, and where.
    pub(super) peak: Option<f64>,
    pub(super) peak_at: f64,
    /// The last rung that it entered, and its value there.
    pub(super) rung: Option<u64>,
    pub(super) value: Option<f64>,
    /// Decided on; not by `hyperband`, which decides anew each time.
    pub(super) held: Option<Verdict>,
    pub(super) spared: bool,
}

impl Rungs {
    /// What a history comes to.
    pub fn of(judge: &Judge, history: &[Event]) -> Self {
        let mut fold = Fold::default();
        history.iter().for_each(|event| fold.take(judge, event));
        fold.rungs
    }

    /// Takes points of a trial in, in the order they were made, and says what becomes of it.
    pub fn report(&mut self, judge: &Judge, trial: u64, points: &[Point]) -> Verdict {
        for point in points {
            self.take(judge, trial, point);
        }
        self.verdict(judge, trial)
    }

    /// A new attempt of a trial goes on, with these points still visible. Decisions stand, and entries of rungs do;
    /// only W&B's rule forgets what is hidden.
    pub fn resume(&mut self, judge: &Judge, trial: u64, visible: &[Point]) {
        let Some(old) = self.trials.remove(&trial) else { return };
        let mut new = Progress { held: old.held, spared: old.spared, ..Progress::default() };
        if let Rule::Hyperband(_) = judge.rule() {
            for rung in &mut self.rungs {
                rung.entries.retain(|entry| entry.trial != trial);
            }
            self.rungs.retain(|rung| !rung.entries.is_empty());
        } else {
            (new.rung, new.value) = (old.rung, old.value);
        }
        self.trials.insert(trial, new);
        for point in visible {
            self.take(judge, trial, point);
        }
    }

    /// A trial that the rule had stopped is run again because a person wants it: it is not judged any more. What it
    /// shows still counts for others.
    pub fn spare(&mut self, trial: u64) {
        let progress = self.trials.entry(trial).or_default();
        progress.spared = true;
        progress.held = None;
    }

    /// What becomes of a trial, as things stand.
    pub fn verdict(&self, judge: &Judge, trial: u64) -> Verdict {
        let Some(progress) = self.trials.get(&trial).filter(|progress| !progress.spared) else {
            return Verdict::Continue;
        };
        match judge.rule() {
            Rule::Hyperband(rule) => hyperband::verdict(self, judge, rule, progress),
            Rule::Asha(_) | Rule::Median(_) | Rule::Patience(_) => {
                progress.held.clone().unwrap_or(Verdict::Continue)
            }
        }
    }

    /// The rungs that anybody came to, by bracket and number.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// How far each trial is.
    pub fn trials(&self) -> &BTreeMap<u64, Progress> {
        &self.trials
    }

    /// The state again, out of what a store keeps: entries with their bracket and rung in any order, and trials.
    ///
    /// A part of it is enough for what one trial does: its own progress, and the entries of the [places](Self::places)
    /// that a state of nothing but its progress comes to by the same.
    pub fn from_rows(
        judge: &Judge,
        rows: impl IntoIterator<Item = (u32, u64, Entry)>,
        trials: BTreeMap<u64, Progress>,
    ) -> Self {
        let mut rungs: BTreeMap<(u32, u64), Vec<Entry>> = BTreeMap::new();
        for (bracket, number, entry) in rows {
            rungs.entry((bracket, number)).or_default().push(entry);
        }
        let rungs = rungs.into_iter().map(|((bracket, number), mut entries)| {
            entries.sort_by(|a, b| judge.order(a.value, b.value).then(a.trial.cmp(&b.trial)));
            Rung { bracket, number, entries }
        });
        Self { rungs: rungs.collect(), trials }
    }

    /// The rungs by bracket and number, and the one at which a trial is.
    pub fn places(&self, judge: &Judge, trial: u64) -> BTreeSet<(u32, u64)> {
        let at = self.trials.get(&trial).and_then(|progress| progress.rung);
        let at = at.map(|number| (judge.bracket(trial), number));
        self.rungs.iter().map(Rung::place).chain(at).collect()
    }

    /// The entries of one trial, with their bracket and rung.
    pub fn entries_of(&self, trial: u64) -> impl Iterator<Item = (u32, u64, Entry)> {
        self.rungs.iter().filter_map(move |rung| {
            let entry = rung.entries.iter().find(|entry| entry.trial == trial)?;
            Some((rung.bracket, rung.number, *entry))
        })
    }

    fn take(&mut self, judge: &Judge, trial: u64, point: &Point) {
        match judge.rule() {
            Rule::Hyperband(_) => hyperband::take(self, judge, trial, point),
            Rule::Asha(rule) => asha::take(self, judge, rule, trial, point),
            Rule::Median(rule) => median::take(self, judge, rule, trial, point),
            Rule::Patience(rule) => patience::take(self, judge, rule, trial, point),
        }
    }

    pub(super) fn progress(&mut self, trial: u64) -> &mut Progress {
        self.trials.entry(trial).or_default()
    }

    pub(super) fn trial(&self, trial: u64) -> Option<&Progress> {
        self.trials.get(&trial)
    }

    pub(super) fn find(&self, bracket: u32, number: u64) -> Option<&Rung> {
        let at = self.rungs.binary_search_by_key(&(bracket, number), Rung::place).ok()?;
        Some(&self.rungs[at])
    }

    /// A trial comes to a rung. The rung with it.
    pub(super) fn enter(
        &mut self,
        judge: &Judge,
        (bracket, number): (u32, u64),
        trial: u64,
        value: Option<f64>,
    ) -> &mut Rung {
        let progress = self.trials.entry(trial).or_default();
        (progress.rung, progress.value) = (Some(number), value);
        let at = self.rungs.binary_search_by_key(&(bracket, number), Rung::place);
        let at = at.unwrap_or_else(|at| {
            self.rungs.insert(at, Rung { bracket, number, entries: Vec::new() });
            at
        });
        let entry = Entry { trial, value, passed: false };
        let rung = &mut self.rungs[at];
        let before = |other: &Entry| judge.order(other.value, value).then(other.trial.cmp(&trial)).is_lt();
        rung.entries.insert(rung.entries.partition_point(before), entry);
        rung
    }

    pub(super) fn rung_mut(&mut self, bracket: u32, number: u64) -> Option<&mut Rung> {
        let at = self.rungs.binary_search_by_key(&(bracket, number), Rung::place).ok()?;
        Some(&mut self.rungs[at])
    }
}

impl Rung {
    fn place(&self) -> (u32, u64) {
        (self.bracket, self.number)
    }

    /// How many are let past already.
    pub fn passed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.passed).count()
    }

    /// One more than how many are strictly better than a value.
    pub(super) fn rank(&self, judge: &Judge, value: Option<f64>) -> usize {
        self.entries.partition_point(|entry| judge.better(entry.value, value)) + 1
    }

    /// Marks a trial as let past; whether it was not before.
    pub(super) fn pass(&mut self, trial: u64) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.trial == trial);
        entry.is_some_and(|entry| !std::mem::replace(&mut entry.passed, true))
    }
}

impl Progress {
    /// Takes a value in; those that are not finite count nothing.
    pub(super) fn add(&mut self, judge: &Judge, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.values += 1;
        let share = 1.0 / self.values as f64;
        // So that no difference of two large values overflows.
        self.mean += value * share - self.mean * share;
        if judge.better(Some(value), self.best) {
            self.best = Some(value);
        }
    }
}
