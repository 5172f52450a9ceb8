//! What is made small: cross-entropy of each head, weighted by class, with softened targets where asked for.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Reduction, Tensor};

use crate::config::Config;
use crate::data::Sampling;
use crate::labels::{Head, Labels};
use crate::score::class_weights;

/// How classes are weighted in the losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// `N / (classes × count)`, as scikit-learn's `balanced` and the Python project.
    Balanced,
    None,
    /// No weights; instead the logits are raised by the logarithm of their class's share while training, so that the
    /// logits alone tell every class as if all were equally common: "Long-tail learning via logit adjustment" (Menon et
    /// al., ICLR 2021).
    Adjusted,
}

/// Whether the age groups' order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrdinalAge {
    None,
    /// Targets that fall off with the distance from the true group: "Soft Labels for Ordinal Regression" (Díaz and
    /// Marathe, CVPR 2019), with the square of the distance in groups.
    Sord,
}

/// The losses of the three heads.
pub(crate) struct Losses {
    /// Class weights per head.
    weights: [Vec<f64>; 3],
    on_device: [Tensor; 3],
    /// What is added to the logits of each head, `[classes]`.
    shifts: [Option<Tensor>; 3],
    smoothing: f64,
    /// `[groups, groups]`: a row of targets for each true age group.
    ordinal: Option<Tensor>,
    device: Device,
}

impl Losses {
    /// `counts`: how often each class of each head occurs.
    pub(crate) fn new(config: &Config, counts: [&[u64]; 3], device: Device) -> Self {
        // What the sampling has evened out already is not weighed once more.
        let evened =
            |head: usize| config.sampling == Sampling::Balanced && config.balance_head == Head::ALL[head];
        let weights = [0, 1, 2].map(|head: usize| match config.fitting.class_weights {
            ClassWeights::Balanced if !evened(head) => class_weights(counts[head]),
            _ => vec![1.0; counts[head].len()],
        });
        let shifts = [0, 1, 2].map(|head: usize| {
            let adjusted = config.fitting.class_weights == ClassWeights::Adjusted && !evened(head);
            adjusted.then(|| floats(&log_shares(counts[head])).to_device(device))
        });
        let on_device = weights.each_ref().map(|weights| floats(weights).to_device(device));
        let groups = config.age_num_targets;
        let ordinal = (config.fitting.ordinal_age == OrdinalAge::Sord).then(|| {
            let rows: Vec<f64> =
                (0..groups as usize).flat_map(|truth| sord(truth, groups as usize)).collect();
            floats(&rows).view([groups, groups]).to_device(device)
        });
        Self { weights, on_device, shifts, smoothing: config.fitting.label_smoothing, ordinal, device }
    }

    /// What the losses of a batch are divided by: its images' class weights, summed per head.
    pub(crate) fn divisors(&self, truth: &[Labels]) -> [f64; 3] {
        [0, 1, 2].map(|head: usize| {
            truth.iter().map(|labels| self.weights[head][usize::from(labels.of(Head::ALL[head]))]).sum()
        })
    }

    /// Weighted cross-entropy of each head over these images, as PyTorch computes it, divided by `divisors`: over a
    /// whole batch with its own divisors the mean, over a part of it that part's share of the mean.
    pub(crate) fn of(&self, logits: &[Tensor; 3], labels: &[Tensor; 3], divisors: [f64; 3]) -> [Tensor; 3] {
        [0, 1, 2].map(|head: usize| {
            let target = labels[head].to_device(self.device);
            let weights = &self.on_device[head];
            let logits = match &self.shifts[head] {
                Some(shift) => &logits[head] + shift,
                None => logits[head].shallow_clone(),
            };
            let sum = match &self.ordinal {
                Some(rows) if Head::ALL[head] == Head::Age => {
                    let targets = smoothed(&rows.index_select(0, &target), self.smoothing);
                    soft_cross_entropy(&logits, &targets, &weights.index_select(0, &target))
                }
                _ => logits.cross_entropy_loss(&target, Some(weights), Reduction::Sum, -100, self.smoothing),
            };
            sum / divisors[head]
        })
    }
}

/// Σ over images of weight × cross-entropy against a distribution: logits and targets `[images, classes]`, weights
/// `[images]`.
fn soft_cross_entropy(logits: &Tensor, targets: &Tensor, weights: &Tensor) -> Tensor {
    let each = (logits.log_softmax(1, Kind::Float) * targets).sum_dim_intlist(1, false, Kind::Float);
    -(each * weights).sum(Kind::Float)
}

/// A share of the target spread over all classes alike: "Rethinking the Inception Architecture" (Szegedy et al., 2015).
fn smoothed(targets: &Tensor, share: f64) -> Tensor {
    targets * (1.0 - share) + share / targets.size()[1] as f64
}

/// A row of targets: `softmax(-distance²)`, distances in groups.
fn sord(truth: usize, groups: usize) -> Vec<f64> {
    let each: Vec<f64> = (0..groups).map(|group| (-(truth.abs_diff(group).pow(2) as f64)).exp()).collect();
    let sum: f64 = each.iter().sum();
    each.into_iter().map(|value| value / sum).collect()
}

/// Of each class the logarithm of its share. A class without images counts as one image: it stays finite.
fn log_shares(counts: &[u64]) -> Vec<f64> {
    let all: u64 = counts.iter().map(|&count| count.max(1)).sum();
    counts.iter().map(|&count| (count.max(1) as f64 / all as f64).ln()).collect()
}

