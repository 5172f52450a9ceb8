//! Numbers out of predictions: pure, and all of them in one value.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::Prediction;
use crate::labels::Head;
use crate::score::Confusion;
use crate::score::age::{MIDPOINTS, group_error};
use crate::score::bootstrap::{Interval, confusion, interval};
use crate::score::calibration::{Calibration, softmax};
use crate::score::scores::Counts;
use crate::score::subgroups::{BY, Line, Subgroups};

/// What a model is worth on some images.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub model: String,
    /// `validation`, `test` or `all`.
    pub part: &'static str,
    pub images: usize,
    /// Seed of the resamplings.
    pub seed: u64,
    pub heads: Vec<HeadReport>,
    /// Mean of the three heads' macro-F1.
    pub total_f1: Interval,
    /// Mean distance of age groups in years, middle to middle.
    pub age_group_error: Interval,
    /// Mean distance in years of the predicted group's middle from the age itself, where file names give ages.
    pub age_error: Option<Interval>,
    pub subgroups: Vec<Line>,
    /// As the training's metrics are named: `age-f1gap-by-sex`.
    pub gaps: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadReport {
    pub head: &'static str,
    #[serde(flatten)]
    pub counts: Counts,
    pub accuracy: Interval,
    pub macro_f1: Interval,
    /// Fitted on validation images.
    pub temperature: f64,
    /// Expected calibration error with logits divided by the temperature, 0 to 1.
    pub ece_scaled: f64,
}

impl Report {
    pub fn new(
        model: &Path,
        part: &'static str,
        predictions: &[Prediction],
        temperatures: [f64; 3],
        seed: u64,
    ) -> Self {
        let count = predictions.len();
        let pairs = [0, 1, 2].map(|head: usize| pairs(predictions, head));
        let classes =
            [0, 1, 2].map(|head: usize| predictions.first().map_or(0, |one| one.logits[head].len()));
        let table = |head: usize, images: &mut dyn Iterator<Item = usize>| {
            confusion(&pairs[head], classes[head], images)
        };
        let total = |images: &mut dyn Iterator<Item = usize>| {
            let images: Vec<usize> = images.collect();
            let one = |head| table(head, &mut images.iter().copied()).macro_f1();
            (one(0) + one(1) + one(2)) / 3.0
        };
        let mut subgroups = Subgroups::new(classes);
        for (at, one) in predictions.iter().enumerate() {
            subgroups.add(one.truth, [0, 1, 2].map(|head: usize| pairs[head][at].1));
        }
        Self {
            model: model.display().to_string(),
            part,
            images: count,
            seed,
            heads: (0..3)
                .map(|head| {
                    HeadReport::new(head, predictions, &pairs[head], classes[head], temperatures[head], seed)
                })
                .collect(),
            total_f1: interval(count, seed, total),
            age_group_error: interval(count, seed, |images| group_error(&table(0, images))),
            age_error: age_error(predictions, &pairs[0], seed),
            subgroups: subgroups.lines(),
            gaps: gaps(&subgroups),
        }
    }
}

impl HeadReport {
    fn new(
        head: usize,
        predictions: &[Prediction],
        pairs: &[(usize, usize)],
        classes: usize,
        temperature: f64,
        seed: u64,
    ) -> Self {
        let whole = confusion(pairs, classes, &mut (0..pairs.len()));
        let calibrated = |temperature: f64| {
            let mut calibration = Calibration::default();
            for (one, &(truth, predicted)) in predictions.iter().zip(pairs) {
                calibration.add(softmax(&one.logits[head], temperature)[predicted], truth == predicted);
            }
            calibration
        };
        let score = |of: fn(&Confusion) -> f64| {
            interval(pairs.len(), seed, |images| of(&confusion(pairs, classes, images)))
        };
        Self {
            head: Head::ALL[head].word(),
            counts: Counts::new(Head::ALL[head], &whole, &calibrated(1.0)),
            accuracy: score(Confusion::accuracy),
            macro_f1: score(Confusion::macro_f1),
            temperature,
            ece_scaled: calibrated(temperature).error(),
        }
    }
}

