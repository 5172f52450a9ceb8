//! One optimizer step: forward and back in the chosen precision, in as many goes as memory wants, then clip and walk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng as _;
use tch::{Device, Tensor};

use crate::config::Config;
use crate::data::Batch;
use crate::error::TrainError;
use crate::labels::Labels;
use crate::losses::Losses;
use crate::model::Model;
use crate::optim::{Average, MicroBatches, Optimizer};
use crate::precision::{LossScale, Precision};
use crate::resume::StepperState;
use crate::seeds::stream;

/// What makes a training's steps.
pub(crate) struct Stepper {
    device: Device,
    precision: Precision,
    optimizer: Optimizer,
    average: Option<Average>,
    scale: Option<LossScale>,
    /// Longest gradient; 0: any.
    clip: f64,
    micro: MicroBatches,
    /// Whether judged logits are the mean of the image's and its mirror image's.
    mirror: bool,
    /// Of dropout.
    seed: u64,
}

/// What a step came to.
pub(crate) struct Outcome {
    /// `[images, classes]` per head, as they were before the step.
    pub(crate) logits: [Tensor; 3],
    /// Mean loss per head.
    pub(crate) losses: [f64; 3],
    /// Images of a go from now on, if memory made it smaller.
    pub(crate) halved: Option<usize>,
    /// What the optimiser took.
    pub(crate) walk: Duration,
}

impl Stepper {
    pub(crate) fn new(config: &Config, model: &Model, device: Device) -> Self {
        let fitting = &config.fitting;
        let precision = fitting.precision.resolve(device);
        let factor = |name: &str| if Model::is_backbone(name) { fitting.backbone_lr } else { 1.0 };
        Self {
            device,
            precision,
            optimizer: Optimizer::new(model.tensors(), fitting.rule(), config.weight_decay, factor),
            average: (fitting.ema > 0.0).then(|| Average::new(model.tensors(), fitting.ema)),
            scale: LossScale::new(precision),
            clip: fitting.grad_clip,
            mirror: fitting.mirror,
            micro: MicroBatches::new(config.batch_size as usize, fitting.accumulate as usize),
            seed: config.seed as u64,
        }
    }

    /// What it remembers in tensors, which are its own: `optimizer.` and `average.` before the parameters' names.
    pub(crate) fn memory(&self) -> BTreeMap<String, Tensor> {
        let named = |prefix: &'static str, memory: BTreeMap<String, Tensor>| {
            memory.into_iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor))
        };
        let averages = self.average.as_ref().map(Average::memory).unwrap_or_default();
        named("optimizer", self.optimizer.memory()).chain(named("average", averages)).collect()
    }

    /// What it remembers beside tensors.
    pub(crate) fn state(&self) -> StepperState {
        StepperState {
            go: self.micro.size(),
            scale: self.scale.map(|scale| (scale.factor().into(), scale.good())),
            averaged: self.average.as_ref().map_or(0, Average::updates),
        }
    }

    /// Goes on from a state; the tensors are filled by whoever has them.
    pub(crate) fn resume(&mut self, state: &StepperState) {
        self.micro.resume(state.go);
        if let (Some(scale), Some((factor, good))) = (&mut self.scale, state.scale) {
            *scale = LossScale::resumed(factor.number(), good);
        }
        self.average.iter_mut().for_each(|average| average.resume(state.averaged));
    }

    /// Learns from a batch at the rate `lr`. `number` is the step's, and moves what dropout leaves out.
    pub(crate) fn step(
        &mut self,
        model: &Model,
        losses: &Losses,
        batch: &Batch,
        (number, lr): (i64, f64),
    ) -> Result<Outcome, TrainError> {
        let pixels = batch.pixels.to_device(self.device);
        let targets = Targets::of(batch, losses, self.device);
        let (device, precision, scale) = (self.device, self.precision, self.scale);
        let before = self.micro.size();
        let Self { micro, optimizer, .. } = self;
        // libtorch's generator is set anew for each step, so that none depends on what was drawn before it.
        let random = stream(self.seed, "dropout", number as u64).next_u64();
        let clear = || {
            tch::manual_seed(random as i64);
            Ok(optimizer.forget_gradients()?)
        };
        let goes = micro.run(batch.truth.len(), clear, |go| {
            let (from, count) = (go.start as i64, go.len() as i64);
            let logits = {
                let _half = precision.begin(device)?;
                model.forward(&pixels.narrow(0, from, count), true)
            };
            let losses = Targets::losses(&targets, losses, &logits, (from, count));
            let total = &losses[0] + &losses[1] + &losses[2];
            let total = scale.map_or_else(|| total.shallow_clone(), |scale| &total * scale.factor());
            total.f_backward()?;
            Ok((logits.map(|logits| logits.detach()), losses.map(|loss| loss.detach())))
        })?;
        let start = Instant::now();
        self.walk(lr)?;
        let walk = start.elapsed();
        let halved = (self.micro.size() < before).then_some(self.micro.size());
        let (logits, losses) = joined(goes)?;
        Ok(Outcome { logits, losses, halved, walk })
    }

    /// From gradients to parameters. A step whose scaled gradients overflowed is left out.
    fn walk(&mut self, lr: f64) -> Result<(), TrainError> {
        if self.scale.is_some() || self.clip > 0.0 {
            let factor = self.scale.map_or(1.0, |scale| scale.factor());
            let norm = self.optimizer.gradient_norm()? / factor;
            if let Some(scale) = &mut self.scale
                && !scale.saw(norm.is_finite())
            {
                return Ok(());
            }
            let shorten = clip_factor(norm, self.clip) / factor;
            if shorten != 1.0 {
                self.optimizer.scale_gradients(shorten)?;
            }
        }
        self.optimizer.step(lr)?;
        if let Some(average) = &mut self.average {
            average.update()?;
        }
        Ok(())
    }

    /// Puts averaged weights into the model, where weights are averaged, and the second time the others back.
    pub(crate) fn swap_averages(&mut self) {
        self.average.iter_mut().for_each(Average::swap);
    }

    /// Logits without learning, in the training's precision.
    pub(crate) fn predict(&self, model: &Model, batch: &Batch) -> Result<[Tensor; 3], TrainError> {
        let _half = self.precision.begin(self.device)?;
        Ok(model.look(&batch.pixels.to_device(self.device), self.mirror))
    }
}

