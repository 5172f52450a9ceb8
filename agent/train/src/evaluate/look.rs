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

/// What pictures are looked at in, whatever the model was trained in: an answer is not to hang on how a processor computes
/// batches of this or that size in half precision.
pub const PRECISION: Precision = Precision::F32;

/// What a model says of one picture: per head the classes from likeliest to least, with probabilities.
pub type Guess = [Vec<(String, f64)>; 3];

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

fn ranked(head: Head, logits: &[f32]) -> Vec<(String, f64)> {
    let shares = softmax(logits, 1.0);
    let mut all: Vec<_> = head.names(shares.len()).into_iter().zip(shares).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    /// The largest difference of a probability between two looks.
    fn apart(one: &Guess, other: &Guess) -> f64 {
        let share = |classes: &[(String, f64)], name: &str| {
            classes.iter().find(|(class, _)| *class == name).map(|(_, share)| *share).unwrap()
        };
        let heads = one.iter().zip(other);
        let each = heads.flat_map(|(one, other)| one.iter().map(|(name, a)| (a - share(other, name)).abs()));
        each.fold(0.0, f64::max)
    }

    /// Of random weights, made more decided than those are; on noise of several kinds: how far pictures are from each
    /// other, and how far a look at one of them from a look at all.
    fn measured() -> (f64, f64) {
        let parameters = [
            "--path=x",
            "--precision=f32",
            "--layer1=64",
            "--layer2=32",
            "--layer3=16",
            "--image_size=64",
            "--resnet_type=resnet18",
        ];
        let config = parse(&parameters).unwrap();
        tch::manual_seed(5);
        let model = Model::new(&config, Device::Cpu);
        tch::no_grad(|| {
            for head in ["age_out.weight", "gender_out.weight", "race_out.weight"] {
                let _scaled = model.tensors().remove(head).unwrap().g_mul_scalar_(40.0);
            }
        });
        let looker = Looker { model, device: Device::Cpu, fitting: config.fitting, side: 64 };
        let square = |number: u32| {
            let byte = |at: u32| ((at / number).wrapping_mul(2_654_435_761) >> 24) as u8;
            Square { pixels: (0..64 * 64 * 3).map(byte).collect(), width: 64, height: 64 }
        };
        let squares: Vec<Square> = (1..14).map(square).collect();
        let together = looker.look(&squares.iter().collect::<Vec<_>>()).unwrap();
        let alone = |square| looker.look(&[square]).unwrap().remove(0);
        let moved = squares.iter().zip(&together).map(|(square, together)| apart(&alone(square), together));
        (apart(&together[0], &together[12]), moved.fold(0.0, f64::max))
    }

    #[test]
    fn an_answer_does_not_depend_on_what_else_is_in_the_batch() {
        let (pictures, looks) = measured();
        assert!(pictures > 0.01 && looks < 1e-5, "{pictures} {looks}");
    }
}
