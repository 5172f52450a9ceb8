//! The next row: the acquisition's greatest value found from many starts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use super::ascent::{Field, Spot};
use super::axes::{Axes, Kind};
use super::improvement::{FrontImprovement, Improvement, Score};
use super::model::{Model, Prediction};
use super::posterior::Posterior;
use crate::normal;
use crate::pareto;
use crate::stream::unit;

/// Quasi-random rows over the whole cube, of a model of up to [`QUICK_ROWS`] rows; fewer of a larger one, in proportion.
const CANDIDATES: usize = 1024;
/// Rows beside the best ones known.
const NEIGHBOURS: usize = 256;
/// The best rows known that have neighbours.
const INCUMBENTS: usize = 5;
/// Starts of the search for the best row.
const STARTS: usize = 8;
const QUICK_ROWS: usize = 150;

/// What a suggestion is asked under.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Rows that run now, without values.
    pub pending: &'a [Vec<f64>],
    /// Rows to start from besides: the caller's draws where few rows are permitted, incumbents of its own.
    pub starts: &'a [Vec<f64>],
    /// Whether a row may be proposed. It is given a row with every coordinate, each at a value of its axis, and may move
    /// it: make coordinates absent that do not exist beside the others (NaN), or round them. What it leaves is proposed.
    pub permits: &'a dyn Fn(&mut [f64]) -> bool,
}

/// A row to try next, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    pub row: Vec<f64>,
    /// ln of the expected improvement, in units of the model (standardised, see [`super::Output`]); of several objectives
    /// ln of the expected growth of the area that the front dominates.
    pub log_ei: f64,
    /// What is expected of the row, in units of the values, by objective.
    pub expected: Vec<Prediction>,
}

/// The row of the greatest expected improvement. `None`: no row that was looked at is permitted.
///
/// A function of its arguments: `stream` is the only source of chance.
pub fn suggest(model: &Model, ask: Ask<'_>, stream: &mut ChaCha8Rng) -> Option<Suggestion> {
    let score = Improvement(Posterior::new(model, ask.pending));
    let found = search(&[model], &best_rows(model), &score, ask, stream)?;
    Some(suggestion(&[model], found))
}

/// The row of the greatest expected growth of the area that the front dominates, of two objectives whose models share
/// their rows. `reference` is the point, in units of the values, beyond which nothing is gained.
pub fn suggest_for_front(
    models: [&Model; 2],
    reference: [f64; 2],
    ask: Ask<'_>,
    stream: &mut ChaCha8Rng,
) -> Option<Suggestion> {
    let posteriors = models.map(|model| Posterior::new(model, ask.pending));
    let mut points: Vec<[f64; 2]> =
        models[0].smoothed().zip(models[1].smoothed()).map(|(first, second)| [first, second]).collect();
    // Rows beside the ends of the front, and beside its middle.
    let mut incumbents: Vec<Vec<f64>> = models.iter().flat_map(|model| best_rows(model)).collect();
    let vectors: Vec<Vec<f64>> = points.iter().map(|point| point.to_vec()).collect();
    let middle = pareto::best(&vectors, 2 * INCUMBENTS).into_iter();
    incumbents.extend(middle.map(|at| models[0].rows[at].clone()));
    // What is expected of pending rows is taken for known. It moves no mean, so the order does not matter.
    points.extend(
        ask.pending.iter().map(|row| posteriors.each_ref().map(|posterior| posterior.look(row).mean)),
    );
    let reference = [models[0].output().forth(reference[0]), models[1].output().forth(reference[1])];
    let score = FrontImprovement::new(posteriors, &points, reference);
    let found = search(&models, &incumbents, &score, ask, stream)?;
    Some(suggestion(&models, found))
}

fn suggestion(models: &[&Model], spot: Spot) -> Suggestion {
    let expected = |model: &&Model| {
        let look = Posterior::new(model, &[]).look(&spot.row);
        model.prediction(look.mean, look.deviation)
    };
    Suggestion { expected: models.iter().map(expected).collect(), log_ei: spot.score, row: spot.row }
}

