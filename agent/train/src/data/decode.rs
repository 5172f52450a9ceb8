//! From JPEG bytes to pixels.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Largest side that is decoded: more is no photograph of a face, but a trap for memory.
const LARGEST_SIDE: usize = 16_384;

/// A decoded image in its own size.
pub struct Photo {
    pub width: u32,
    pub height: u32,
    /// RGB bytes, row by row.
    pub(super) pixels: Vec<u8>,
}

impl Photo {
    /// Decodes a JPEG as it is stored, whichever way up; `None` for what is no whole image.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        // A decoder that panics over a file has met a corrupt one.
        let decoded = std::panic::catch_unwind(|| {
            if !ends_whole(bytes) {
                return None;
            }
            let mut decoder = jpeg(bytes, LARGEST_SIDE);
            let pixels = decoder.decode().ok()?;
            let (width, height) = decoder.dimensions()?;
            Some(Self { pixels, width: u32::try_from(width).ok()?, height: u32::try_from(height).ok()? })
        });
        decoded.ok().flatten()
    }

    /// As `size × size` RGB, resized as Pillow does (bilinear, over the whole area when shrinking), without cropping.
    pub fn square(&self, size: u32) -> Option<Vec<u8>> {
        self.resized(size, size)
    }

    /// Resized to any shape.
    pub(super) fn resized(&self, width: u32, height: u32) -> Option<Vec<u8>> {
        if (self.width, self.height) == (width, height) {
            return Some(self.pixels.clone());
        }
        let from = ImageRef::new(self.width, self.height, &self.pixels, PixelType::U8x3).ok()?;
        let mut to = Image::new(width, height, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        Resizer::new().resize(&from, &mut to, &options).ok()?;
        Some(to.into_vec())
    }
}

/// A JPEG as `size` × `size` RGB, see [`Photo::square`]; `None` for what is no whole image.
pub fn decode(bytes: &[u8], size: u32) -> Option<Vec<u8>> {
    Photo::decode(bytes)?.square(size)
}

/// A decoder into RGB that refuses what is broken, and sides longer than `longest`.
pub(super) fn jpeg(bytes: &[u8], longest: usize) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(longest)
        .set_max_height(longest)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

/// Whether the end-of-image mark is there, which a truncated file lacks. Some cameras write more behind it.
pub(super) fn ends_whole(bytes: &[u8]) -> bool {
    bytes.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
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
        let pixels = decode(&half, 20).unwrap();
        assert_eq!(pixels.len(), 20 * 20 * 3);
        assert!(pixels[0] > 220 && pixels[2] < 40, "the left half is red");
        assert!(pixels[19 * 3] < 40 && pixels[19 * 3 + 2] > 220, "the right half is blue");
    }

    #[test]
    fn grey_images_become_rgb() {
        let mut grey = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut grey, 90);
        encoder.encode(&[128; 32 * 32], 32, 32, jpeg_encoder::ColorType::Luma).unwrap();
        let pixels = decode(&grey, 32).unwrap();
        assert!(pixels.iter().all(|&value| value.abs_diff(128) < 4));
    }

    #[test]
    fn truncated_and_broken_files_are_corrupt() {
        let good = jpeg(64, 64, |x, y| [x as u8 * 3, y as u8 * 3, (x * y) as u8]);
        assert!(decode(&good, 32).is_some());
        assert!(decode(&good[..good.len() / 2], 32).is_none());
        assert!(decode(&good[..good.len() - 2], 32).is_none());
        assert!(decode(b"not a jpeg", 32).is_none());
        assert!(decode(&[], 32).is_none());
        let mut scribbled = good;
        let middle = scribbled.len() / 2;
        scribbled[20..middle].fill(0x55);
        assert!(decode(&scribbled, 32).is_none());
    }
}
