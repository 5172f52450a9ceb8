//! Batches: images changed and normalised by worker threads, straight into the memory that the model reads.

use std::cell::RefCell;

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use super::images::Images;
use crate::augment::{Augmenter, Mix, Scratch};
use crate::error::TrainError;
use crate::labels::{Head, Labels};
use crate::seeds::stream;

/// Images of one step.
pub struct Batch {
    /// `[images, 3, size, size]`, normalised, channels last in memory.
    pub pixels: Tensor,
    /// Per head, `[images]` class numbers.
    pub labels: [Tensor; 3],
    /// The same as plain numbers.
    pub truth: Vec<Labels>,
    /// The other half of a batch that was mixed.
    pub mixed: Option<Mixed>,
}

/// What was mixed into the images of a batch.
pub struct Mixed {
    /// Per head, `[images]` class numbers of the partners.
    pub labels: [Tensor; 3],
    /// The same as plain numbers.
    pub truth: Vec<Labels>,
    /// Weight of an image's own labels, 0 to 1; the partner's weigh the rest.
    pub share: f64,
}

/// How images become batches.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub augmenter: Augmenter,
    /// Alphas of mixup and CutMix, 0 for off.
    pub mixup: f64,
    pub cutmix: f64,
    pub seed: u64,
}

impl Recipe {
    /// Images as they are, as for validation.
    pub fn plain() -> Self {
        Self { augmenter: Augmenter::none(), mixup: 0.0, cutmix: 0.0, seed: 0 }
    }
}

thread_local! {
    /// Each worker's room to work in.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Images {
    /// A batch of these images, without those that turn out to be corrupt; `None` if none is left. `epoch` and the
    /// batch's `number` in it move what happens to the images.
    ///
    /// # Errors
    /// When the disk gives the images no more.
    pub fn batch(
        &self,
        indices: &[usize],
        recipe: &Recipe,
        (epoch, number): (u32, u32),
    ) -> Result<Option<Batch>, TrainError> {
        let side = self.side();
        let each = side * side * 3;
        let mut buffer = Buffer::new(indices.len(), side);
        let whole = indices
            .par_iter()
            .zip(buffer.floats().par_chunks_mut(each))
            .map(|(&index, out)| {
                let change = |pixels: &[u8]| {
                    SCRATCH.with_borrow_mut(|scratch| {
                        recipe.augmenter.image((epoch, index as u32), pixels, side, out, scratch);
                    });
                };
                Ok(self.with_pixels(index, change)?.is_some())
            })
            .collect::<Result<Vec<bool>, TrainError>>()?;
        let truth = buffer.keep(&whole, indices.iter().map(|&index| self.labels(index)));
        if truth.is_empty() {
            return Ok(None);
        }
        let mut random = stream(recipe.seed, "mix", u64::from(epoch) << 32 | u64::from(number));
        let mix = Mix::draw(recipe.mixup, recipe.cutmix, truth.len(), side, &mut random);
        let mixed = mix.map(|mix| {
            buffer.mix(&mix);
            let partners: Vec<Labels> = mix.partner.iter().map(|&at| truth[at]).collect();
            Mixed { labels: classes(&partners), truth: partners, share: mix.share }
        });
        Ok(Some(Batch { pixels: buffer.pixels(), labels: classes(&truth), truth, mixed }))
    }
}

fn classes(labels: &[Labels]) -> [Tensor; 3] {
    Head::ALL.map(|head| {
        let classes: Vec<i64> = labels.iter().map(|labels| i64::from(labels.of(head))).collect();
        Tensor::from_slice(&classes)
    })
}

/// A tensor `[images, side, side, 3]` that is written from here before anybody else sees it.
struct Buffer {
    tensor: Tensor,
    images: usize,
    side: usize,
}

impl Buffer {
    fn new(images: usize, side: usize) -> Self {
        let size = [images as i64, side as i64, side as i64, 3];
        // Not zeros: libtorch would fill them by threads of its own, beside those of the training.
        Self { tensor: Tensor::empty(size, (Kind::Float, Device::Cpu)), images, side }
    }

    fn each(&self) -> usize {
        self.side * self.side * 3
    }

    fn floats(&mut self) -> &mut [f32] {
        let length = self.images * self.each();
        // SAFETY: the tensor is a fresh, dense one of so many floats on the CPU, owned by this buffer alone, and the
        // slice borrows the buffer. Any bits are a float; none is read before it is written.
        unsafe { std::slice::from_raw_parts_mut(self.tensor.data_ptr().cast::<f32>(), length) }
    }

    /// Keeps the whole ones, moved together, and their labels.
    fn keep(&mut self, whole: &[bool], labels: impl Iterator<Item = Labels>) -> Vec<Labels> {
        let each = self.each();
        let mut kept = Vec::with_capacity(whole.len());
        let floats = self.floats();
        for (at, labels) in labels.enumerate().filter(|(at, _)| whole[*at]) {
            if at != kept.len() {
                floats.copy_within(at * each..(at + 1) * each, kept.len() * each);
            }
            kept.push(labels);
        }
        if kept.len() < self.images {
            self.images = kept.len();
            self.tensor = self.tensor.narrow(0, 0, self.images as i64);
        }
        kept
    }

    fn mix(&mut self, mix: &Mix) {
        let (side, each) = (self.side, self.each());
        let mut out = Self::new(self.images, side);
        let own = &*self.floats();
        let image = |at: usize| &own[at * each..(at + 1) * each];
        out.floats().par_chunks_mut(each).enumerate().for_each(|(at, out)| {
            mix.image(image(at), image(mix.partner[at]), side, out);
        });
        *self = out;
    }

    /// `[images, 3, side, side]`, channels last in memory.
    fn pixels(self) -> Tensor {
        self.tensor.permute([0, 3, 1, 2])
    }
}
