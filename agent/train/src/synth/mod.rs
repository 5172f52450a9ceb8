//! Made-up faces: drawn, labelled, and named as UTKFace names its files. Good for demos and tests, and for nothing
//! that is said of people: race is no more than a colour scheme here.

mod face;

use std::fs;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use rand::RngExt as _;
use rayon::prelude::*;

pub use face::Face;

use crate::error::TrainError;
use crate::seeds::stream;

/// First and last age of each group.
const AGES: [(u32, u32); 9] =
    [(1, 10), (11, 20), (21, 30), (31, 40), (41, 50), (51, 60), (61, 70), (71, 80), (81, 100)];
/// The date in the names: a made-up one, so that nobody takes them for photographs.
const DATE: &str = "20000101";

/// The file that marks a folder or an archive of made-up faces.
pub const MARK: &str = "MADE-UP.txt";
const MARK_TEXT: &str = "sweep-train synth drew the faces in this folder: nobody is in them. This file says so to sweep-train, which writes
it beside the models that are trained on them (`made_up`). Leave it with the faces, also in an archive of them.
";

/// Whether a file's name within a data set is the mark's, in whatever folder.
pub(crate) fn is_mark(name: &str) -> bool {
    name.rsplit('/').next() == Some(MARK)
}

/// Draws `count` faces of `size` pixels into a folder, and puts [`MARK`] beside them. The same seed draws the same files.
///
/// # Errors
/// When the folder cannot be written.
pub fn synth(out: &Path, count: usize, seed: u64, size: u16) -> Result<(), TrainError> {
    fs::create_dir_all(out).map_err(TrainError::write(out))?;
    let mark = out.join(MARK);
    fs::write(&mark, MARK_TEXT).map_err(TrainError::write(&mark))?;
    (0..count).into_par_iter().try_for_each(|index| {
        let (name, face) = one(seed, index);
        let path = out.join(name);
        let pixels = face.draw(usize::from(size));
        let mut jpeg = Vec::new();
        Encoder::new(&mut jpeg, 90)
            .encode(&pixels, size, size, ColorType::Rgb)
            .map_err(|error| TrainError::Config(format!("size={size}: {error}")))?;
        fs::write(&path, jpeg).map_err(TrainError::write(&path))
    })
}

/// The file name and the face of number `index` under `seed`.
fn one(seed: u64, index: usize) -> (String, Face) {
    let mut random = stream(seed, "face", index as u64);
    let group = random.random_range(0..AGES.len());
    let age = random.random_range(AGES[group].0..=AGES[group].1);
    let (sex, race) = (random.random_range(0..2), random.random_range(0..5));
    let name = format!("{age}_{sex}_{race}_{DATE}{index:09}.jpg");
    (name, Face::new(group, sex, race, &mut random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::Labels;

    #[test]
    fn the_same_seed_draws_the_same_files() {
        let [first, second, other] = [7, 7, 8].map(|seed| {
            let folder = tempfile::tempdir().unwrap();
            synth(folder.path(), 12, seed, 48).unwrap();
            let mut files: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap()))
                .collect();
            files.sort();
            files
        });
        assert_eq!(first.len(), 12 + 1);
        assert_eq!(first, second);
        assert_ne!(first, other);
        for (name, _) in first.into_iter().filter(|(name, _)| name != MARK) {
            let name = name.into_string().unwrap();
            assert!(Labels::from_file_name(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_class_is_drawn() {
        let mut seen = [[false; 9]; 3];
        for index in 0..400 {
            let labels = Labels::from_file_name(&one(7, index).0).unwrap();
            for (head, class) in [labels.age_group, labels.sex, labels.race].into_iter().enumerate() {
                seen[head][usize::from(class)] = true;
            }
        }
        assert_eq!(seen.map(|classes| classes.iter().filter(|&&seen| seen).count()), [9, 2, 5]);
    }
}
