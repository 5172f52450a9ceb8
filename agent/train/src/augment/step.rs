//! One change of an image, with fixed parameters.

use super::geometry::{Map, Sampling, flip, warp};
use super::planes::{Planes, Scratch, normalise};
use super::{blur, colour};

/// One change. The factors are torchvision's: 1 leaves the image as it is, 0 gives black (brightness), the mean grey
/// (contrast), the greyscale (saturation) or the blurred image (sharpness).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Left becomes right.
    Flip,
    /// Rotation, shear, zoom, shift.
    Warp(Map, Sampling),
    Brightness(f32),
    Contrast(f32),
    Saturation(f32),
    /// In parts of a whole turn, −0.5 to 0.5.
    Hue(f32),
    Sharpness(f32),
    /// Gaussian of 5 by 9 taps; its deviation in pixels, above 0. For images of at least 5 pixels a side.
    Blur(f32),
    Greyscale,
    /// Bits of each byte that stay, 0 to 8.
    Posterize(u8),
    /// Bytes from this one on are inverted.
    Solarize(f32),
    AutoContrast,
    Equalize,
}

impl Step {
    #[inline(always)]
    fn run(self, planes: &mut Planes, copy: &mut Vec<u8>, floats: &mut Vec<f32>, row: &mut Vec<f32>) {
        match self {
            Self::Flip => flip(planes),
            Self::Warp(map, sampling) => warp(planes, map, sampling, copy),
            Self::Brightness(factor) => colour::brightness(planes, factor),
            Self::Contrast(factor) => colour::contrast(planes, factor),
            Self::Saturation(factor) => colour::saturation(planes, factor),
            Self::Hue(turn) => colour::hue(planes, turn),
            Self::Sharpness(factor) => blur::sharpness(planes, factor, copy),
            Self::Blur(sigma) => blur::gaussian(planes, sigma, floats, row),
            Self::Greyscale => colour::greyscale(planes),
            Self::Posterize(bits) => colour::posterize(planes, bits),
            Self::Solarize(threshold) => colour::solarize(planes, threshold),
            Self::AutoContrast => colour::auto_contrast(planes),
            Self::Equalize => colour::equalize(planes),
        }
    }
}

/// Applies `steps` in order to bytes `[side, side, 3]` and gives bytes `[3, side, side]`.
pub fn apply(steps: &[Step], pixels: &[u8], side: usize) -> Planes {
    let mut scratch = Scratch::default();
    let mut out = vec![0.0; pixels.len()];
    into_batch(steps, pixels, side, &mut out, &mut scratch);
    if steps.is_empty() { Planes::of(pixels, side) } else { scratch.planes }
}

/// Applies `steps` in order to bytes `[side, side, 3]` and writes them normalised into `out`, of the same shape.
pub(crate) fn into_batch(steps: &[Step], pixels: &[u8], side: usize, out: &mut [f32], scratch: &mut Scratch) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        unsafe { into_batch_avx2(steps, pixels, side, out, scratch) };
        return;
    }
    into_batch_anywhere(steps, pixels, side, out, scratch);
}

/// The same instructions eight numbers at a time. No fused ones, so the results are the same bits.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn into_batch_avx2(steps: &[Step], pixels: &[u8], side: usize, out: &mut [f32], scratch: &mut Scratch) {
    into_batch_anywhere(steps, pixels, side, out, scratch);
}

#[inline(always)]
fn into_batch_anywhere(steps: &[Step], pixels: &[u8], side: usize, out: &mut [f32], scratch: &mut Scratch) {
    if steps.is_empty() {
        normalise(pixels, out);
        return;
    }
    let Scratch { planes, copy, floats, row } = scratch;
    planes.load(pixels, side);
    for step in steps {
        step.run(planes, copy, floats, row);
    }
    planes.normalise(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_processor_gives_the_same_bits() {
        let side = 37;
        let pixels: Vec<u8> = (0..side * side * 3).map(|at| (at * 7919 % 256) as u8).collect();
        for step in [
            Step::Warp(Map::rotation(13.0), Sampling::Nearest),
            Step::Warp(Map::similarity(-7.0, 1.1, 1.5, -0.5), Sampling::Bilinear),
            Step::Brightness(1.3),
            Step::Hue(-0.21),
            Step::Blur(1.7),
            Step::Contrast(0.8),
            Step::Saturation(1.2),
            Step::Greyscale,
        ] {
            let (mut here, mut anywhere) = (vec![0.0; pixels.len()], vec![0.0; pixels.len()]);
            into_batch(&[step], &pixels, side, &mut here, &mut Scratch::default());
            into_batch_anywhere(&[step], &pixels, side, &mut anywhere, &mut Scratch::default());
            assert_eq!(here, anywhere, "{step:?}");
        }
    }
}
