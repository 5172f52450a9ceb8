//! The method that chooses the method: a short design, then the model that fits the space and the history.

use rand_chacha::ChaCha8Rng;

use super::cube::Point;
use super::why::Why;
use super::{Task, tpe};

/// The design has this many trials.
const START: u64 = 5;

/// The next point; `None`: the model has none that is new and allowed.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
    if task.number <= START || task.data.len() < 2 {
        return task.start();
    }
    let (point, why) = tpe::model(task, stream)?;
    Some((point, why.chosen("the only model there is yet".to_owned())))
}
