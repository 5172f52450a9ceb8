//! What happens to an image, by chance: the policies draw, [`Step`](super::Step) does.

use clap::ValueEnum;
use rand::{Rng, RngExt as _};
use serde::Serialize;

use super::geometry::{Map, Sampling};
use super::step::Step;

/// How training images are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Augment {
    /// As the Python project: flip, rotation, colour jitter, blur, greyscale, with probability 0.6 altogether
    Seed,
    /// Not at all
    None,
    /// Little, for small faces: flip, slight rotation, zoom and shift, slight changes of light
    Light,
    /// Flip, then augment_ops random changes of strength augment_magnitude (RandAugment)
    Rand,
}

/// A policy with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub augment: Augment,
    /// Share of images that are changed at all, 0 to 1.
    pub probability: f64,
    /// Changes per image of `rand`.
    pub ops: usize,
    /// Their strength, 0 to 30.
    pub magnitude: f64,
}

impl Policy {
    /// Draws what happens to one image of `side` pixels.
    pub fn draw(&self, side: usize, random: &mut impl Rng) -> Vec<Step> {
        if self.augment == Augment::None || !chance(random, self.probability) {
            return Vec::new();
        }
        match self.augment {
            Augment::None => Vec::new(),
            Augment::Seed => seed(random),
            Augment::Light => light(side, random),
            Augment::Rand => rand_augment(self.ops, self.magnitude, side, random),
        }
    }
}

fn chance(random: &mut impl Rng, probability: f64) -> bool {
    random.random::<f64>() < probability
}

/// The Python project's list, in its order; brightness and hue come in random order, as in torchvision's `ColorJitter`.
fn seed(random: &mut impl Rng) -> Vec<Step> {
    let mut steps = Vec::with_capacity(6);
    if chance(random, 0.5) {
        steps.push(Step::Flip);
    }
    steps.push(Step::Warp(Map::rotation(random.random_range(-30.0..=30.0)), Sampling::Nearest));
    let mut jitter =
        [Step::Brightness(random.random_range(0.5..=1.5)), Step::Hue(random.random_range(-0.3..=0.3))];
    if chance(random, 0.5) {
        jitter.reverse();
    }
    steps.extend(jitter);
    steps.push(Step::Blur(random.random_range(0.1..=5.0)));
    if chance(random, 0.1) {
        steps.push(Step::Greyscale);
    }
    steps
}

fn light(side: usize, random: &mut impl Rng) -> Vec<Step> {
    /// Farthest shift, in parts of the side.
    const SHIFT: f64 = 0.05;
    let mut steps = Vec::with_capacity(6);
    if chance(random, 0.5) {
        steps.push(Step::Flip);
    }
    let farthest = SHIFT * side as f64;
    let map = Map::similarity(
        random.random_range(-12.0..=12.0),
        random.random_range(0.9..=1.15),
        random.random_range(-farthest..=farthest),
        random.random_range(-farthest..=farthest),
    );
    steps.push(Step::Warp(map, Sampling::Bilinear));
    let mut factor = || random.random_range(0.75..=1.25);
    steps.extend([Step::Brightness(factor()), Step::Contrast(factor()), Step::Saturation(factor())]);
    if chance(random, 0.1) {
        steps.push(Step::Greyscale);
    }
    steps
}