/// What the images of a batch are, or one half of what they were mixed from.
struct Targets {
    /// Per head, `[images]` class numbers.
    labels: [Tensor; 3],
    divisors: [f64; 3],
    /// How much it weighs, 0 to 1.
    share: f64,
}

impl Targets {
    fn of(batch: &Batch, losses: &Losses, device: Device) -> Vec<Self> {
        let one = |labels: &[Tensor; 3], truth: &[Labels], share| Self {
            labels: labels.each_ref().map(|labels| labels.to_device(device)),
            divisors: losses.divisors(truth),
            share,
        };
        match &batch.mixed {
            None => vec![one(&batch.labels, &batch.truth, 1.0)],
            Some(mixed) => vec![
                one(&batch.labels, &batch.truth, mixed.share),
                one(&mixed.labels, &mixed.truth, 1.0 - mixed.share),
            ],
        }
    }

    /// The losses of a part of the batch, per head: those of its halves, each by its share.
    fn losses(all: &[Self], losses: &Losses, logits: &[Tensor; 3], (from, count): (i64, i64)) -> [Tensor; 3] {
        let each = all.iter().map(|one| {
            let labels = one.labels.each_ref().map(|labels| labels.narrow(0, from, count));
            losses.of(logits, &labels, one.divisors).map(|loss| loss * one.share)
        });
        let sum = each.reduce(|sum, next| [0, 1, 2].map(|head: usize| &sum[head] + &next[head]));
        sum.unwrap_or_else(|| [0, 1, 2].map(|_| Tensor::from(0.0)))
    }
}

/// What a gradient of this length is multiplied by, as `torch.nn.utils.clip_grad_norm_` has it.
fn clip_factor(norm: f64, longest: f64) -> f64 {
    if longest > 0.0 { (longest / (norm + 1e-6)).min(1.0) } else { 1.0 }
}

type Go = ([Tensor; 3], [Tensor; 3]);

/// The goes' logits one after the other, and their shares of the losses added up. One transfer from the device.
fn joined(goes: Vec<Go>) -> Result<([Tensor; 3], [f64; 3]), TrainError> {
    let (logits, losses): (Vec<_>, Vec<_>) = goes.into_iter().unzip();
    let sums = [0, 1, 2].map(|head: usize| {
        losses.iter().skip(1).fold(losses[0][head].shallow_clone(), |sum, go| sum + &go[head])
    });
    let sums = Vec::<f64>::try_from(&Tensor::stack(&sums, 0).to_kind(tch::Kind::Double))?;
    let logits = [0, 1, 2].map(|head: usize| {
        let parts: Vec<&Tensor> = logits.iter().map(|go| &go[head]).collect();
        if let [only] = &parts[..] { only.shallow_clone() } else { Tensor::cat(&parts, 0) }
    });
    Ok((logits, [sums[0], sums[1], sums[2]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_beside_tensors_comes_back() {
        let args = ["--path=x", "--resnet_type=resnet18", "--precision=fp16", "--ema=0.9", "--accumulate=2"];
        let config = crate::config::tests::parse(&args).unwrap();
        let model = Model::new(&config, Device::Cpu);
        let mut stepper = Stepper::new(&config, &model, Device::Cpu);
        let fresh = StepperState { go: 16, scale: Some((65_536.0.into(), 0)), averaged: 0 };
        assert_eq!(stepper.state(), fresh);
        let later = StepperState { go: 3, scale: Some((1024.0.into(), 7)), averaged: 5 };
        stepper.resume(&later);
        assert_eq!(stepper.state(), later);
        // Two moments and a count for each parameter, an average for each parameter and buffer.
        let (parameters, all) = (model.store.trainable_variables().len(), model.tensors().len());
        assert_eq!(stepper.memory().len(), 3 * parameters + all);
    }

    #[test]
    fn long_gradients_are_shortened_and_short_ones_left() {
        for (norm, longest, expected) in
            [(10.0, 1.0, 0.1), (0.5, 1.0, 1.0), (10.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 1.0, 1.0)]
        {
            assert!((clip_factor(norm, longest) - expected).abs() < 1e-6, "{norm} to {longest}");
        }
    }
}
