//! Values as the process sees them: bent by a monotone warp that makes them more like a Gaussian process's, then
//! standardised. Losses with a heavy tail (a learning rate that diverges, Rosenbrock's 10⁶) would otherwise leave nothing
//! of the differences that matter.

/// A monotone map of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Warp {
    /// None.
    Identity,
    /// ln((y − low) / scale + offset): room below, a short tail above. `low` is the least value, `scale` how far the
    /// median is above it.
    Log { low: f64, scale: f64, offset: f64 },
    /// asinh((y − centre) / scale): short tails on both sides.
    Asinh { centre: f64, scale: f64 },
    /// Yeo and Johnson (2000) of (y − centre) / scale.
    YeoJohnson { centre: f64, scale: f64, power: f64 },
}

impl Warp {
    /// The warped value.
    fn forth(self, y: f64) -> f64 {
        match self {
            Self::Identity => y,
            Self::Log { low, scale, offset } => libm::log((y - low) / scale + offset),
            Self::Asinh { centre, scale } => libm::asinh((y - centre) / scale),
            Self::YeoJohnson { centre, scale, power } => yeo_johnson((y - centre) / scale, power),
        }
    }

    fn back(self, warped: f64) -> f64 {
        match self {
            Self::Identity => warped,
            Self::Log { low, scale, offset } => low + scale * (libm::exp(warped) - offset),
            Self::Asinh { centre, scale } => centre + scale * libm::sinh(warped),
            Self::YeoJohnson { centre, scale, power } => centre + scale * yeo_johnson_back(warped, power),
        }
    }

    /// ln of the derivative.
    fn log_derivative(self, y: f64) -> f64 {
        match self {
            Self::Identity => 0.0,
            Self::Log { low, scale, offset } => -libm::log(y - low + scale * offset),
            Self::Asinh { centre, scale } => {
                let z = (y - centre) / scale;
                -0.5 * libm::log1p(z * z) - libm::log(scale)
            }
            Self::YeoJohnson { centre, scale, power } => {
                let z = (y - centre) / scale;
                let exponent = if z >= 0.0 { power - 1.0 } else { 1.0 - power };
                exponent * libm::log1p(z.abs()) - libm::log(scale)
            }
        }
    }

    /// Those that are tried on values; the values are finite.
    pub(super) fn candidates(values: &[f64]) -> Vec<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let quantile = |share: f64| sorted[(share * (sorted.len() - 1) as f64).round() as usize];
        let (low, median) = (sorted[0], quantile(0.5));
        let mut candidates = vec![Self::Identity];
        let above = median - low;
        if above.is_normal() && above > 0.0 {
            candidates.extend(OFFSETS.map(|offset| Self::Log { low, scale: above, offset }));
        }
        let spread = quantile(0.75) - quantile(0.25);
        if spread.is_normal() && spread > 0.0 {
            candidates.push(Self::Asinh { centre: median, scale: spread });
            candidates.push(likeliest_power(values, median, spread));
        }
        candidates
    }
}

/// How far below the least value the logarithm has its pole, in distances of the median.
const OFFSETS: [f64; 3] = [1.0, 0.1, 0.01];
/// Powers that are tried. Ends are where the map is a logarithm on one side.
const POWERS: (f64, f64) = (0.0, 2.0);

fn yeo_johnson(z: f64, power: f64) -> f64 {
    // On the left the same map upside down, with the power's mirror image.
    if z < 0.0 {
        return -yeo_johnson(-z, 2.0 - power);
    }
    if power.abs() < 1e-9 { libm::log1p(z) } else { libm::expm1(power * libm::log1p(z)) / power }
}

fn yeo_johnson_back(warped: f64, power: f64) -> f64 {
    if warped < 0.0 {
        return -yeo_johnson_back(-warped, 2.0 - power);
    }
    if power.abs() < 1e-9 { libm::expm1(warped) } else { libm::expm1(libm::log1p(power * warped) / power) }
}

/// The power under which the values are most likely normal (golden section).
fn likeliest_power(values: &[f64], centre: f64, scale: f64) -> Warp {
    let warp = |power: f64| Warp::YeoJohnson { centre, scale, power };
    let unlikely = |power: f64| {
        let output = Output::of(warp(power), values);
        -output.log_volume(values)
    };
    let ratio = 0.5 * (5_f64.sqrt() - 1.0);
    let (mut low, mut high) = POWERS;
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (unlikely(a), unlikely(b));
    for _ in 0..20 {
        if at_a < at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = unlikely(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = unlikely(b);
        }
    }
    warp(0.5 * (low + high))
}

