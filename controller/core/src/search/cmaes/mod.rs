//! Covariance matrix adaptation (Hansen, "The CMA Evolution Strategy: A Tutorial", 2016), asynchronous: the distribution is
//! replayed from the history for each proposal, so no state is stored and workers never wait for each other.
//!
//! A generation is the next λ trials with a score, by their numbers; those that wait or run belong to none yet. What did not
//! come from the distribution it meets (trials of an earlier sweep, of another method, or told late) is taken as
//! injected (Hansen, "Injecting External Solutions Into CMA-ES", 2011). Whole numbers keep a least spread, by which they go
//! on to move between their values (Hamano et al., "CMA-ES with Margin", 2022). Categories are no coordinates: each has
//! a distribution of its own that moves to those of the better trials and keeps a margin as well (after Hamano et al.,
//! "CatCMA", 2024, without its natural gradient's step sizes).

mod state;

use rand_chacha::ChaCha8Rng;

use super::Task;
use super::axis::pick;
use super::cube::Point;
use super::random::unit;
use super::why::Why;
use crate::normal;
use state::{Shape, State};

/// Draws of a trial, where constraints forbid some or they are tried already.
const DRAWS: usize = 64;
/// Draws of a coordinate that falls out of the cube, before it is set to the border.
const INSIDE: usize = 8;

/// The next point; `None`: the distribution has none that is new and allowed.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
    if task.begins(1) && task.number == 1 {
        return task.start();
    }
    let state = State::replay(Shape::of(task.cube), task.data, task.seed);
    (0..DRAWS).find_map(|_| {
        let row = draw(&state, stream);
        let point = task.point(|axis| row[axis])?;
        let why = Why::Cmaes {
            generation: state.generation,
            sigma: state.sigma,
            restarts: state.restarts,
            auto: None,
        };
        Some((point, why))
    })
}

fn draw(state: &State, stream: &mut ChaCha8Rng) -> Vec<f64> {
    let shape = &state.shape;
    let mut row = vec![0.5; shape.axes];
    let mut steps = vec![0.0; shape.numeric.len()];
    for attempt in 0..INSIDE {
        let normal: Vec<f64> = steps.iter().map(|_| normal::quantile(unit(stream))).collect();
        let drawn = state.factor.times(&normal);
        let mut all_inside = true;
        for (at, step) in drawn.into_iter().enumerate() {
            steps[at] = step;
            let coordinate = state.mean[at] + state.sigma * state.margin[at] * step;
            all_inside &= (0.0..1.0).contains(&coordinate);
            row[shape.numeric[at]] = coordinate.clamp(0.0, 1.0);
        }
        if all_inside || attempt + 1 == INSIDE {
            break;
        }
    }
    for (chances, (axis, _)) in state.chances.iter().zip(&shape.categories) {
        let count = chances.len() as f64;
        row[*axis] = (pick(chances, unit(stream)) as f64 + 0.5) / count;
    }
    row
}
