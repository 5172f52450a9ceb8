//! Random erasing: a rectangle of an image is painted over.

use rand::{Rng, RngExt as _};

/// Share of the image's area, and the rectangle's height by its width: torchvision's `RandomErasing`.
const AREA: std::ops::RangeInclusive<f64> = 0.02..=0.33;
const RATIO: std::ops::RangeInclusive<f64> = 0.3..=3.3;
/// So often a rectangle that does not fit is drawn again.
const ATTEMPTS: usize = 10;

/// Paints over a rectangle of a normalised image `[side, side, 3]` with ImageNet's mean colour, which is 0.
pub(super) fn erase(pixels: &mut [f32], side: usize, random: &mut impl Rng) {
    let Some((top, left, height, width)) = rectangle(side, random) else { return };
    for row in pixels.chunks_exact_mut(3 * side).skip(top).take(height) {
        row[3 * left..3 * (left + width)].fill(0.0);
    }
}

/// Top, left, height and width; `None` where none fitted.
fn rectangle(side: usize, random: &mut impl Rng) -> Option<(usize, usize, usize, usize)> {
    let all = (side * side) as f64;
    for _ in 0..ATTEMPTS {
        let area = all * random.random_range(AREA);
        let ratio = random.random_range(RATIO.start().ln()..=RATIO.end().ln()).exp();
        let height = (area * ratio).sqrt().round() as usize;
        let width = (area / ratio).sqrt().round() as usize;
        if (1..side).contains(&height) && (1..side).contains(&width) {
            let top = random.random_range(0..=side - height);
            let left = random.random_range(0..=side - width);
            return Some((top, left, height, width));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::stream;

    #[test]
    fn one_rectangle_of_the_promised_size_is_painted_over() {
        for number in 0..200 {
            let mut pixels = vec![1.0; 40 * 40 * 3];
            erase(&mut pixels, 40, &mut stream(7, "erase", number));
            let gone = pixels.iter().filter(|&&value| value == 0.0).count() as f64 / pixels.len() as f64;
            assert!((0.01..=0.36).contains(&gone), "{gone}");
            let columns: std::collections::BTreeSet<usize> = pixels
                .iter()
                .enumerate()
                .filter(|(_, value)| **value == 0.0)
                .map(|(at, _)| at % 120)
                .collect();
            let rows: std::collections::BTreeSet<usize> = pixels
                .iter()
                .enumerate()
                .filter(|(_, value)| **value == 0.0)
                .map(|(at, _)| at / 120)
                .collect();
            assert_eq!(columns.len() * rows.len(), (gone * pixels.len() as f64).round() as usize);
        }
    }
}
