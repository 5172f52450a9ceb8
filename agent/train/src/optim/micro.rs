//! One batch in several goes, where memory holds no more: the gradients of the goes add up to the batch's.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::error::TrainError;

/// How many images go through the model at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicroBatches {
    size: usize,
}

impl MicroBatches {
    /// Batches of `batch` images in `accumulate` goes.
    pub fn new(batch: usize, accumulate: usize) -> Self {
        Self { size: batch.div_ceil(accumulate.max(1)).max(1) }
    }

    /// Images of one go.
    pub fn size(self) -> usize {
        self.size
    }

    /// Goes of so many images from now on, where memory held no more before.
    pub fn resume(&mut self, size: usize) {
        self.size = size.max(1);
    }

    /// Does `one` for every go of a batch of `images`. When memory runs out the goes are halved from now on, `clear`
    /// undoes what was done of this batch, and it begins again.
    ///
    /// # Errors
    /// Those of `one` and `clear`; out of memory only where a go of one image is too much.
    pub fn run<T>(
        &mut self,
        images: usize,
        mut clear: impl FnMut() -> Result<(), TrainError>,
        mut one: impl FnMut(Range<usize>) -> Result<T, TrainError>,
    ) -> Result<Vec<T>, TrainError> {
        loop {
            clear()?;
            match self.pass(images, &mut one) {
                Err(error) if is_out_of_memory(&error.to_string()) => match halved(self.size.min(images)) {
                    Some(size) => self.size = size,
                    None => return Err(error),
                },
                other => return other,
            }
        }
    }

    fn pass<T>(
        &self,
        images: usize,
        one: &mut impl FnMut(Range<usize>) -> Result<T, TrainError>,
    ) -> Result<Vec<T>, TrainError> {
        let goes = (0..images).step_by(self.size).map(|from| from..(from + self.size).min(images));
        goes.map(|go| {
            // tch turns libtorch's refusals into panics wherever its short forms are used.
            catch_unwind(AssertUnwindSafe(|| one(go))).unwrap_or_else(|panic| {
                match panic.downcast_ref::<String>().filter(|words| is_out_of_memory(words)) {
                    Some(words) => {
                        Err(TrainError::OutOfMemory(words.lines().next().unwrap_or_default().to_owned()))
                    }
                    None => resume_unwind(panic),
                }
            })
        })
        .collect()
    }
}

/// The next smaller go; `None` below one image.
fn halved(size: usize) -> Option<usize> {
    (size > 1).then(|| size.div_ceil(2))
}

/// Whether libtorch says so: `CUDA out of memory`, or on the CPU `DefaultCPUAllocator: can't allocate memory`.
fn is_out_of_memory(words: &str) -> bool {
    ["out of memory", "can't allocate memory", "not enough memory"].iter().any(|sign| words.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose memory holds `most` images, saying so as `fail` does; returns the goes that were made.
    fn run(size: usize, images: usize, most: usize, fail: fn() -> TrainError) -> (Vec<usize>, usize, usize) {
        let mut micro = MicroBatches::new(size, 1);
        let mut cleared = 0;
        let clear = || {
            cleared += 1;
            Ok(())
        };
        let one = |go: Range<usize>| if go.len() > most { Err(fail()) } else { Ok(go.len()) };
        let goes = micro.run(images, clear, one).unwrap();
        (goes, micro.size(), cleared)
    }

    fn cuda() -> TrainError {
        TrainError::Torch(tch::TchError::Torch("CUDA out of memory. Tried to allocate 2.00 GiB".to_owned()))
    }

    fn panicking() -> TrainError {
        panic!("{}", "Torch(\"DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes\")")
    }

    #[test]
    fn goes_are_halved_until_they_fit_and_every_image_goes_once() {
        for (size, images, most, goes, left, cleared) in [
            (32, 32, 99, vec![32], 32, 1),
            (32, 32, 20, vec![16, 16], 16, 2),
            (32, 32, 5, vec![4; 8], 4, 4),
            (12, 12, 1, vec![1; 12], 1, 5),
            (32, 7, 5, vec![4, 3], 4, 2),
        ] {
            assert_eq!(run(size, images, most, cuda), (goes.clone(), left, cleared));
            assert_eq!(run(size, images, most, panicking), (goes, left, cleared));
        }
    }

    #[test]
    fn a_go_of_one_that_does_not_fit_is_an_error() {
        let mut micro = MicroBatches::new(8, 1);
        let failed = micro.run(8, || Ok(()), |_| Err::<(), _>(cuda()));
        assert!(failed.unwrap_err().to_string().contains("CUDA out of memory"));
    }

    #[test]
    fn other_failures_are_passed_on_at_once() {
        let mut goes = 0;
        let mut micro = MicroBatches::new(8, 2);
        let failed = micro.run(
            8,
            || Ok(()),
            |_| {
                goes += 1;
                Err::<(), _>(TrainError::Config("no".to_owned()))
            },
        );
        assert!(failed.is_err());
        assert_eq!((goes, micro.size()), (1, 4));
        let panicked =
            catch_unwind(AssertUnwindSafe(|| micro.run(8, || Ok(()), |_| -> Result<(), _> { panic!("no") })));
        assert!(panicked.is_err());
    }
}
