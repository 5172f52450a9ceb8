//! Changes of colour, pixel by pixel, as torchvision 0.28 computes them on byte tensors
//! (`torchvision/transforms/_functional_tensor.py`).

use super::planes::Planes;

/// Weights of red, green and blue in a grey.
const GREY: [f32; 3] = [0.2989, 0.587, 0.114];
/// Adding it leaves a small number's nearest integer (even of two) in the lowest bits of the sum: 1.5 × 2²³. It is the
/// rounding that every processor does many of at once.
const ROUNDER: f32 = 12_582_912.0;
/// Nearly a half: what makes rounding down of rounding to the nearest.
const BELOW_HALF: f32 = 0.499_9;

/// The nearest byte of a number from 0 to 255.
#[inline(always)]
pub(super) fn nearest(value: f32) -> u8 {
    (value + ROUNDER).to_bits() as u8
}

/// The byte below a number from 0 to just under 256. One that is within 1e-4 of the next byte becomes it.
#[inline(always)]
pub(super) fn floor(value: f32) -> u8 {
    nearest(value - BELOW_HALF)
}

/// `factor × pixel + (1 − factor) × other`, within 0 and 255, rounded down.
#[inline(always)]
fn blend(pixel: u8, factor: f32, rest: f32) -> u8 {
    floor((f32::from(pixel) * factor + rest).clamp(0.0, 255.0))
}

#[inline(always)]
fn grey(red: u8, green: u8, blue: u8) -> f32 {
    GREY[0] * f32::from(red) + GREY[1] * f32::from(green) + GREY[2] * f32::from(blue)
}

#[inline(always)]
fn for_each_pixel(planes: &mut Planes, mut change: impl FnMut(&mut u8, &mut u8, &mut u8)) {
    let [red, green, blue] = planes.channels();
    for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
        change(red, green, blue);
    }
}

#[inline(always)]
pub(super) fn brightness(planes: &mut Planes, factor: f32) {
    for byte in &mut planes.bytes {
        *byte = blend(*byte, factor, 0.0);
    }
}

#[inline(always)]
pub(super) fn contrast(planes: &mut Planes, factor: f32) {
    let mut sum = 0u64;
    for_each_pixel(planes, |red, green, blue| sum += u64::from(floor(grey(*red, *green, *blue))));
    let mean = sum as f32 / (planes.side() * planes.side()) as f32;
    for byte in &mut planes.bytes {
        *byte = blend(*byte, factor, (1.0 - factor) * mean);
    }
}

#[inline(always)]
pub(super) fn saturation(planes: &mut Planes, factor: f32) {
    for_each_pixel(planes, |red, green, blue| {
        let rest = (1.0 - factor) * f32::from(floor(grey(*red, *green, *blue)));
        *red = blend(*red, factor, rest);
        *green = blend(*green, factor, rest);
        *blue = blend(*blue, factor, rest);
    });
}

#[inline(always)]
pub(super) fn greyscale(planes: &mut Planes) {
    for_each_pixel(planes, |red, green, blue| {
        let grey = floor(grey(*red, *green, *blue));
        (*red, *green, *blue) = (grey, grey, grey);
    });
}

