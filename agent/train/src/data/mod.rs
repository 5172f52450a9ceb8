//! Images and labels: found, split, decoded, and put into batches.

mod batch;
mod cache;
mod decode;
mod duplicates;
mod images;
mod index;
mod loader;
mod look;
mod manifest;
mod orientation;
mod perceptual;
mod picture;
mod sampling;
mod source;
mod split;
mod stats;
mod survey;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub use batch::{Batch, Mixed, Recipe};
pub use cache::{Cache, Made};
pub use decode::{Photo, decode};
pub use duplicates::{DuplicateCensus, Duplicates, Kinship};
pub use images::{Images, Keep, Opened};
pub use loader::{Course, Loader, Waits, Workers, loader_threads};
pub use look::Look;
pub use manifest::Manifest;
pub use perceptual::{NEAR, NEAR_COLOUR, Thumbnail, perceptual_hash, thumbnail};
pub use picture::{MOST_PIXELS, Unusable};
pub use sampling::{Sampling, order};
pub use source::{Entry, Malformed, Source};
pub use split::{Split, Splits};
pub use stats::Stats;
pub use survey::Survey;

use crate::config::Config;
use crate::error::TrainError;
use crate::hex::hex;
use crate::labels::{Head, Labels};
use crate::seeds::sort_key;

/// ImageNet's, which the backbone's weights were made with.
pub const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
pub const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Fewest images that can be split in three.
const FEWEST: usize = 20;

/// What was found, and what was left out and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Census {
    /// Image files under the path.
    pub files: usize,
    /// Of them used, before the split.
    pub used: usize,
    pub train: usize,
    pub validation: usize,
    pub test: usize,
    /// Files that do not say all labels, and why.
    pub malformed: Vec<String>,
    /// Files that are no whole JPEG image, as far as they were decoded.
    pub corrupt: Vec<String>,
    pub duplicates: DuplicateCensus,
    /// Images that the manifest does not have.
    pub not_in_manifest: usize,
    /// Whether `sweep-train synth` drew them, or some of them, see [`Source::made_up`].
    pub made_up: bool,
}

/// A data set, split and ready to be decoded.
pub struct Dataset {
    pub images: Arc<Images>,
    pub splits: Splits,
    pub census: Census,
    /// Per head, how often each class occurs in the whole set.
    pub counts: BTreeMap<&'static str, Vec<u64>>,
    /// What a person should hear of.
    pub warnings: Vec<String>,
}

impl Dataset {
    /// Finds, limits, decodes (once, where there is room) and splits the images.
    ///
    /// # Errors
    /// When there is nothing at `path`, nothing usable, or too little of it; when the manifest does not fit.
    pub fn load(config: &Config) -> Result<Self, TrainError> {
        let mut source = Source::open(&config.path)?;
        let mut census = Census {
            files: source.files(),
            malformed: source.malformed.iter().map(ToString::to_string).collect(),
            made_up: source.made_up(),
            ..Census::default()
        };
        let entries = limited(source.take_entries(), config);
        if entries.len() < FEWEST {
            return Err(too_few(&config.path, entries.len()));
        }
        let folder = config.cache_folder();
        let keep = folder.as_deref().map_or(Keep::Memory, Keep::Folder);
        let Opened { images, looks, warnings } =
            Images::open(source, entries, config.image_size as u32, keep)?;
        let entries = images.entries();
        let (splits, left_out) = match &config.manifest {
            Some(path) => {
                let places = Manifest::read(path)?.places(entries, path)?;
                let left_out: Vec<bool> = places.iter().map(Option::is_none).collect();
                census.not_in_manifest = left_out.iter().filter(|&&out| out).count();
                (Splits::of_places(&places), left_out)
            }
            None => {
                let kinship = Kinship::of(entries, &looks);
                let (left_out, duplicates) = kinship.judge(config.duplicates);
                census.duplicates = duplicates;
                let alone: Vec<usize> = (0..entries.len()).collect();
                let family = if config.duplicates == Duplicates::Keep { &alone } else { &kinship.family };
                (Splits::of(entries, family, &left_out, config.split_seed as u64), left_out)
            }
        };
        census.used = left_out.iter().filter(|&&out| !out).count();
        let counts = counts(entries, &left_out, config);
        let mut dataset = Self { images: Arc::new(images), splits, census, counts, warnings };
        let broken = |(index, look): (usize, &Look)| (!look.whole && !left_out[index]).then_some(index);
        dataset.leave_out(looks.iter().enumerate().filter_map(broken).collect())?;
        Ok(dataset)
    }

