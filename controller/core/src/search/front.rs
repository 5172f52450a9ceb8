//! Several objectives by Gaussian processes. Two have a process each, and the point is sought by which the area that the
//! front dominates grows most. More are weighed into one, anew for each trial, by weights drawn for it (ParEGO: Knowles,
//! "ParEGO: A Hybrid Algorithm With On-Line Landscape Approximation for Expensive Multiobjective Optimization Problems",
//! 2006): the volume of a front of three costs more than what it teaches.

use super::history::Data;
use super::random::{stream, unit};
use crate::gp::{Axes, Fault, MOST_ROWS, Model};
use crate::pareto;

/// Marks the streams of weights.
const WEIGHTS: u64 = 0x5745_4947_4854_5321;
/// How much of the sum of all objectives is added to the worst of them, so that of points equally bad in that the better
/// in the others is preferred.
const SUM: f64 = 0.05;

/// A process for each of two objectives, on the same rows.
pub(super) fn pair(axes: &Axes, data: &Data) -> Result<[Model; 2], Fault> {
    let kept = kept(data);
    let rows: Vec<Vec<f64>> = kept.iter().map(|&at| data.row(at).to_vec()).collect();
    let fit = |objective: usize| {
        let values: Vec<f64> = kept.iter().map(|&at| data.vectors[at][objective]).collect();
        Model::fit(axes, &rows, &values, None)
    };
    Ok([fit(0)?, fit(1)?])
}

/// Beyond this nothing is gained: a tenth of their extent beyond the worst values seen. Far off values do not matter, for
/// processes see values bent.
pub(super) fn beyond(data: &Data) -> [f64; 2] {
    let found = pareto::reference(&data.vectors).unwrap_or_default();
    [found.first().copied().unwrap_or(0.0), found.get(1).copied().unwrap_or(0.0)]
}

/// Which trials models of several objectives are fitted to: all, or of many the best, the newest, and of the rest every
/// so many.
fn kept(data: &Data) -> Vec<usize> {
    let count = data.len();
    if count <= MOST_ROWS {
        return (0..count).collect();
    }
    let mut is_kept = vec![false; count];
    let newest = (0..count).rev().take(2 * MOST_ROWS / 5);
    data.best(MOST_ROWS / 5).into_iter().chain(newest).for_each(|at| is_kept[at] = true);
    let rest: Vec<usize> = (0..count).filter(|&at| !is_kept[at]).collect();
    let room = MOST_ROWS - (count - rest.len());
    (0..room.min(rest.len())).for_each(|at| is_kept[rest[at * rest.len() / room.min(rest.len())]] = true);
    (0..count).filter(|&at| is_kept[at]).collect()
}

/// Even over all weights that are 0 or more and come to 1.
pub(super) fn weights(objectives: usize, seed: u64, number: u64) -> Vec<f64> {
    let mut stream = stream(seed ^ WEIGHTS, number);
    // The shares of exponentially distributed numbers.
    let drawn: Vec<f64> = (0..objectives).map(|_| -libm::log(1.0 - unit(&mut stream))).collect();
    let sum: f64 = drawn.iter().sum();
    drawn.iter().map(|one| if sum > 0.0 { one / sum } else { 1.0 / objectives as f64 }).collect()
}

/// A process of the objectives weighed: augmented Chebyshev, of objectives as shares of the extent of the front.
pub(super) fn weighed(axes: &Axes, data: &Data, weights: &[f64]) -> Result<Model, Fault> {
    let rows: Vec<Vec<f64>> = (0..data.len()).map(|at| data.row(at).to_vec()).collect();
    let front = pareto::non_dominated(&data.vectors);
    let of_front: Vec<&[f64]> = front.iter().map(|&at| data.vectors[at].as_slice()).collect();
    let ranges: Vec<(f64, f64)> = (0..weights.len()).map(|at| range(&of_front, data, at)).collect();
    let weigh = |vector: &Vec<f64>| {
        let shares = vector.iter().zip(&ranges).map(|(value, (low, extent))| (value - low) / extent);
        let terms = shares.zip(weights).map(|(share, weight)| weight * share);
        let (most, sum) =
            terms.fold((f64::NEG_INFINITY, 0.0), |(most, sum), term| (f64::max(most, term), sum + term));
        most + SUM * sum
    };
    let values: Vec<f64> = data.vectors.iter().map(weigh).collect();
    Model::fit(axes, &rows, &values, None)
}

/// The least value of an objective on the front, and how far it extends there; of a front of one value, over all trials.
fn range(front: &[&[f64]], data: &Data, objective: usize) -> (f64, f64) {
    let extent = |values: &mut dyn Iterator<Item = f64>| {
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        (low, high - low)
    };
    let of_front = extent(&mut front.iter().map(|vector| vector[objective]));
    let (low, wide) = if of_front.1 > 0.0 {
        of_front
    } else {
        extent(&mut data.vectors.iter().map(|vector| vector[objective]))
    };
    (low, if wide > 0.0 && wide.is_finite() { wide } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_even_over_the_simplex() {
        let drawn: Vec<Vec<f64>> = (1..=4_000).map(|number| weights(3, 7, number)).collect();
        for weights in &drawn {
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12 && weights.iter().all(|w| *w >= 0.0));
        }
        // A corner that is a quarter of each side has a sixteenth of the area.
        let near = drawn.iter().filter(|weights| weights[0] > 0.75).count() as f64 / 4_000.0;
        assert!((near - 1.0 / 16.0).abs() < 0.015, "{near}");
        assert_eq!(weights(3, 7, 1), drawn[0]);
    }

    #[test]
    fn of_many_trials_the_front_the_newest_and_some_others_are_kept() {
        let many = 3 * MOST_ROWS;
        // The first hundred are the front.
        let vector = |at: usize| {
            let x = at as f64;
            if at < 100 { vec![x, -x] } else { vec![1_000.0 + x, 1_000.0] }
        };
        let data = Data {
            axes: 1,
            goals: vec![crate::objective::Goal::Minimize; 2],
            numbers: (1..=many as u64).collect(),
            rows: (0..many).map(|at| at as f64 / many as f64).collect(),
            scores: vec![0.0; many],
            vectors: (0..many).map(vector).collect(),
            ..Data::default()
        };
        let kept = kept(&data);
        assert!(kept.len() <= MOST_ROWS && kept.len() > MOST_ROWS - 5 && kept.is_sorted(), "{}", kept.len());
        assert!((0..100).all(|at| kept.contains(&at)) && (many - 200..many).all(|at| kept.contains(&at)));
        assert!(kept.iter().filter(|at| (500..1000).contains(*at)).count() > 50);
    }
}
