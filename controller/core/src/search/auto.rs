//! The method that chooses the method: a short design, then the model that fits the space and the history.
//!
//! A Gaussian process learns most from few trials, so it is asked first, and asked what it knows: if it does not foretell
//! trials from the others (a history that is noise to it, or conditions and cliffs that it cannot follow), a Parzen
//! estimator goes on, which needs only ranks. That also takes over once trials are so many that the process would keep
//! but a part of them.

use rand_chacha::ChaCha8Rng;

use super::bayes::Process;
use super::cube::Point;
use super::why::Why;
use super::{Task, bayes, tpe};
use crate::gp::{Diagnosis, MOST_ROWS};

/// Trials of which a process can be judged.
const JUDGED: usize = 16;
/// A process knows something if its predictions of left-out trials correlate so far with what they were.
const FORETELLS: f64 = 0.2;

/// The next point; `None`: the model has none that is new and allowed.
pub(super) fn propose(task: &Task, stream: &mut ChaCha8Rng) -> Option<(Point, Why)> {
    if task.begins(bayes::START) {
        return task.start();
    }
    let because = match choose(task) {
        Ok((process, because)) => {
            if let Some((point, why)) = process.suggest(task, stream) {
                return Some((point, why.chosen(because)));
            }
            "a Gaussian process has no point that is new and allowed".to_owned()
        }
        Err(because) => because,
    };
    let (point, why) = tpe::model(task, stream)?;
    Some((point, why.chosen(because)))
}

/// A process and why it is trusted, or why none is.
fn choose(task: &Task) -> Result<(Process, String), String> {
    let trials = task.data.len();
    if trials > MOST_ROWS {
        return Err(format!("more than {MOST_ROWS} trials"));
    }
    let process = Process::fit(task).map_err(|fault| format!("no Gaussian process: {fault}"))?;
    if trials < JUDGED {
        return Ok((process, format!("fewer than {JUDGED} trials")));
    }
    let Diagnosis { gain, rank_correlation, .. } = process.diagnosis();
    let foretold =
        format!("foretold of left-out trials: gain {gain:.2}, rank correlation {rank_correlation:.2}");
    if gain > 0.0 && rank_correlation > FORETELLS { Ok((process, foretold)) } else { Err(foretold) }
}
