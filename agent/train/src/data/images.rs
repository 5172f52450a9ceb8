//! From JPEG bytes to pixels: decoded once into memory where they fit, or again for every batch.

use std::sync::{Mutex, PoisonError};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use rayon::prelude::*;
use tch::{Kind, Tensor};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::source::{Entry, Source};
use crate::error::TrainError;
use crate::labels::{Head, Labels};

/// Pixels that are kept decoded at most, in bytes; beyond, decoding again costs little beside training.
pub(super) const MOST_CACHED: usize = 1_500_000_000;
/// Largest side that is decoded: more is no photograph of a face, but a trap for memory.
const LARGEST_SIDE: usize = 16_384;
/// ImageNet's, which the backbone's weights were made with.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// The images of a data set at one size.
pub struct Images {
    source: Source,
    entries: Vec<Entry>,
    size: u32,
    /// RGB bytes, row by row, image after image; empty when they are too many.
    cache: Vec<u8>,
    /// Images that turned out to be corrupt since this was last asked.
    corrupt: Mutex<Vec<usize>>,
}

/// Images of one step.
pub struct Batch {
    /// `[images, 3, size, size]`, normalised, channels last in memory.
    pub pixels: Tensor,
    /// Per head, `[images]` class numbers.
    pub labels: [Tensor; 3],
    /// The same as plain numbers.
    pub truth: Vec<Labels>,
}

impl Images {
    /// Decodes them all if they fit into `most_cached` bytes.
    pub(super) fn load(
        source: Source,
        entries: Vec<Entry>,
        size: u32,
        most_cached: usize,
    ) -> Result<Self, TrainError> {
        let mut images = Self { source, entries, size, cache: Vec::new(), corrupt: Mutex::default() };
        let each = images.bytes_each();
        if images.entries.len() * each <= most_cached {
            let mut cache = vec![0; images.entries.len() * each];
            cache
                .par_chunks_mut(each)
                .enumerate()
                .try_for_each(|(index, pixels)| images.decode(index, pixels).map(drop))?;
            images.cache = cache;
        }
        Ok(images)
    }

    pub fn labels(&self, index: usize) -> Labels {
        self.entries[index].labels
    }

    pub fn name(&self, index: usize) -> &str {
        &self.entries[index].name
    }

    /// Corrupt images found since this was last called.
    pub(super) fn take_corrupt(&self) -> Vec<usize> {
        let mut found = std::mem::take(&mut *self.corrupt.lock().unwrap_or_else(PoisonError::into_inner));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// A batch of these images, without those that turn out to be corrupt; `None` if none is left.
    ///
    /// # Errors
    /// When the disk gives the images no more.
    pub fn batch(&self, indices: &[usize]) -> Result<Option<Batch>, TrainError> {
        let each = self.bytes_each();
        let mut pixels = vec![0f32; indices.len() * each];
        let whole = indices
            .par_iter()
            .zip(pixels.par_chunks_mut(each))
            .map(|(&index, out)| {
                if self.cache.is_empty() {
                    let mut decoded = vec![0; each];
                    let whole = self.decode(index, &mut decoded)?;
                    normalise(&decoded, out);
                    Ok(whole)
                } else {
                    normalise(&self.cache[index * each..(index + 1) * each], out);
                    Ok(true)
                }
            })
            .collect::<Result<Vec<bool>, TrainError>>()?;
        let mut kept = 0;
        let mut truth = Vec::with_capacity(indices.len());
        for (at, (&index, whole)) in indices.iter().zip(whole).enumerate() {
            if whole {
                pixels.copy_within(at * each..(at + 1) * each, kept * each);
                truth.push(self.labels(index));
                kept += 1;
            }
        }
        if kept == 0 {
            return Ok(None);
        }
        let side = i64::from(self.size);
        let pixels = Tensor::from_slice(&pixels[..kept * each]).view([kept as i64, side, side, 3]);
        let classes = |head: Head| {
            let classes: Vec<i64> = truth.iter().map(|labels| i64::from(labels.of(head))).collect();
            Tensor::from_slice(&classes).to_kind(Kind::Int64)
        };
        Ok(Some(Batch { pixels: pixels.permute([0, 3, 1, 2]), labels: Head::ALL.map(classes), truth }))
    }

    /// Decodes an image into RGB bytes; `false`: it is corrupt, and `out` is anything.
    fn decode(&self, index: usize, out: &mut [u8]) -> Result<bool, TrainError> {
        let bytes = self.source.bytes(&self.entries[index])?;
        let whole = decode(bytes, self.size).map(|pixels| out.copy_from_slice(&pixels)).is_some();
        if !whole {
            self.corrupt.lock().unwrap_or_else(PoisonError::into_inner).push(index);
        }
        Ok(whole)
    }

    fn bytes_each(&self) -> usize {
        self.size as usize * self.size as usize * 3
    }
}

/// A JPEG as `size` × `size` RGB, resized as Pillow does (bilinear, over the whole area when shrinking), without
/// cropping; `None` for what is no whole image.
pub fn decode(bytes: Vec<u8>, size: u32) -> Option<Vec<u8>> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    // A decoder that panics over a file has met a corrupt one.
    let decoded = std::panic::catch_unwind(|| {
        if !ends_whole(&bytes) {
            return None;
        }
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        let pixels = decoder.decode().ok()?;
        let (width, height) = decoder.dimensions()?;
        Some((pixels, u32::try_from(width).ok()?, u32::try_from(height).ok()?))
    });
    let (pixels, width, height) = decoded.ok().flatten()?;
    if (width, height) == (size, size) {
        return Some(pixels);
    }
    let from = ImageRef::new(width, height, &pixels, PixelType::U8x3).ok()?;
    let mut to = Image::new(size, size, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&from, &mut to, &options).ok()?;
    Some(to.into_vec())
}

