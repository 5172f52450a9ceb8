//! Augmentation: how training images are changed, by chance drawn from (seed, epoch, image) and nothing else.
//!
//! [`Policy`] draws [`Step`]s of fixed parameters, [`apply`] does them. Each step computes what torchvision 0.28 does on
//! byte tensors; `tests/augment.rs` says how closely.

mod blur;
mod colour;
mod erase;
mod geometry;
mod mix;
mod planes;
mod policy;
mod step;

use rand::RngExt as _;

pub use geometry::{Map, Sampling};
pub use mix::Mix;
pub use planes::{Planes, Scratch};
pub use policy::{Augment, Policy};
pub use step::{Step, apply};

use crate::seeds::stream;

/// Changes the images of a training, one by one.
#[derive(Debug, Clone)]
pub struct Augmenter {
    policy: Policy,
    /// Share of images a rectangle of which is painted over, 0 to 1.
    erasing: f64,
    seed: u64,
}

impl Augmenter {
    pub fn new(policy: Policy, erasing: f64, seed: u64) -> Self {
        Self { policy, erasing, seed }
    }

    /// One that changes nothing, as for validation.
    pub fn none() -> Self {
        let policy = Policy { augment: Augment::None, probability: 0.0, ops: 0, magnitude: 0.0 };
        Self::new(policy, 0.0, 0)
    }

    /// Writes an image, bytes `[side, side, 3]`, changed and normalised into `out`, of the same shape. What happens is a
    /// function of the seed, the epoch and the image's number.
    pub fn image(
        &self,
        (epoch, number): (u32, u32),
        pixels: &[u8],
        side: usize,
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        if self.policy.augment == Augment::None && self.erasing == 0.0 {
            step::into_batch(&[], pixels, side, out, scratch);
            return;
        }
        let mut random = stream(self.seed, "augment", u64::from(epoch) << 32 | u64::from(number));
        let steps = self.policy.draw(side, &mut random);
        step::into_batch(&steps, pixels, side, out, scratch);
        if self.erasing > 0.0 && random.random::<f64>() < self.erasing {
            erase::erase(out, side, &mut random);
        }
    }
}
