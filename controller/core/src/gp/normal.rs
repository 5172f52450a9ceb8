//! Expected improvement by the standard normal distribution, where differences lose all digits.

pub(super) use crate::normal::HALF_LN_TAU;
use crate::normal::{below, density};

/// Below minus this the tail is computed by a continued fraction.
const TAIL: f64 = 3.0;
/// Terms of that fraction: as many as doubles can tell from [`TAIL`] on.
const TERMS: u32 = 45;

/// ln *h(z)* with *h(z) = φ(z) + z Φ(z)*, and the ratios *Φ/h* and *φ/h*, which are its slopes.
///
/// The expected improvement of N(μ, σ²) under `t` is *σ h((t − μ)/σ)*. As Ament et al. (2023) ask, the logarithm is
/// exact far into the tail; not by their formula but by Mills' ratio as a continued fraction, *R = 1/(t + c)* with
/// *c = 1/(t + 2/(t + 3/(t + …)))*: then *h = φ c R* has no difference in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LogImprovement {
    pub(super) log: f64,
    /// Φ/h.
    pub(super) below: f64,
    /// φ/h.
    pub(super) density: f64,
}

impl LogImprovement {
    pub(super) fn of(z: f64) -> Self {
        if z > -TAIL {
            let (below, density) = (below(z), density(z));
            let h = density + z * below;
            return Self { log: libm::log(h), below: below / h, density: density / h };
        }
        let t = -z;
        // Beyond that c is 1/t to the last digit, and a fraction of huge numbers only loses.
        let c = if t > 1e8 { 1.0 / t } else { 1.0 / fraction(t) };
        let log = -0.5 * t * t - HALF_LN_TAU + libm::log(c) - libm::log(t + c);
        Self { log, below: 1.0 / c, density: 1.0 + t / c }
    }
}

/// *t + 2/(t + 3/(t + …))*, whose rest is taken to repeat itself.
fn fraction(t: f64) -> f64 {
    let rest = 0.5 * (t + (t * t + 4.0 * f64::from(TERMS + 1)).sqrt());
    (1..=TERMS).rev().fold(rest, |inner, term| t + f64::from(term + 1) / inner)
}

/// ln Σ exp of what is given; −∞ of nothing.
pub(super) fn log_sum_exp(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most.is_infinite() {
        return most;
    }
    most + libm::log(logs.iter().map(|log| libm::exp(log - most)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (z, ln h, Φ/h, φ/h), by mpmath with 60 to 80 digits; beyond 1000 by eight terms of the asymptotic series.
    const TABLE: [(f64, f64, f64, f64); 23] = [
        (40.0, 3.688_879_454_113_936_3, 0.025, 0.0),
        (5.0, 1.609_437_923_126_431_3, 0.199_999_940_531_220_06, 2.973_438_997_675_601_3e-7),
        (1.0, 0.080_026_218_849_306_94, 0.776_638_725_201_739_3, 0.223_361_274_798_260_73),
        (0.1, -0.796_431_339_550_747_2, 1.197_129_166_691_884_4, 0.880_287_083_330_811_5),
        (0.0, -0.918_938_533_204_672_8, 1.253_314_137_315_500_3, 1.0),
        (-0.5, -1.620_516_264_387_319_9, 1.559_873_148_348_079_7, 1.779_936_574_174_039_8),
        (-1.0, -2.485_121_025_712_641_3, 1.904_271_233_329_691_8, 2.904_271_233_329_691_6),
        (-2.0, -4.768_783_523_917_114, 2.679_416_883_955_586, 6.358_833_767_911_172),
        (-2.999, -7.866_154_162_275_597, 3.531_457_144_936_052_6, 11.590_839_977_663_22),
        (-3.0, -7.869_686_059_603_029, 3.532_337_517_625_160_6, 11.597_012_552_875_482),
        (-3.001, -7.873_218_837_326_243, 3.533_217_936_499_523, 11.603_187_027_435_068),
        (-4.0, -11.849_061_577_550_662, 4.432_483_741_873_118, 18.729_934_967_492_472),
        (-5.5, -19.543_071_452_824_105, 5.833_954_662_723_005, 33.086_750_644_976_526),
        (-8.0, -37.122_364_261_692_63, 8.239_396_506_840_066, 66.915_172_054_720_53),
        (-12.0, -77.909_100_545_007_35, 12.163_352_571_585_74, 146.960_230_859_028_88),
        (-20.0, -206.917_838_509_425_1, 20.099_262_811_101_283, 402.985_256_222_025_6),
        (-37.5, -711.294_748_447_512_7, 37.553_220_117_980_274, 1_409.245_754_424_260_2),
        (-60.0, -1_809.108_460_182_272_2, 60.033_305_609_420_51, 3_602.998_336_565_230_6),
        (-150.0, -11_260.940_342_433_996, 150.013_331_556_108_4, 22_502.999_733_416_26),
        (-1e3, -500_014.734_452_091_16, 1_000.001_999_994, 1_000_002.999_994_000_1),
        (-1e5, -5_000_000_023.944_79, 100_000.000_02, 10_000_000_003.0),
        (-1e8, -5_000_000_000_000_038.0, 100_000_000.000_000_01, 1.000_000_000_000_000_2e16),
        (-1e10, -5.0e19, 10_000_000_000.0, 1.0e20),
    ];

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 2e-14 * b.abs().max(0.1)
    }

    #[test]
    fn log_improvement_agrees_with_high_precision() {
        for (z, log, below, density) in TABLE {
            let found = LogImprovement::of(z);
            assert!(near(found.log, log), "ln h({z}) is {log}, not {}", found.log);
            assert!(near(found.below, below), "Φ/h({z}) is {below}, not {}", found.below);
            assert!(near(found.density, density), "φ/h({z}) is {density}, not {}", found.density);
        }
    }

    #[test]
    fn log_improvement_slopes_as_it_says() {
        for (z, ..) in TABLE.iter().filter(|(z, ..)| z.abs() < 200.0) {
            let step = 1e-5;
            let rise = LogImprovement::of(z + step).log - LogImprovement::of(z - step).log;
            let slope = rise / (2.0 * step);
            assert!((slope - LogImprovement::of(*z).below).abs() < 1e-5 * (1.0 + slope), "at {z}");
        }
    }

    #[test]
    fn sums_of_exponentials_do_not_overflow() {
        assert!((log_sum_exp(&[-1e4, -1e4]) - (-1e4 + 2_f64.ln())).abs() < 1e-10);
        assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