/// Flip with probability 0.5, then `ops` draws with replacement from torchvision's `RandAugment` space, whose strengths
/// grow linearly with `magnitude`.
fn rand_augment(ops: usize, magnitude: f64, side: usize, random: &mut impl Rng) -> Vec<Step> {
    /// Strength of full effect: torchvision's 31 bins.
    const FULL: f64 = 30.0;
    /// Kinds of change, doing nothing included.
    const KINDS: u32 = 14;
    let mut steps = Vec::with_capacity(ops + 1);
    if chance(random, 0.5) {
        steps.push(Step::Flip);
    }
    let share = magnitude / FULL;
    for _ in 0..ops {
        let kind = random.random_range(0..KINDS);
        let sign = if chance(random, 0.5) { 1.0 } else { -1.0 };
        let factor = (1.0 + sign * 0.9 * share) as f32;
        let shift = sign * (share * 150.0 / 331.0 * side as f64).trunc();
        let warp = |map| Some(Step::Warp(map, Sampling::Nearest));
        steps.extend(match kind {
            0 => None,
            1 => warp(Map::shear_x(sign * 0.3 * share, side)),
            2 => warp(Map::shear_y(sign * 0.3 * share, side)),
            3 => warp(Map::translation(shift, 0.0)),
            4 => warp(Map::translation(0.0, shift)),
            5 => warp(Map::rotation(sign * 30.0 * share)),
            6 => Some(Step::Brightness(factor)),
            7 => Some(Step::Saturation(factor)),
            8 => Some(Step::Contrast(factor)),
            9 => Some(Step::Sharpness(factor)),
            10 => Some(Step::Posterize(8 - (4.0 * share).round() as u8)),
            11 => Some(Step::Solarize((255.0 * (1.0 - share)) as f32)),
            12 => Some(Step::AutoContrast),
            _ => Some(Step::Equalize),
        });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::stream;

    fn drawn(augment: Augment, probability: f64) -> Vec<Vec<Step>> {
        let policy = Policy { augment, probability, ops: 2, magnitude: 9.0 };
        (0..4000).map(|number| policy.draw(64, &mut stream(7, "test", number))).collect()
    }

    fn share(steps: &[Vec<Step>], wanted: impl Fn(&[Step]) -> bool) -> f64 {
        steps.iter().filter(|steps| wanted(steps)).count() as f64 / steps.len() as f64
    }

    #[test]
    fn the_seed_policy_changes_six_in_ten_in_the_python_projects_order() {
        let drawn = drawn(Augment::Seed, 0.6);
        assert!((share(&drawn, |steps| !steps.is_empty()) - 0.6).abs() < 0.03);
        let changed: Vec<Vec<Step>> = drawn.into_iter().filter(|steps| !steps.is_empty()).collect();
        assert!((share(&changed, |steps| steps[0] == Step::Flip) - 0.5).abs() < 0.04);
        assert!((share(&changed, |steps| steps.contains(&Step::Greyscale)) - 0.1).abs() < 0.03);
        let place = |steps: &[Step], wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
        let hue_first = |steps: &[Step]| {
            place(steps, |step| matches!(step, Step::Hue(_)))
                < place(steps, |step| matches!(step, Step::Brightness(_)))
        };
        assert!((share(&changed, hue_first) - 0.5).abs() < 0.04);
        for steps in &changed {
            let core = if steps[0] == Step::Flip { &steps[1..] } else { steps };
            assert!(matches!(core[0], Step::Warp(_, Sampling::Nearest)));
            assert!(matches!(core[3], Step::Blur(sigma) if (0.1..=5.0).contains(&sigma)), "{core:?}");
            for step in core {
                match *step {
                    Step::Brightness(factor) => assert!((0.5..=1.5).contains(&factor)),
                    Step::Hue(turn) => assert!((-0.3..=0.3).contains(&turn)),
                    Step::Warp(Map(m), _) => assert!(m[0] >= 30f64.to_radians().cos() - 1e-9),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn rand_draws_every_kind_and_light_stays_light() {
        let kinds: std::collections::BTreeSet<String> = drawn(Augment::Rand, 1.0)
            .iter()
            .flatten()
            .map(|step| format!("{step:?}").split('(').next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds.len(), 10, "{kinds:?}");
        for steps in drawn(Augment::Light, 1.0) {
            let Some(Step::Warp(Map(m), Sampling::Bilinear)) =
                steps.iter().find(|step| matches!(step, Step::Warp(..))).copied()
            else {
                panic!("{steps:?}")
            };
            let zoom = 1.0 / (m[0] * m[4] - m[1] * m[3]).sqrt();
            assert!((0.9 - 1e-9..=1.15 + 1e-9).contains(&zoom), "{zoom}");
        }
        assert!(drawn(Augment::None, 1.0).iter().all(Vec::is_empty));
    }
}
