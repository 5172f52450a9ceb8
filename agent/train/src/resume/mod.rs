//! Going on where a training was cut short: all of its state in one file, and what that file may be resumed with.
//!
//! What a resumed training tells and ends with is, to the last bit, what the uninterrupted one would have: on the same
//! kind of processor, with the same number of threads.

mod files;
mod fits;
mod kept;
#[cfg(test)]
mod killed;
mod pace;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use files::SPLIT;
pub use files::{Resumed, Written, open, write};
pub(crate) use fits::{check, check_data};
pub(crate) use kept::{Kept, others};
pub(crate) use pace::Pace;

use crate::data::Waits;
use crate::precision::Precision;

/// Version of the format.
pub const VERSION: u32 = 1;

/// Everything of a training that is no tensor. Random streams need nothing but the numbers of epoch, step and batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    #[serde(rename = "sweep-train-resume")]
    pub version: u32,
    /// The parameters, as `STEP.json` has them.
    pub config: Value,
    /// [`crate::data::Dataset::fingerprint`] as the training began.
    pub data: String,
    /// Images that were left out as corrupt since.
    #[serde(default)]
    pub corrupt: Vec<String>,
    /// What was computed in; `auto` is resolved.
    pub precision: Precision,
    /// libtorch's.
    pub threads: i32,
    /// Optimizer steps done.
    pub step: i64,
    /// Epochs done, validation and all.
    pub epochs: i64,
    /// How far the epoch after them is.
    pub unfinished: Option<Unfinished>,
    /// Best `total-f1score` so far, and its epoch.
    pub best: Option<(Bits, i64)>,
    /// The models that are kept, best first: score, and the step that names the file.
    pub kept: Vec<(Bits, i64)>,
    /// Whether a loss that is not finite was spoken of.
    pub warned: bool,
    pub stepper: StepperState,
    /// Of the epochs done.
    pub waits: Waits,
}

/// An epoch that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Batches done.
    pub batches: usize,
    pub tally: TallyState,
    pub waits: Waits,
}

/// What the training metrics of an epoch are made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TallyState {
    pub images: u64,
    /// Per head, summed over images.
    pub losses: [Bits; 3],
    /// Per head, `[truth × classes + predicted]`.
    pub counts: [Vec<u64>; 3],
}

/// What the steps leave beside tensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepperState {
    /// Images of a go.
    pub go: usize,
    /// Loss scale, and the good steps since it changed.
    pub scale: Option<(Bits, u32)>,
    /// Steps that averaged weights are of.
    pub averaged: u32,
}

/// A number to the last bit: readers of JSON may round, and JSON has no word for what is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bits(u64);

impl Bits {
    pub fn number(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for Bits {
    fn from(number: f64) -> Self {
        Self(number.to_bits())
    }
}

impl State {
    /// What its files are called, but for their endings: epochs done, and the step.
    pub fn name(&self) -> String {
        format!("resume-{}-{}", self.epochs, self.step)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::tests::parse;

    /// A state in the middle of something, with numbers that are hard to write down.
    pub(crate) fn state(step: i64) -> State {
        let counts = [vec![step as u64; 81], vec![0; 4], vec![7; 25]];
        State {
            version: VERSION,
            config: serde_json::to_value(parse(&["--path=faces", "--lr=0.1"]).unwrap()).unwrap(),
            data: "ab".to_owned(),
            corrupt: vec!["1_1_1_2017.jpg".to_owned()],
            precision: Precision::F32,
            threads: 1,
            step,
            epochs: step / 10,
            unfinished: Some(Unfinished {
                batches: (step % 10) as usize,
                tally: TallyState {
                    images: 9,
                    losses: [f64::NAN, 0.1 + 0.2, 5e-324].map(Bits::from),
                    counts,
                },
                waits: Waits::default(),
            }),
            best: Some((Bits::from(1.0 / 3.0), 1)),
            kept: vec![(Bits::from(1.0 / 3.0), 10), (Bits::from(0.3), 20)],
            warned: true,
            stepper: StepperState { go: 4, scale: Some((Bits::from(65_536.0), 12)), averaged: 3 },
            waits: Waits::default(),
        }
    }

    #[test]
    fn numbers_come_back_to_the_last_bit() {
        let text = serde_json::to_string(&state(23)).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state(23));
    }
}
