//! How fast a model steps: images per second on made-up tensors, so that nothing but the model is measured.

use std::time::{Duration, Instant};

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::config::Config;
use crate::data::Batch;
use crate::error::TrainError;
use crate::labels::{Head, Labels};
use crate::losses::Losses;
use crate::model::Model;
use crate::step::Stepper;

/// Steps before the clock is read: kernels are chosen and memory is fetched in the first ones.
const WARM_UP: usize = 2;

/// What was measured of one model at one size.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    pub resnet_type: &'static str,
    pub image_size: i64,
    pub batch_size: i64,
    pub precision: &'static str,
    pub threads: usize,
    /// Images per second: without learning, and in whole steps; medians.
    pub forward: f64,
    pub step: f64,
    /// Milliseconds of each step, in order.
    pub step_ms: Vec<f64>,
    /// Shares of a step's time.
    pub shares: Shares,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Shares {
    pub forward_and_backward: f64,
    pub optimizer: f64,
}

/// Steps of `config`'s model on made-up images, `repeats` of them.
///
/// # Errors
/// libtorch's, and those of a configuration that makes no sense.
pub fn step(config: &Config, repeats: usize) -> Result<Measured, TrainError> {
    config.check()?;
    let device = crate::device::device(&config.device)?;
    tch::manual_seed(config.seed);
    let model = Model::new(config, device);
    let mut stepper = Stepper::new(config, &model, device);
    let losses = Losses::new(config, [&[1; 9], &[1; 2], &[1; 5]], device);
    let batch = made_up(config);
    let mut forward = Vec::new();
    for at in 0..WARM_UP + repeats {
        let start = Instant::now();
        let logits = stepper.predict(&model, &batch)?;
        // Reading a number waits for the device.
        let _sum = logits[0].sum(Kind::Float).double_value(&[]);
        forward.extend((at >= WARM_UP).then(|| start.elapsed()));
    }
    let (mut steps, mut walks) = (Vec::new(), Vec::new());
    for at in 0..WARM_UP + repeats {
        let start = Instant::now();
        let outcome = stepper.step(&model, &losses, &batch, (at as i64, config.lr))?;
        if at >= WARM_UP {
            steps.push(start.elapsed());
            walks.push(outcome.walk);
        }
    }
    let images = config.batch_size as f64;
    let whole: f64 = steps.iter().map(Duration::as_secs_f64).sum();
    let optimizer = walks.iter().map(Duration::as_secs_f64).sum::<f64>() / whole;
    Ok(Measured {
        resnet_type: config.resnet_type.word(),
        image_size: config.image_size,
        batch_size: config.batch_size,
        precision: config.fitting.precision.resolve(device).word(),
        threads: tch::get_num_threads() as usize,
        forward: images / median(&forward),
        step: images / median(&steps),
        step_ms: steps.iter().map(|step| step.as_secs_f64() * 1e3).collect(),
        shares: Shares { forward_and_backward: 1.0 - optimizer, optimizer },
    })
}

/// Noise with labels, laid out as batches are: channels last.
fn made_up(config: &Config) -> Batch {
    let (images, side) = (config.batch_size, config.image_size);
    let pixels = Tensor::randn([images, side, side, 3], (Kind::Float, Device::Cpu)).permute([0, 3, 1, 2]);
    let truth: Vec<Labels> = (0..images)
        .map(|at| Labels { age_group: (at % 9) as u8, sex: (at % 2) as u8, race: (at % 5) as u8 })
        .collect();
    let labels = Head::ALL.map(|head| {
        let classes: Vec<i64> = truth.iter().map(|labels| i64::from(labels.of(head))).collect();
        Tensor::from_slice(&classes)
    });
    Batch { pixels, labels, truth, mixed: None }
}

/// Seconds; the middle one, or the mean of the two in the middle.
fn median(times: &[Duration]) -> f64 {
    let mut seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    if seconds.len() % 2 == 1 { seconds[middle] } else { (seconds[middle - 1] + seconds[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    #[test]
    fn trains_for_the_clock() {
        let config = parse(&[
            "--path=x",
            "--resnet_type=resnet18",
            "--image_size=32",
            "--batch_size=8",
            "--layer1=16",
        ])
        .unwrap();
        let measured = step(&config, 3).unwrap();
        assert_eq!((measured.step_ms.len(), measured.resnet_type), (3, "resnet18"));
        assert!(measured.forward > 0.0 && measured.step > 0.0, "{measured:?}");
        assert!(measured.shares.optimizer > 0.0 && measured.shares.optimizer < 1.0);
    }

    #[test]
    fn the_median_is_the_middle() {
        let seconds =
            |values: &[u64]| values.iter().map(|&value| Duration::from_secs(value)).collect::<Vec<_>>();
        assert_eq!(median(&seconds(&[9, 1, 4])), 4.0);
        assert_eq!(median(&seconds(&[9, 1, 4, 2])), 3.0);
    }
}
