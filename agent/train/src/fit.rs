//! The training loop: epochs of steps, validation after each, the best kept, ended early when nothing gets better.

use std::collections::BTreeMap;

use rand::seq::SliceRandom as _;
use serde::Serialize;
use serde_json::json;
use tch::{Device, Reduction, Tensor, no_grad};

use crate::adamw::AdamW;
use crate::checkpoint::{Checkpoints, Moment, versions};
use crate::config::Config;
use crate::data::{Batch, Census, Dataset, Split};
use crate::error::TrainError;
use crate::labels::Head;
use crate::model::Model;
use crate::observe::{Event, Flow, Level, Observer, Values};
use crate::score::{Confusion, class_weights, majority};
use crate::seeds::stream;
use crate::weights;

/// Validation takes so many times the training batch.
const VALIDATION_BATCH: i64 = 4;
/// How many file names a log line lists.
const LISTED: usize = 10;

/// How a training went.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Epochs that were validated.
    pub epochs: i64,
    pub steps: i64,
    /// Best `total-f1score`, and the epoch that reached it.
    pub best_score: Option<f64>,
    pub best_epoch: i64,
    pub best_checkpoint: Option<std::path::PathBuf>,
    pub census: Census,
    /// Why it ended before its last epoch.
    pub stopped: Option<String>,
}

/// Trains to the end; `folder` is where checkpoints go.
///
/// The result is a function of the configuration (its `seed` and `split_seed` included), the data, the number of
/// threads and the device.
///
/// # Errors
/// When the configuration, the data or the starting weights are unusable, or a checkpoint cannot be written.
pub fn fit(
    config: &Config,
    folder: std::path::PathBuf,
    observer: &mut dyn Observer,
) -> Result<Summary, TrainError> {
    config.check()?;
    let device = device(&config.device)?;
    let mut teller = Teller { observer, stop: None };
    teller.tell(&Event::Versions(versions()))?;
    if config.resnet_type != config.resnet_type.effective() {
        teller.warn(
            "resnet150 is no ResNet; training resnet152, as the Python project did under that name"
                .to_owned(),
        )?;
    }
    let data = Dataset::load(config)?;
    tch::manual_seed(config.seed);
    let model = Model::new(config, device);
    if let Some(file) = config.weights_file() {
        let applied = weights::apply(&model.store, &weights::read(&file)?, &file)?;
        teller.log(format!(
            "weights: {} tensors from {}; fresh: {}",
            applied.taken,
            file.display(),
            applied.fresh.join(", ")
        ))?;
    }
    let weights = Head::ALL.map(|head| {
        let weights: Vec<f32> =
            class_weights(&data.counts[head.word()]).iter().map(|&weight| weight as f32).collect();
        Tensor::from_slice(&weights).to_device(device)
    });
    let optimizer = AdamW::new(model.tensors(), config.weight_decay);
    let training = Training {
        config,
        device,
        data,
        model,
        optimizer,
        weights,
        checkpoints: Checkpoints::new(folder),
        step: 0,
        warned: false,
    };
    training.describe(&mut teller)?;
    training.run(&mut teller)
}

struct Training<'a> {
    config: &'a Config,
    device: Device,
    data: Dataset,
    model: Model,
    optimizer: AdamW,
    /// Class weights per head.
    weights: [Tensor; 3],
    checkpoints: Checkpoints,
    /// Optimizer steps done.
    step: i64,
    /// Whether a loss that is not finite was spoken of.
    warned: bool,
}

