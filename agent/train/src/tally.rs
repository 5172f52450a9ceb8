//! What an epoch's batches add up to: losses, accuracies, macro-F1.

use std::collections::BTreeMap;

use tch::{Device, Tensor};

use crate::config::Config;
use crate::data::Batch;
use crate::labels::Head;
use crate::observe::Values;
use crate::score::Confusion;

/// Counts over an epoch.
pub(crate) struct Tally {
    losses: [f64; 3],
    pub(crate) confusions: [Confusion; 3],
    images: u64,
}

impl Tally {
    pub(crate) fn new(config: &Config) -> Self {
        let confusions = Head::ALL.map(|head| Confusion::new(config.classes(head) as usize));
        Self { losses: [0.0; 3], confusions, images: 0 }
    }

    /// Counts a batch: logits `[images, classes]` and mean losses per head.
    pub(crate) fn add(&mut self, logits: &[Tensor; 3], batch: &Batch, losses: [f64; 3]) {
        let images = batch.truth.len() as u64;
        self.images += images;
        for head in 0..3 {
            self.losses[head] += losses[head] * images as f64;
            let predicted = logits[head].argmax(1, false).to_device(Device::Cpu);
            let predicted = Vec::<i64>::try_from(&predicted).unwrap_or_default();
            for (labels, predicted) in batch.truth.iter().zip(predicted) {
                self.confusions[head].add(usize::from(labels.of(Head::ALL[head])), predicted as usize);
            }
        }
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
        values
    }

    /// A head's loss, averaged over images.
    fn loss(&self, head: usize) -> f64 {
        if self.images == 0 { f64::NAN } else { self.losses[head] / self.images as f64 }
    }
}

/// The point of the per-step curves.
pub(crate) fn step_values(losses: [f64; 3]) -> Values {
    let mut values: BTreeMap<_, _> = Head::ALL
        .iter()
        .zip(losses)
        .map(|(head, loss)| (format!("{}-loss_step", head.word()), loss))
        .collect();
    values.insert("total-loss_step".to_owned(), losses.iter().sum());
    values
}
