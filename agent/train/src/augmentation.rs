//! Parameters of how training images are changed. Part of [`crate::Config`].

use serde::Serialize;

use crate::augment::{Augment, Augmenter, Policy};
use crate::config::whole;
use crate::data::Recipe;

/// Share of images that the Python project changed.
const SEED_PROBABILITY: f64 = 0.6;

/// How training images are changed. Every default is what the Python project did.
#[derive(Debug, Clone, PartialEq, Serialize, clap::Args)]
pub struct Augmentation {
    /// How training images are changed
    #[arg(long, default_value = "seed", ignore_case = true, help_heading = "Augmentation")]
    pub augment: Augment,

    /// Share of training images that are changed, 0 to 1 [default: 0.6 for seed, else 1]
    #[arg(long = "augment_p", alias = "augment-p", help_heading = "Augmentation")]
    pub augment_p: Option<f64>,

    /// Changes per image of `augment: rand`
    #[arg(long = "augment_ops", alias = "augment-ops", default_value = "2", value_parser = whole, help_heading = "Augmentation")]
    pub augment_ops: i64,

    /// Strength of the changes of `augment: rand`, 0 to 30
    #[arg(
        long = "augment_magnitude",
        alias = "augment-magnitude",
        default_value_t = 9.0,
        help_heading = "Augmentation"
    )]
    pub augment_magnitude: f64,

    /// Share of training images of which a rectangle is painted over, 0 to 1
    #[arg(
        long = "random_erasing",
        alias = "random-erasing",
        default_value_t = 0.0,
        help_heading = "Augmentation"
    )]
    pub random_erasing: f64,

    /// Alpha of mixup; 0: off
    #[arg(long, default_value_t = 0.0, help_heading = "Augmentation")]
    pub mixup: f64,

    /// Alpha of CutMix; 0: off
    #[arg(long, default_value_t = 0.0, help_heading = "Augmentation")]
    pub cutmix: f64,
}

impl Augmentation {
    /// What makes no sense, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, value, most) in [
            ("augment_p", self.augment_p.unwrap_or(0.0), 1.0),
            ("augment_magnitude", self.augment_magnitude, 30.0),
            ("random_erasing", self.random_erasing, 1.0),
            ("mixup", self.mixup, f64::MAX),
            ("cutmix", self.cutmix, f64::MAX),
        ] {
            if !(0.0..=most).contains(&value) {
                let up_to = if most < f64::MAX { format!(" and at most {most}") } else { String::new() };
                wrong.push(format!("{name} is {value}, but must be at least 0{up_to}"));
            }
        }
        if !(1..=14).contains(&self.augment_ops) {
            wrong.push(format!("augment_ops is {}, but must be from 1 to 14", self.augment_ops));
        }
        wrong
    }

    /// How training images become batches under a seed.
    pub fn recipe(&self, seed: u64) -> Recipe {
        let usual = if self.augment == Augment::Seed { SEED_PROBABILITY } else { 1.0 };
        let policy = Policy {
            augment: self.augment,
            probability: self.augment_p.unwrap_or(usual),
            ops: self.augment_ops as usize,
            magnitude: self.augment_magnitude,
        };
        let augmenter = Augmenter::new(policy, self.random_erasing, seed);
        Recipe { augmenter, mixup: self.mixup, cutmix: self.cutmix, seed }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::parse;

    #[test]
    fn every_mistake_is_named() {
        let arguments = [
            "--path=x",
            "--augment_p=2",
            "--augment_magnitude=31",
            "--augment_ops=0",
            "--mixup=-1",
            "--random_erasing=nan",
        ];
        let message = parse(&arguments).unwrap().check().unwrap_err().to_string();
        for words in [
            "augment_p is 2, but must be at least 0 and at most 1",
            "augment_magnitude is 31",
            "augment_ops is 0",
            "mixup is -1, but must be at least 0",
            "random_erasing is NaN",
        ] {
            assert!(message.contains(words), "{message}");
        }
    }
}
