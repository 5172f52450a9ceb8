//! One image while it is changed: three planes of bytes, so that whole rows of one channel are worked on at once.

use crate::data::{MEAN, STD};

/// Pixels of one square image, red, then green, then blue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Planes {
    side: usize,
    pub(super) bytes: Vec<u8>,
}

/// Room that is used again for image after image.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) planes: Planes,
    /// What a step reads while it writes the planes.
    pub(super) copy: Vec<u8>,
    /// One plane between the two passes of a blur.
    pub(super) floats: Vec<f32>,
    /// One row with its margins.
    pub(super) row: Vec<f32>,
}

impl Planes {
    /// From rows of RGB bytes, `side × side × 3` of them.
    pub fn of(pixels: &[u8], side: usize) -> Self {
        let mut planes = Self::default();
        planes.load(pixels, side);
        planes
    }

    #[inline(always)]
    pub(super) fn load(&mut self, pixels: &[u8], side: usize) {
        let area = side * side;
        self.side = side;
        self.bytes.resize(3 * area, 0);
        let (red, rest) = self.bytes.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        let targets = red.iter_mut().zip(green).zip(blue);
        for (((red, green), blue), pixel) in targets.zip(pixels.chunks_exact(3)) {
            (*red, *green, *blue) = (pixel[0], pixel[1], pixel[2]);
        }
    }

    /// Pixels of a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Bytes, `[3, side, side]`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline(always)]
    pub(super) fn channels(&mut self) -> [&mut [u8]; 3] {
        let area = self.side * self.side;
        let (red, rest) = self.bytes.split_at_mut(area);
        let (green, blue) = rest.split_at_mut(area);
        [red, green, blue]
    }

    /// Normalised as ImageNet's, to rows of RGB: `[side, side, 3]`.
    #[inline(always)]
    pub(super) fn normalise(&self, out: &mut [f32]) {
        let (scale, shift) = scale_and_shift();
        let area = self.side * self.side;
        let (red, rest) = self.bytes.split_at(area);
        let (green, blue) = rest.split_at(area);
        let sources = red.iter().zip(green).zip(blue);
        for (((&red, &green), &blue), to) in sources.zip(out.chunks_exact_mut(3)) {
            to[0] = f32::from(red) * scale[0] - shift[0];
            to[1] = f32::from(green) * scale[1] - shift[1];
            to[2] = f32::from(blue) * scale[2] - shift[2];
        }
    }
}

/// Pixels in rows of RGB, normalised as ImageNet's: `value × scale − shift` by channel.
#[inline(always)]
pub(crate) fn normalise(pixels: &[u8], out: &mut [f32]) {
    /// Channels of a whole number of pixels that fill whole registers.
    const LANES: usize = 48;
    let (scale, shift) = scale_and_shift();
    let scales: [f32; LANES] = std::array::from_fn(|at| scale[at % 3]);
    let shifts: [f32; LANES] = std::array::from_fn(|at| shift[at % 3]);
    let (whole, rest) = pixels.as_chunks::<LANES>();
    let (whole_out, rest_out) = out.as_chunks_mut::<LANES>();
    for (from, to) in whole.iter().zip(whole_out) {
        for at in 0..LANES {
            to[at] = f32::from(from[at]) * scales[at] - shifts[at];
        }
    }
    for (at, (from, to)) in rest.iter().zip(rest_out).enumerate() {
        *to = f32::from(*from) * scales[at] - shifts[at];
    }
}

fn scale_and_shift() -> ([f32; 3], [f32; 3]) {
    let scale = STD.map(|std| 1.0 / (255.0 * std));
    let shift = std::array::from_fn(|channel| MEAN[channel] / STD[channel]);
    (scale, shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_normalised_as_imagenets() {
        let mut out = [0.0; 3];
        normalise(&[0, 255, 128], &mut out);
        assert!((out[0] + 0.485 / 0.229).abs() < 1e-5);
        assert!((out[1] - (1.0 - 0.456) / 0.224).abs() < 1e-5);
        assert!((out[2] - (128.0 / 255.0 - 0.406) / 0.225).abs() < 1e-5);
    }

    #[test]
    fn both_ways_to_normalise_agree() {
        for side in [1, 4, 7, 33] {
            let pixels: Vec<u8> = (0..side * side * 3).map(|at| (at * 37 % 256) as u8).collect();
            let (mut rows, mut planes) = (vec![0.0; pixels.len()], vec![1.0; pixels.len()]);
            normalise(&pixels, &mut rows);
            Planes::of(&pixels, side).normalise(&mut planes);
            assert_eq!(rows, planes);
        }
    }
}
