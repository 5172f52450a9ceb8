//! The training loop: epochs of steps, validation after each, the best kept, ended early when nothing gets better.

use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use tch::Device;

use crate::checkpoint::{Checkpoints, Moment, versions};
use crate::config::{Config, Start};
use crate::data::{Census, Course, Dataset, Recipe, Split, Waits, Workers, loader_threads, order};
use crate::device::device;
use crate::error::TrainError;
use crate::labels::Head;
use crate::losses::Losses;
use crate::model::Model;
use crate::observe::{Event, Observer, Values};
use crate::score::majority;
use crate::step::Stepper;
use crate::tally::{Tally, step_values};
use crate::teller::Teller;
use crate::weights::{self, fetch};

/// Validation takes so many times the training batch.
const VALIDATION_BATCH: i64 = 4;

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
    /// Share of the training steps' time that they waited for images.
    pub data_wait_share: Option<f64>,
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
    let mut teller = Teller::new(observer);
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
    let file = match config.start() {
        Start::Fresh => None,
        Start::File(file) => Some(file),
        Start::Imagenet => {
            let name = fetch::imagenet(config.resnet_type);
            let tell = &mut |line| teller.log(line);
            Some(fetch::fetch(name, &config.weights_url, &fetch::cache()?, tell)?)
        }
    };
    if let Some(file) = file {
        let applied = weights::apply(&model.store, &weights::read(&file)?, &file)?;
        teller.log(format!(
            "weights: {} tensors from {}; fresh: {}",
            applied.taken,
            file.display(),
            applied.fresh.join(", ")
        ))?;
    }
    teller.log(format!("precision: {}", config.fitting.precision.resolve(device).word()))?;
    let losses = Losses::new(config, Head::ALL.map(|head| &*data.counts[head.word()]), device);
    let stepper = Stepper::new(config, &model, device);
    let steps = data.indices(Split::Train).len().div_ceil(config.batch_size as usize);
    data.manifest(config.split_seed as u64).write(&folder)?;
    let workers = Workers::new(loader_threads(rayon::current_num_threads(), device == Device::Cpu))?;
    let training = Training {
        config,
        steps: steps * config.epochs as usize,
        workers,
        waits: Waits::default(),
        data,
        model,
        stepper,
        losses,
        checkpoints: Checkpoints::new(folder),
        step: 0,
        warned: false,
    };
    training.describe(&mut teller)?;
    training.run(&mut teller)
}

struct Training<'a> {
    config: &'a Config,
    /// Optimizer steps that the schedule reckons with.
    steps: usize,
    data: Dataset,
    workers: Workers,
    waits: Waits,
    model: Model,
    stepper: Stepper,
    losses: Losses,
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
            // The averaged weights are what is judged and kept.
            self.stepper.swap_averages();
            let validated = self.validate(epoch, teller)?;
            self.count_corrupt(teller)?;
            epochs = epoch;
            let score = validated["total-f1score"];
            let values: Values = trained.into_iter().chain(validated).collect();
            teller.tell(&Event::Metrics { step: self.step, epoch: epoch as f64, values: values.clone() })?;
            self.keep(epoch, score, &values, teller)?;
            self.stepper.swap_averages();
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
            data_wait_share: self.waits.share(),
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
        let Config { sampling, balance_head, .. } = *self.config;
        let order = order(&self.data, sampling, balance_head, self.config.seed as u64, epoch as u64);
        let batches: Vec<Vec<usize>> =
            order.chunks(self.config.batch_size as usize).map(<[usize]>::to_vec).collect();
        let steps = batches.len();
        teller.tell(&Event::EpochBegins { epoch, epochs: self.config.epochs, steps })?;
        let mut tally = Tally::new(self.config);
        let schedule = self.config.fitting.schedule();
        self.model.freeze_backbone(epoch <= self.config.fitting.freeze_epochs);
        let begun = Instant::now();
        let course = Course {
            recipe: self.config.recipe(),
            epoch: epoch as u32,
            batches,
            ahead: self.config.prefetch as usize,
        };
        let mut loader = self.workers.load(&self.data.images, course);
        for item in loader.by_ref() {
            let (at, batch) = item?;
            let rate = schedule.rate(self.config.lr, self.step as usize, self.steps);
            let outcome = self.stepper.step(&self.model, &self.losses, &batch, rate)?;
            self.step += 1;
            let losses = outcome.losses;
            tally.add(&outcome.logits, &batch.truth, losses)?;
            if let Some(size) = outcome.halved {
                teller.warn(format!(
                    "out of memory: batches now pass in goes of {size} images; a batch stays {} images",
                    self.config.batch_size
                ))?;
            }
            let total: f64 = losses.iter().sum();
            self.check_finite(total, teller)?;
            let due = self.step % self.config.log_every == 0;
            let values = if due { step_values(losses, rate) } else { Values::new() };
            let done = (epoch - 1) as f64 + (at + 1) as f64 / steps as f64;
            teller.tell(&Event::Step { step: self.step, epoch: done, loss: total, values })?;
            if teller.stop.is_some() {
                break;
            }
        }
        let waits = Waits { waited: loader.waited, all: begun.elapsed() };
        self.waits.add(&waits);
        let mut values = tally.training();
        values.extend(waits.share().map(|share| ("data-wait-share".to_owned(), share)));
        Ok(values)
    }

    /// The validation metrics; tells the confusion matrices.
    fn validate(&self, epoch: i64, teller: &mut Teller<'_>) -> Result<Values, TrainError> {
        let size = (self.config.batch_size * VALIDATION_BATCH) as usize;
        let mut tally = Tally::new(self.config);
        let images = self.data.indices(Split::Validation);
        let batches = images.chunks(size).map(<[usize]>::to_vec).collect();
        // As many images ahead as in training: they take memory.
        let ahead = (self.config.prefetch as usize).div_ceil(VALIDATION_BATCH as usize);
        let course = Course { recipe: Recipe::plain(), epoch: 0, batches, ahead };
        for item in self.workers.load(&self.data.images, course) {
            let (_, batch) = item?;
            let logits = self.stepper.predict(&self.model, &batch)?;
            let losses = self.losses.of(&logits, &batch.labels, self.losses.divisors(&batch.truth));
            tally.add(&logits, &batch.truth, losses.each_ref().map(|loss| loss.double_value(&[])))?;
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
        for warning in &self.data.warnings {
            teller.warn(warning.clone())?;
        }
        teller.left_out("files whose names do not give all labels are left out", &census.malformed)?;
        teller.left_out("corrupt images are left out", &census.corrupt)?;
        if let Some(text) = census.duplicates.told() {
            teller.log(text)?;
        }
        if census.not_in_manifest > 0 {
            teller.warn(format!(
                "{} images are not in the manifest and are left out",
                census.not_in_manifest
            ))?;
        }
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

fn closing(summary: &Summary) -> String {
    let best = summary.best_score.map_or_else(
        || "no epoch was completed".to_owned(),
        |score| format!("best total-f1score {score:.4} in epoch {}", summary.best_epoch),
    );
    format!(
        "{best}; {} epochs, {} steps; left out: {} corrupt, {} with malformed names, {} contradicting duplicates",
        summary.epochs,
        summary.steps,
        summary.census.corrupt.len(),
        summary.census.malformed.len(),
        summary.census.duplicates.left_out
    )
}
