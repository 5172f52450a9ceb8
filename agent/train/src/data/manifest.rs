//! A split written down, so that other trainings use exactly the same images: JSON lines, first the [`Header`], then one
//! [`Line`] per image.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::source::Entry;
use super::split::{Split, Splits};
use crate::durable::write_whole;
use crate::error::TrainError;
use crate::hex::hex;

/// Version of the format.
const VERSION: u32 = 1;
/// How many names a message lists.
const LISTED: usize = 10;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    #[serde(rename = "sweep-train-split")]
    pub version: u32,
    /// SHA-256 over the contents and their places.
    pub data: String,
    pub split_seed: u64,
    pub images: usize,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub name: String,
    /// SHA-256 of the file, in hexadecimal.
    pub hash: String,
    pub split: Split,
    pub age: u8,
    pub age_group: u8,
    pub sex: u8,
    pub race: u8,
}

/// A split, written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub header: Header,
    pub lines: Vec<Line>,
}

impl Manifest {
    /// Of a data set's split, in the entries' order.
    pub fn of(entries: &[Entry], splits: &Splits, split_seed: u64) -> Self {
        let mut places: Vec<(usize, Split)> = Vec::new();
        for split in Split::ALL {
            places.extend(splits.of_split(split).iter().map(|&index| (index, split)));
        }
        places.sort_by_key(|&(index, _)| index);
        let lines: Vec<Line> =
            places.into_iter().map(|(index, split)| Line::of(&entries[index], split)).collect();
        let mut hasher = Sha256::new();
        for line in &lines {
            hasher.update(&line.hash);
            hasher.update([line.split as u8]);
        }
        let header =
            Header { version: VERSION, data: hex(&hasher.finalize()), split_seed, images: lines.len() };
        Self { header, lines }
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        // Writing to a string fails for no reason.
        let _written = writeln!(text, "{}", json(serde_json::to_string(&self.header)));
        for line in &self.lines {
            let _written = writeln!(text, "{}", json(serde_json::to_string(line)));
        }
        text
    }

    /// Writes `split.jsonl` into a folder, where other trainings can take it from.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), TrainError> {
        std::fs::create_dir_all(folder).map_err(TrainError::write(folder))?;
        write_whole(&folder.join("split.jsonl"), self.to_text().as_bytes())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read or is no manifest.
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        Self::parse(&std::fs::read_to_string(path).map_err(TrainError::read(path))?, path)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// When it is no manifest.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TrainError> {
        let wrong = |line: usize, what: &dyn std::fmt::Display| {
            TrainError::Config(format!(
                "manifest={}, line {line}: {what}\n  sweep-train data split --path DATA writes one",
                path.display()
            ))
        };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().ok_or_else(|| wrong(1, &"the file is empty"))?;
        let header: Header = serde_json::from_str(first).map_err(|error| wrong(1, &error))?;
        if header.version != VERSION {
            return Err(wrong(1, &format!("format {}, but this program reads {VERSION}", header.version)));
        }
        let lines = lines
            .map(|(at, line)| serde_json::from_str(line).map_err(|error| wrong(at + 1, &error)))
            .collect::<Result<Vec<Line>, _>>()?;
        if lines.len() != header.images {
            return Err(wrong(
                lines.len() + 1,
                &format!("{} images are announced, {} are there", header.images, lines.len()),
            ));
        }
        Ok(Self { header, lines })
    }

    /// The place of each entry; `None` for entries that the manifest does not have.
    ///
    /// A file may have moved to another folder: it is found by its content then.
    ///
    /// # Errors
    /// When files of the manifest are missing or changed, with their names.
    pub fn places(&self, entries: &[Entry], path: &Path) -> Result<Vec<Option<Split>>, TrainError> {
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        let mut by_content: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, entry) in entries.iter().enumerate() {
            by_name.insert(&entry.name, index);
            by_content.entry(hex(&entry.hash)).or_default().push(index);
        }
        let mut places = vec![None; entries.len()];
        let (mut missing, mut changed) = (Vec::new(), Vec::new());
        for line in &self.lines {
            let same = |index: usize| Line::of(&entries[index], line.split).told() == line.told();
            let named = by_name.get(&*line.name).copied();
            let moved = by_content.get(&line.hash).into_iter().flatten().copied();
            let found = named.into_iter().chain(moved).find(|&index| places[index].is_none() && same(index));
            match (found, named) {
                (Some(index), _) => places[index] = Some(line.split),
                (None, Some(_)) => changed.push(&*line.name),
                (None, None) => missing.push(&*line.name),
            }
        }
        if missing.is_empty() && changed.is_empty() {
            return Ok(places);
        }
        let list = |names: &[&str]| {
            let more = if names.len() > LISTED { ", ..." } else { "" };
            format!("{}{more}", names[..names.len().min(LISTED)].join(", "))
        };
        let mut what = format!("manifest={}: the data is not what was split", path.display());
        for (names, how) in [(missing, "missing"), (changed, "changed")] {
            if !names.is_empty() {
                let _written = write!(what, "\n  {} images are {how}: {}", names.len(), list(&names));
            }
        }
        Err(TrainError::Config(what))
    }
}

