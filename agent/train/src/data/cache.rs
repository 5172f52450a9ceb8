//! Decoded images on disk: one file per set of contents and size, mapped into memory and shared by all trials of a box.
//!
//! A file is made under another name, synced and renamed, so it is whole or not there; it is never changed afterwards. A
//! lock keeps two trials that start together from both decoding. Layout, little-endian: [`MAGIC`], side (u32), a CRC-32 of
//! what follows up to the pixels (u32), images (u64), where the pixels begin (u64); one [`Look`] of 112 bytes per image,
//! sorted by content; the pixels, `[images, side, side, 3]` bytes.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::look::{LOOK_BYTES, Look};
use super::source::{Entry, Source};
use crate::durable::write_with;
use crate::error::TrainError;
use crate::hex::hex;

/// Name and version of the format, and of how pixels come about: another decoder or filter is another version.
const MAGIC: &[u8; 8] = b"SWEEPPX1";
const HEADER_BYTES: usize = 32;
/// Pixels begin at a page.
const PAGE: usize = 4096;

/// Decoded images of one size, mapped.
pub struct Cache {
    map: Mmap,
    side: u32,
    pixels_at: usize,
    /// Sorted by content.
    pub looks: Vec<Look>,
    pub path: PathBuf,
}

/// Whether a cache had to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was there.
    Found,
    New,
    /// It was there, but damaged, for this reason.
    Again(String),
}

impl Cache {
    /// The cache of these images in a folder; decodes them if there is none yet, or a damaged one.
    ///
    /// # Errors
    /// When an image cannot be read, or the cache not written.
    pub fn open(
        folder: &Path,
        source: &Source,
        entries: &[Entry],
        side: u32,
    ) -> Result<(Self, Made), TrainError> {
        let mut unique: Vec<&Entry> = entries.iter().collect();
        unique.sort_by_key(|entry| entry.hash);
        unique.dedup_by_key(|entry| entry.hash);
        fs::create_dir_all(folder).map_err(TrainError::write(folder))?;
        let path = folder.join(file_name(&unique, side));
        if let Ok(cache) = Self::read(&path, side) {
            return Ok((cache, Made::Found));
        }
        let lock_path = path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(TrainError::write(&lock_path))?;
        lock.lock().map_err(TrainError::write(&lock_path))?;
        // Another trial may have made it meanwhile; the lock ends with the file's closing, whatever happens.
        let made = match Self::read(&path, side) {
            Ok(cache) => return Ok((cache, Made::Found)),
            Err(Unusable::Missing) => Made::New,
            Err(Unusable::Damaged(why)) => Made::Again(why),
        };
        write(&path, source, &unique, side)?;
        let cache = Self::read(&path, side).map_err(|unusable| TrainError::Read {
            path: path.clone(),
            source: io::Error::other(match unusable {
                Unusable::Missing => "it vanished after it was written".to_owned(),
                Unusable::Damaged(why) => format!("damaged as soon as written: {why}"),
            }),
        })?;
        Ok((cache, made))
    }

    /// Pixels of an image, `[side, side, 3]`.
    pub fn pixels(&self, at: usize) -> &[u8] {
        let each = bytes_each(self.side);
        &self.map[self.pixels_at + at * each..][..each]
    }

    /// The place of a content.
    pub fn find(&self, hash: &[u8; 32]) -> Option<usize> {
        self.looks.binary_search_by(|look| look.hash.cmp(hash)).ok()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Maps a file and checks every byte of it.
    fn read(path: &Path, side: u32) -> Result<Self, Unusable> {
        let damaged = |why: &str| Unusable::Damaged(format!("{}: {why}", path.display()));
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Unusable::Missing,
            _ => damaged(&error.to_string()),
        })?;
        // SAFETY: the file is never changed under its name, only made elsewhere and renamed, or deleted whole; a process of
        // this user that truncates it on purpose could still end ours with SIGBUS.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| damaged(&error.to_string()))?;
        let number = |at: usize, length: usize| {
            let bytes = map.get(at..at + length)?;
            Some(bytes.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte)) as usize)
        };
        let header = || Some((map.get(..8)?, number(8, 4)?, number(12, 4)?, number(16, 8)?, number(24, 8)?));
        let (magic, found_side, crc, images, pixels_at) =
            header().ok_or_else(|| damaged("no whole header"))?;
        if magic != MAGIC || found_side != side as usize {
            return Err(damaged("another kind of file"));
        }
        let length = images.checked_mul(bytes_each(side)).and_then(|pixels| pixels.checked_add(pixels_at));
        let table =
            images.checked_mul(LOOK_BYTES).and_then(|bytes| map.get(HEADER_BYTES..HEADER_BYTES + bytes));
        let Some(table) = table.filter(|table| {
            length == Some(map.len())
                && pixels_at == pixels_begin(images)
                && crc32fast::hash(table) as usize == crc
        }) else {
            return Err(damaged("wrong length or checksum"));
        };
        let looks: Vec<Look> = table.as_chunks().0.iter().map(Look::from_bytes).collect();
        let cache = Self { side, pixels_at, looks, path: path.to_owned(), map };
        let broken = (0..images)
            .into_par_iter()
            .find_any(|&at| crc32fast::hash(cache.pixels(at)) != cache.looks[at].crc);
        broken.map_or(Ok(cache), |at| Err(damaged(&format!("wrong checksum of image {at}"))))
    }
}