/// A warp and the standardisation after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Output {
    pub warp: Warp,
    mean: f64,
    deviation: f64,
    /// Values are divided by this first, so that sums of squares of the largest doubles are finite.
    unit: f64,
}

impl Output {
    /// For finite values, at least one.
    pub(super) fn of(warp: Warp, values: &[f64]) -> Self {
        let mut output = Self { warp, mean: 0.0, deviation: 1.0, unit: 1.0 };
        let warped: Vec<f64> = values.iter().map(|y| warp.forth(*y)).collect();
        let largest = warped.iter().fold(0.0_f64, |most, w| most.max(w.abs()));
        if largest > 1e100 {
            output.unit = largest;
        }
        let many = values.len() as f64;
        output.mean = warped.iter().map(|w| w / output.unit).sum::<f64>() / many;
        let squares: f64 = warped.iter().map(|w| w / output.unit - output.mean).map(|off| off * off).sum();
        let deviation = (squares / many).sqrt();
        // Differences of the size of rounding are none.
        if deviation > 1e-13 * output.mean.abs() && deviation > f64::MIN_POSITIVE {
            output.deviation = deviation;
        }
        output
    }

    /// A value in units of the model.
    pub fn forth(&self, value: f64) -> f64 {
        (self.warp.forth(value) / self.unit - self.mean) / self.deviation
    }

    /// A number of the model as a value, finite.
    pub fn back(&self, number: f64) -> f64 {
        let warped = (number * self.deviation + self.mean) * self.unit;
        self.warp.back(warped).clamp(f64::MIN, f64::MAX)
    }

    /// ln of the derivatives at values, summed: what makes likelihoods under different warps comparable.
    pub(super) fn log_volume(&self, values: &[f64]) -> f64 {
        let bends: f64 = values.iter().map(|y| self.warp.log_derivative(*y)).sum();
        bends - values.len() as f64 * (libm::log(self.deviation) + libm::log(self.unit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spread(values: &[f64]) -> Vec<f64> {
        let mut values = values.to_vec();
        values.push(1e3);
        values
    }

    proptest! {
        #[test]
        fn every_warp_is_undone_and_grows(values in prop::collection::vec(-50.0..400.0_f64, 4..20)) {
            let values = spread(&values);
            for warp in Warp::candidates(&values) {
                let output = Output::of(warp, &values);
                let numbers: Vec<f64> = values.iter().map(|y| output.forth(*y)).collect();
                for (y, number) in values.iter().zip(&numbers) {
                    prop_assert!((output.back(*number) - y).abs() < 1e-7 * (1.0 + y.abs()), "{warp:?} {y}");
                    let higher = output.forth(y + 1e-3);
                    prop_assert!(higher > *number, "{warp:?} at {y}");
                    // So that the warped value rises by 1e-4.
                    let step = 1e-4 * (-warp.log_derivative(*y)).exp();
                    let rise = (warp.forth(y + step) - warp.forth(*y)) / step;
                    prop_assert!((rise.ln() - warp.log_derivative(*y)).abs() < 1e-2, "{warp:?} at {y}");
                }
                let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
                let squares: f64 = numbers.iter().map(|n| n * n).sum();
                prop_assert!(mean.abs() < 1e-9 && (squares / numbers.len() as f64 - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn equal_and_huge_values_are_standardised_too() {
        let same = Output::of(Warp::Identity, &[7.25; 5]);
        assert_eq!((same.forth(7.25), same.back(0.0)), (0.0, 7.25));
        assert_eq!(Warp::candidates(&[7.25; 5]), [Warp::Identity]);
        let huge = Output::of(Warp::Identity, &[-1e308, 1e308]);
        assert_eq!((huge.forth(-1e308), huge.forth(1e308)), (-1.0, 1.0));
        assert!(huge.back(5.0).is_finite());
    }

    #[test]
    fn a_log_normal_sample_is_taken_for_one() {
        let place = |index, dimension| f64::from(sobol_burley::sample(index, dimension, 1));
        let normal = |at| crate::normal::pair(1.0 - place(at, 0), place(at, 1)).0;
        let values: Vec<f64> = (0..200).map(|at| libm::exp(3.0 * normal(at))).collect();
        let best = Warp::candidates(&values)
            .into_iter()
            .map(|warp| (Output::of(warp, &values).log_volume(&values), warp))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        assert!(matches!(best, Some((_, Warp::Log { .. }))), "{best:?}");
    }
}
