//! Tree-structured Parzen estimator, multivariate: the good trials and the others as two mixtures of product kernels, and
//! the point that is likeliest to be of the good ones (Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
//! 2011; the settings of Watanabe, "Tree-Structured Parzen Estimator: Understanding Its Algorithm Components", 2023).
//!
//! Trials that wait or run count among the others, so that workers spread out. A parameter that does not exist in a trial
//! leaves the prior in its kernel: the mixtures are densities over whole trials, conditions included, and nothing is
//! made up for what was not there.

mod mixture;

use rand_chacha::ChaCha8Rng;

use super::Task;
use super::cube::Point;
use super::history::Data;
use super::why::Why;
use mixture::Mixture;

/// Points that are drawn from the good mixture and compared.
const CANDIDATES: usize = 24;
/// Draws for each of them, where constraints forbid some or they are tried already.
const DRAWS: usize = 16;
/// Trials of a design before the first model.
const START: u64 = 8;
/// The most trials that are good, and their share.
const MOST_GOOD: usize = 25;
const GOOD: f64 = 0.1;
/// Their share where there are several objectives: a front has many places.
const GOOD_OF_SEVERAL: f64 = 0.2;
/// The most other trials whose kernels are used. Of more, the newest half is, and an even selection of those before, each
/// of which stands for those left out.
const MOST_OTHERS: usize = 4_000;
/// Trials as young as this have full weight; older ones have less, down to that of one in all.
const YOUNG: usize = 25;

/// The next point; `None`: the model has none that is new and allowed.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
    if task.begins(START) {
        return task.start();
    }
    model(task, stream)
}

/// As [`propose`], once there is something to learn from.
pub(super) fn model(task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
    let Split { good, others, pending } = Split::of(task.data);
    let mixture = |kernels: &[Kernel]| Mixture::of(task.cube, task.data, kernels);
    let (good_count, bad_count) = (good.len() as u64, others.len() as u64 + pending as u64);
    let (good, bad) = (mixture(&good), mixture(&others));
    let mut candidates: Vec<Point> = Vec::with_capacity(CANDIDATES);
    for _ in 0..CANDIDATES * DRAWS {
        let drawn = good.draw(task.cube, task.spec, stream);
        if let Some(point) = drawn.and_then(|point| task.settle(point)) {
            candidates.push(point);
        }
        if candidates.len() == CANDIDATES {
            break;
        }
    }
    if let Some(finite) = task.finite.filter(|_| candidates.len() < CANDIDATES) {
        let more = finite.untried(CANDIDATES - candidates.len(), task.data, stream);
        candidates.extend(more.into_iter().cloned());
    }
    let ratio =
        |point: &Point| good.log_density(&point.row, task.cube) - bad.log_density(&point.row, task.cube);
    let scored = candidates.into_iter().map(|point| (ratio(&point), point));
    let (ratio, point) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((point, Why::Tpe { ratio, good: good_count, bad: bad_count, auto: None }))
}

/// A trial whose row is the centre of a kernel, by its place in the data; those without a score come after those with
/// one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kernel {
    place: usize,
    weight: f64,
}

struct Split {
    good: Vec<Kernel>,
    others: Vec<Kernel>,
    pending: usize,
}

impl Split {
    fn of(data: &Data) -> Self {
        let scored = data.len();
        let pending = data.pending.len().checked_div(data.axes).unwrap_or(0);
        let share = if data.is_of_several() { GOOD_OF_SEVERAL } else { GOOD };
        let count = ((share * (scored + pending) as f64).ceil() as usize).clamp(1, MOST_GOOD).min(scored);
        let mut is_good = vec![false; scored];
        data.best(count).into_iter().for_each(|at| is_good[at] = true);
        let good: Vec<usize> = (0..scored).filter(|&at| is_good[at]).collect();
        let others: Vec<usize> = (0..scored + pending).filter(|&at| at >= scored || !is_good[at]).collect();
        Self { good: weighted(&good), others: thinned(&weighted(&others)), pending }
    }
}

/// Kernels with weights by age, oldest first.
fn weighted(places: &[usize]) -> Vec<Kernel> {
    let count = places.len();
    let old = count.saturating_sub(YOUNG);
    let least = 1.0 / count.max(1) as f64;
    let weight = |at: usize| match old {
        _ if at >= old => 1.0,
        1 => least,
        old => least + (1.0 - least) * at as f64 / (old - 1) as f64,
    };
    places.iter().enumerate().map(|(at, &place)| Kernel { place, weight: weight(at) }).collect()
}

/// At most [`MOST_OTHERS`] of many kernels, with the weight of all.
fn thinned(kernels: &[Kernel]) -> Vec<Kernel> {
    if kernels.len() <= MOST_OTHERS {
        return kernels.to_vec();
    }
    let newest = MOST_OTHERS / 2;
    let (old, new) = kernels.split_at(kernels.len() - newest);
    let kept = MOST_OTHERS - newest;
    let mut out = Vec::with_capacity(MOST_OTHERS);
    for at in 0..kept {
        let group = &old[at * old.len() / kept..(at + 1) * old.len() / kept];
        let weight = group.iter().map(|kernel| kernel.weight).sum();
        out.push(Kernel { place: group[group.len() / 2].place, weight });
    }
    out.extend_from_slice(new);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_tenth_is_good_and_pending_trials_are_not() {
        let data = Data {
            axes: 1,
            numbers: (1..=21).collect(),
            rows: (0..21).map(|at| f64::from(at) / 21.0).collect(),
            scores: (0..21).map(|at| f64::from((at * 8) % 21)).collect(),
            pending: vec![0.5, 0.6],
            ..Data::default()
        };
        let split = Split::of(&data);
        let places = |kernels: &[Kernel]| kernels.iter().map(|kernel| kernel.place).collect::<Vec<_>>();
        // Scores 0, 1 and 2 are at places 0, 8 and 16.
        assert_eq!(places(&split.good), [0, 8, 16]);
        assert_eq!(split.others.len(), 20);
        assert_eq!(places(&split.others)[18..], [21, 22]);
        let equal = Data { scores: vec![1.0; 21], ..data };
        assert_eq!(places(&Split::of(&equal).good), [0, 1, 2]);
    }

    #[test]
    fn old_trials_weigh_less_and_many_are_thinned_to_the_same_weight() {
        let places: Vec<usize> = (0..20_000).collect();
        let all = weighted(&places);
        assert_eq!((all[0].weight, all[19_975].weight, all[19_999].weight), (1.0 / 20_000.0, 1.0, 1.0));
        let few = thinned(&all);
        assert_eq!(few.len(), MOST_OTHERS);
        let sum = |kernels: &[Kernel]| kernels.iter().map(|kernel| kernel.weight).sum::<f64>();
        assert!((sum(&few) - sum(&all)).abs() < 1e-6 * sum(&all));
        assert_eq!(few[2_000..], all[18_000..]);
        assert_eq!(weighted(&places[..3]).iter().map(|kernel| kernel.weight).collect::<Vec<_>>(), [1.0; 3]);
    }
}
