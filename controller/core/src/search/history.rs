//! What a method is shown: the trials so far, and what each came to.

use std::collections::HashSet;

use serde_json::Value;

use super::cube::{Cube, key};
use crate::objective::Goal;
use crate::pareto;
use crate::spec::{Impute, SweepSpec};

/// The trials that a proposal may depend on. Their order makes no difference.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    pub trials: Vec<Past>,
}

/// One trial of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Its number in its sweep; 0: it is of an earlier one.
    pub number: u64,
    /// One a parameter, in the order of the spec ([`SweepSpec::values_of`]; of an earlier sweep
    /// [`SweepSpec::admit`]); `None`: it does not exist in this trial.
    pub values: Vec<Option<Value>>,
    pub outcome: Outcome,
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It waits or runs, and has reported so much of the objective.
    Pending(Reported),
    /// A stop rule holds it back: it counts as one that ended with the best of what it reported, until it goes on.
    Held(Reported),
    /// It ended, or was stopped early, with its objective; several in the order of the metrics. One that is not finite, or
    /// is missing, counts as of a failed trial that reported nothing.
    Done(Vec<f64>),
    /// It failed after it had reported so much of the objective.
    Failed(Reported),
}

/// Finite values of the objective that a trial has reported, if any.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reported {
    pub best: Option<f64>,
    pub latest: Option<f64>,
}

/// A history in the coordinates of a space, ordered by the trials' numbers, with scores of which less is better.
/// Trials that are no points of the space are left out.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) axes: usize,
    /// Which way each objective is better; those that are maximised are upside down in scores.
    pub(crate) goals: Vec<Goal>,
    pub(crate) numbers: Vec<u64>,
    /// The rows of trials with a score, one after another.
    pub(crate) rows: Vec<f64>,
    /// Of several objectives, the first.
    pub(crate) scores: Vec<f64>,
    /// Of several objectives, all of them, a vector for each score; of one, empty.
    pub(crate) vectors: Vec<Vec<f64>>,
    /// The rows of trials without one yet.
    pub(crate) pending: Vec<f64>,
    /// Keys of all points that were tried, those without a score too.
    pub(crate) seen: HashSet<u64>,
}

impl Data {
    pub(crate) fn of(spec: &SweepSpec, cube: &Cube, history: &History) -> Self {
        let impute = spec.metric.as_ref().map_or(Impute::Worst, |metric| metric.impute);
        let running = spec.metric.as_ref().and_then(|metric| metric.impute_while_running);
        let mut goals: Vec<Goal> = spec.objectives().iter().map(|metric| metric.goal).collect();
        if goals.is_empty() {
            goals.push(Goal::Minimize);
        }
        let less = |(value, goal): (&f64, &Goal)| upside_down(*value, *goal);
        let done = |past: &Past| match &past.outcome {
            Outcome::Done(objectives) => {
                let own = objectives.get(..goals.len())?;
                let known = own.iter().all(|value| value.is_finite());
                known.then(|| own.iter().zip(&goals).map(less).collect::<Vec<f64>>())
            }
            // Rules judge by one objective.
            Outcome::Held(reported) => {
                let own = reported.best.filter(|value| value.is_finite())?;
                (goals.len() == 1).then(|| vec![upside_down(own, goals[0])])
            }
            Outcome::Pending(_) | Outcome::Failed(_) => None,
        };
        let points =
            history.trials.iter().filter_map(|past| Some((past, cube.encode(spec, &past.values).ok()?)));
        let points: Vec<(&Past, Vec<f64>)> = points.collect();
        // The worst of each objective, whichever trials had them.
        let worst = points.iter().filter_map(|(past, _)| done(past)).reduce(|mut worst, other| {
            worst.iter_mut().zip(other).for_each(|(worst, other)| *worst = worst.max(other));
            worst
        });
        let imputed = |reported: Reported, impute: Impute| {
            let own = match impute {
                Impute::Worst => None,
                Impute::Best => reported.best,
                Impute::Latest => reported.latest,
            };
            let own = own.filter(|value| value.is_finite());
            own.map(|value| vec![upside_down(value, goals[0])]).or_else(|| worst.clone())
        };
        let trial = |(past, row): (&Past, Vec<f64>)| {
            let score = match &past.outcome {
                Outcome::Pending(reported) => running.and_then(|impute| imputed(*reported, impute)),
                Outcome::Done(_) => done(past).or_else(|| worst.clone()),
                Outcome::Held(_) => done(past),
                Outcome::Failed(reported) => imputed(*reported, impute),
            };
            let pending = matches!(past.outcome, Outcome::Pending(_) | Outcome::Held(_));
            Trial { number: past.number, key: key(&row), row, score, pending }
        };
        let mut trials: Vec<Trial> = points.into_iter().map(trial).collect();
        trials.sort_by(|a, b| {
            let unknown = [f64::INFINITY];
            let score = |trial| Trial::score(trial).unwrap_or(&unknown);
            (a.number, a.key).cmp(&(b.number, b.key)).then_with(|| pareto::lexicographic(score(a), score(b)))
        });
        let several = goals.len() > 1;
        let mut data = Self { axes: cube.axes.len(), goals, ..Self::default() };
        for trial in trials {
            data.seen.insert(trial.key);
            match trial.score {
                Some(score) => {
                    data.numbers.push(trial.number);
                    data.rows.extend(trial.row);
                    data.scores.push(score[0]);
                    data.vectors.extend(several.then_some(score));
                }
                None if trial.pending => data.pending.extend(trial.row),
                // Failed before anything was known: all that can be learnt is not to try it again.
                None => {}
            }
        }
        data
    }

