//! Age in years, as far as groups tell it.

use super::Confusion;

/// The middle of each age group in years. The last is open; it is taken as ten years wide, as the others.
pub const MIDPOINTS: [f64; 9] = [5.0, 15.5, 25.5, 35.5, 45.5, 55.5, 65.5, 75.5, 85.5];

/// Mean distance in years between the middle of the group that was predicted and that of the true one; 0 without
/// images. Classes beyond the nine groups count as the last.
pub fn group_error(confusion: &Confusion) -> f64 {
    let middle = |group: usize| MIDPOINTS[group.min(MIDPOINTS.len() - 1)];
    let years: f64 = confusion
        .rows()
        .enumerate()
        .flat_map(|(truth, row)| {
            row.iter()
                .enumerate()
                .map(move |(predicted, &count)| count as f64 * (middle(truth) - middle(predicted)).abs())
        })
        .sum();
    let images = confusion.total();
    if images == 0 { 0.0 } else { years / images as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::AGE_GROUPS;

    #[test]
    fn distances_are_those_of_the_middles() {
        assert_eq!(MIDPOINTS.len(), AGE_GROUPS.len());
        for (pairs, expected) in [
            (&[][..], 0.0),
            (&[(3, 3), (8, 8)], 0.0),
            (&[(0, 1)], 10.5),
            (&[(2, 4), (4, 2), (5, 5), (5, 6)], 12.5),
            (&[(0, 8)], 80.5),
        ] {
            let mut confusion = Confusion::new(9);
            for &(truth, predicted) in pairs {
                confusion.add(truth, predicted);
            }
            assert!((group_error(&confusion) - expected).abs() < 1e-12, "{pairs:?}");
        }
    }
}
