//! The search distribution, and how a generation moves it.

use libm::pow;

use crate::gp::matrix::{Factor, start};
use crate::normal;
use crate::search::axis::Kind;
use crate::search::cube::Cube;
use crate::search::history::Data;
use crate::search::random::{stream, unit};

/// The first step size, in parts of an axis: three of them reach its ends from the centre.
const SIGMA: f64 = 1.0 / 6.0;
/// A step size times the longest axis of the distribution below which it has converged.
const CONVERGED: f64 = 1e-5;
/// A distribution that is so much longer than broad is worn out.
const WORN: f64 = 1e7;
/// The largest step size: the cube is no larger.
const WIDEST: f64 = 1.0;
/// Populations are doubled by restarts up to this many times.
const DOUBLINGS: u64 = 5;

/// What the axes of a space are to this method.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) axes: usize,
    /// The axes of the normal distribution.
    pub(super) numeric: Vec<usize>,
    /// The width of the cells of each of them; 0: it has none, or very many.
    cells: Vec<f64>,
    /// The axes of categories, with the prior of each.
    pub(super) categories: Vec<(usize, Vec<f64>)>,
}

impl Shape {
    pub(super) fn of(cube: &Cube) -> Self {
        let mut shape =
            Self { axes: cube.axes.len(), numeric: Vec::new(), cells: Vec::new(), categories: Vec::new() };
        for (at, axis) in cube.axes.iter().enumerate() {
            let width = match axis.kind {
                Kind::Unordered { .. } => {
                    shape.categories.push((at, axis.shares.clone()));
                    continue;
                }
                Kind::Ordered { cells: Some(count) } => 1.0 / count as f64,
                Kind::Ordered { cells: None } | Kind::Continuous => 0.0,
            };
            shape.numeric.push(at);
            shape.cells.push(width);
        }
        shape
    }
}

/// The constants of a population size (the tutorial's table 1, without negative weights).
struct Rates {
    population: usize,
    /// Of the better half, best first; they sum to 1.
    weights: Vec<f64>,
    effective: f64,
    step: f64,
    damping: f64,
    path: f64,
    one: f64,
    rank: f64,
    /// The expected length of a standard normal vector.
    length: f64,
}

impl Rates {
    fn of(dimensions: usize, restarts: u64) -> Self {
        let d = dimensions.max(1) as f64;
        let population = (4 + (3.0 * libm::log(d)).floor() as usize) << restarts.min(DOUBLINGS);
        let better = population / 2;
        let raw: Vec<f64> = (1..=better as u32)
            .map(|rank| libm::log((population as f64 + 1.0) / 2.0) - libm::log(f64::from(rank)))
            .collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|weight| weight / sum).collect();
        let effective = 1.0 / weights.iter().map(|weight| weight * weight).sum::<f64>();
        let step = (effective + 2.0) / (d + effective + 5.0);
        let one = 2.0 / ((d + 1.3).powi(2) + effective);
        let rank = 2.0 * (effective - 2.0 + 1.0 / effective) / ((d + 2.0).powi(2) + effective);
        Self {
            population,
            damping: 1.0 + 2.0 * f64::max(0.0, ((effective - 1.0) / (d + 1.0)).sqrt() - 1.0) + step,
            path: (4.0 + effective / d) / (d + 4.0 + 2.0 * effective / d),
            rank: rank.min(1.0 - one),
            length: d.sqrt() * (1.0 - 1.0 / (4.0 * d) + 1.0 / (21.0 * d * d)),
            weights,
            effective,
            step,
            one,
        }
    }
}

/// The distribution: normal with this mean and `sigma`² times the covariance, each coordinate stretched by its margin; and
/// the chances of the categories.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) shape: Shape,
    pub(super) generation: u64,
    pub(super) restarts: u64,
    pub(super) mean: Vec<f64>,
    pub(super) sigma: f64,
    /// A packed lower triangle.
    covariance: Vec<f64>,
    pub(super) factor: Factor,
    pub(super) margin: Vec<f64>,
    pub(super) chances: Vec<Vec<f64>>,
    step_path: Vec<f64>,
    path: Vec<f64>,
    /// Generations since the last restart.
    age: u64,
}

impl State {
    /// What all whole generations of a history come to.
    pub(super) fn replay(shape: Shape, data: &Data, seed: u64) -> Self {
        let centre = vec![0.5; shape.numeric.len()];
        let mut state = Self::new(shape, centre);
        let mut from = 0;
        let mut rates = Rates::of(state.shape.numeric.len(), 0);
        state.keep_margins(&rates);
        while data.len() - from >= rates.population {
            let mut generation: Vec<usize> = (from..from + rates.population).collect();
            generation.sort_by(|&a, &b| data.scores[a].total_cmp(&data.scores[b]).then(a.cmp(&b)));
            let better: Vec<&[f64]> =
                generation[..rates.weights.len()].iter().map(|&at| data.row(at)).collect();
            state.learn(&better, &rates);
            from += rates.population;
            if state.is_worn() {
                state = state.restarted(seed);
                rates = Rates::of(state.shape.numeric.len(), state.restarts);
                state.keep_margins(&rates);
            }
        }
        state
    }