impl Training<'_> {
    fn run(mut self, teller: &mut Teller<'_>) -> Result<Summary, TrainError> {
        let (mut best, mut best_epoch, mut epochs) = (None, 0, 0);
        for epoch in 1..=self.config.epochs {
            let trained = self.train_epoch(epoch, teller)?;
            self.count_corrupt(teller)?;
            // What a stop cuts short is no epoch; its curves would not compare with the others.
            if teller.stop.is_some() {
                break;
            }
            let validated = self.validate(epoch, teller)?;
            self.count_corrupt(teller)?;
            epochs = epoch;
            let score = validated["total-f1score"];
            let values: Values = trained.into_iter().chain(validated).collect();
            teller.tell(&Event::Metrics { step: self.step, epoch: epoch as f64, values: values.clone() })?;
            self.keep(epoch, score, &values, teller)?;
            if best.is_none_or(|best| score > best) {
                (best, best_epoch) = (Some(score), epoch);
            }
            let patience = self.config.early_stop_patience;
            if patience > 0 && epoch - best_epoch >= patience && epoch < self.config.epochs {
                teller.log(format!("ending early: total-f1score has not risen for {patience} epochs"))?;
                teller.stop.get_or_insert_with(|| "early_stop_patience".to_owned());
            }
            if teller.stop.is_some() {
                break;
            }
        }
        let summary = Summary {
            epochs,
            steps: self.step,
            best_score: best,
            best_epoch,
            best_checkpoint: self.checkpoints.best().map(std::path::Path::to_owned),
            census: self.data.census,
            stopped: teller.stop.clone(),
        };
        teller.tell(&Event::Media {
            name: "summary".to_owned(),
            step: summary.steps,
            value: json!(summary),
        })?;
        teller.log(closing(&summary))?;
        Ok(summary)
    }

    /// One pass over the training images; returns the epoch's training metrics.
    fn train_epoch(&mut self, epoch: i64, teller: &mut Teller<'_>) -> Result<Values, TrainError> {
        let mut order = self.data.indices(Split::Train).to_vec();
        order.shuffle(&mut stream(self.config.seed as u64, "shuffle", epoch as u64));
        let size = self.config.batch_size as usize;
        let steps = order.len().div_ceil(size);
        teller.tell(&Event::EpochBegins { epoch, epochs: self.config.epochs, steps })?;
        let mut tally = Tally::new(self.config);
        for (at, indices) in order.chunks(size).enumerate() {
            let Some(batch) = self.data.images.batch(indices)? else { continue };
            self.optimizer.zero_grad();
            let logits = self.model.forward(&batch.pixels.to_device(self.device), true);
            let losses = self.losses(&logits, &batch);
            let total = &losses[0] + &losses[1] + &losses[2];
            total.f_backward()?;
            self.optimizer.step(self.config.lr);
            self.step += 1;
            let losses = losses.each_ref().map(|loss| loss.double_value(&[]));
            tally.add(&logits, &batch, losses);
            let total: f64 = losses.iter().sum();
            self.check_finite(total, teller)?;
            let due = self.step % self.config.log_every == 0;
            let values = if due { step_values(losses) } else { Values::new() };
            let done = (epoch - 1) as f64 + (at + 1) as f64 / steps as f64;
            teller.tell(&Event::Step { step: self.step, epoch: done, loss: total, values })?;
            if teller.stop.is_some() {
                break;
            }
        }
        Ok(tally.training())
    }

    /// The validation metrics; tells the confusion matrices.
    fn validate(&self, epoch: i64, teller: &mut Teller<'_>) -> Result<Values, TrainError> {
        let size = (self.config.batch_size * VALIDATION_BATCH) as usize;
        let mut tally = Tally::new(self.config);
        for indices in self.data.indices(Split::Validation).chunks(size) {
            let Some(batch) = self.data.images.batch(indices)? else { continue };
            no_grad(|| {
                let logits = self.model.forward(&batch.pixels.to_device(self.device), false);
                let losses = self.losses(&logits, &batch).each_ref().map(|loss| loss.double_value(&[]));
                tally.add(&logits, &batch, losses);
            });
        }
        for (head, confusion) in Head::ALL.iter().zip(&tally.confusions) {
            let rows: Vec<&[u64]> = confusion.rows().collect();
            let value = json!({"epoch": epoch, "labels": head.classes(), "rows": rows});
            teller.tell(&Event::Media {
                name: format!("{}-confusion", head.word()),
                step: self.step,
                value,
            })?;
        }
        Ok(tally.validation())
    }

    /// Weighted cross-entropy of each head, averaged over the batch as PyTorch does: by the sum of the weights.
    fn losses(&self, logits: &[Tensor; 3], batch: &Batch) -> [Tensor; 3] {
        [0, 1, 2].map(|head: usize| {
            let target = batch.labels[head].to_device(self.device);
            logits[head].cross_entropy_loss(&target, Some(&self.weights[head]), Reduction::Mean, -100, 0.0)
        })
    }

    fn keep(
        &mut self,
        epoch: i64,
        score: f64,
        values: &Values,
        teller: &mut Teller<'_>,
    ) -> Result<(), TrainError> {
        let moment = Moment { epoch, step: self.step, score, values, census: &self.data.census };
        if let Some(path) = self.checkpoints.offer(&self.model, self.config, &moment)? {
            let values = Values::from([("total-f1score".to_owned(), score)]);
            teller.tell(&Event::Checkpoint { step: self.step, epoch, path, values })?;
        }
        Ok(())
    }

    fn check_finite(&mut self, loss: f64, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        if loss.is_finite() || std::mem::replace(&mut self.warned, true) {
            return Ok(());
        }
        teller.warn(format!("the loss is {loss} at step {}; a smaller lr may help", self.step))
    }

    fn count_corrupt(&mut self, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        let before = self.data.census.corrupt.len();
        self.data.drop_corrupt()?;
        teller.left_out("corrupt images are left out", &self.data.census.corrupt[before..])
    }

    /// Says what there is to train on, and what a guesser would score.
    fn describe(&self, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        let census = &self.data.census;
        teller.left_out("files whose names do not give all labels are left out", &census.malformed)?;
        teller.left_out("corrupt images are left out", &census.corrupt)?;
        teller.log(format!(
            "{} of {} images: {} to train, {} to validate, {} to test",
            census.used, census.files, census.train, census.validation, census.test
        ))?;
        let mut values = Values::new();
        for head in Head::ALL {
            let [training, held_out] =
                [Split::Train, Split::Validation].map(|split| self.data.class_counts(head, split));
            let (accuracy, f1) = majority(&training, &held_out);
            values.insert(format!("majority-{}-acc", head.word()), accuracy);
            values.insert(format!("majority-{}-f1score", head.word()), f1);
        }
        teller.tell(&Event::Metrics { step: 0, epoch: 0.0, values })
    }
}

