//! Images and labels: found, split, decoded, and put into batches.

mod batch;
mod decode;
mod images;
mod source;
mod split;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

pub use batch::{Batch, Mixed, Recipe};
pub use decode::{Photo, decode};
pub use images::Images;
pub use source::{Entry, Source};
pub use split::{Split, Splits};

use crate::config::Config;
use crate::error::TrainError;
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
    /// Names that do not say all labels.
    pub malformed: Vec<String>,
    /// Files that are no whole JPEG image, as far as they were decoded.
    pub corrupt: Vec<String>,
}

/// A data set, split and ready to be decoded.
pub struct Dataset {
    pub images: Images,
    pub splits: Splits,
    pub census: Census,
    /// Per head, how often each class occurs in the whole set.
    pub counts: BTreeMap<&'static str, Vec<u64>>,
}

impl Dataset {
    /// Finds, limits, splits and (where memory allows) decodes the images.
    ///
    /// # Errors
    /// When there is nothing at `path`, nothing usable, or too little of it.
    pub fn load(config: &Config) -> Result<Self, TrainError> {
        let mut source = Source::open(&config.path)?;
        let mut census = Census {
            files: source.files(),
            malformed: std::mem::take(&mut source.malformed),
            ..Census::default()
        };
        let entries = limited(std::mem::take(&mut source.entries), config);
        census.used = entries.len();
        if entries.len() < FEWEST {
            return Err(too_few(&config.path, entries.len()));
        }
        let splits = Splits::of(&entries, config.split_seed as u64);
        let counts = counts(&entries, config);
        let images = Images::load(source, entries, config.image_size as u32, images::MOST_CACHED)?;
        let mut dataset = Self { images, splits, census, counts };
        dataset.drop_corrupt()?;
        Ok(dataset)
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
        for index in self.images.take_corrupt() {
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

fn counts(entries: &[Entry], config: &Config) -> BTreeMap<&'static str, Vec<u64>> {
    let count = |head: Head| {
        let mut counts = vec![0; config.classes(head) as usize];
        for entry in entries {
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
