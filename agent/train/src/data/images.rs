//! The images of a data set at one size: decoded once where they fit, or again for every batch.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::decode::decode;
use super::source::{Entry, Source};
use crate::error::TrainError;
use crate::labels::Labels;

/// Pixels that are kept decoded at most, in bytes; beyond, decoding again costs little beside training.
pub(super) const MOST_CACHED: usize = 1_500_000_000;

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
            cache.par_chunks_mut(each).enumerate().try_for_each(|(index, pixels)| {
                if let Some(decoded) = images.decode(index)? {
                    pixels.copy_from_slice(&decoded);
                }
                Ok::<(), TrainError>(())
            })?;
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

    /// Side in pixels.
    pub fn side(&self) -> usize {
        self.size as usize
    }

    /// Corrupt images found since this was last called.
    pub(super) fn take_corrupt(&self) -> Vec<usize> {
        let mut found = std::mem::take(&mut *self.corrupt.lock().unwrap_or_else(PoisonError::into_inner));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Hands the pixels of an image to `use_them`, `[side, side, 3]`; `None`: it is corrupt.
    ///
    /// # Errors
    /// When the disk gives the image no more.
    pub(super) fn with_pixels<T>(
        &self,
        index: usize,
        use_them: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, TrainError> {
        if self.cache.is_empty() {
            return Ok(self.decode(index)?.map(|pixels| use_them(&pixels)));
        }
        let each = self.bytes_each();
        Ok(Some(use_them(&self.cache[index * each..(index + 1) * each])))
    }

    /// Decodes an image into RGB bytes; `None`: it is corrupt.
    fn decode(&self, index: usize) -> Result<Option<Vec<u8>>, TrainError> {
        let bytes = self.source.bytes(&self.entries[index])?;
        let pixels = decode(&bytes, self.size);
        if pixels.is_none() {
            self.corrupt.lock().unwrap_or_else(PoisonError::into_inner).push(index);
        }
        Ok(pixels)
    }

    fn bytes_each(&self) -> usize {
        self.size as usize * self.size as usize * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Recipe;

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
            let batch = images.batch(&[0, 1, 2, 3, 4, 5, 6], &Recipe::plain(), (1, 0)).unwrap().unwrap();
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
}