/// What each image is, and what it was taken for.
fn pairs(predictions: &[Prediction], head: usize) -> Vec<(usize, usize)> {
    let likeliest = |logits: &[f32]| {
        // The first of equals, as argmax has it.
        (0..logits.len()).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap_or(0)
    };
    let pair = |one: &Prediction| (usize::from(one.truth.of(Head::ALL[head])), likeliest(&one.logits[head]));
    predictions.iter().map(pair).collect()
}

fn age_error(predictions: &[Prediction], pairs: &[(usize, usize)], seed: u64) -> Option<Interval> {
    let middle = |group: usize| MIDPOINTS[group.min(MIDPOINTS.len() - 1)];
    let apart: Vec<f64> = predictions
        .iter()
        .zip(pairs)
        .filter_map(|(one, &(_, group))| Some((one.years? - middle(group)).abs()))
        .collect();
    let mean = |images: &mut dyn Iterator<Item = usize>| {
        let (sum, count) = images.fold((0.0, 0u64), |(sum, count), image| (sum + apart[image], count + 1));
        sum / count.max(1) as f64
    };
    (!apart.is_empty()).then(|| interval(apart.len(), seed, mean))
}

fn gaps(subgroups: &Subgroups) -> BTreeMap<String, f64> {
    let mut gaps = BTreeMap::new();
    for head in Head::ALL {
        for by in BY {
            if let Some(gap) = subgroups.gap(head, by) {
                gaps.insert(format!("{}-f1gap-by-{}", head.word(), by.word()), gap);
            }
        }
    }
    gaps
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::labels::Labels;

    /// Twenty people of four kinds, with one head wrong now and then.
    pub(crate) fn sample() -> Report {
        let one = |at: u8| {
            let truth = Labels { age_group: at % 9, sex: at % 2, race: at % 5 };
            let sure = |classes: u8, class: u8| -> Vec<f32> {
                (0..classes).map(|other| if other == class { 4.0 } else { 0.0 }).collect()
            };
            let age = if at == 0 { 1 } else { truth.age_group };
            Prediction {
                truth,
                years: Some(f64::from(truth.age_group) * 10.0 + 5.0),
                logits: [sure(9, age), sure(2, truth.sex), sure(5, truth.race)],
            }
        };
        let predictions: Vec<Prediction> = (0..20).map(one).collect();
        Report::new(Path::new("a/model.safetensors"), "test", &predictions, [2.0, 1.0, 1.0], 7)
    }

    #[test]
    fn numbers_agree_with_each_other() {
        let report = sample();
        assert_eq!((report.images, report.heads.len()), (20, 3));
        let age = &report.heads[0];
        assert!((age.accuracy.value - 0.95).abs() < 1e-12);
        assert!(age.accuracy.low < 0.95 && age.accuracy.high > 0.95);
        assert_eq!(age.counts.confusion[0][1], 1);
        let mean = report.heads.iter().map(|head| head.macro_f1.value).sum::<f64>() / 3.0;
        assert!((report.total_f1.value - mean).abs() < 1e-12);
        assert!((report.age_group_error.value - 10.5 / 20.0).abs() < 1e-12);
        // Ages of 5, 15, 25, ... against middles of 5, 15.5, 25.5, ...
        let years = report.age_error.unwrap().value;
        assert!((years - (10.5 + 17.0 * 0.5) / 20.0).abs() < 1e-12, "{years}");
        assert_eq!(report.subgroups.iter().map(|line| line.images).sum::<u64>(), 40);
        // Surer than right at temperature 1; less sure when warmer.
        assert!((age.counts.calibration.ece - age.ece_scaled).abs() > 0.01);
        assert!(
            report.gaps.contains_key("age-f1gap-by-race") && !report.gaps.contains_key("sex-f1gap-by-sex")
        );
    }

    #[test]
    fn of_equal_logits_the_first_counts() {
        let truth = Labels { age_group: 0, sex: 0, race: 0 };
        let one = Prediction { truth, years: None, logits: [vec![1.0; 9], vec![0.0; 2], vec![2.0; 5]] };
        assert_eq!(pairs(&[one], 0), [(0, 0)]);
    }
}