    fn new(shape: Shape, mean: Vec<f64>) -> Self {
        let size = shape.numeric.len();
        let chances = shape.categories.iter().map(|(_, shares)| shares.clone()).collect();
        Self {
            generation: 0,
            restarts: 0,
            mean,
            sigma: SIGMA,
            covariance: identity(size),
            factor: Factor::identity(size),
            margin: vec![1.0; size],
            chances,
            step_path: vec![0.0; size],
            path: vec![0.0; size],
            age: 0,
            shape,
        }
    }

    /// From somewhere else, with a larger population.
    fn restarted(self, seed: u64) -> Self {
        let mut stream = stream(seed, u64::MAX - 1 - self.restarts);
        let mean = self.mean.iter().map(|_| unit(&mut stream)).collect();
        let (generation, restarts) = (self.generation, self.restarts + 1);
        Self { generation, restarts, ..Self::new(self.shape, mean) }
    }

    fn learn(&mut self, better: &[&[f64]], rates: &Rates) {
        self.generation += 1;
        self.age += 1;
        self.learn_categories(better, rates);
        let d = self.mean.len();
        if d == 0 {
            return;
        }
        let steps: Vec<Vec<f64>> = better.iter().map(|row| self.step_to(row)).collect();
        let mut mean_step = vec![0.0; d];
        for (step, weight) in steps.iter().zip(&rates.weights) {
            mean_step.iter_mut().zip(step).for_each(|(sum, at)| *sum += weight * at);
        }
        for ((mean, margin), step) in self.mean.iter_mut().zip(&self.margin).zip(&mean_step) {
            *mean = (*mean + self.sigma * margin * step).clamp(0.0, 1.0);
        }
        let mut whitened = mean_step.clone();
        self.factor.forward(&mut whitened);
        let pull = (rates.step * (2.0 - rates.step) * rates.effective).sqrt();
        for (path, step) in self.step_path.iter_mut().zip(&whitened) {
            *path = (1.0 - rates.step) * *path + pull * step;
        }
        let norm = self.step_path.iter().map(|at| at * at).sum::<f64>().sqrt();
        let expected = (1.0 - pow(1.0 - rates.step, 2.0 * self.age as f64)).sqrt();
        // Far too long a path means that the step size lags: the covariance waits for it.
        let stalled = norm / expected >= (1.4 + 2.0 / (d as f64 + 1.0)) * rates.length;
        let pull = if stalled { 0.0 } else { (rates.path * (2.0 - rates.path) * rates.effective).sqrt() };
        for (path, step) in self.path.iter_mut().zip(&mean_step) {
            *path = (1.0 - rates.path) * *path + pull * step;
        }
        let lost = if stalled { rates.one * rates.path * (2.0 - rates.path) } else { 0.0 };
        self.covariance.iter_mut().for_each(|cell| *cell *= 1.0 - rates.one - rates.rank + lost);
        add_outer(&mut self.covariance, rates.one, &self.path);
        for (step, weight) in steps.iter().zip(&rates.weights) {
            add_outer(&mut self.covariance, rates.rank * weight, step);
        }
        let change = (rates.step / rates.damping) * (norm / rates.length - 1.0);
        self.sigma = (self.sigma * libm::exp(change.min(1.0))).min(WIDEST);
        if let Some(factor) = Factor::of(self.covariance.clone(), d) {
            self.factor = factor;
        } else {
            // Rounding ate a direction: begin anew from here.
            self.covariance = identity(d);
            self.factor = Factor::identity(d);
        }
        self.keep_margins(rates);
    }

    /// The step from the mean to a trial, in units of the step size; no longer than a drawn one would plausibly be.
    fn step_to(&self, row: &[f64]) -> Vec<f64> {
        let coordinate = |(at, &axis): (usize, &usize)| {
            let there = row[axis];
            if there.is_nan() { 0.0 } else { (there - self.mean[at]) / (self.sigma * self.margin[at]) }
        };
        let step: Vec<f64> = self.shape.numeric.iter().enumerate().map(coordinate).collect();
        let mut whitened = step.clone();
        self.factor.forward(&mut whitened);
        let norm = whitened.iter().map(|at| at * at).sum::<f64>().sqrt();
        let d = step.len() as f64;
        let longest = d.sqrt() + 2.0 * d / (d + 2.0);
        if norm > longest { step.into_iter().map(|at| at * longest / norm).collect() } else { step }
    }