    /// How many trials have a score.
    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    /// The row of a trial with a score.
    pub(crate) fn row(&self, at: usize) -> &[f64] {
        &self.rows[at * self.axes..(at + 1) * self.axes]
    }

    /// A score as objective `at`, which it stands for.
    pub(crate) fn objective(&self, at: usize, score: f64) -> f64 {
        self.goals.get(at).map_or(score, |&goal| upside_down(score, goal))
    }

    /// Whether the sweep is after several objectives.
    pub(crate) fn is_of_several(&self) -> bool {
        self.goals.len() > 1
    }

    /// The best `count` trials with a score; of several objectives as [`pareto::best`] says.
    pub(crate) fn best(&self, count: usize) -> Vec<usize> {
        if self.is_of_several() {
            return pareto::best(&self.vectors, count);
        }
        let mut ranked = self.ranked();
        ranked.truncate(count);
        ranked
    }

    pub(crate) fn has(&self, row: &[f64]) -> bool {
        self.seen.contains(&key(row))
    }

    /// The trials with a score, best first; of equal ones, the first.
    pub(crate) fn ranked(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| self.scores[a].total_cmp(&self.scores[b]).then(a.cmp(&b)));
        order
    }
}

struct Trial {
    number: u64,
    key: u64,
    row: Vec<f64>,
    score: Option<Vec<f64>>,
    pending: bool,
}

impl Trial {
    fn score(&self) -> Option<&[f64]> {
        self.score.as_deref()
    }
}

