//! The training loop: epochs of steps, validation after each, the best kept, ended early when nothing gets better.

use std::time::{Duration, Instant};

use serde_json::json;

use super::resumable::Origin;
use super::{Summary, told};
use crate::checkpoint::{Checkpoints, Moment, Stored};
use crate::config::Config;
use crate::data::{Batch, Course, Dataset, Recipe, Split, Waits, Workers, order};
use crate::error::TrainError;
use crate::losses::Losses;
use crate::model::Model;
use crate::observe::{Event, Values};
use crate::resume::{Kept, Pace};
use crate::saved::Saved;
use crate::score::scores::Scores;
use crate::step::Stepper;
use crate::tally::{Tally, step_values};
use crate::teller::Teller;

/// Judging takes so many times the training batch.
const JUDGED_BATCH: i64 = 4;
/// Why a training ended that got no better.
const PATIENCE_IS_OVER: &str = "early_stop_patience";

pub(super) struct Training<'a> {
    pub(super) config: &'a Config,
    /// Optimizer steps that the schedule reckons with.
    pub(super) steps: usize,
    pub(super) origin: Origin,
    pub(super) data: Dataset,
    pub(super) workers: Workers,
    /// Of the epochs done.
    pub(super) waits: Waits,
    pub(super) model: Model,
    pub(super) stepper: Stepper,
    pub(super) losses: Losses,
    pub(super) checkpoints: Checkpoints,
    pub(super) resumable: Kept,
    /// When resume checkpoints are due; `None`: never.
    pub(super) pace: Option<Pace>,
    /// Optimizer steps done.
    pub(super) step: i64,
    /// Epochs done.
    pub(super) epochs: i64,
    /// Best `total-f1score` so far, and its epoch.
    pub(super) best: Option<(f64, i64)>,
    /// The epoch that the training was cut short in, until it goes on there.
    pub(super) unfinished: Option<Pass>,
    /// Whether a loss that is not finite was spoken of.
    pub(super) warned: bool,
}

/// How far an epoch is.
pub(super) struct Pass {
    /// Batches done.
    pub(super) batches: usize,
    /// Batches of the whole epoch.
    pub(super) of: usize,
    pub(super) tally: Tally,
    pub(super) waits: Waits,
}

