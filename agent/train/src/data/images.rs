//! The images of a data set at one size: decoded once, on disk or in memory, or again for every batch.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::cache::{Cache, Made};
use super::decode::decode;
use super::look::Look;
use super::source::{Entry, Source};
use crate::error::TrainError;
use crate::labels::Labels;

/// Pixels that are held in memory at most, in bytes; beyond, decoding again costs little beside training.
const MOST_HELD: usize = 1_500_000_000;

/// The images of a data set at one size.
pub struct Images {
    source: Source,
    entries: Vec<Entry>,
    size: u32,
    pixels: Pixels,
    /// Images that turned out to be corrupt since this was last asked.
    corrupt: Mutex<Vec<usize>>,
}

/// Where the decoded pixels are.
enum Pixels {
    /// In a file, with each image's place in it.
    Cached { cache: Cache, places: Vec<usize> },
    /// In memory, image after image.
    Held(Vec<u8>),
    /// Nowhere: images are decoded for every batch.
    Nowhere,
}

/// Where decoded pixels are to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep<'a> {
    /// In a file in this folder, shared with other trainings.
    Folder(&'a Path),
    /// In memory, if they fit.
    Memory,
    Nowhere,
}

/// What was seen while the images were opened.
pub struct Opened {
    pub images: Images,
    /// One per entry.
    pub looks: Vec<Look>,
    /// What a person should hear of.
    pub warnings: Vec<String>,
}

impl Images {
    /// Looks at every image, and keeps the pixels as told. Where a folder takes no more, they are kept in memory, with
    /// a warning.
    ///
    /// # Errors
    /// When an image cannot be read.
    pub fn open(
        source: Source,
        entries: Vec<Entry>,
        size: u32,
        keep: Keep<'_>,
    ) -> Result<Opened, TrainError> {
        let mut warnings = Vec::new();
        if let Keep::Folder(folder) = keep {
            match Cache::open(folder, &source, &entries, size) {
                Ok((cache, made)) => {
                    if let Made::Again(why) = made {
                        warnings
                            .push(format!("the cache of decoded images was damaged and is made again: {why}"));
                    }
                    return Ok(Self::cached(source, entries, size, cache, warnings));
                }
                Err(error @ TrainError::Write { .. }) => warnings.push(format!(
                    "training without the cache of decoded images: {error}\n  name another folder with --cache DIR, or --cache none"
                )),
                Err(error) => return Err(error),
            }
        }
        let most = if keep == Keep::Nowhere { 0 } else { MOST_HELD };
        let (pixels, looks) = look_at_all(&source, &entries, size, most)?;
        let images = Self { source, entries, size, pixels, corrupt: Mutex::default() };
        Ok(Opened { images, looks, warnings })
    }

    fn cached(source: Source, entries: Vec<Entry>, size: u32, cache: Cache, warnings: Vec<String>) -> Opened {
        // The file was made for these contents, so each one is in it.
        let places: Vec<usize> =
            entries.iter().map(|entry| cache.find(&entry.hash).unwrap_or_default()).collect();
        let looks = places.iter().map(|&place| cache.looks[place]).collect();
        let pixels = Pixels::Cached { cache, places };
        Opened { images: Self { source, entries, size, pixels, corrupt: Mutex::default() }, looks, warnings }
    }

    /// All images of a source, held in memory.
    #[cfg(test)]
    pub(super) fn held(mut source: Source, size: u32) -> Result<Self, TrainError> {
        let entries = source.take_entries();
        Ok(Self::open(source, entries, size, Keep::Memory)?.images)
    }

    #[cfg(test)]
    pub(super) fn forget_pixels(&mut self) {
        self.pixels = Pixels::Nowhere;
    }

    pub fn labels(&self, index: usize) -> Labels {
        self.entries[index].labels
    }