/// An objective as a score, of which less is better, and back.
fn upside_down(value: f64, goal: Goal) -> f64 {
    if goal == Goal::Maximize { -value } else { value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(metric: &str) -> SweepSpec {
        let text = format!(
            "program: p\nmethod: tpe\nmetric: {{name: loss, {metric}}}\nparameters: {{a: {{min: 0.0, max: 1.0}}, b: {{min: 0.0, max: 1.0, when: {{c: [1]}}}}, c: {{values: [1, 2]}}}}\n"
        );
        crate::spec::parse(&text).spec.expect("is valid")
    }

    fn past(number: u64, a: f64, outcome: Outcome) -> Past {
        // In the order of the spec: a, c, b.
        Past { number, values: vec![Some(json!(a)), Some(json!(2)), None], outcome }
    }

    fn scores(metric: &str, trials: Vec<Past>) -> Vec<f64> {
        let spec = spec(metric);
        Data::of(&spec, &Cube::of(&spec), &History { trials }).scores
    }

    const OWN: Reported = Reported { best: Some(0.25), latest: Some(0.5) };

    fn mixture() -> Vec<Past> {
        vec![
            past(4, 0.4, Outcome::Pending(OWN)),
            past(1, 0.1, Outcome::Done(vec![1.0])),
            past(3, 0.3, Outcome::Failed(OWN)),
            past(2, 0.2, Outcome::Done(vec![f64::NAN])),
            past(5, 0.5, Outcome::Done(vec![2.0])),
            past(6, 0.6, Outcome::Failed(Reported::default())),
        ]
    }

    #[test]
    fn failed_and_running_trials_count_as_the_file_says() {
        for (metric, expected) in [
            ("goal: minimize", vec![1.0, 2.0, 2.0, 2.0, 2.0]),
            ("goal: maximize", vec![-1.0, -1.0, -1.0, -2.0, -1.0]),
            ("impute: best", vec![1.0, 2.0, 0.25, 2.0, 2.0]),
            ("impute: latest", vec![1.0, 2.0, 0.5, 2.0, 2.0]),
            ("impute_while_running: latest", vec![1.0, 2.0, 2.0, 0.5, 2.0, 2.0]),
            ("impute_while_running: worst", vec![1.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
        ] {
            assert_eq!(scores(metric, mixture()), expected, "{metric}");
        }
    }

    #[test]
    fn of_several_objectives_the_worst_of_each_is_imputed() {
        let text = "program: p\nmethod: tpe\nmetrics: [{name: loss}, {name: f1, goal: maximize}]\n\
                    parameters: {a: {min: 0.0, max: 1.0}}\n";
        let spec = crate::spec::parse(text).spec.expect("is valid");
        let past = |number, outcome| Past { number, values: vec![Some(json!(0.1 * number as f64))], outcome };
        let trials = vec![
            past(1, Outcome::Done(vec![1.0, 0.9])),
            past(2, Outcome::Done(vec![3.0, 0.5])),
            past(3, Outcome::Done(vec![0.0, f64::NAN])),
            past(4, Outcome::Done(vec![0.0])),
            past(5, Outcome::Failed(Reported::default())),
            past(6, Outcome::Pending(Reported::default())),
            past(7, Outcome::Done(vec![2.0, 0.4])),
        ];
        let data = Data::of(&spec, &Cube::of(&spec), &History { trials });
        let worst = vec![3.0, -0.4];
        let expected =
            [vec![1.0, -0.9], vec![3.0, -0.5], worst.clone(), worst.clone(), worst, vec![2.0, -0.4]];
        assert_eq!(data.vectors, expected);
        assert_eq!((data.pending.len(), data.objective(0, 3.0), data.objective(1, -0.4)), (1, 3.0, 0.4));
        assert_eq!(data.best(2), [0, 1]);
    }

    #[test]
    fn failures_before_any_success_teach_nothing_but_are_not_repeated() {
        let spec = spec("goal: minimize");
        let trials = vec![past(1, 0.5, Outcome::Failed(Reported::default()))];
        let data = Data::of(&spec, &Cube::of(&spec), &History { trials });
        assert_eq!((data.len(), data.pending.len()), (0, 0));
        assert!(data.has(&[0.5, 0.75, f64::NAN]) && !data.has(&[0.5, 0.25, 0.5]));
    }

    #[test]
    fn the_order_of_a_history_makes_no_difference() {
        let spec = spec("impute: best");
        let cube = Cube::of(&spec);
        let mut trials = mixture();
        trials.extend([past(0, 0.7, Outcome::Done(vec![3.0])), past(0, 0.8, Outcome::Done(vec![3.0]))]);
        let one = Data::of(&spec, &cube, &History { trials: trials.clone() });
        trials.reverse();
        let other = Data::of(&spec, &cube, &History { trials });
        assert_eq!(
            format!("{:?}", (&one.numbers, &one.rows, &one.scores)),
            format!("{:?}", (&other.numbers, &other.rows, &other.scores))
        );
    }

    #[test]
    fn trials_of_other_spaces_are_left_out() {
        let mut trials = mixture();
        trials[1].values[0] = Some(json!(7.0));
        trials[4].values[1] = None;
        assert_eq!(scores("goal: minimize", trials), [0.0; 0]);
    }
}
