//! Which checkpoints are kept in the artifact store.
//!
//! Of a trial: the newest that it can go on from, while it may still have to, and the best. Of a sweep, where it has a
//! cap: those of the best trials.

use std::time::Duration;

use crate::objective::Goal;

/// How long a content of the artifact store is kept that nothing points to any more: who is fetching it has so long.
pub const SPARED: Duration = Duration::from_secs(600);

/// How long one is kept that an attempt sends, and that its checkpoint is to point to. The other files of a large
/// checkpoint may take hours.
pub const AWAITED: Duration = Duration::from_secs(6 * 3_600);

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The newest so many to go on from, of a trial that is not over.
    pub newest: usize,
    /// The best so many of a trial, by the objective as the checkpoint's record has it; without one, the newest.
    pub best: usize,
    /// Most bytes of a sweep; `None`: no cap. Files that running trials may need do not count.
    pub sweep_bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { newest: 1, best: 1, sweep_bytes: None }
    }
}

/// A checkpoint whose files are stored. In order: by step, and of one step by attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored {
    pub step: u64,
    pub attempt: u32,
    /// The number of its record among the attempt's events.
    pub seq: u64,
    /// Whether the trial can go on from it. Others are models to be used.
    pub resume: bool,
    /// The objective, if it is known and finite.
    pub score: Option<f64>,
    /// Bytes of all its files.
    pub size: u64,
}

impl Stored {
    fn age(&self) -> (u64, u32, u64) {
        (self.step, self.attempt, self.seq)
    }
}

/// The checkpoint that a trial goes on from: the newest.
pub fn to_resume(stored: &[Stored]) -> Option<&Stored> {
    stored.iter().filter(|one| one.resume).max_by_key(|one| one.age())
}

/// Which checkpoints of a trial that may run on are not kept.
pub fn displaced(stored: &[Stored], goal: Goal, retention: Retention) -> Vec<Stored> {
    let (mut resume, mut models): (Vec<&Stored>, Vec<&Stored>) = stored.iter().partition(|one| one.resume);
    resume.sort_by_key(|one| std::cmp::Reverse(one.age()));
    models.sort_by(|a, b| better(goal, a, b));
    let resume = resume.into_iter().skip(retention.newest.max(1));
    resume.chain(models.into_iter().skip(retention.best.max(1))).copied().collect()
}

/// Which checkpoints a trial that will not run again needs no longer: those it could have gone on from. Its models were
/// weighed when they came.
pub fn spent(stored: &[Stored]) -> Vec<Stored> {
    stored.iter().filter(|one| one.resume).copied().collect()
}

/// The better first; among equals, and without scores, the newer.
pub(crate) fn better(goal: Goal, a: &Stored, b: &Stored) -> std::cmp::Ordering {
    let rank = |one: &Stored| one.score.filter(|score| score.is_finite());
    let by_score = match (rank(a), rank(b)) {
        (Some(a), Some(b)) if goal == Goal::Maximize => b.total_cmp(&a),
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    };
    by_score.then_with(|| b.age().cmp(&a.age()))
}

/// A trial's models, as a sweep with a cap sees them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weight {
    pub number: u64,
    pub objective: Option<f64>,
    /// Bytes of its models.
    pub size: u64,
}

