//! What an epoch's batches add up to: losses, accuracies, macro-F1.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use crate::config::Config;
use crate::data::Split;
use crate::error::TrainError;
use crate::labels::{Head, Labels};
use crate::observe::Values;
use crate::resume::{Bits, TallyState};
use crate::score::Confusion;
use crate::score::age::group_error;
use crate::score::calibration::Calibration;
use crate::score::scores::Scores;
use crate::score::subgroups::{BY, Subgroups};

/// Counts over an epoch.
pub(crate) struct Tally {
    losses: [f64; 3],
    confusions: [Confusion; 3],
    calibrations: [Calibration; 3],
    subgroups: Subgroups,
    images: u64,
}

impl Tally {
    pub(crate) fn new(config: &Config) -> Self {
        let classes = Head::ALL.map(|head| config.classes(head) as usize);
        Self {
            losses: [0.0; 3],
            confusions: classes.map(Confusion::new),
            calibrations: Default::default(),
            subgroups: Subgroups::new(classes),
            images: 0,
        }
    }

    /// What the training metrics need of it; validation is never cut in two.
    pub(crate) fn state(&self) -> TallyState {
        TallyState {
            images: self.images,
            losses: self.losses.map(Bits::from),
            counts: self.confusions.each_ref().map(|confusion| confusion.rows().flatten().copied().collect()),
        }
    }

    /// Goes on counting; `None` if the state is of other heads.
    pub(crate) fn resumed(config: &Config, state: TallyState) -> Option<Self> {
        let mut tally = Self::new(config);
        for ((head, confusion), counts) in Head::ALL.into_iter().zip(&mut tally.confusions).zip(state.counts)
        {
            *confusion = Confusion::resumed(config.classes(head) as usize, counts)?;
        }
        Some(Self { images: state.images, losses: state.losses.map(Bits::number), ..tally })
    }

    /// Counts a batch: logits `[images, classes]` and mean losses per head.
    ///
    /// # Errors
    /// libtorch's.
    pub(crate) fn add(
        &mut self,
        logits: &[Tensor; 3],
        truth: &[Labels],
        losses: [f64; 3],
    ) -> Result<(), TrainError> {
        self.images += truth.len() as u64;
        for (sum, loss) in self.losses.iter_mut().zip(losses) {
            *sum += loss * truth.len() as f64;
        }
        let read = decided(logits)?;
        for (at, &labels) in truth.iter().enumerate() {
            let decision = |head: usize| read[head][at];
            for (head, confusion) in self.confusions.iter_mut().enumerate() {
                let (class, confidence) = decision(head);
                let right = usize::from(labels.of(Head::ALL[head]));
                confusion.add(right, class);
                self.calibrations[head].add(confidence, class == right);
            }
            self.subgroups.add(labels, [0, 1, 2].map(|head| decision(head).0));
        }
        Ok(())
    }

    /// The epoch's training metrics.
    pub(crate) fn training(&self) -> Values {
        let mut values = Values::new();
        let accuracies = self.confusions.each_ref().map(Confusion::accuracy);
        for (at, head) in Head::ALL.iter().enumerate() {
            values.insert(format!("{}-loss", head.word()), self.loss(at));
            values.insert(format!("{}-acc", head.word()), accuracies[at]);
        }
        values.insert("total-loss".to_owned(), (0..3).map(|head| self.loss(head)).sum());
        values.insert("total-train-acc".to_owned(), accuracies.iter().sum::<f64>() / 3.0);
        values
    }

    /// The validation metrics.
    pub(crate) fn validation(&self) -> Values {
        let mut values = Values::new();
        let scores = self.confusions.each_ref().map(Confusion::macro_f1);
        for (at, head) in Head::ALL.iter().enumerate() {
            values.insert(format!("val-{}-acc", head.word()), self.confusions[at].accuracy());
            values.insert(format!("{}-f1score", head.word()), scores[at]);
        }
        values.insert("val-total-loss".to_owned(), (0..3).map(|head| self.loss(head)).sum());
        values.insert("total-f1score".to_owned(), scores.iter().sum::<f64>() / 3.0);
        values.insert("val-age-mae".to_owned(), group_error(&self.confusions[0]));
        for (at, head) in Head::ALL.into_iter().enumerate() {
            values.insert(format!("val-{}-ece", head.word()), self.calibrations[at].error());
            for by in BY {
                if let Some(gap) = self.subgroups.gap(head, by) {
                    values.insert(format!("{}-f1gap-by-{}", head.word(), by.word()), gap);
                }
            }
        }
        values
    }

    /// Everything that was counted, of a split that it was.
    pub(crate) fn scores(&self, split: Split) -> Scores {
        Scores::new(split.word(), &self.confusions, &self.calibrations)
    }

    /// A head's loss, averaged over images.
    fn loss(&self, head: usize) -> f64 {
        if self.images == 0 { f64::NAN } else { self.losses[head] / self.images as f64 }
    }
}

/// Per head, each image's class and how sure it is, by one transfer from the device.
fn decided(logits: &[Tensor; 3]) -> Result<[Vec<(usize, f64)>; 3], TrainError> {
    let each = logits.each_ref().map(|logits| {
        let (confidence, class) = logits.softmax(1, Kind::Double).max_dim(1, false);
        Tensor::stack(&[class.to_kind(Kind::Double), confidence], 0)
    });
    let all = Tensor::stack(&each, 0).to_device(Device::Cpu).contiguous();
    let images = all.size()[2] as usize;
    let numbers = Vec::<f64>::try_from(all.view([-1]))?;
    Ok([0, 1, 2].map(|head: usize| {
        let (classes, confidences) = numbers[2 * head * images..2 * (head + 1) * images].split_at(images);
        classes.iter().zip(confidences).map(|(&class, &sure)| (class as usize, sure)).collect()
    }))
}

/// The point of the per-step curves.
pub(crate) fn step_values(losses: [f64; 3], rate: f64) -> Values {
    let mut values: BTreeMap<_, _> = Head::ALL
        .iter()
        .zip(losses)
        .map(|(head, loss)| (format!("{}-loss_step", head.word()), loss))
        .collect();
    values.insert("total-loss_step".to_owned(), losses.iter().sum());
    values.insert("lr".to_owned(), rate);
    values
}