/// Whether the end-of-image mark is there, which a truncated file lacks. Some cameras write more behind it.
fn ends_whole(bytes: &[u8]) -> bool {
    bytes.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

fn normalise(pixels: &[u8], out: &mut [f32]) {
    let scale = STD.map(|std| 1.0 / (255.0 * std));
    let shift = [0, 1, 2].map(|channel| MEAN[channel] / STD[channel]);
    for (from, to) in pixels.chunks_exact(3).zip(out.chunks_exact_mut(3)) {
        for channel in 0..3 {
            to[channel] = f32::from(from[channel]) * scale[channel] - shift[channel];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(width: u16, height: u16, shade: impl Fn(u16, u16) -> [u8; 3]) -> Vec<u8> {
        let pixels: Vec<u8> = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| shade(x, y))
            .collect();
        let mut out = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut out, 95);
        encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        out
    }

    #[test]
    fn images_are_resized_without_cropping() {
        let half = jpeg(80, 40, |x, _| if x < 40 { [250, 10, 10] } else { [10, 10, 250] });
        let pixels = decode(half, 20).unwrap();
        assert_eq!(pixels.len(), 20 * 20 * 3);
        assert!(pixels[0] > 220 && pixels[2] < 40, "the left half is red");
        assert!(pixels[19 * 3] < 40 && pixels[19 * 3 + 2] > 220, "the right half is blue");
    }

    #[test]
    fn batches_are_the_same_whether_decoded_before_or_now_and_without_the_corrupt() {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 6, 7, 40).unwrap();
        std::fs::write(folder.path().join("99_1_1_20000101.jpg"), b"no image").unwrap();
        let batch = |most_cached| {
            let mut source = Source::open(folder.path()).unwrap();
            let entries = std::mem::take(&mut source.entries);
            let images = Images::load(source, entries, 32, most_cached).unwrap();
            let corrupt = images.take_corrupt();
            let batch = images.batch(&[0, 1, 2, 3, 4, 5, 6]).unwrap().unwrap();
            let later = images.take_corrupt();
            (corrupt, later, images.name(6).to_owned(), batch)
        };
        let (found, later, name, before) = batch(usize::MAX);
        assert_eq!((found, later, &*name), (vec![6], vec![], "99_1_1_20000101.jpg"));
        assert_eq!(before.truth.len(), 7, "who decodes beforehand leaves corrupt images out of the split");
        let (found, later, _, now) = batch(0);
        assert_eq!((found, later), (vec![], vec![6]));
        assert_eq!((now.truth.len(), now.pixels.size()), (6, vec![6, 3, 32, 32]));
        assert_eq!(now.truth, before.truth[..6]);
        let apart = (&now.pixels - before.pixels.narrow(0, 0, 6)).abs().max();
        assert_eq!(apart.double_value(&[]), 0.0);
    }

    #[test]
    fn grey_images_become_rgb() {
        let mut grey = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut grey, 90);
        encoder.encode(&[128; 32 * 32], 32, 32, jpeg_encoder::ColorType::Luma).unwrap();
        let pixels = decode(grey, 32).unwrap();
        assert!(pixels.iter().all(|&value| value.abs_diff(128) < 4));
    }

    #[test]
    fn truncated_and_broken_files_are_corrupt() {
        let good = jpeg(64, 64, |x, y| [x as u8 * 3, y as u8 * 3, (x * y) as u8]);
        assert!(decode(good.clone(), 32).is_some());
        assert!(decode(good[..good.len() / 2].to_vec(), 32).is_none());
        assert!(decode(good[..good.len() - 2].to_vec(), 32).is_none());
        assert!(decode(b"not a jpeg".to_vec(), 32).is_none());
        assert!(decode(Vec::new(), 32).is_none());
        let mut scribbled = good;
        let middle = scribbled.len() / 2;
        scribbled[20..middle].fill(0x55);
        assert!(decode(scribbled, 32).is_none());
    }

    #[test]
    fn pixels_are_normalised_as_imagenets() {
        let mut out = [0.0; 3];
        normalise(&[0, 255, 128], &mut out);
        assert!((out[0] + 0.485 / 0.229).abs() < 1e-5);
        assert!((out[1] - (1.0 - 0.456) / 0.224).abs() < 1e-5);
        assert!((out[2] - (128.0 / 255.0 - 0.406) / 0.225).abs() < 1e-5);
    }
}
