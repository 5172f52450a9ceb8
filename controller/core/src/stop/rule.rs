//! The rules by which trials are stopped, as a sweep file gives them.

use serde::{Deserialize, Serialize};

/// Amounts of a resource are equal within this share: 3 × 0.1 is not 0.3 to a machine.
pub(super) const SLACK: f64 = 1e-9;
/// Most rungs of a ladder, as many as W&B's `min_iter` gives.
pub const MOST_RUNGS: usize = 100;

/// What a rule counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The step that the program reports, or the number of the point where it reports none.
    Step,
    /// The epoch that the program reports, fractions too.
    Epoch,
    /// Seconds that the trial ran, over all attempts.
    Seconds,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Step, Self::Epoch, Self::Seconds];

    /// The word in the sweep file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
            Self::Seconds => "seconds",
        }
    }

    /// An amount in words: `epoch 3`, `90 s`.
    pub fn amount(self, amount: f64) -> String {
        let amount = super::reason::figure(amount);
        match self {
            Self::Step | Self::Epoch => format!("{} {amount}", self.word()),
            Self::Seconds => format!("{amount} s"),
        }
    }
}

/// One value of the objective, as a trial reports it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    pub step: u64,
    /// NaN where the program named none.
    #[serde(with = "number")]
    pub epoch: f64,
    /// Since the trial began, waiting between attempts left out.
    #[serde(with = "number")]
    pub seconds: f64,
    /// Any number; one that is not finite is worse than all that are.
    #[serde(with = "number")]
    pub value: f64,
}

impl Point {
    /// How much of a resource the trial had had; `None` where that is not known.
    pub fn resource(&self, resource: Resource) -> Option<f64> {
        let amount = match resource {
            Resource::Step => self.step as f64,
            Resource::Epoch => self.epoch,
            Resource::Seconds => self.seconds,
        };
        (amount.is_finite() && amount >= 0.0).then_some(amount)
    }
}

/// A rule of `early_terminate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Rule {
    Hyperband(Hyperband),
    Asha(Asha),
    Median(Median),
    Patience(Patience),
}

impl Rule {
    /// The word in the sweep file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Hyperband(_) => "hyperband",
            Self::Asha(_) => "asha",
            Self::Median(_) => "median",
            Self::Patience(_) => "patience",
        }
    }
}

/// W&B's rule: at its latest band a trial must be among the best.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hyperband {
    pub bands: Bands,
    /// Above 1. One in `eta` goes on.
    pub eta: f64,
    /// Whether a trial is judged by its value at the band, and not by its best one so far.
    pub strict: bool,
}

/// Where W&B's bands are, in finite values of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bands {
    /// `min_iter`, then `eta` times later each.
    From { min_iter: u64 },
    /// `s` bands, each `eta` times before the next, the last one before `max_iter`.
    Before { max_iter: u64, s: u64 },
}

impl Hyperband {
    /// The bands, ascending, each once: W&B's repeated products and quotients, cut down to whole numbers.
    pub fn bands(&self) -> Vec<f64> {
        let mut bands: Vec<f64> = match self.bands {
            Bands::From { min_iter } => {
                std::iter::successors(Some(min_iter as f64), |band| Some(band * self.eta))
                    .take(MOST_RUNGS)
                    .map(f64::floor)
                    .collect()
            }
            Bands::Before { max_iter, s } => {
                std::iter::successors(Some(max_iter as f64 / self.eta), |band| Some(band / self.eta))
                    .take(MOST_RUNGS.min(usize::try_from(s).unwrap_or(MOST_RUNGS)))
                    .take_while(|band| *band >= 1.0)
                    .map(f64::floor)
                    .collect()
            }
        };
        bands.retain(|band| band.is_finite());
        bands.sort_by(f64::total_cmp);
        bands.dedup();
        bands
    }
}

/// Asynchronous successive halving (Li et al. 2020), in one bracket or the several of Hyperband (Li et al. 2018).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Asha {
    pub resource: Resource,
    /// Above 0: the first rung.
    pub min: f64,
    /// Above `min`: all that a trial gets.
    pub max: f64,
    /// Above 1. One in `eta` goes past a rung; the next rung is `eta` times later.
    pub eta: f64,
    /// Rungs before it are left out.
    pub grace: f64,
    /// From 1 to one more than the rungs of the first: each next one leaves one more rung out at its beginning.
    pub brackets: u32,
    pub promote: Promote,
}

/// What becomes of a trial that does not go past a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Promote {
    /// It is stopped; who goes past is decided on arrival.
    Stop,
    /// It is held back with its checkpoint, and goes on if it is among the best later.
    Pause,
}

impl Asha {
    /// The rungs of a bracket, ascending, below `max`. The last possible bracket has none: its trials run to the end.
    pub fn ladder(&self, bracket: u32) -> Vec<f64> {
        let mut rungs = self.rungs();
        rungs.drain(..rungs.len().min(bracket as usize));
        rungs.retain(|rung| *rung >= self.grace * (1.0 - SLACK));
        rungs
    }

    /// The rungs of the first bracket, `grace` aside.
    pub fn rungs(&self) -> Vec<f64> {
        std::iter::successors(Some(self.min), |rung| Some(rung * self.eta))
            .take(MOST_RUNGS)
            .take_while(|rung| *rung < self.max * (1.0 - SLACK))
            .collect()
    }

    /// The shares of trials that the brackets get, which sum to 1: those of Hyperband, where a bracket of *s* rungs
    /// out of *S* has ⌈(S + 1) eta^s / (s + 1)⌉ trials, so that all brackets cost about the same.
    pub fn shares(&self) -> Vec<f64> {
        let most = self.rungs().len();
        let trials = (0..self.brackets).map(|bracket| {
            let rungs = most.saturating_sub(bracket as usize);
            // Multiplied out, as powers are not equal on all machines.
            let power = (0..rungs).fold(1.0, |power: f64, _| power * self.eta);
            // Whole numbers are divided last, so that a whole quotient is one.
            ((most + 1) as f64 * power / (rungs + 1) as f64).ceil()
        });
        let trials: Vec<f64> = trials.collect();
        let sum: f64 = trials.iter().sum();
        trials.iter().map(|count| count / sum).collect()
    }
}

/// The median stopping rule (Golovin et al. 2017): a trial whose best value is worse than the median of the others'
/// means up to there is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Median {
    pub resource: Resource,
    /// Above 0: a trial is looked at when it gets to multiples of it.
    pub interval: f64,
    /// Multiples before it are left out.
    pub grace: f64,
    /// At least 1: as many others must have got there.
    pub min_trials: u64,
}

/// A trial that gets no better any more is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    pub resource: Resource,
    /// Above 0: how much of the resource a trial may go without a better value.
    pub patience: f64,
    /// At least 0: by more than so much a value must be better.
    pub min_delta: f64,
    /// No trial is stopped before it.
    pub grace: f64,
}

/// Numbers in JSON; what is not finite as the trial protocol writes it: "NaN", "Infinity", "-Infinity".
mod number {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::value::{non_finite_word, of_non_finite_word};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(f64),
        Word(String),
    }

    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match non_finite_word(*number) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(*number),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(number),
            Written::Word(word) => {
                of_non_finite_word(&word).ok_or_else(|| D::Error::custom(format!("`{word}` is no number")))
            }
        }
    }
}