fn floats(values: &[f64]) -> Tensor {
    Tensor::from_slice(values).to_kind(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    const COUNTS: [&[u64]; 3] = [&[5, 1, 7, 4, 2, 2, 1, 1, 1], &[12, 12], &[10, 5, 4, 3, 2]];

    fn batch() -> ([Tensor; 3], [Tensor; 3], Vec<Labels>) {
        let truth: Vec<Labels> =
            (0..6u8).map(|at| Labels { age_group: (at * 2) % 9, sex: at % 2, race: (at * 3) % 5 }).collect();
        tch::manual_seed(3);
        let logits = [9, 2, 5].map(|classes| Tensor::randn([6, classes], (Kind::Float, Device::Cpu)));
        let labels = Head::ALL.map(|head| {
            let classes: Vec<i64> = truth.iter().map(|labels| i64::from(labels.of(head))).collect();
            Tensor::from_slice(&classes)
        });
        (logits, labels, truth)
    }

    fn losses(more: &[&str]) -> Losses {
        let args: Vec<&str> = std::iter::once("--path=x").chain(more.iter().copied()).collect();
        Losses::new(&parse(&args).unwrap(), COUNTS, Device::Cpu)
    }

    fn values(losses: &[Tensor; 3]) -> [f64; 3] {
        losses.each_ref().map(|loss| loss.double_value(&[]))
    }

    #[test]
    fn a_whole_batch_is_pytorchs_mean() {
        let (logits, labels, truth) = batch();
        for smoothing in [0.0, 0.1] {
            let losses = losses(&[&format!("--label_smoothing={smoothing}")]);
            let got = values(&losses.of(&logits, &labels, losses.divisors(&truth)));
            for head in 0..3 {
                let weights = floats(&class_weights(COUNTS[head]));
                let mean = logits[head].cross_entropy_loss(
                    &labels[head],
                    Some(&weights),
                    Reduction::Mean,
                    -100,
                    smoothing,
                );
                assert!((got[head] - mean.double_value(&[])).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (logits, labels, truth) = batch();
        for more in [&[][..], &["--ordinal_age=sord", "--label_smoothing=0.2"], &["--class_weights=none"]] {
            let losses = losses(more);
            let divisors = losses.divisors(&truth);
            let part = |from, count| {
                let cut =
                    |tensors: &[Tensor; 3]| tensors.each_ref().map(|tensor| tensor.narrow(0, from, count));
                values(&losses.of(&cut(&logits), &cut(&labels), divisors))
            };
            let whole = values(&losses.of(&logits, &labels, divisors));
            for (head, whole) in whole.into_iter().enumerate() {
                let sum = part(0, 4)[head] + part(4, 2)[head];
                assert!((sum - whole).abs() < 1e-6, "{more:?}");
            }
        }
    }

    #[test]
    fn adjusted_losses_are_those_of_logits_raised_by_the_log_shares() {
        let (logits, labels, truth) = batch();
        let adjusted = losses(&["--class_weights=adjusted"]);
        let plain = losses(&["--class_weights=none"]);
        let raised = [0, 1, 2].map(|head: usize| &logits[head] + floats(&log_shares(COUNTS[head])));
        let got = values(&adjusted.of(&logits, &labels, adjusted.divisors(&truth)));
        let expected = values(&plain.of(&raised, &labels, plain.divisors(&truth)));
        for head in 0..3 {
            assert!((got[head] - expected[head]).abs() < 1e-6);
        }
        // Equal classes need no adjusting.
        let alone = values(&plain.of(&logits, &labels, plain.divisors(&truth)));
        assert!((got[1] - alone[1]).abs() < 1e-6 && (got[0] - alone[0]).abs() > 1e-3);
        assert!(log_shares(&[0, 3]).into_iter().all(f64::is_finite));
        // The sampling evens age out, so only the others are adjusted.
        let sampled = losses(&["--class_weights=adjusted", "--sampling=balanced"]);
        let got = values(&sampled.of(&logits, &labels, sampled.divisors(&truth)));
        assert!((got[0] - alone[0]).abs() < 1e-6 && (got[2] - expected[2]).abs() < 1e-6);
    }

    #[test]
    fn ordinal_targets_fall_off_with_distance_on_both_sides() {
        let row = sord(3, 9);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(row[3] > row[2] && row[2] > row[1] && (row[2] - row[4]).abs() < 1e-15);
        assert!((row[2] / row[3] - (-1f64).exp()).abs() < 1e-12);
        // Far wrong costs more than nearly right, which plain cross-entropy does not know.
        let losses = losses(&["--ordinal_age=sord", "--class_weights=none"]);
        let at = |group: i64| {
            let age = Tensor::zeros([1, 9], (Kind::Float, Device::Cpu));
            let _ = age.narrow(1, group, 1).fill_(5.0);
            let logits = [
                age,
                Tensor::zeros([1, 2], (Kind::Float, Device::Cpu)),
                Tensor::zeros([1, 5], (Kind::Float, Device::Cpu)),
            ];
            let labels = [4i64, 0, 0].map(|class| Tensor::from_slice(&[class]));
            values(&losses.of(&logits, &labels, [1.0; 3]))[0]
        };
        assert!(at(4) < at(5) && at(5) < at(6) && (at(3) - at(5)).abs() < 1e-5);
    }
}
