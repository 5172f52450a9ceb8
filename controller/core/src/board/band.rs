//! Quantiles over many curves at once, on one grid.

use std::collections::HashSet;

/// A band; all columns are as long as `at`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Band {
    /// Places in order.
    pub at: Vec<f64>,
    /// How many curves there are at each place.
    pub counts: Vec<usize>,
    /// By quantile, in the order asked for.
    pub quantiles: Vec<Vec<f64>>,
}

/// Quantiles (from 0 to 1) of curves of (place, value) at up to `most` places: where points are if there are not more such
/// places, else evenly spaced. A curve is there from its first finite value to its last point, with its last finite value so
/// far. Between two values a quantile is interpolated. The points of a curve are in order of place.
pub fn band<C: AsRef<[(f64, f64)]>>(curves: &[C], quantiles: &[f64], most: usize) -> Band {
    let at = grid(curves, most);
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); at.len()];
    for curve in curves {
        spread(curve.as_ref(), &at, &mut columns);
    }
    let mut band = Band { at: Vec::new(), counts: Vec::new(), quantiles: vec![Vec::new(); quantiles.len()] };
    for (at, mut values) in at.into_iter().zip(columns) {
        // At the end of what is not finite there may be a place without any curve.
        if values.is_empty() {
            continue;
        }
        band.at.push(at);
        band.counts.push(values.len());
        for (column, quantile) in band.quantiles.iter_mut().zip(quantiles) {
            column.push(self::quantile(&mut values, *quantile));
        }
    }
    band
}

fn grid<C: AsRef<[(f64, f64)]>>(curves: &[C], most: usize) -> Vec<f64> {
    let most = most.max(2);
    let places = || curves.iter().flat_map(|curve| curve.as_ref().iter().map(|(at, _)| *at));
    let mut distinct = HashSet::new();
    let few = places().all(|at| {
        distinct.insert(at.to_bits());
        distinct.len() <= most
    });
    if few {
        let mut at: Vec<f64> = distinct.into_iter().map(f64::from_bits).collect();
        at.sort_by(f64::total_cmp);
        return at;
    }
    let (first, last) =
        places().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), at| (l.min(at), h.max(at)));
    let step = (last - first) / (most - 1) as f64;
    (0..most).map(|at| if at == most - 1 { last } else { first + step * at as f64 }).collect()
}

/// Adds a curve's values to the columns of the places where it is.
fn spread(curve: &[(f64, f64)], at: &[f64], columns: &mut [Vec<f64>]) {
    let Some((last, _)) = curve.last() else { return };
    let mut points = curve.iter().peekable();
    let mut value = None;
    for (place, column) in at.iter().zip(columns) {
        if place > last {
            return;
        }
        while let Some((_, told)) = points.next_if(|(at, _)| at <= place) {
            if told.is_finite() {
                value = Some(*told);
            }
        }
        column.extend(value);
    }
}

/// A quantile of values, of which there is at least one; their order is lost.
fn quantile(values: &mut [f64], quantile: f64) -> f64 {
    let place = quantile.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let share = place.fract();
    let (_, low, above) = values.select_nth_unstable_by(place as usize, f64::total_cmp);
    let low = *low;
    if share == 0.0 {
        return low;
    }
    let high = above.iter().copied().fold(f64::INFINITY, f64::min);
    low + share * (high - low)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_curve_is_there_to_its_end_only() {
        let curves = [vec![(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], vec![(1.0, 5.0), (2.0, f64::NAN)]];
        let band = band(&curves, &[0.0, 0.5, 1.0], 10);
        assert_eq!(band.at, [1.0, 2.0, 3.0]);
        assert_eq!(band.counts, [2, 2, 1]);
        assert_eq!(band.quantiles, [[1.0, 2.0, 3.0], [3.0, 3.5, 3.0], [5.0, 5.0, 3.0]]);
    }

    #[test]
    fn nothing_has_an_empty_band() {
        assert!(band::<Vec<_>>(&[], &[0.5], 10).at.is_empty());
        let none = band(&[vec![(1.0, f64::NAN)]], &[0.5], 10);
        assert!(none.at.is_empty() && none.quantiles[0].is_empty());
    }

    #[test]
    fn many_places_become_an_even_grid_with_both_ends() {
        let curve: Vec<_> = (0..1000).map(|at| (f64::from(at), f64::from(at))).collect();
        let band = band(&[curve], &[0.5], 200);
        assert_eq!((band.at.len(), band.at[0], band.at[199]), (200, 0.0, 999.0));
        assert!(band.at.iter().zip(&band.quantiles[0]).all(|(at, value)| *value == at.floor()));
    }

    /// By sorting, as the textbook has it.
    fn sorted_quantile(values: &[f64], quantile: f64) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let place = quantile * (values.len() - 1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        values[low] + place.fract() * (values[high] - values[low])
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_sorted_values(values in prop::collection::vec(-1e3..1e3_f64, 1..60), q in 0.0..=1.0_f64) {
            let found = quantile(&mut values.clone(), q);
            prop_assert!((found - sorted_quantile(&values, q)).abs() < 1e-9);
        }

        #[test]
        fn a_band_is_in_order_and_within_its_curves(
            curves in prop::collection::vec(prop::collection::vec((0..500_u32, -1e3..1e3_f64), 1..40), 1..20),
            most in 2..50_usize,
        ) {
            let curves: Vec<Vec<(f64, f64)>> = curves.into_iter().map(|mut curve| {
                curve.sort_by_key(|(at, _)| *at);
                curve.into_iter().map(|(at, value)| (f64::from(at), value)).collect()
            }).collect();
            let band = band(&curves, &[0.1, 0.5, 0.9], most);
            prop_assert!(!band.at.is_empty() && band.at.len() <= most);
            prop_assert!(band.at.windows(2).all(|pair| pair[0] < pair[1]));
            let all = curves.iter().flatten().fold((f64::MAX, f64::MIN), |(l, h), (_, v)| (l.min(*v), h.max(*v)));
            for at in 0..band.at.len() {
                let [low, middle, high] = [0, 1, 2].map(|q| band.quantiles[q][at]);
                prop_assert!(all.0 <= low && low <= middle && middle <= high && high <= all.1);
                prop_assert!(band.counts[at] >= 1 && band.counts[at] <= curves.len());
            }
        }
    }
}
