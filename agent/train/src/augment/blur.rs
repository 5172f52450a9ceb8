//! Convolutions: Gaussian blur and sharpening, as torchvision 0.28 computes them on byte tensors.

use super::colour::{floor, nearest};
use super::planes::Planes;

/// Taps along rows and along columns: torchvision's `GaussianBlur(kernel_size=(5, 9))`, x before y.
const ALONG_X: usize = 5;
const ALONG_Y: usize = 9;

/// A bell of deviation `sigma` pixels, summing to 1.
fn bell<const TAPS: usize>(sigma: f32) -> [f32; TAPS] {
    let middle = (TAPS as f32 - 1.0) / 2.0;
    let density: [f32; TAPS] =
        std::array::from_fn(|at| (-0.5 * ((at as f32 - middle) / sigma).powi(2)).exp());
    let sum: f32 = density.iter().sum();
    density.map(|value| value / sum)
}

/// The place `at − margin`, mirrored at the edges without repeating them.
#[inline(always)]
fn mirrored(at: usize, margin: usize, length: usize) -> usize {
    let (at, last) = (at as isize - margin as isize, length as isize - 1);
    let at = at.abs();
    (if at > last { 2 * last - at } else { at }) as usize
}

/// Blurs by a Gaussian of 5 by 9 taps, edges mirrored. `floats` and `row` are room to work in.
#[inline(always)]
pub(super) fn gaussian(planes: &mut Planes, sigma: f32, floats: &mut Vec<f32>, row: &mut Vec<f32>) {
    let side = planes.side();
    let (along_x, along_y) = (bell::<ALONG_X>(sigma), bell::<ALONG_Y>(sigma));
    floats.resize(side * side, 0.0);
    for channel in planes.channels() {
        blur_rows(channel, floats, row, side, &along_x);
        row.resize(side, 0.0);
        for y in 0..side {
            row.fill(0.0);
            for (tap, weight) in along_y.iter().enumerate() {
                let from = mirrored(y + tap, ALONG_Y / 2, side) * side;
                for (sum, value) in row.iter_mut().zip(&floats[from..from + side]) {
                    *sum += value * weight;
                }
            }
            for (byte, sum) in channel[y * side..(y + 1) * side].iter_mut().zip(row.iter()) {
                *byte = nearest(*sum);
            }
        }
    }
}

#[inline(always)]
fn blur_rows(channel: &[u8], floats: &mut [f32], row: &mut Vec<f32>, side: usize, weights: &[f32; ALONG_X]) {
    let margin = ALONG_X / 2;
    row.resize(side + 2 * margin, 0.0);
    for (from, to) in channel.chunks_exact(side).zip(floats.chunks_exact_mut(side)) {
        for (to, &byte) in row[margin..].iter_mut().zip(from) {
            *to = f32::from(byte);
        }
        for at in (0..margin).chain(side + margin..side + 2 * margin) {
            row[at] = f32::from(from[mirrored(at, margin, side)]);
        }
        let padded = &row[..side + ALONG_X - 1];
        for (x, to) in to.iter_mut().enumerate() {
            let taps = &padded[x..x + ALONG_X];
            *to = taps[0] * weights[0]
                + taps[1] * weights[1]
                + taps[2] * weights[2]
                + taps[3] * weights[3]
                + taps[4] * weights[4];
        }
    }
}

/// Blends with a blurred image (3 × 3, middle weight 5): 0 gives that one, 1 the image, more sharpens. The outermost
/// pixels stay.
pub(super) fn sharpness(planes: &mut Planes, factor: f32, copy: &mut Vec<u8>) {
    let side = planes.side();
    copy.clear();
    copy.extend_from_slice(&planes.bytes);
    let area = side * side;
    for (channel, from) in planes.channels().into_iter().zip(copy.chunks_exact(area)) {
        for y in 1..side.saturating_sub(1) {
            for x in 1..side - 1 {
                let row = |y: usize| (x - 1..=x + 1).map(move |x| f32::from(from[y * side + x])).sum::<f32>();
                let pixel = f32::from(from[y * side + x]);
                let sum = row(y - 1) + row(y) + row(y + 1) + 4.0 * pixel;
                let blurred = f32::from(nearest(sum / 13.0));
                channel[y * side + x] = floor((factor * pixel + (1.0 - factor) * blurred).clamp(0.0, 255.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bell_sums_to_one_and_is_even() {
        for sigma in [0.1, 1.0, 5.0] {
            let bell = bell::<9>(sigma);
            assert!((bell.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert_eq!(bell[0], bell[8]);
        }
    }

    #[test]
    fn edges_are_mirrored() {
        let places: Vec<usize> = (0..9).map(|at| mirrored(at, 2, 5)).collect();
        assert_eq!(places, [2, 1, 0, 1, 2, 3, 4, 3, 2]);
    }

    #[test]
    fn an_even_image_stays_even_and_a_dot_spreads_farther_down_than_across() {
        let mut planes = Planes::of(&[77; 11 * 11 * 3], 11);
        gaussian(&mut planes, 2.0, &mut Vec::new(), &mut Vec::new());
        assert!(planes.bytes().iter().all(|&byte| byte == 77));
        let mut dot = vec![0; 11 * 11 * 3];
        dot[(5 * 11 + 5) * 3] = 255;
        let mut planes = Planes::of(&dot, 11);
        gaussian(&mut planes, 5.0, &mut Vec::new(), &mut Vec::new());
        let at = |y: usize, x: usize| planes.bytes()[y * 11 + x];
        assert!(at(1, 5) > 0 && at(0, 5) == 0 && at(5, 3) > 0 && at(5, 2) == 0);
    }
}