/// Turns the hue by `turn` of a whole turn, −0.5 to 0.5. The largest and the smallest channel stay as large as they
/// were; hue says how far each one lies between them.
#[inline(always)]
pub(super) fn hue(planes: &mut Planes, turn: f32) {
    /// From bytes by way of the unit interval, as torchvision converts: `byte / 255 × 255.999`.
    const BYTES: f32 = 255.999 / 255.0;
    let sextants = 6.0 * turn;
    for_each_pixel(planes, |red, green, blue| {
        let [r, g, b] = [f32::from(*red), f32::from(*green), f32::from(*blue)];
        let most = r.max(g).max(b);
        let range = most - r.min(g).min(b);
        let inverse = if range > 0.0 { 1.0 / range } else { 0.0 };
        let (of_red, of_green, of_blue) =
            ((g - b) * inverse, (b - r) * inverse + 2.0, (r - g) * inverse + 4.0);
        let hue = if most == g { of_green } else { of_blue };
        let hue = if most == r { of_red } else { hue } + sextants;
        let hue = if hue < 0.0 { hue + 6.0 } else { hue };
        let hue = if hue >= 6.0 { hue - 6.0 } else { hue };
        // How far below the largest each channel lies, in parts of the range.
        let below_red = (2.0 - (hue - 3.0).abs()).clamp(0.0, 1.0);
        let below_green = ((hue - 2.0).abs() - 1.0).clamp(0.0, 1.0);
        let below_blue = ((hue - 4.0).abs() - 1.0).clamp(0.0, 1.0);
        *red = floor((most - range * below_red) * BYTES);
        *green = floor((most - range * below_green) * BYTES);
        *blue = floor((most - range * below_blue) * BYTES);
    });
}

/// Keeps the highest `bits` bits of every byte.
pub(super) fn posterize(planes: &mut Planes, bits: u8) {
    let mask = 0xff_u8.checked_shl(8 - u32::from(bits.min(8))).unwrap_or(0);
    for byte in &mut planes.bytes {
        *byte &= mask;
    }
}

/// Inverts the bytes that are at least `threshold`.
pub(super) fn solarize(planes: &mut Planes, threshold: f32) {
    for byte in &mut planes.bytes {
        *byte = if f32::from(*byte) >= threshold { 255 - *byte } else { *byte };
    }
}

/// Stretches each channel over 0 to 255; one of a single value stays.
pub(super) fn auto_contrast(planes: &mut Planes) {
    for channel in planes.channels() {
        let (least, most) =
            channel.iter().fold((255u8, 0u8), |(least, most), &byte| (least.min(byte), most.max(byte)));
        if least >= most {
            continue;
        }
        let scale = 255.0 / (f32::from(most) - f32::from(least));
        for byte in channel {
            *byte = floor(((f32::from(*byte) - f32::from(least)) * scale).clamp(0.0, 255.0));
        }
    }
}

/// Evens out each channel's histogram, in integers as Pillow and torchvision do.
pub(super) fn equalize(planes: &mut Planes) {
    for channel in planes.channels() {
        let mut histogram = [0usize; 256];
        for &byte in channel.iter() {
            histogram[usize::from(byte)] += 1;
        }
        let last = histogram.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
        let step = (channel.len() - last) / 255;
        if step == 0 {
            continue;
        }
        let mut table = [0u8; 256];
        let mut below = 0;
        for (to, count) in table.iter_mut().zip(histogram) {
            *to = ((below + step / 2) / step).min(255) as u8;
            below += count;
        }
        for byte in channel {
            *byte = table[usize::from(*byte)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_rounding_is_rounding() {
        for at in 0..=2550 {
            let value = at as f32 / 10.0 + 0.04;
            assert_eq!(nearest(value), value.round() as u8, "{value}");
            assert_eq!(floor(value), value.floor() as u8, "{value}");
        }
        for byte in 0..=255u8 {
            assert_eq!((nearest(f32::from(byte)), floor(f32::from(byte))), (byte, byte));
        }
    }

    #[test]
    fn a_whole_turn_of_hue_is_none_and_a_third_swaps_channels() {
        let pixels = [200, 40, 90, 17, 17, 17, 0, 255, 3, 255, 255, 0];
        let mut planes = Planes::of(&pixels, 2);
        hue(&mut planes, 0.0);
        assert_eq!(planes, Planes::of(&pixels, 2));
        hue(&mut planes, 1.0 / 3.0);
        let turned = [90, 200, 40, 17, 17, 17, 3, 0, 255, 0, 255, 255];
        let expected = Planes::of(&turned, 2);
        for (got, expected) in planes.bytes.iter().zip(&expected.bytes) {
            assert!(got.abs_diff(*expected) <= 1, "{planes:?} is not {expected:?}");
        }
    }
}
