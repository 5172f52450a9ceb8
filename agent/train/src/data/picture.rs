//! Pictures as people give them, to be looked at and not trained on: JPEG and PNG, turned upright.

use std::io::Cursor;

use png::{ColorType, Transformations};
use thiserror::Error;

use super::decode::{Photo, ends_whole, jpeg};
use super::orientation::Orientation;

/// Most pixels that are decoded, told from the header: those of a large camera's picture.
pub const MOST_PIXELS: u64 = 50_000_000;
/// What the format allows at most.
const LONGEST_JPEG_SIDE: usize = 65_535;

/// Why a picture cannot be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unusable {
    #[error("it is no whole JPEG or PNG image")]
    Unreadable,
    #[error("it has {width} × {height} pixels, more than {MOST_PIXELS}")]
    TooLarge { width: u64, height: u64 },
}

impl Photo {
    /// Decodes a JPEG, and turns it as its EXIF block says, or a PNG, whose transparency is dropped (as Pillow's
    /// `convert("RGB")` does).
    ///
    /// # Errors
    /// What is wrong with it. Its size is looked at before it is decoded.
    pub fn read(bytes: &[u8]) -> Result<Self, Unusable> {
        // A decoder that panics over a picture has met a broken one.
        std::panic::catch_unwind(|| {
            if bytes.starts_with(b"\x89PNG") { read_png(bytes) } else { read_jpeg(bytes) }
        })
        .unwrap_or(Err(Unusable::Unreadable))
    }
}

fn read_jpeg(bytes: &[u8]) -> Result<Photo, Unusable> {
    let mut decoder = jpeg(bytes, LONGEST_JPEG_SIDE);
    decoder.decode_headers().map_err(|_| Unusable::Unreadable)?;
    let (width, height) = decoder.dimensions().ok_or(Unusable::Unreadable)?;
    let size = checked(width as u64, height as u64)?;
    let orientation = decoder.exif().and_then(|exif| Orientation::of_exif(exif));
    let pixels = Some(ends_whole(bytes)).filter(|&whole| whole).and_then(|_| decoder.decode().ok());
    let pixels = pixels.ok_or(Unusable::Unreadable)?;
    let (pixels, (width, height)) = match orientation {
        Some(orientation) => orientation.upright(pixels, size),
        None => (pixels, size),
    };
    Ok(Photo { width, height, pixels })
}

fn read_png(bytes: &[u8]) -> Result<Photo, Unusable> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(|_| Unusable::Unreadable)?;
    let (width, height) = checked(u64::from(header.width), u64::from(header.height))?;
    let mut reader = decoder.read_info().map_err(|_| Unusable::Unreadable)?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or(Unusable::Unreadable)?];
    let frame = reader.next_frame(&mut pixels).map_err(|_| Unusable::Unreadable)?;
    pixels.truncate(frame.buffer_size());
    // A first frame of an animation may be smaller than the picture.
    if (frame.width, frame.height) != (width, height) {
        return Err(Unusable::Unreadable);
    }
    Ok(Photo { width, height, pixels: rgb(pixels, frame.color_type).ok_or(Unusable::Unreadable)? })
}

/// Bytes of any kind of PNG as RGB.
fn rgb(pixels: Vec<u8>, kind: ColorType) -> Option<Vec<u8>> {
    let spread = |step: usize| pixels.iter().step_by(step).flat_map(|&grey| [grey; 3]).collect();
    Some(match kind {
        ColorType::Rgb => pixels,
        ColorType::Rgba => pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        ColorType::Grayscale => spread(1),
        ColorType::GrayscaleAlpha => spread(2),
        // Palettes were looked up by then.
        ColorType::Indexed => return None,
    })
}

fn checked(width: u64, height: u64) -> Result<(u32, u32), Unusable> {
    if width * height > MOST_PIXELS {
        return Err(Unusable::TooLarge { width, height });
    }
    Ok((width as u32, height as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 3 × 2 pixels, as `kind` has them.
    fn png(kind: ColorType, pixels: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, 3, 2);
        encoder.set_color(kind);
        encoder.set_depth(png::BitDepth::Eight);
        if kind == ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3, 40, 50, 60]);
        }
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        out
    }

    #[test]
    fn every_kind_of_png_becomes_rgb() {
        for (kind, stored, seen) in [
            (ColorType::Rgb, (0..18).collect::<Vec<u8>>(), (0..18).collect::<Vec<u8>>()),
            (ColorType::Grayscale, vec![9; 6], vec![9; 18]),
            (ColorType::GrayscaleAlpha, [9, 200].repeat(6), vec![9; 18]),
            (ColorType::Rgba, [1, 2, 3, 0].repeat(6), [1, 2, 3].repeat(6)),
            (ColorType::Indexed, vec![0, 1, 0, 1, 0, 1], [1, 2, 3, 40, 50, 60].repeat(3)),
        ] {
            let photo = Photo::read(&png(kind, &stored)).unwrap();
            assert_eq!(((photo.width, photo.height), &photo.pixels), ((3, 2), &seen), "{kind:?}");
        }
    }

    #[test]
    fn size_is_looked_at_before_decoding() {
        // A header alone: whoever decoded it would find nothing.
        let mut header = png(ColorType::Grayscale, &[9; 6])[..33].to_vec();
        header[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header[12..29]);
        header[29..33].copy_from_slice(&crc.finalize().to_be_bytes());
        let too_large = Unusable::TooLarge { width: 10_000, height: 10_000 };
        assert_eq!(Photo::read(&header).err(), Some(too_large));
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, 90)
            .encode(&[9; 64], 8, 8, jpeg_encoder::ColorType::Luma)
            .unwrap();
        let sof = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        jpeg[sof + 5..sof + 9].copy_from_slice(&[0x27, 0x10, 0x27, 0x10]);
        assert_eq!(Photo::read(&jpeg).err(), Some(too_large));
    }

    #[test]
    fn what_is_no_whole_picture_is_unreadable() {
        let whole = png(ColorType::Rgb, &(0..18).collect::<Vec<u8>>());
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, 90)
            .encode(&[9; 64], 8, 8, jpeg_encoder::ColorType::Luma)
            .unwrap();
        assert!(Photo::read(&jpeg).is_ok());
        for broken in [
            &whole[..50],
            &whole[..8],
            &jpeg[..jpeg.len() - 2],
            b"GIF89a",
            b"",
            b"\xff\xd8\xff\xd9",
            b"\x89PNG",
        ] {
            assert_eq!(Photo::read(broken).err(), Some(Unusable::Unreadable));
        }
    }
}
