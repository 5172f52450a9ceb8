//! Perceptual hashes: pictures that look alike have hashes of which few bits differ.

use std::collections::HashMap;

use super::decode::Photo;

/// Pictures that look alike: their hashes differ in at most so many of 64 bits, and ...
///
/// On UTKFace 444 pairs of unequal files are that close in both; 436 of them are the same photograph by a closer look
/// (16 × 16 thumbnails correlated beyond 0.98). Six bits would bring one such pair among ten others. A difference hash
/// (dHash) is of no use there: aligned faces are too much alike, and already three bits chain thousands of them together.
pub const NEAR: u32 = 4;
/// ... the colours of their tiny thumbnails by at most so much of 255, on average.
pub const NEAR_COLOUR: u32 = 8;

/// A 4 × 4 RGB thumbnail.
pub type Thumbnail = [u8; 48];

/// A picture of 4 by 4 pixels; `None` if the picture cannot be made that small.
pub fn thumbnail(photo: &Photo) -> Option<Thumbnail> {
    photo.resized(4, 4)?.try_into().ok()
}

/// Whether two thumbnails' bytes differ by at most [`NEAR_COLOUR`] on average.
pub(super) fn same_colours(one: &Thumbnail, other: &Thumbnail) -> bool {
    let apart: u32 = one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(*other))).sum();
    apart <= NEAR_COLOUR * one.len() as u32
}

/// Side of the grey thumbnail.
const SIDE: usize = 32;
/// Frequencies along each axis, the lowest (the mean) left out.
const FREQUENCIES: usize = 8;

/// 64-bit perceptual hash (pHash, Zauner 2010): which of the 8 × 8 lowest frequencies of a 32 × 32 grey thumbnail are
/// above their median, row by row, the first in the highest bit; `None` if the picture cannot be made that small.
/// Integers throughout, so that every machine finds the same hash.
pub fn perceptual_hash(photo: &Photo) -> Option<u64> {
    let thumbnail = photo.resized(SIDE as u32, SIDE as u32)?;
    let grey: Vec<i64> = thumbnail
        .chunks_exact(3)
        .map(|pixel| 299 * i64::from(pixel[0]) + 587 * i64::from(pixel[1]) + 114 * i64::from(pixel[2]))
        .collect();
    let waves = waves();
    let mut along_rows = [[0i64; SIDE]; FREQUENCIES];
    for (y, row) in grey.chunks_exact(SIDE).enumerate() {
        for (frequency, wave) in waves.iter().enumerate() {
            along_rows[frequency][y] = wave.iter().zip(row).map(|(wave, grey)| wave * grey).sum();
        }
    }
    let mut strengths = [0i64; FREQUENCIES * FREQUENCIES];
    for (at, strength) in strengths.iter_mut().enumerate() {
        let (down, across) = (at / FREQUENCIES, at % FREQUENCIES);
        *strength = waves[down].iter().zip(&along_rows[across]).map(|(wave, sum)| wave * sum).sum();
    }
    let mut sorted = strengths;
    sorted.sort_unstable();
    let twice_median = sorted[31] + sorted[32];
    Some(strengths.iter().fold(0, |hash, strength| hash << 1 | u64::from(2 * strength > twice_median)))
}

/// Cosines of the discrete cosine transform (type II), in parts of 4096.
fn waves() -> [[i64; SIDE]; FREQUENCIES] {
    std::array::from_fn(|frequency| {
        std::array::from_fn(|at| {
            let turn = (2 * at + 1) as f64 * (frequency + 1) as f64 / (2 * SIDE) as f64;
            (4096.0 * (std::f64::consts::PI * turn).cos()).round() as i64
        })
    })
}

/// Every pair of indices whose hashes differ in at most `distance` bits, the smaller index first, sorted.
///
/// Hashes that differ in at most `d` bits agree in at least one of `d + 1` bands of bits, so only those that share a
/// band are compared.
pub(super) fn pairs(hashes: &[(usize, u64)], distance: u32) -> Vec<(usize, usize)> {
    let bands = distance + 1;
    let mut found = Vec::new();
    for band in 0..bands {
        let (from, to) = (64 * band / bands, 64 * (band + 1) / bands);
        let mask = if to - from == 64 { u64::MAX } else { ((1 << (to - from)) - 1) << from };
        let mut alike: HashMap<u64, Vec<(usize, u64)>> = HashMap::new();
        for &(index, hash) in hashes {
            alike.entry(hash & mask).or_default().push((index, hash));
        }
        for bucket in alike.into_values() {
            for (at, &(one, hash)) in bucket.iter().enumerate() {
                let near =
                    bucket[at + 1..].iter().filter(|(_, other)| (hash ^ other).count_ones() <= distance);
                found.extend(near.map(|&(other, _)| (one.min(other), one.max(other))));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bands_find_what_comparing_all_finds(
            base in prop::collection::vec(any::<u64>(), 1..12),
            flips in prop::collection::vec((0usize..12, prop::collection::vec(0u32..64, 0..6)), 0..40),
            distance in 0u32..6,
        ) {
            let mut hashes = base.clone();
            hashes.extend(flips.iter().map(|(from, bits)| {
                bits.iter().fold(base[from % base.len()], |hash, bit| hash ^ (1 << bit))
            }));
            let indexed: Vec<(usize, u64)> = hashes.iter().copied().enumerate().collect();
            let mut all = Vec::new();
            for one in 0..hashes.len() {
                for other in one + 1..hashes.len() {
                    if (hashes[one] ^ hashes[other]).count_ones() <= distance {
                        all.push((one, other));
                    }
                }
            }
            prop_assert_eq!(pairs(&indexed, distance), all);
        }
    }

    fn photo(size: u16, quality: u8, shade: impl Fn(f32, f32) -> f32) -> Photo {
        let place = |at: u16| f32::from(at) / f32::from(size);
        let pixels: Vec<u8> = (0..size)
            .flat_map(|y| (0..size).map(move |x| (x, y)))
            .flat_map(|(x, y)| [shade(place(x), place(y)) as u8; 3])
            .collect();
        let mut jpeg = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut jpeg, quality);
        encoder.encode(&pixels, size, size, jpeg_encoder::ColorType::Rgb).unwrap();
        Photo::decode(&jpeg).unwrap()
    }

    #[test]
    fn size_and_compression_hardly_matter_and_the_picture_does() {
        let waves = |x: f32, y: f32| 128.0 + 100.0 * (9.0 * x + 3.0 * y * y).sin();
        let rings = |x: f32, y: f32| 128.0 + 100.0 * (14.0 * (x - 0.5).hypot(y - 0.4)).sin();
        let hash = |photo: &Photo| perceptual_hash(photo).unwrap();
        let large = hash(&photo(200, 95, waves));
        let small = hash(&photo(90, 60, waves));
        assert!((large ^ small).count_ones() <= 2, "{large:x} {small:x}");
        assert!((large ^ hash(&photo(200, 95, rings))).count_ones() > 12);
    }
}
