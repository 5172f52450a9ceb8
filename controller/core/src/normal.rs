//! The standard normal distribution.
//!
//! For logarithms, exponentials and error functions `libm` and not the platform's: the same bits on every machine.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::space::{LARGEST, SMALLEST};

/// ln √(2π).
pub(crate) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// The density.
pub(crate) fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z - HALF_LN_TAU)
}

/// The probability of being below.
pub(crate) fn below(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// The probability of being between two numbers, `from` below `to`: by the tail that both lie in, so that no digits are lost.
pub(crate) fn between(from: f64, to: f64) -> f64 {
    let (from, to) = (from * FRAC_1_SQRT_2, to * FRAC_1_SQRT_2);
    0.5 * if from > 0.0 {
        libm::erfc(from) - libm::erfc(to)
    } else if to < 0.0 {
        libm::erfc(-to) - libm::erfc(-from)
    } else {
        libm::erf(to) - libm::erf(from)
    }
}

/// [`below`] as a quantile, inside of (0, 1).
pub(crate) fn share(value: f64) -> f64 {
    below(value).clamp(SMALLEST, LARGEST)
}

/// The number at a quantile, finite also at the ends: a rational approximation (Abramowitz and Stegun 26.2.23), then
/// Halley's steps.
pub(crate) fn quantile(u: f64) -> f64 {
    let u = u.clamp(SMALLEST, LARGEST);
    let tail = u.min(1.0 - u);
    let t = (-2.0 * libm::log(tail)).sqrt();
    let over = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let under = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = over / under - t;
    for _ in 0..2 {
        let step = (below(z) - tail) / density(z);
        z -= step / (1.0 + 0.5 * z * step);
    }
    if u > 0.5 { -z } else { z }
}

/// Two numbers of two uniform ones in (0, 1] and [0, 1): Box and Muller's.
pub fn pair(u: f64, v: f64) -> (f64, f64) {
    let radius = (-2.0 * libm::log(u)).sqrt();
    let angle = 2.0 * PI * v;
    (radius * libm::cos(angle), radius * libm::sin(angle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_undo_shares() {
        for given in [1e-12, 1e-6, 0.01, 0.3, 0.5, 0.7, 0.975, 0.999_999] {
            assert!((share(quantile(given)) - given).abs() < 1e-14 + 1e-11 * given, "{given}");
        }
        // As tables have them.
        assert!((quantile(0.975) - 1.959_963_984_540_054_2).abs() < 1e-13);
        assert!((quantile(1e-10) + 6.361_340_902_404_056).abs() < 1e-11);
    }

    #[test]
    fn what_lies_between_is_what_lies_below_both_but_for_lost_digits() {
        for (from, to) in [(-1.0, 2.0), (0.5, 0.75), (-3.0, -2.5), (-0.0, 0.0)] {
            assert!((between(from, to) - (below(to) - below(from))).abs() < 1e-15, "{from} {to}");
        }
        // Ten deviations out, where one minus something has no digits left; as tables have it.
        assert!((between(10.0, f64::INFINITY) / 7.619_853_024_160_527e-24 - 1.0).abs() < 1e-12);
        assert_eq!(between(10.0, 11.0), between(-11.0, -10.0));
    }
}
