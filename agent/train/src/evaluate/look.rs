//! What a model says of pictures of unknown truth: for `predict` and `serve` alike.

use tch::{Device, Kind, Tensor};

use super::logits;
use crate::data::{MEAN, Photo, STD, Unusable};
use crate::error::TrainError;
use crate::fitting::Fitting;
use crate::labels::Head;
use crate::model::Model;
use crate::precision::Precision;
use crate::saved::Saved;
use crate::score::calibration::softmax;

/// What pictures are looked at in, whatever the model was trained in: an answer is not to depend on which other pictures
/// went through the model with it, and in bf16 it does.
pub const PRECISION: Precision = Precision::F32;

/// What a model says of one picture: per head the classes from likeliest to least, with probabilities.
pub type Guess = [Vec<(&'static str, f64)>; 3];

/// A picture as a model of a certain side looks at it.
pub struct Square {
    /// RGB bytes, row by row.
    pixels: Vec<u8>,
    /// Of the whole picture, upright, in pixels.
    pub width: u32,
    pub height: u32,
}

impl Square {
    /// Decodes a JPEG or PNG, turns it upright and resizes it to `side` × `side`, without cropping.
    ///
    /// # Errors
    /// Why it cannot be looked at.
    pub fn of(bytes: &[u8], side: u32) -> Result<Self, Unusable> {
        let photo = Photo::read(bytes)?;
        let pixels = photo.square(side).ok_or(Unusable::Unreadable)?;
        Ok(Self { pixels, width: photo.width, height: photo.height })
    }
}

/// A model that is ready to look.
pub struct Looker {
    model: Model,
    device: Device,
    fitting: Fitting,
    side: u32,
}

impl Looker {
    /// # Errors
    /// Those of [`Saved::model`].
    pub fn new(saved: &Saved, device: Device) -> Result<Self, TrainError> {
        let model = saved.model(device)?;
        let (fitting, side) = (saved.config.fitting.clone(), saved.config.image_size as u32);
        Ok(Self { model, device, fitting, side })
    }

    /// Side of the squares that it looks at, in pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// Looks at squares of its side, all in one pass.
    ///
    /// # Errors
    /// libtorch's.
    pub fn look(&self, squares: &[&Square]) -> Result<Vec<Guess>, TrainError> {
        let pixels = normalised(squares, i64::from(self.side));
        let rows = logits(&self.fitting, &self.model, self.device, &pixels)?;
        Ok(rows.iter().map(|row| [0, 1, 2].map(|head: usize| ranked(Head::ALL[head], &row[head]))).collect())
    }
}

/// `[pictures, 3, side, side]` out of RGB bytes, as training images are.
fn normalised(squares: &[&Square], side: i64) -> Tensor {
    let bytes: Vec<u8> = squares.iter().flat_map(|square| &square.pixels).copied().collect();
    let pixels = Tensor::from_slice(&bytes).view([-1, side, side, 3]).to_kind(Kind::Float) / 255.0;
    ((pixels - Tensor::from_slice(&MEAN)) / Tensor::from_slice(&STD)).permute([0, 3, 1, 2])
}

fn ranked(head: Head, logits: &[f32]) -> Vec<(&'static str, f64)> {
    let shares = softmax(logits, 1.0);
    // A head may have more classes than have names.
    let named = |class: usize| head.classes().get(class).copied().unwrap_or("unknown");
    let mut all: Vec<_> =
        shares.into_iter().enumerate().map(|(class, share)| (named(class), share)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    /// A model of random weights, made more decided than those are, and noise of several kinds to look at: the largest
    /// difference of a probability between a look at one picture and at all of them.
    fn apart(precision: &str) -> f64 {
        let config = parse(&["--path=x", "--resnet_type=resnet18", "--image_size=64", precision]).unwrap();
        tch::manual_seed(5);
        let model = Model::new(&config, Device::Cpu);
        tch::no_grad(|| {
            for head in ["age_out.weight", "gender_out.weight", "race_out.weight"] {
                let _scaled = model.tensors().remove(head).unwrap().g_mul_scalar_(40.0);
            }
        });
        let looker = Looker { model, device: Device::Cpu, fitting: config.fitting, side: 64 };
        let square = |seed: u32| Square {
            pixels: (0..64 * 64 * 3u32)
                .map(|at| ((at ^ seed).wrapping_mul(2_654_435_761 + seed) >> 24) as u8)
                .collect(),
            width: 64,
            height: 64,
        };
        let squares: Vec<Square> = (1..14).map(square).collect();
        let together = looker.look(&squares.iter().collect::<Vec<_>>()).unwrap();
        let differences = squares.iter().zip(together).map(|(square, together)| {
            let alone = looker.look(&[square]).unwrap().remove(0);
            let each = alone.iter().zip(&together).flat_map(|(alone, together)| {
                alone.iter().map(|(class, share)| {
                    let other = together.iter().find(|(name, _)| name == class).unwrap().1;
                    (share - other).abs()
                })
            });
            each.fold(0.0, f64::max)
        });
        differences.fold(0.0, f64::max)
    }

    #[test]
    fn an_answer_does_not_depend_on_what_else_is_in_the_batch() {
        let measured = ["--precision=f32", "--precision=bf16", "--precision=fp16"].map(apart);
        assert!(measured[0] < 1e-5, "{measured:?}");
        assert!(measured[1] < 1e-9, "MEASURED {measured:?}");
    }
}