/// Counts over an epoch.
struct Tally {
    losses: [f64; 3],
    confusions: [Confusion; 3],
    images: u64,
}

impl Tally {
    fn new(config: &Config) -> Self {
        let confusions = Head::ALL.map(|head| Confusion::new(config.classes(head) as usize));
        Self { losses: [0.0; 3], confusions, images: 0 }
    }

    fn add(&mut self, logits: &[Tensor; 3], batch: &Batch, losses: [f64; 3]) {
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

    fn training(&self) -> Values {
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

    fn validation(&self) -> Values {
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

fn step_values(losses: [f64; 3]) -> Values {
    let mut values: BTreeMap<_, _> = Head::ALL
        .iter()
        .zip(losses)
        .map(|(head, loss)| (format!("{}-loss_step", head.word()), loss))
        .collect();
    values.insert("total-loss_step".to_owned(), losses.iter().sum());
    values
}

fn closing(summary: &Summary) -> String {
    let best = summary.best_score.map_or_else(
        || "no epoch was completed".to_owned(),
        |score| format!("best total-f1score {score:.4} in epoch {}", summary.best_epoch),
    );
    format!(
        "{best}; {} epochs, {} steps; left out: {} corrupt, {} with malformed names",
        summary.epochs,
        summary.steps,
        summary.census.corrupt.len(),
        summary.census.malformed.len()
    )
}

/// `auto`, `cpu` or `cuda:N`.
fn device(name: &str) -> Result<Device, TrainError> {
    let no_cuda = || {
        TrainError::Config(format!(
            "device={name}, but this libtorch finds no such GPU\n  use --device auto, or set up the CUDA libtorch: SWEEP_TORCH=cuda ./dev setup"
        ))
    };
    match name {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(Device::cuda_if_available()),
        _ => {
            let index = match name.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|index| index.parse().ok()),
                None => None,
            };
            let index: usize = index.ok_or_else(|| {
                TrainError::Config(format!("device is `{name}`, but must be auto, cpu or cuda:N"))
            })?;
            let there = tch::Cuda::is_available() && (index as i64) < tch::Cuda::device_count();
            if there { Ok(Device::Cuda(index)) } else { Err(no_cuda()) }
        }
    }
}

/// Passes events on and remembers a wish to stop.
struct Teller<'a> {
    observer: &'a mut dyn Observer,
    stop: Option<String>,
}

impl Teller<'_> {
    fn tell(&mut self, event: &Event) -> Result<(), TrainError> {
        match self.observer.hear(event) {
            Flow::GoOn => {}
            Flow::Stop(why) => drop(self.stop.get_or_insert(why)),
            Flow::Abort(why) => return Err(TrainError::Observer(why)),
        }
        Ok(())
    }

    fn log(&mut self, text: String) -> Result<(), TrainError> {
        self.tell(&Event::Log { level: Level::Info, text })
    }

    fn warn(&mut self, text: String) -> Result<(), TrainError> {
        self.tell(&Event::Log { level: Level::Warning, text })
    }

    /// Counts and lists files.
    fn left_out(&mut self, what: &str, names: &[String]) -> Result<(), TrainError> {
        if names.is_empty() {
            return Ok(());
        }
        let listed = names[..names.len().min(LISTED)].join(", ");
        let more = if names.len() > LISTED { ", ..." } else { "" };
        self.warn(format!("{} {what}: {listed}{more}", names.len()))
    }
}