enum Unusable {
    Missing,
    Damaged(String),
}

fn bytes_each(side: u32) -> usize {
    side as usize * side as usize * 3
}

fn pixels_begin(images: usize) -> usize {
    (HEADER_BYTES + images * LOOK_BYTES).next_multiple_of(PAGE)
}

/// By what is in it: the contents, the size and the format.
fn file_name(unique: &[&Entry], side: u32) -> String {
    let mut hasher = Sha256::new();
    hasher.update(MAGIC);
    hasher.update(side.to_le_bytes());
    for entry in unique {
        hasher.update(entry.hash);
    }
    format!("{}-{side}px.pixels", hex(&hasher.finalize()[..12]))
}

/// Decodes all images into a new file. Positioned writes rather than a writable map: a full disk is an error then, not
/// a signal.
fn write(path: &Path, source: &Source, unique: &[&Entry], side: u32) -> Result<(), TrainError> {
    let (each, begin) = (bytes_each(side), pixels_begin(unique.len()));
    write_with(path, |file| {
        let file = &*file;
        let looks = unique
            .par_iter()
            .enumerate()
            .map(|(at, entry)| {
                let (look, pixels) = Look::at(entry, &source.bytes(entry)?, side);
                let pixels = pixels.unwrap_or_else(|| vec![0; each]);
                file.write_all_at(&pixels, (begin + at * each) as u64).map_err(TrainError::write(path))?;
                Ok(Look { crc: crc32fast::hash(&pixels), ..look })
            })
            .collect::<Result<Vec<Look>, TrainError>>()?;
        let table: Vec<u8> = looks.iter().flat_map(|look| look.to_bytes()).collect();
        let mut head = MAGIC.to_vec();
        head.extend(side.to_le_bytes());
        head.extend(crc32fast::hash(&table).to_le_bytes());
        head.extend((unique.len() as u64).to_le_bytes());
        head.extend((begin as u64).to_le_bytes());
        head.extend(table);
        file.write_all_at(&head, 0).map_err(TrainError::write(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faces(count: usize) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), count, 7, 40).unwrap();
        let source = Source::open(folder.path()).unwrap();
        (folder, source)
    }

    #[test]
    fn it_is_made_once_and_found_again_with_the_same_pixels() {
        let (_faces, source) = faces(6);
        let folder = tempfile::tempdir().unwrap();
        let open = |side| Cache::open(folder.path(), &source, &source.entries, side).unwrap();
        let (first, made) = open(32);
        assert_eq!((made, first.looks.len()), (Made::New, 6));
        let (again, made) = open(32);
        assert_eq!((made, &again.path), (Made::Found, &first.path));
        let (other, made) = open(24);
        assert_eq!(made, Made::New);
        assert_ne!(other.path, first.path);
        for entry in &source.entries {
            let at = again.find(&entry.hash).unwrap();
            let decoded = crate::data::decode(&source.bytes(entry).unwrap(), 32).unwrap();
            assert_eq!(again.pixels(at), decoded);
        }
    }

    #[test]
    fn every_damage_is_found_and_repaired() {
        let (_faces, source) = faces(4);
        let folder = tempfile::tempdir().unwrap();
        let open = || Cache::open(folder.path(), &source, &source.entries, 32).unwrap();
        let path = open().0.path;
        let whole = fs::read(&path).unwrap();
        let mut damages: Vec<Vec<u8>> =
            vec![Vec::new(), whole[..20].to_vec(), whole[..whole.len() - 1].to_vec(), b"text".repeat(5000)];
        for place in [3, 9, 13, 17, 25, 60, 5000, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            damages.push(damaged);
        }
        for damaged in damages {
            fs::remove_file(&path).unwrap();
            fs::write(&path, damaged).unwrap();
            let (_, made) = open();
            assert!(matches!(made, Made::Again(_)), "{made:?}");
            assert_eq!(fs::read(&path).unwrap(), whole);
            assert_eq!(open().1, Made::Found);
        }
    }

    #[test]
    fn of_trials_that_start_together_one_decodes() {
        let (_faces, source) = faces(8);
        let folder = tempfile::tempdir().unwrap();
        let made: Vec<Made> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6)
                .map(|_| scope.spawn(|| Cache::open(folder.path(), &source, &source.entries, 32).unwrap().1))
                .collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made == Made::New).count(), 1, "{made:?}");
    }

    #[test]
    fn what_cannot_be_written_is_an_error_that_names_the_place() {
        let (_faces, source) = faces(2);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "no folder").unwrap();
        let error = Cache::open(&file, &source, &source.entries, 32).err().unwrap().to_string();
        assert!(error.contains("file") && error.contains("cannot write"), "{error}");
    }
}
