//! The one thread that looks at pictures, in batches of what waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::batching::{Batching, Next};
use super::shelf::Loaded;
use crate::evaluate::{Guess, Square};

/// A picture that waits.
pub(super) struct Job {
    pub(super) square: Square,
    pub(super) model: Arc<Loaded>,
    pub(super) since: Instant,
    /// Its place among those that may wait; free as soon as it is looked at.
    pub(super) seat: OwnedSemaphorePermit,
    pub(super) reply: oneshot::Sender<Result<Looked, String>>,
}

/// What was seen.
pub(super) struct Looked {
    pub(super) guess: Guess,
    /// Pictures that went through the model together.
    pub(super) batch: usize,
}

pub(super) enum Work {
    Picture(Job),
    /// Everything before is to be looked at; nothing comes after.
    End,
}

/// Looks until the end comes.
pub(super) fn run(work: &Receiver<Work>, batching: Batching) {
    let mut waiting: Vec<Job> = Vec::new();
    let mut ended = false;
    while !ended || !waiting.is_empty() {
        let next = match work.try_recv() {
            Ok(next) => Some(next),
            Err(_) if waiting.is_empty() => Some(work.recv().unwrap_or(Work::End)),
            Err(_) => decide(work, &mut waiting, batching, ended),
        };
        match next {
            Some(Work::Picture(job)) => waiting.push(job),
            Some(Work::End) => ended = true,
            None => {}
        }
    }
}

/// Looks at what is due, or waits for more.
fn decide(work: &Receiver<Work>, waiting: &mut Vec<Job>, batching: Batching, ended: bool) -> Option<Work> {
    // Nobody listens to them any more.
    waiting.retain(|job| !job.reply.is_closed());
    if waiting.is_empty() {
        return None;
    }
    // Nobody is waited for any more.
    let batching = if ended { Batching { patience: Duration::ZERO, ..batching } } else { batching };
    let queue: Vec<_> = waiting.iter().map(|job| (Arc::as_ptr(&job.model), job.since)).collect();
    match batching.next(&queue, Instant::now()) {
        Next::Wait(left) => work.recv_timeout(left).ok(),
        Next::Take(places) => {
            let mut place = 0;
            let due = waiting.extract_if(.., |_| {
                place += 1;
                places.contains(&(place - 1))
            });
            look(due.collect());
            None
        }
    }
}

/// Looks at pictures of one model.
fn look(jobs: Vec<Job>) {
    let Some(model) = jobs.first().map(|job| Arc::clone(&job.model)) else { return };
    let (squares, replies): (Vec<Square>, Vec<_>) = jobs
        .into_iter()
        .map(|Job { square, seat, reply, .. }| {
            drop(seat);
            (square, reply)
        })
        .unzip();
    let squares: Vec<&Square> = squares.iter().collect();
    // tch turns some of libtorch's failures into panics: want of memory, most of all.
    let looked = catch_unwind(AssertUnwindSafe(|| model.looker().look(&squares)));
    let looked = match looked {
        Ok(Ok(guesses)) => Ok(guesses),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("libtorch broke down over it".to_owned()),
    };
    let batch = replies.len();
    match looked {
        Ok(guesses) => {
            for (guess, reply) in guesses.into_iter().zip(replies) {
                // Who asked may have gone.
                let _gone = reply.send(Ok(Looked { guess, batch }));
            }
        }
        Err(what) => {
            for reply in replies {
                let _gone = reply.send(Err(what.clone()));
            }
        }
    }
}
