//! Everything that may be wrong with a data set.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::duplicates::{DuplicateCensus, Duplicates, Kinship};
use super::images::{Images, Keep};
use super::source::{Malformed, Source};
use super::stats::Stats;
use crate::error::TrainError;

/// What was found. Lists are sorted by name.
#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    pub path: PathBuf,
    /// Whether `sweep-train synth` drew them, or some of them, see [`Source::made_up`].
    pub made_up: bool,
    /// Image files, whatever their names say.
    pub files: usize,
    /// Whole images whose labels are known.
    pub usable: usize,
    /// Files whose labels are not known, or that cannot be read, and why.
    pub malformed: Vec<Malformed>,
    /// Files that are no whole JPEG images.
    pub corrupt: Vec<String>,
    pub duplicates: DuplicateCensus,
    /// Groups of files of equal bytes; of those, the ones whose names contradict each other; groups of different files
    /// that look the same.
    pub exact: Vec<Vec<String>>,
    pub contradicting: Vec<Vec<String>>,
    pub near: Vec<Vec<String>>,
    /// Counts over the usable images.
    pub stats: Stats,
}

impl Survey {
    /// Looks at every file.
    ///
    /// # Errors
    /// When there is nothing usable at `path`.
    pub fn of(path: &Path) -> Result<Self, TrainError> {
        /// Nobody sees the pixels.
        const SIDE: u32 = 32;
        let mut source = Source::open(path)?;
        let (files, malformed, made_up) = (source.files(), source.malformed().to_vec(), source.made_up());
        let entries = source.take_entries();
        let opened = Images::open(source, entries, SIDE, Keep::Nowhere)?;
        let entries = opened.images.entries();
        let kinship = Kinship::of(entries, &opened.looks);
        let names = |groups: &[Vec<usize>]| {
            groups
                .iter()
                .map(|group| group.iter().map(|&index| entries[index].name.clone()).collect())
                .collect()
        };
        let seen = || entries.iter().zip(&opened.looks);
        let usable = || seen().filter(|(_, look)| look.whole);
        Ok(Self {
            path: path.to_owned(),
            made_up,
            files,
            usable: usable().count(),
            malformed,
            corrupt: seen().filter(|(_, look)| !look.whole).map(|(entry, _)| entry.name.clone()).collect(),
            duplicates: kinship.judge(Duplicates::Apart).1,
            exact: names(&kinship.exact),
            contradicting: names(&kinship.contradicting),
            near: names(&kinship.near),
            stats: Stats::of(usable()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn everything_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 8, 7, 48).unwrap();
        let first = Source::open(folder.path()).unwrap().entries()[0].name.clone();
        let place = |name: &str| folder.path().join(name);
        fs::copy(place(&first), place("116_1_4_20170101.jpg")).unwrap();
        fs::write(place("50_0_0_20170101.jpg"), "no image").unwrap();
        fs::write(place("39_1_20170101.jpg"), "no race").unwrap();
        // The same picture, pressed again.
        let photo = crate::data::decode(&fs::read(place(&first)).unwrap(), 48).unwrap();
        let mut pressed = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut pressed, 70);
        encoder.encode(&photo, 48, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        fs::write(place("31_0_0_20170101.jpg"), pressed).unwrap();
        let survey = Survey::of(folder.path()).unwrap();
        assert_eq!((survey.files, survey.usable), (12, 10));
        assert_eq!(survey.malformed[0].name, "39_1_20170101.jpg");
        assert_eq!(survey.corrupt, ["50_0_0_20170101.jpg"]);
        assert_eq!((survey.exact.len(), &survey.contradicting), (1, &survey.exact));
        assert!(survey.exact[0].contains(&first), "{:?}", survey.exact);
        assert!(
            survey.near[0].contains(&first) && survey.near[0].contains(&"31_0_0_20170101.jpg".to_owned())
        );
        assert_eq!(survey.stats.images, 10);
    }
}
