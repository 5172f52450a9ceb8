//! Batches prepared ahead of the step, by threads of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Recipe};
use super::images::Images;
use crate::error::TrainError;

/// The threads that prepare batches.
pub struct Workers {
    pool: Arc<ThreadPool>,
}

/// What is to be loaded.
pub struct Course {
    pub recipe: Recipe,
    pub epoch: u32,
    /// Images of each batch, in order.
    pub batches: Vec<Vec<usize>>,
    /// Batches at the start that are left out, for they were trained on already.
    pub first: usize,
    /// Batches that are prepared before they are asked for; 0: they are prepared when asked for, by the threads of the
    /// process.
    pub ahead: usize,
}

/// One pass over batches, in order. What comes out does not depend on how many are prepared ahead.
pub struct Loader {
    images: Arc<Images>,
    course: Arc<Course>,
    /// The batch that is asked for next, where nothing is prepared ahead.
    next: usize,
    ahead: Option<(Receiver<Item>, JoinHandle<()>)>,
    /// How long it was waited for batches so far.
    pub waited: Duration,
}

/// How long training steps took, and what of it they waited for images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub waited: Duration,
    pub all: Duration,
}

impl Waits {
    pub fn add(&mut self, more: &Self) {
        self.waited += more.waited;
        self.all += more.all;
    }

    /// Share of the time that was waited, 0 to 1; `None` before the first step.
    pub fn share(&self) -> Option<f64> {
        (!self.all.is_zero()).then(|| self.waited.as_secs_f64() / self.all.as_secs_f64())
    }
}

/// A batch and its number.
type Item = Result<(usize, Batch), TrainError>;

/// How many of `threads` prepare batches. Beside a GPU all but one. Beside a CPU's libtorch, which uses them all, one:
/// an image costs about a hundredth of what it costs to train on it, so that one thread is hardly ever busy. It has no lower
/// priority: on a box that is shared with other trainings it would get no time at all, and everything would wait for it.
pub fn loader_threads(threads: usize, on_cpu: bool) -> usize {
    if on_cpu { 1 } else { threads.saturating_sub(1).max(1) }
}

impl Workers {
    /// Starts threads.
    ///
    /// # Errors
    /// When the system gives no more of them.
    pub fn new(threads: usize) -> Result<Self, TrainError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|number| format!("loader-{number}"))
            .build()
            .map_err(|error| TrainError::Config(format!("{threads} loader threads: {error}")))?;
        Ok(Self { pool: Arc::new(pool) })
    }

    /// Begins a pass.
    pub fn load(&self, images: &Arc<Images>, course: Course) -> Loader {
        let (images, course) = (Arc::clone(images), Arc::new(course));
        // One more than the channel holds lies in the worker's hand.
        let ahead = course.ahead.checked_sub(1).map(|held| {
            let (sender, receiver) = sync_channel(held);
            let (pool, images, course) = (Arc::clone(&self.pool), Arc::clone(&images), Arc::clone(&course));
            let worker = std::thread::spawn(move || {
                for number in course.first..course.batches.len() {
                    let item = pool.install(|| prepare(&images, &course, number));
                    let failed = matches!(item, Some(Err(_)));
                    // Nobody listens any more: the pass was given up.
                    if item.is_some_and(|item| sender.send(item).is_err()) || failed {
                        return;
                    }
                }
            });
            (receiver, worker)
        });
        Loader { images, next: course.first, course, ahead, waited: Duration::ZERO }
    }
}

/// A batch; `None` if all of its images are corrupt.
fn prepare(images: &Images, course: &Course, number: usize) -> Option<Item> {
    let batch = images.batch(&course.batches[number], &course.recipe, (course.epoch, number as u32));
    batch.map(|batch| batch.map(|batch| (number, batch))).transpose()
}

impl Iterator for Loader {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        let begun = Instant::now();
        let item = match &self.ahead {
            Some((receiver, _)) => receiver.recv().ok(),
            None => loop {
                if self.next >= self.course.batches.len() {
                    break None;
                }
                self.next += 1;
                if let Some(item) = prepare(&self.images, &self.course, self.next - 1) {
                    break Some(item);
                }
            },
        };
        self.waited += begun.elapsed();
        if item.is_none()
            && let Some((_, worker)) = self.ahead.take()
            && let Err(panic) = worker.join()
        {
            // A pass that broke down is not one that ended.
            std::panic::resume_unwind(panic);
        }
        item
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        if let Some((receiver, worker)) = self.ahead.take() {
            drop(receiver);
            let _ended = worker.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::{Augment, Augmenter, Policy};
    use crate::data::Source;

    fn images() -> (tempfile::TempDir, Arc<Images>) {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 12, 7, 40).unwrap();
        let source = Source::open(folder.path()).unwrap();
        (folder, Arc::new(Images::held(source, 32).unwrap()))
    }

    fn course(ahead: usize, first: usize) -> Course {
        let policy = Policy { augment: Augment::Seed, probability: 0.6, ops: 2, magnitude: 9.0 };
        let recipe = Recipe { augmenter: Augmenter::new(policy, 0.2, 7), mixup: 0.2, cutmix: 1.0, seed: 7 };
        let batches = (0..12).collect::<Vec<_>>().chunks(5).map(<[usize]>::to_vec).collect();
        Course { recipe, epoch: 3, batches, first, ahead }
    }

    #[test]
    fn the_same_batches_come_however_far_ahead_and_by_however_many() {
        let (_folder, images) = images();
        let from = |threads, ahead, first| -> Vec<(usize, Vec<f32>, f64)> {
            let loader = Workers::new(threads).unwrap().load(&images, course(ahead, first));
            loader
                .map(|item| {
                    let (number, batch) = item.unwrap();
                    let pixels = Vec::try_from(batch.pixels.contiguous().view([-1])).unwrap();
                    (number, pixels, batch.mixed.unwrap().share)
                })
                .collect()
        };
        let pass = |threads, ahead| from(threads, ahead, 0);
        let now = pass(1, 0);
        assert_eq!(now.len(), 3);
        assert_eq!(pass(1, 1), now);
        assert_eq!(pass(3, 7), now);
        // The rest of a pass is that of the whole one.
        for (ahead, first) in [(0, 1), (0, 3), (4, 2), (4, 3)] {
            assert_eq!(from(2, ahead, first), now[first..], "{ahead} ahead, from {first}");
        }
    }

    #[test]
    fn threads_are_divided_and_never_none() {
        assert_eq!([1, 2, 8].map(|threads| loader_threads(threads, true)), [1, 1, 1]);
        assert_eq!([1, 2, 8].map(|threads| loader_threads(threads, false)), [1, 1, 7]);
    }

    #[test]
    fn a_pass_may_be_given_up_and_its_threads_end() {
        let (_folder, images) = images();
        let workers = Workers::new(2).unwrap();
        let mut loader = workers.load(&images, course(2, 0));
        assert!(loader.next().is_some());
        drop(loader);
        assert_eq!(Arc::strong_count(&images), 1, "nobody works on the images any more");
    }

    #[test]
    fn a_pass_that_breaks_down_does_not_look_as_if_it_ended() {
        let (_folder, images) = images();
        let workers = Workers::new(1).unwrap();
        let mut broken = course(2, 0);
        broken.batches.push(vec![4711]);
        let loader = workers.load(&images, broken);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| loader.count()));
        assert!(ended.is_err());
    }
}