fn search(
    models: &[&Model],
    incumbents: &[Vec<f64>],
    score: &dyn Score,
    ask: Ask<'_>,
    stream: &mut ChaCha8Rng,
) -> Option<Spot> {
    let axes = models.first()?.axes();
    let field = Field { axes, score, permits: ask.permits };
    let rows = models.iter().map(|model| model.rows.len()).max().unwrap_or(0);
    let share = (QUICK_ROWS as f64 / rows.max(1) as f64).min(1.0);
    let scaled = |most: usize| (most as f64 * share).ceil() as usize;

    let mut seen: Vec<Spot> =
        sobol(axes, scaled(CANDIDATES), stream).filter_map(|row| field.spot(row)).collect();
    let mut near: Vec<Spot> = ask.starts.iter().filter_map(|row| field.spot(fill(row, stream))).collect();
    for at in 0..scaled(NEIGHBOURS) {
        let beside = neighbour(axes, &incumbents[at % incumbents.len()], stream);
        near.extend(field.spot(beside));
    }
    // Half of the starts near what is known, whatever the rest of the cube promises.
    let starts = scaled(STARTS).max(4);
    let mut chosen = apart(&mut near, starts / 2);
    chosen.extend(apart(&mut seen, starts - chosen.len()));
    let found = chosen.into_iter().map(|spot| field.ascend(spot));
    found.reduce(|best, other| if other.score > best.score { other } else { best })
}

/// The rows of the best smoothed values.
fn best_rows(model: &Model) -> Vec<Vec<f64>> {
    let mut order: Vec<(f64, usize)> = model.smoothed().zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order.into_iter().take(INCUMBENTS).map(|(_, at)| model.rows[at].clone()).collect()
}

/// The best spots that are not beside each other.
fn apart(spots: &mut Vec<Spot>, most: usize) -> Vec<Spot> {
    const NEAR: f64 = 0.05;
    spots.sort_by(|a, b| b.score.total_cmp(&a.score));
    let near = |a: &Spot, b: &Spot| {
        a.row.iter().zip(&b.row).all(|(a, b)| (a - b).abs() < NEAR || a.is_nan() && b.is_nan())
    };
    let mut chosen: Vec<Spot> = Vec::with_capacity(most);
    for spot in spots.drain(..) {
        if chosen.len() == most {
            break;
        }
        if !chosen.iter().any(|other| near(other, &spot)) {
            chosen.push(spot);
        }
    }
    chosen
}

/// Rows of a scrambled Sobol' sequence; axes beyond its dimensions are drawn.
fn sobol(axes: &Axes, many: usize, stream: &mut ChaCha8Rng) -> impl Iterator<Item = Vec<f64>> {
    let seed = stream.next_u32();
    let axes = axes.len();
    (0..many as u32).map(move |index| {
        let coordinate = |dimension: u32| match dimension < sobol_burley::NUM_DIMENSIONS {
            true => f64::from(sobol_burley::sample(index, dimension, seed)),
            false => unit(stream),
        };
        (0..axes as u32).map(coordinate).collect()
    })
}

/// A row with every coordinate: what is absent is drawn.
fn fill(row: &[f64], stream: &mut ChaCha8Rng) -> Vec<f64> {
    row.iter().map(|x| if x.is_nan() { unit(stream) } else { *x }).collect()
}

/// A row that differs from one in about two coordinates, or in more: the share of a row's coordinates that move is
/// drawn too, as is how far.
fn neighbour(axes: &Axes, row: &[f64], stream: &mut ChaCha8Rng) -> Vec<f64> {
    let mut row = fill(row, stream);
    let share = (2.0 / axes.len() as f64).max(if unit(stream) < 0.5 { 0.0 } else { 1.0 });
    let scale = [0.2, 0.05, 0.01, 0.002][(unit(stream) * 4.0) as usize % 4];
    let certain = (unit(stream) * axes.len() as f64) as usize;
    for (at, (x, axis)) in row.iter_mut().zip(axes.iter()).enumerate() {
        // Always as much of the stream, so that one coordinate does not move another.
        let (moves, u, v) = (unit(stream), 1.0 - unit(stream), unit(stream));
        if at != certain && moves >= share {
            continue;
        }
        let z = normal::pair(u, v).0;
        *x = match &axis.kind {
            Kind::Continuous => reflected(*x + scale * z),
            Kind::Ordered { centres } => {
                let (last, own) = (centres.len() - 1, axis.kind.level(*x));
                let stride = ((scale * z.abs() * centres.len() as f64) as usize).max(1);
                centres[if z < 0.0 { own.saturating_sub(stride) } else { (own + stride).min(last) }]
            }
            // Half of them stay: one class is as far as any.
            Kind::Categorical { .. } if u < 0.5 => v,
            Kind::Categorical { .. } => *x,
        };
    }
    row
}

/// Into [0, 1] from a little outside.
fn reflected(x: f64) -> f64 {
    let x = x.abs();
    (if x > 1.0 { 2.0 - x } else { x }).clamp(0.0, 1.0)
}

#[cfg(test)]
#[path = "suggest_tests.rs"]
mod tests;