impl Training<'_> {
    pub(super) fn run(mut self, teller: &mut Teller<'_>) -> Result<Summary, TrainError> {
        for epoch in self.epochs + 1..=self.config.epochs {
            let patience = self.config.early_stop_patience;
            let best_epoch = self.best.map_or(0, |(_, epoch)| epoch);
            if patience > 0 && self.epochs - best_epoch >= patience {
                teller.log(format!("ending early: total-f1score has not risen for {patience} epochs"))?;
                teller.stop.get_or_insert_with(|| PATIENCE_IS_OVER.to_owned());
                break;
            }
            let trained = self.train_epoch(epoch, teller)?;
            self.count_corrupt(teller)?;
            let Some(trained) = trained else { break };
            self.end_epoch(epoch, trained, teller)?;
            if self.is_due_at_end(Instant::now(), teller.stop.is_some()) {
                self.save(None, teller)?;
            }
            if teller.stop.is_some() {
                break;
            }
        }
        let whole = matches!(teller.stop.as_deref(), None | Some(PATIENCE_IS_OVER));
        if self.config.test_at_end && whole {
            // What was trained is worth keeping without it.
            if let Err(error) = self.test(teller) {
                teller.warn(format!("not scored on the test images: {error}"))?;
            }
        }
        let (best_score, best_epoch) = self.best.unzip();
        let summary = Summary {
            epochs: self.epochs,
            steps: self.step,
            best_score,
            best_epoch: best_epoch.unwrap_or(0),
            best_checkpoint: self.checkpoints.best(),
            resume_checkpoint: self.resumable.newest().map(std::path::Path::to_owned),
            data_wait_share: self.waits.share(),
            census: self.data.census,
            stopped: teller.stop.clone(),
        };
        teller.tell(&Event::Media {
            name: "summary".to_owned(),
            step: summary.steps,
            value: json!(summary),
        })?;
        teller.log(told::closing(&summary))?;
        Ok(summary)
    }

    /// One pass over the training images, or the rest of one; returns the epoch's training metrics. `None`: a stop cut it
    /// short. Then it is no epoch; its curves would not compare with the others.
    fn train_epoch(&mut self, epoch: i64, teller: &mut Teller<'_>) -> Result<Option<Values>, TrainError> {
        let Config { sampling, balance_head, .. } = *self.config;
        let order = order(&self.data, sampling, balance_head, self.config.seed as u64, epoch as u64);
        let batches: Vec<Vec<usize>> =
            order.chunks(self.config.batch_size as usize).map(<[usize]>::to_vec).collect();
        let of = batches.len();
        let fresh = || Pass { batches: 0, of, tally: Tally::new(self.config), waits: Waits::default() };
        let mut pass = self.unfinished.take().map_or_else(fresh, |cut| Pass { of, ..cut });
        let (first, before) = (pass.batches, pass.waits);
        teller.tell(&Event::EpochBegins { epoch, epochs: self.config.epochs, steps: of, done: first })?;
        self.model.freeze_backbone(epoch <= self.config.fitting.freeze_epochs);
        let begun = Instant::now();
        let mut saving = Duration::ZERO;
        let course = Course {
            recipe: self.config.recipe(),
            epoch: epoch as u32,
            batches,
            first,
            ahead: self.config.prefetch as usize,
        };
        let mut loader = self.workers.load(&self.data.images, course);
        let mut next = loader.next();
        let mut cut_short = false;
        while let Some(item) = next.filter(|_| !cut_short) {
            self.learn(epoch, item?, &mut pass, teller)?;
            // Whether batches are left the loader knows, not their count: all images of those left may be corrupt.
            next = loader.next();
            pass.waits = before;
            pass.waits.add(&Waits { waited: loader.waited, all: begun.elapsed().saturating_sub(saving) });
            let now = Instant::now();
            // After the last one, the points of the epoch's end stand at this step too, and whoever resumes here tells only
            // later ones.
            if self.is_due(now, teller.stop.is_some()) && next.is_some() {
                self.save(Some(&pass), teller)?;
                saving += now.elapsed();
            }
            cut_short = teller.stop.is_some() && next.is_some();
        }
        self.waits.add(&pass.waits);
        let mut values = pass.tally.training();
        values.extend(pass.waits.share().map(|share| ("data-wait-share".to_owned(), share)));
        Ok((!cut_short).then_some(values))
    }

    /// Learns from a batch, counts it and tells the step.
    fn learn(
        &mut self,
        epoch: i64,
        (at, batch): (usize, Batch),
        pass: &mut Pass,
        teller: &mut Teller<'_>,
    ) -> Result<(), TrainError> {
        let rate = self.config.fitting.schedule().rate(self.config.lr, self.step as usize, self.steps);
        let outcome = self.stepper.step(&self.model, &self.losses, &batch, (self.step, rate))?;
        self.step += 1;
        pass.batches = at + 1;
        let losses = outcome.losses;
        pass.tally.add(&outcome.logits, &batch.truth, losses)?;
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
        let done = (epoch - 1) as f64 + pass.batches as f64 / pass.of as f64;
        teller.tell(&Event::Step { step: self.step, epoch: done, loss: total, values })
    }

    /// Validates, tells and keeps what an epoch came to.
    fn end_epoch(&mut self, epoch: i64, trained: Values, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        // The averaged weights are what is judged and kept.
        self.stepper.swap_averages();
        let validated = self.validate(teller)?;
        self.count_corrupt(teller)?;
        let score = validated["total-f1score"];
        let values: Values = trained.into_iter().chain(validated).collect();
        teller.tell(&Event::Metrics { step: self.step, epoch: epoch as f64, values: values.clone() })?;
        self.keep(epoch, score, &values, teller)?;
        self.stepper.swap_averages();
        self.epochs = epoch;
        if self.best.is_none_or(|(best, _)| score > best) {
            self.best = Some((score, epoch));
        }
        Ok(())
    }

    /// The validation metrics; tells the scores behind them.
    fn validate(&self, teller: &mut Teller<'_>) -> Result<Values, TrainError> {
        let tally = self.judge(&self.model, Split::Validation)?;
        tell_scores(&tally.scores(Split::Validation), self.step, teller)?;
        Ok(tally.validation())
    }

    /// Tells what the best model scores on the test images. Not as metrics: nothing that chooses among trainings is to
    /// see it.
    fn test(&mut self, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        let Some(&(_, step)) = self.checkpoints.kept().first() else { return Ok(()) };
        if self.data.indices(Split::Test).is_empty() {
            return Ok(());
        }
        let Some(best) = self.checkpoints.best() else {
            return teller.log(format!(
                "not scored on the test images: the best model, of step {step}, was kept before this training moved here"
            ));
        };
        let model = Saved::open(&best)?.model(self.model.store.device())?;
        let tally = self.judge(&model, Split::Test)?;
        self.count_corrupt(teller)?;
        let scores = tally.scores(Split::Test);
        if scores.images == 0 { Ok(()) } else { tell_scores(&scores, step, teller) }
    }

    /// Counts what a model says of the images of a split.
    fn judge(&self, model: &Model, split: Split) -> Result<Tally, TrainError> {
        let size = (self.config.batch_size * JUDGED_BATCH) as usize;
        let mut tally = Tally::new(self.config);
        let images = self.data.indices(split);
        let batches = images.chunks(size).map(<[usize]>::to_vec).collect();
        // As many images ahead as in training: they take memory.
        let ahead = (self.config.prefetch as usize).div_ceil(JUDGED_BATCH as usize);
        let course = Course { recipe: Recipe::plain(), epoch: 0, batches, first: 0, ahead };
        for item in self.workers.load(&self.data.images, course) {
            let (_, batch) = item?;
            let logits = self.stepper.predict(model, &batch)?;
            let losses = self.losses.of(&logits, &batch.labels, self.losses.divisors(&batch.truth));
            tally.add(&logits, &batch.truth, losses.each_ref().map(|loss| loss.double_value(&[])))?;
        }
        Ok(tally)
    }

    fn keep(
        &mut self,
        epoch: i64,
        score: f64,
        values: &Values,
        teller: &mut Teller<'_>,
    ) -> Result<(), TrainError> {
        let moment = Moment { epoch, step: self.step, score, values, census: &self.data.census };
        if let Some(Stored { path, files }) = self.checkpoints.offer(&self.model, self.config, &moment)? {
            let values = Values::from([("total-f1score".to_owned(), score)]);
            teller.tell(&Event::Checkpoint { step: self.step, epoch, path, files, values })?;
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
}

/// Tells the scores of a model that was kept at, or judged after, `step`.
fn tell_scores(scores: &Scores, step: i64, teller: &mut Teller<'_>) -> Result<(), TrainError> {
    teller.tell(&Event::Media { name: format!("{}-scores", scores.split), step, value: json!(scores) })
}