impl Line {
    fn of(entry: &Entry, split: Split) -> Self {
        let labels = entry.labels;
        Self {
            name: entry.name.clone(),
            hash: hex(&entry.hash),
            split,
            age: entry.age,
            age_group: labels.age_group,
            sex: labels.sex,
            race: labels.race,
        }
    }

    /// All but the name, which may change with the folder.
    fn told(&self) -> (&str, u8, u8, u8, u8) {
        (&self.hash, self.age, self.age_group, self.sex, self.race)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Source;

    fn faces() -> (tempfile::TempDir, Vec<Entry>, Splits) {
        let folder = tempfile::tempdir().unwrap();
        crate::synth::synth(folder.path(), 60, 7, 32).unwrap();
        let entries = Source::open(folder.path()).unwrap().entries;
        let family: Vec<usize> = (0..entries.len()).collect();
        let splits = Splits::of(&entries, &family, &vec![false; entries.len()], 7);
        (folder, entries, splits)
    }

    #[test]
    fn a_split_comes_back_as_it_was_written() {
        let (folder, entries, splits) = faces();
        let manifest = Manifest::of(&entries, &splits, 7);
        let path = folder.path().join("split.jsonl");
        std::fs::write(&path, manifest.to_text()).unwrap();
        let read = Manifest::read(&path).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(Splits::of_places(&read.places(&entries, &path).unwrap()), splits);
        // Another folder, and more files than were split.
        let mut moved = entries.clone();
        for entry in &mut moved {
            entry.name = format!("elsewhere/{}", entry.name);
        }
        moved.push(Entry::for_tests(moved[0].labels, [9; 32]));
        let places = read.places(&moved, &path).unwrap();
        assert_eq!((Splits::of_places(&places), places[60]), (splits, None));
    }

    #[test]
    fn missing_and_changed_files_are_named() {
        let (folder, mut entries, splits) = faces();
        let manifest = Manifest::of(&entries, &splits, 7);
        let gone = entries.pop().unwrap();
        entries[3].hash = [1; 32];
        entries[4].labels.race = (entries[4].labels.race + 1) % 5;
        let error = manifest.places(&entries, folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("1 images are missing: {}", gone.name)), "{error}");
        let changed = format!("2 images are changed: {}, {}", entries[3].name, entries[4].name);
        assert!(error.contains(&changed), "{error}");
    }

    #[test]
    fn what_is_no_manifest_is_refused_by_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("split.jsonl");
        let header = r#"{"sweep-train-split":1,"data":"","split_seed":7,"images":1}"#;
        for (text, words) in [
            (String::new(), "line 1: the file is empty"),
            ("{}".to_owned(), "line 1"),
            (header.replace(":1,", ":2,"), "format 2"),
            (format!("{header}\n{{}}"), "line 2"),
            (header.to_owned(), "1 images are announced, 0 are there"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Manifest::read(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