    pub fn name(&self, index: usize) -> &str {
        &self.entries[index].name
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The cache file that the pixels are in, and its bytes; `None` where they are not on disk.
    pub fn cache(&self) -> Option<(&Path, usize)> {
        match &self.pixels {
            Pixels::Cached { cache, .. } => Some((&cache.path, cache.bytes())),
            Pixels::Held(_) | Pixels::Nowhere => None,
        }
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
        match &self.pixels {
            Pixels::Cached { cache, places } => Ok(Some(use_them(cache.pixels(places[index])))),
            Pixels::Held(pixels) => {
                let each = bytes_each(self.size);
                Ok(Some(use_them(&pixels[index * each..][..each])))
            }
            Pixels::Nowhere => Ok(self.decode(index)?.map(|pixels| use_them(&pixels))),
        }
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
}

fn bytes_each(size: u32) -> usize {
    size as usize * size as usize * 3
}

/// Decodes every image once: for what is to know of it, and for its pixels where they take at most `most` bytes.
fn look_at_all(
    source: &Source,
    entries: &[Entry],
    size: u32,
    most: usize,
) -> Result<(Pixels, Vec<Look>), TrainError> {
    let each = bytes_each(size);
    let look = |entry: &Entry| Ok(Look::at(entry, &source.bytes(entry)?, size));
    if entries.len() * each > most {
        let looks = entries.par_iter().map(|entry| look(entry).map(|(look, _)| look));
        return Ok((Pixels::Nowhere, looks.collect::<Result<_, TrainError>>()?));
    }
    let mut held = vec![0; entries.len() * each];
    let looks = held.par_chunks_mut(each).zip(entries).map(|(out, entry)| {
        let (look, pixels) = look(entry)?;
        if let Some(pixels) = pixels {
            out.copy_from_slice(&pixels);
        }
        Ok(look)
    });
    let looks = looks.collect::<Result<Vec<Look>, TrainError>>()?;
    Ok((Pixels::Held(held), looks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Recipe;

    #[test]
    fn batches_are_the_same_wherever_the_pixels_are() {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 6, 7, 40).unwrap();
        std::fs::write(folder.path().join("99_1_1_20000101.jpg"), b"no image").unwrap();
        let cache = tempfile::tempdir().unwrap();
        let open = |keep| {
            let mut source = Source::open(folder.path()).unwrap();
            let entries = source.take_entries();
            Images::open(source, entries, 32, keep).unwrap()
        };
        let cached = open(Keep::Folder(cache.path()));
        let (held, nowhere) = (open(Keep::Memory), open(Keep::Nowhere));
        assert!(cached.images.cache().is_some() && matches!(nowhere.images.pixels, Pixels::Nowhere));
        for opened in [&cached, &held, &nowhere] {
            let whole: Vec<bool> = opened.looks.iter().map(|look| look.whole).collect();
            assert_eq!(whole, [true, true, true, true, true, true, false]);
            assert_eq!((opened.looks[0].width, opened.looks[0].height), (40, 40));
            assert_eq!(opened.images.name(6), "99_1_1_20000101.jpg");
        }
        let batch =
            |of: &Opened| of.images.batch(&[0, 1, 2, 3, 4, 5], &Recipe::plain(), (1, 0)).unwrap().unwrap();
        let expected = batch(&nowhere);
        assert_eq!(expected.pixels.size(), [6, 3, 32, 32]);
        for opened in [&cached, &held] {
            let got = batch(opened);
            assert_eq!(got.truth, expected.truth);
            assert_eq!((&got.pixels - &expected.pixels).abs().max().double_value(&[]), 0.0);
        }
        assert_eq!(
            cached.looks.iter().map(|look| look.perceptual).collect::<Vec<_>>(),
            held.looks.iter().map(|look| look.perceptual).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_file_that_breaks_while_it_is_used_is_left_out_of_its_batch() {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 4, 7, 40).unwrap();
        let mut images = Images::held(Source::open(folder.path()).unwrap(), 32).unwrap();
        images.forget_pixels();
        std::fs::write(folder.path().join(images.name(1)), b"no image any more").unwrap();
        let batch = images.batch(&[3, 1, 0], &Recipe::plain(), (1, 0)).unwrap().unwrap();
        assert_eq!(batch.truth, [images.labels(3), images.labels(0)]);
        let alone = images.batch(&[0], &Recipe::plain(), (1, 0)).unwrap().unwrap();
        assert_eq!((batch.pixels.get(1) - alone.pixels.get(0)).abs().max().double_value(&[]), 0.0);
        assert_eq!(images.take_corrupt(), [1]);
        assert!(images.batch(&[1], &Recipe::plain(), (1, 0)).unwrap().is_none());
    }
}