/// The trials whose models a sweep's cap leaves no room for: the worst first to go, the best never.
pub fn over_cap(trials: &[Weight], goal: Goal, cap: u64) -> Vec<u64> {
    let mut ranked: Vec<&Weight> = trials.iter().collect();
    ranked.sort_by(|a, b| {
        let rank = |one: &Weight| match (one.objective.filter(|value| value.is_finite()), goal) {
            (None, _) => f64::INFINITY,
            (Some(value), Goal::Minimize) => value,
            (Some(value), Goal::Maximize) => -value,
        };
        rank(a).total_cmp(&rank(b)).then(a.number.cmp(&b.number))
    });
    let mut room = cap;
    let mut gone = Vec::new();
    for (place, trial) in ranked.into_iter().enumerate() {
        match room.checked_sub(trial.size) {
            Some(left) => room = left,
            // The best stays even alone above the cap: a sweep without its best model is worth nothing.
            None if place == 0 => room = 0,
            None => gone.push(trial.number),
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn stored(step: u64, resume: bool, score: Option<f64>) -> Stored {
        Stored { step, attempt: 1, seq: step, resume, score, size: 10 }
    }

    fn steps(of: &[Stored]) -> Vec<u64> {
        of.iter().map(|one| one.step).collect()
    }

    #[test]
    fn a_running_trial_keeps_the_newest_to_go_on_from_and_the_best_model() {
        let all = [
            stored(10, true, None),
            stored(10, false, Some(0.7)),
            stored(20, false, Some(0.9)),
            stored(30, false, Some(0.8)),
            stored(30, true, None),
            stored(20, true, None),
        ];
        let keep = |goal, over| {
            let mut gone = displaced(&all, goal, Retention::default());
            if over {
                gone.retain(|one| !one.resume);
                gone.extend(spent(&all));
            }
            let mut out = steps(&gone);
            out.sort_unstable();
            out
        };
        assert_eq!(keep(Goal::Maximize, false), [10, 10, 20, 30]);
        assert_eq!(keep(Goal::Minimize, false), [10, 20, 20, 30]);
        assert_eq!(keep(Goal::Maximize, true), [10, 10, 20, 30, 30]);
        assert_eq!(to_resume(&all).map(|one| one.step), Some(30));
    }

    #[test]
    fn of_one_step_the_later_attempt_is_newer() {
        let all = [stored(10, true, None), Stored { attempt: 3, seq: 1, ..stored(10, true, None) }];
        assert_eq!(to_resume(&all).map(|one| one.attempt), Some(3));
        assert_eq!(displaced(&all, Goal::Minimize, Retention::default()), [all[0]]);
    }

    #[test]
    fn models_without_scores_are_kept_by_age_after_those_with() {
        let all = [stored(1, false, None), stored(2, false, Some(f64::NAN)), stored(3, false, None)];
        assert_eq!(steps(&displaced(&all, Goal::Maximize, Retention::default())), [2, 1]);
        let scored = [stored(1, false, Some(0.1)), stored(3, false, None)];
        assert_eq!(steps(&displaced(&scored, Goal::Maximize, Retention::default())), [3]);
    }

    #[test]
    fn a_cap_takes_the_worst_trials_models_and_never_the_best() {
        let trial = |number, objective, size| Weight { number, objective, size };
        let all =
            [trial(1, Some(0.5), 40), trial(2, None, 40), trial(3, Some(0.9), 40), trial(4, Some(0.7), 40)];
        assert_eq!(over_cap(&all, Goal::Maximize, 1_000), Vec::<u64>::new());
        assert_eq!(over_cap(&all, Goal::Maximize, 100), [1, 2]);
        assert_eq!(over_cap(&all, Goal::Minimize, 40), [4, 3, 2]);
        assert_eq!(over_cap(&all, Goal::Maximize, 10), [4, 1, 2]);
    }

    proptest! {
        /// Whatever is stored, what a trial would go on from stays, and so does its best model.
        #[test]
        fn what_is_needed_is_never_displaced(
            all in prop::collection::vec((0_u64..9, 1_u32..4, 0_u64..50, any::<bool>(), prop::option::of(-1.0..1.0)), 0..20),
            newest in 0_usize..3,
            best in 0_usize..3,
        ) {
            // A record's number occurs once in an attempt.
            let all: BTreeMap<_, Stored> = all
                .into_iter()
                .map(|(step, attempt, seq, resume, score)| {
                    ((attempt, seq), Stored { step, attempt, seq, resume, score, size: 1 })
                })
                .collect();
            let all: Vec<Stored> = all.into_values().collect();
            let retention = Retention { newest, best, sweep_bytes: None };
            let out = displaced(&all, Goal::Maximize, retention);
            prop_assert!(to_resume(&all).is_none_or(|needed| !out.contains(needed)));
            let (kept, gone): (Vec<&Stored>, Vec<&Stored>) =
                all.iter().filter(|one| !one.resume).partition(|one| !out.contains(one));
            prop_assert_eq!(kept.len(), (kept.len() + gone.len()).min(best.max(1)));
            let worst_kept = kept.iter().filter_map(|one| one.score).fold(f64::INFINITY, f64::min);
            prop_assert!(gone.iter().filter_map(|one| one.score).all(|score| score <= worst_kept));
        }
    }
}