    fn learn_categories(&mut self, better: &[&[f64]], rates: &Rates) {
        for (chances, (axis, _)) in self.chances.iter_mut().zip(&self.shape.categories) {
            let count = chances.len();
            let mut seen = vec![0.0; count];
            let mut weight_seen = 0.0;
            for (row, weight) in better.iter().zip(&rates.weights) {
                let at = row[*axis];
                if !at.is_nan() {
                    seen[((at * count as f64) as usize).min(count - 1)] += weight;
                    weight_seen += weight;
                }
            }
            let rate = weight_seen * rates.effective / (rates.effective + 2.0 * count as f64);
            if weight_seen > 0.0 {
                for (chance, seen) in chances.iter_mut().zip(&seen) {
                    *chance += rate * (seen / weight_seen - *chance);
                }
            }
            // About one trial in a generation looks at what is out of favour.
            let least = 1.0 / (rates.population as f64 * count as f64);
            chances.iter_mut().for_each(|chance| *chance = chance.max(least));
            let sum: f64 = chances.iter().sum();
            chances.iter_mut().for_each(|chance| *chance /= sum);
        }
    }

    /// Stretches coordinates with cells so far that about one draw in a generation leaves the mean's cell.
    fn keep_margins(&mut self, rates: &Rates) {
        let d = self.mean.len();
        let rare = 1.0 / (rates.population * d.max(1)) as f64;
        let reach = normal::quantile(1.0 - rare / 2.0).max(1.0);
        for at in 0..d {
            let spread = self.sigma * self.spread(at);
            let least = 0.5 * self.shape.cells[at] / reach;
            self.margin[at] = f64::max(1.0, least / spread);
        }
    }

    /// The deviation of a coordinate, in units of the step size.
    fn spread(&self, at: usize) -> f64 {
        self.covariance[start(at) + at].sqrt()
    }

    /// Whether nothing more can come of this distribution.
    fn is_worn(&self) -> bool {
        let spreads = (0..self.mean.len()).map(|at| self.spread(at));
        let longest = spreads.fold(0.0, f64::max);
        let diagonal = (0..self.mean.len()).map(|at| self.factor.row(at)[at]);
        let (least, most) = diagonal
            .fold((f64::INFINITY, 0.0), |(least, most), at| (f64::min(least, at), f64::max(most, at)));
        let moves = self.shape.cells.contains(&0.0);
        !self.mean.is_empty() && moves && (self.sigma * longest < CONVERGED || most > least * WORN)
    }
}

/// A packed lower triangle of the identity.
fn identity(size: usize) -> Vec<f64> {
    let mut packed = vec![0.0; start(size)];
    (0..size).for_each(|at| packed[start(at) + at] = 1.0);
    packed
}

/// Adds `weight` times the outer product of a vector with itself to a packed lower triangle.
fn add_outer(packed: &mut [f64], weight: f64, vector: &[f64]) {
    for (at, x) in vector.iter().enumerate() {
        let row = &mut packed[start(at)..start(at + 1)];
        row.iter_mut().zip(vector).for_each(|(cell, y)| *cell += weight * x * y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minimises a function over the cube by itself, generation by generation.
    fn minimise(axes: usize, trials: usize, seed: u64, f: impl Fn(&[f64]) -> f64) -> f64 {
        let shape =
            Shape { axes, numeric: (0..axes).collect(), cells: vec![0.0; axes], categories: Vec::new() };
        let mut data = Data { axes, ..Data::default() };
        for number in 1..=trials as u64 {
            let state = State::replay(shape.clone(), &data, seed);
            let row = super::super::draw(&state, &mut stream(seed, number));
            data.scores.push(f(&row));
            data.numbers.push(number);
            data.rows.extend(row);
        }
        data.scores.iter().copied().fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn an_ellipsoid_off_the_centre_is_minimised() {
        for seed in 0..3 {
            let best = minimise(5, 1_200, seed, |row| {
                row.iter()
                    .enumerate()
                    .map(|(at, x)| 10_f64.powi(at as i32) * (x - 0.3 - 0.1 * at as f64).powi(2))
                    .sum()
            });
            assert!(best < 1e-3, "{best}");
        }
    }

    #[test]
    fn what_has_converged_begins_anew_with_a_larger_population() {
        let shape = Shape { axes: 1, numeric: vec![0], cells: vec![0.0], categories: Vec::new() };
        let mut data = Data { axes: 1, ..Data::default() };
        for number in 1..=600 {
            let state = State::replay(shape.clone(), &data, 7);
            let row = super::super::draw(&state, &mut stream(7, number));
            data.scores.push((row[0] - 0.25).abs());
            data.rows.extend(row);
            data.numbers.push(number);
        }
        let state = State::replay(shape, &data, 7);
        assert!(state.restarts > 0, "{state:?}");
    }

    #[test]
    fn categories_move_to_the_better_and_keep_a_margin() {
        let shape = Shape {
            axes: 1,
            numeric: vec![],
            cells: vec![],
            categories: vec![(0, vec![0.25, 0.25, 0.25, 0.25])],
        };
        let rows: Vec<f64> = (0..400).map(|at| (f64::from(at % 4) + 0.5) / 4.0).collect();
        let scores: Vec<f64> = (0..400).map(|at| f64::from((at + 2) % 4)).collect();
        let data = Data { axes: 1, numbers: (1..=400).collect(), rows, scores, ..Data::default() };
        let state = State::replay(shape, &data, 7);
        let chances = &state.chances[0];
        assert!(chances[2] > 0.5 && chances.iter().all(|&chance| chance > 0.03), "{chances:?}");
    }
}
