//! Mixup and CutMix: every image of a batch is mixed with a partner, and so are their losses.
//!
//! Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018); Yun et al., "CutMix" (2019).

use rand::seq::SliceRandom as _;
use rand::{Rng, RngExt as _};
/// How a batch was mixed: image `i` is `share` of itself and `1 − share` of image `partner[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Indices within the batch.
    pub partner: Vec<usize>,
    /// Of the image itself, 0 to 1; the same for the whole batch.
    pub share: f64,
    /// Where the partner's pixels stand, for CutMix.
    cut: Option<Cut>,
}

/// Rows and columns, `begin..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    rows: (usize, usize),
    columns: (usize, usize),
}

impl Mix {
    /// Draws a mix for a batch; the alphas are those of Beta(alpha, alpha), 0 for off. With both on, each batch takes
    /// one of them, by even chance. `None` when both are off.
    pub fn draw(mixup: f64, cutmix: f64, images: usize, side: usize, random: &mut impl Rng) -> Option<Self> {
        let cuts = match (mixup > 0.0, cutmix > 0.0) {
            (false, false) => return None,
            (true, true) => random.random::<bool>(),
            (_, cuts) => cuts,
        };
        let mut partner: Vec<usize> = (0..images).collect();
        partner.shuffle(random);
        let share = even_beta(if cuts { cutmix } else { mixup }, random);
        if !cuts {
            return Some(Self { partner, share, cut: None });
        }
        let cut = Cut::draw(share, side, random);
        // The rectangle may reach beyond the edge: what counts is the area that is really the partner's.
        let share = 1.0 - cut.area() as f64 / (side * side) as f64;
        Some(Self { partner, share, cut: Some(cut) })
    }

    /// Mixes one image with its partner, both `[side, side, 3]`, into `out`.
    pub fn image(&self, own: &[f32], partner: &[f32], side: usize, out: &mut [f32]) {
        let Some(Cut { rows, columns }) = self.cut else {
            let (share, rest) = (self.share as f32, (1.0 - self.share) as f32);
            for ((out, own), partner) in out.iter_mut().zip(own).zip(partner) {
                *out = own * share + partner * rest;
            }
            return;
        };
        out.copy_from_slice(own);
        let columns = 3 * columns.0..3 * columns.1;
        let width = 3 * side;
        for y in rows.0..rows.1 {
            let row = y * width..(y + 1) * width;
            out[row.clone()][columns.clone()].copy_from_slice(&partner[row][columns.clone()]);
        }
    }
}

impl Cut {
    /// A rectangle shaped as the image with `1 − share` of its area, its middle anywhere.
    fn draw(share: f64, side: usize, random: &mut impl Rng) -> Self {
        let half = 0.5 * (1.0 - share).sqrt() * side as f64;
        let edge = |at: f64| (at.max(0.0) as usize).min(side);
        let mut range = || {
            let middle = random.random_range(0..side) as f64;
            (edge(middle - half), edge(middle + half))
        };
        let rows = range();
        Self { rows, columns: range() }
    }

    fn area(self) -> usize {
        (self.rows.1 - self.rows.0) * (self.columns.1 - self.columns.0)
    }
}

/// Beta(alpha, alpha) out of two gamma variates.
fn even_beta(alpha: f64, random: &mut impl Rng) -> f64 {
    let (a, b) = (gamma(alpha, random), gamma(alpha, random));
    // Both vanish only for alphas so small that the mix is one image or the other.
    if a + b > 0.0 { a / (a + b) } else { f64::from(u8::from(random.random::<bool>())) }
}

/// Gamma(shape, 1), Marsaglia and Tsang 2000; shapes below 1 by the usual power of a uniform number.
fn gamma(shape: f64, random: &mut impl Rng) -> f64 {
    if shape < 1.0 {
        let uniform: f64 = 1.0 - random.random::<f64>();
        return gamma(shape + 1.0, random) * uniform.powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = normal(random);
        let v = (1.0 + c * normal).powi(3);
        let uniform: f64 = 1.0 - random.random::<f64>();
        if v > 0.0 && uniform.ln() < 0.5 * normal * normal + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// Standard normal, by Box and Muller.
fn normal(random: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::stream;

    #[test]
    fn shares_are_distributed_as_beta() {
        // Var of Beta(a, a) is 1 / (4 (2a + 1)).
        for alpha in [0.2, 1.0, 4.0] {
            let mut random = stream(7, "beta", 0);
            let draws: Vec<f64> = (0..20_000).map(|_| even_beta(alpha, &mut random)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            assert!((mean - 0.5).abs() < 0.01, "alpha {alpha}: {mean}");
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((variance / expected - 1.0).abs() < 0.05, "alpha {alpha}: {variance} is not {expected}");
        }
    }

    #[test]
    fn mixup_weighs_whole_images() {
        let mix = Mix { partner: vec![1, 0], share: 0.75, cut: None };
        let mut out = [9.0; 48];
        mix.image(&[0.0; 48], &[4.0; 48], 4, &mut out);
        assert_eq!(out, [1.0; 48]);
    }

    #[test]
    fn cutmix_takes_the_share_that_it_says() {
        let area = 16 * 16 * 3;
        for number in 0..50 {
            let mix = Mix::draw(0.0, 1.0, 3, 16, &mut stream(7, "mix", number)).unwrap();
            let mut out = vec![9.0; area];
            mix.image(&vec![1.0; area], &vec![0.0; area], 16, &mut out);
            let mean = f64::from(out.iter().sum::<f32>()) / area as f64;
            assert!((mean - mix.share).abs() < 1e-6, "{mean}: {mix:?}");
            assert!(out.iter().all(|&value| value == 0.0 || value == 1.0));
            let mut partners = mix.partner;
            partners.sort_unstable();
            assert_eq!(partners, [0, 1, 2]);
        }
    }

    #[test]
    fn zero_is_off() {
        assert_eq!(Mix::draw(0.0, 0.0, 8, 16, &mut stream(7, "mix", 0)), None);
    }
}