    /// Keeps no pixels, as where they are too many: images are decoded for every batch.
    #[cfg(test)]
    pub(crate) fn decoded_for_every_batch(mut self) -> Self {
        Arc::get_mut(&mut self.images).expect("nobody else has the images yet").forget_pixels();
        self
    }

    /// The split as it may be written down for other trainings.
    pub fn manifest(&self, split_seed: u64) -> Manifest {
        Manifest::of(self.images.entries(), &self.splits, split_seed)
    }

    /// SHA-256 over all that a training takes from a data set: contents, labels, their order, sides of the split, and how
    /// often each class is counted. In hexadecimal.
    pub fn fingerprint(&self) -> String {
        let entries = self.images.entries();
        let mut places = vec![u8::MAX; entries.len()];
        for split in Split::ALL {
            self.indices(split).iter().for_each(|&index| places[index] = split as u8);
        }
        let mut hasher = Sha256::new();
        for (entry, place) in entries.iter().zip(places) {
            let Labels { age_group, sex, race } = entry.labels;
            hasher.update(entry.hash);
            hasher.update([age_group, sex, race, place]);
        }
        for count in self.counts.values().flatten() {
            hasher.update(count.to_le_bytes());
        }
        hex(&hasher.finalize())
    }

    /// The images of a split that are known to be whole or not yet looked at.
    pub fn indices(&self, split: Split) -> &[usize] {
        self.splits.of_split(split)
    }

    /// Labels of an image.
    pub fn labels(&self, index: usize) -> Labels {
        self.images.labels(index)
    }

    /// Takes images out that turned out to be corrupt, and lists them.
    pub fn drop_corrupt(&mut self) -> Result<(), TrainError> {
        self.leave_out(self.images.take_corrupt())
    }

    fn leave_out(&mut self, corrupt: Vec<usize>) -> Result<(), TrainError> {
        for index in corrupt {
            self.splits.remove(index);
            self.census.corrupt.push(self.images.name(index).to_owned());
        }
        let sizes = Split::ALL.map(|split| self.splits.of_split(split).len());
        [self.census.train, self.census.validation, self.census.test] = sizes;
        if sizes[0] == 0 || sizes[1] == 0 {
            return Err(TrainError::TooFew {
                what: format!(
                    "nothing is left to {} with: {} images are corrupt, the first is {}",
                    if sizes[0] == 0 { "train" } else { "validate" },
                    self.census.corrupt.len(),
                    self.census.corrupt.first().map_or("none", String::as_str)
                ),
                usable: sizes.iter().sum(),
            });
        }
        Ok(())
    }

    /// How often each class of a head occurs in a split.
    pub fn class_counts(&self, head: Head, split: Split) -> Vec<u64> {
        let mut counts = vec![0; self.counts[head.word()].len()];
        for &index in self.indices(split) {
            counts[usize::from(self.labels(index).of(head))] += 1;
        }
        counts
    }
}

/// The images that `limit` leaves: those whose keys under `split_seed` come first.
fn limited(mut entries: Vec<Entry>, config: &Config) -> Vec<Entry> {
    let Some(limit) = config.limit.and_then(|limit| usize::try_from(limit).ok()) else { return entries };
    let seed = config.split_seed as u64;
    entries.sort_by_cached_key(|entry| (sort_key(seed, "limit", &entry.hash), entry.name.clone()));
    entries.truncate(limit);
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn counts(entries: &[Entry], left_out: &[bool], config: &Config) -> BTreeMap<&'static str, Vec<u64>> {
    let count = |head: Head| {
        let mut counts = vec![0; config.classes(head) as usize];
        for (entry, _) in entries.iter().zip(left_out).filter(|(_, out)| !**out) {
            counts[usize::from(entry.labels.of(head))] += 1;
        }
        (head.word(), counts)
    };
    Head::ALL.into_iter().map(count).collect()
}

fn too_few(path: &Path, usable: usize) -> TrainError {
    TrainError::TooFew {
        what: format!("{} cannot be split into training, validation and test", path.display()),
        usable,
    }
}
