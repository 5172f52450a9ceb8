//! What one look at an image tells besides its pixels.

use super::decode::Photo;
use super::perceptual::{Thumbnail, perceptual_hash, thumbnail};
use super::source::Entry;

/// Bytes of a look in a file.
pub(super) const LOOK_BYTES: usize = 112;

/// What is known of an image once it was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// SHA-256 of the file.
    pub hash: [u8; 32],
    /// See [`perceptual_hash`]; 0 for a corrupt image.
    pub perceptual: u64,
    /// Zeros for a corrupt image.
    pub thumbnail: Thumbnail,
    /// Pixels of the file's image; 0 for a corrupt one.
    pub width: u32,
    pub height: u32,
    /// CRC-32 of the pixels where they are kept on disk.
    pub(super) crc: u32,
    /// Whether it is a whole image.
    pub whole: bool,
}

impl Look {
    /// Looks at a file's bytes; gives its pixels `[side, side, 3]` as well, `None` for a corrupt one.
    pub(super) fn at(entry: &Entry, bytes: &[u8], side: u32) -> (Self, Option<Vec<u8>>) {
        let corrupt = Self {
            hash: entry.hash,
            perceptual: 0,
            thumbnail: [0; 48],
            width: 0,
            height: 0,
            crc: 0,
            whole: false,
        };
        let seen = Photo::decode(bytes).and_then(|photo| {
            let (perceptual, thumbnail) = (perceptual_hash(&photo)?, thumbnail(&photo)?);
            let pixels = photo.square(side)?;
            Some((
                Self {
                    perceptual,
                    thumbnail,
                    width: photo.width,
                    height: photo.height,
                    whole: true,
                    ..corrupt
                },
                pixels,
            ))
        });
        seen.map_or((corrupt, None), |(look, pixels)| (look, Some(pixels)))
    }

    pub(super) fn to_bytes(self) -> [u8; LOOK_BYTES] {
        let mut bytes = [0; LOOK_BYTES];
        bytes[..32].copy_from_slice(&self.hash);
        bytes[32..40].copy_from_slice(&self.perceptual.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.width.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.height.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.crc.to_le_bytes());
        bytes[52] = u8::from(self.whole);
        bytes[64..112].copy_from_slice(&self.thumbnail);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; LOOK_BYTES]) -> Self {
        let number = |at: usize, length: usize| {
            bytes[at..at + length].iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte))
        };
        let mut hash = [0; 32];
        hash.copy_from_slice(&bytes[..32]);
        let mut thumbnail = [0; 48];
        thumbnail.copy_from_slice(&bytes[64..112]);
        Self {
            hash,
            perceptual: number(32, 8),
            thumbnail,
            width: number(40, 4) as u32,
            height: number(44, 4) as u32,
            crc: number(48, 4) as u32,
            whole: bytes[52] == 1,
        }
    }
}
