//! Where images come from: a folder, a `.tar`, a `.tar.gz`, a `.csv` that lists files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::durable::folder_of;
use crate::error::TrainError;
use crate::labels::Labels;
use crate::synth;

/// One image that can be used.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path within the source, for people.
    pub name: String,
    pub labels: Labels,
    /// In years.
    pub age: u8,
    /// SHA-256 of the file's bytes: what the split goes by.
    pub hash: [u8; 32],
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    /// Bytes of the archive.
    Slice {
        offset: u64,
        length: usize,
    },
    Memory(Vec<u8>),
}

/// A data set's files.
pub struct Source {
    path: PathBuf,
    archive: Option<File>,
    /// Sorted by name.
    pub(super) entries: Vec<Entry>,
    /// Files that say not all labels, sorted.
    pub(super) malformed: Vec<Malformed>,
    /// Whether a mark says that `sweep-train synth` drew images of it, see [`synth::MARK`].
    pub(super) made_up: bool,
}

/// A file whose labels cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Malformed {
    pub name: String,
    pub reason: String,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{} ({})", self.name, self.reason)
    }
}

impl Source {
    /// Lists what is there and hashes it.
    ///
    /// # Errors
    /// When the path does not exist, cannot be read, or holds no image with a usable name.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let kind = fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => TrainError::NoSuchPath(path.to_owned()),
            _ => TrainError::read(path)(error),
        })?;
        let mut source = Self {
            path: path.to_owned(),
            archive: None,
            entries: Vec::new(),
            malformed: Vec::new(),
            made_up: false,
        };
        if kind.is_dir() {
            source.list_folder()?;
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            source.list_index()?;
        } else {
            let file = File::open(path).map_err(TrainError::read(path))?;
            let packed = is_gzip(&file).map_err(TrainError::read(path))?;
            let listed = if packed { source.list_packed(&file) } else { source.list_tar(&file) };
            listed.map_err(|error| {
                TrainError::Config(format!(
                    "path={} is neither a folder nor a .tar, .tar.gz or .csv that can be read: {error}",
                    path.display()
                ))
            })?;
            source.archive = Some(file);
        }
        source.entries.sort_by(|a, b| a.name.cmp(&b.name));
        source.malformed.sort();
        if source.entries.is_empty() {
            let (found, malformed) = (source.files(), source.malformed.len());
            return Err(TrainError::NoImages { path: path.to_owned(), found, malformed });
        }
        Ok(source)
    }

    /// The images that can be used, sorted by name.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Takes the images out; their bytes can still be asked for.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Files that cannot be used, and why, sorted.
    pub fn malformed(&self) -> &[Malformed] {
        &self.malformed
    }

    /// Whether `sweep-train synth` drew them, or some of them: a mark lies in the folder or one within, among the members
    /// of the archive, or beside the index or a file that it lists.
    pub fn made_up(&self) -> bool {
        self.made_up
    }

    /// Image files, whatever their names say.
    pub fn files(&self) -> usize {
        self.entries.len() + self.malformed.len()
    }

    /// The bytes of an image file.
    ///
    /// # Errors
    /// When the disk gives them no more.
    pub fn bytes(&self, entry: &Entry) -> Result<Vec<u8>, TrainError> {
        match &entry.place {
            Place::File(path) => fs::read(path).map_err(TrainError::read(path)),
            Place::Memory(bytes) => Ok(bytes.clone()),
            Place::Slice { offset, length } => {
                let mut bytes = vec![0; *length];
                let archive = self.archive.as_ref().ok_or_else(|| io::Error::other("the archive is closed"));
                archive
                    .and_then(|archive| archive.read_exact_at(&mut bytes, *offset))
                    .map_err(TrainError::read(&self.path))?;
                Ok(bytes)
            }
        }
    }

    fn list_folder(&mut self) -> Result<(), TrainError> {
        let mut folders = vec![self.path.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(TrainError::read(&folder))? {
                let path = entry.map_err(TrainError::read(&folder))?.path();
                // Links are followed: data sets are often gathered by them.
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(known) = self.sort_out(&self.within(&path)) {
                    files.push((path, known));
                }
            }
        }
        let files = files.into_iter().map(|(path, known)| (self.within(&path), path, known)).collect();
        self.read_files(files);
        Ok(())
    }

    /// Rows of an index, see [`index`](super::index): files by their labels, whatever they are called.
    fn list_index(&mut self) -> Result<(), TrainError> {
        let rows = super::index::read(&self.path)?;
        let folders: BTreeSet<&Path> = std::iter::once(&*self.path)
            .chain(rows.files.iter().map(|(_, path, _)| &**path))
            .map(folder_of)
            .collect();
        self.made_up = folders.into_iter().any(|folder| folder.join(synth::MARK).is_file());
        self.malformed.extend(rows.malformed);
        self.read_files(rows.files);
        Ok(())
    }

    /// Hashes files: names, paths, ages and labels.
    fn read_files(&mut self, files: Vec<(String, PathBuf, (u8, Labels))>) {
        let read = |(name, path, (age, labels)): (String, PathBuf, (u8, Labels))| match fs::read(&path) {
            Ok(bytes) => Ok(Entry { name, labels, age, hash: hash(&bytes), place: Place::File(path) }),
            Err(error) => Err(Malformed { name, reason: format!("cannot be read: {error}") }),
        };
        for file in files.into_par_iter().map(read).collect::<Vec<_>>() {
            match file {
                Ok(entry) => self.entries.push(entry),
                Err(unreadable) => self.malformed.push(unreadable),
            }
        }
    }

    fn list_tar(&mut self, file: &File) -> io::Result<()> {
        for entry in tar::Archive::new(file).entries()? {
            let mut entry = entry?;
            let Some((name, (age, labels))) = self.member(&entry)? else { continue };
            let (offset, length) = (entry.raw_file_position(), entry.size() as usize);
            let mut bytes = Vec::with_capacity(length);
            entry.read_to_end(&mut bytes)?;
            self.entries.push(Entry {
                name,
                labels,
                age,
                hash: hash(&bytes),
                place: Place::Slice { offset, length },
            });
        }
        Ok(())
    }

    /// A packed archive cannot be read here and there, so its images are held in memory as they are.
    fn list_packed(&mut self, file: &File) -> io::Result<()> {
        for entry in tar::Archive::new(MultiGzDecoder::new(file)).entries()? {
            let mut entry = entry?;
            let Some((name, (age, labels))) = self.member(&entry)? else { continue };
            let mut bytes = Vec::with_capacity(entry.size() as usize);
            entry.read_to_end(&mut bytes)?;
            self.entries.push(Entry { name, labels, age, hash: hash(&bytes), place: Place::Memory(bytes) });
        }
        Ok(())
    }

    fn member<R: Read>(&mut self, entry: &tar::Entry<'_, R>) -> io::Result<Option<(String, (u8, Labels))>> {
        if !entry.header().entry_type().is_file() {
            return Ok(None);
        }
        let name = entry.path()?.to_string_lossy().into_owned();
        Ok(self.sort_out(&name).map(|labels| (name, labels)))
    }

    /// Age and labels of an image file; other files are passed over, and malformed names listed.
    fn sort_out(&mut self, name: &str) -> Option<(u8, Labels)> {
        self.made_up |= synth::is_mark(name);
        let file = name.rsplit('/').next().unwrap_or(name);
        // `._x.jpg` is what macOS adds to archives; `...357jpg` is a real name of the data set.
        let lower = file.to_ascii_lowercase();
        if file.starts_with('.') || !(lower.ends_with("jpg") || lower.ends_with(".jpeg")) {
            return None;
        }
        let known = Labels::parse(file);
        known.map_err(|reason| self.malformed.push(Malformed { name: name.to_owned(), reason })).ok()
    }

    fn within(&self, path: &Path) -> String {
        path.strip_prefix(&self.path).unwrap_or(path).to_string_lossy().into_owned()
    }
}

fn is_gzip(file: &File) -> io::Result<bool> {
    let mut mark = [0; 2];
    let read = file.read_at(&mut mark, 0)?;
    Ok(read == 2 && mark == [0x1f, 0x8b])
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
impl Entry {
    pub(super) fn for_tests(labels: Labels, hash: [u8; 32]) -> Self {
        Self { name: String::new(), labels, age: 0, hash, place: Place::Memory(Vec::new()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const NAMES: [&str; 4] =
        ["part1/24_1_3_2017.jpg", "part2/80_0_0_2017.jpg.chip.jpg", "39_2017.jpg", "read.me"];

    fn tar_of_names() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (at, name) in NAMES.iter().enumerate() {
            let content = vec![at as u8; 700];
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, name, &*content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn folder_tar_and_packed_tar_hold_the_same() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("faces");
        for (at, name) in NAMES.iter().enumerate() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![at as u8; 700]).unwrap();
        }
        let tar = place.path().join("faces.tar");
        fs::write(&tar, tar_of_names()).unwrap();
        let packed = place.path().join("faces.tar.gz");
        let mut gz =
            flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
        gz.write_all(&tar_of_names()).unwrap();
        gz.finish().unwrap();
        for path in [folder, tar, packed] {
            let source = Source::open(&path).unwrap();
            let names: Vec<_> = source.entries.iter().map(|entry| &*entry.name).collect();
            assert_eq!(names, [NAMES[0], NAMES[1]], "{}", path.display());
            assert_eq!(source.malformed[0].name, NAMES[2]);
            assert_eq!(source.malformed[0].reason, "sex is `2017.jpg`, not a number of up to three digits");
            for (at, entry) in source.entries.iter().enumerate() {
                assert_eq!(source.bytes(entry).unwrap(), vec![at as u8; 700]);
            }
        }
    }

    #[test]
    fn made_up_faces_are_known_by_the_mark_beside_them_also_in_an_archive() {
        let place = tempfile::tempdir().unwrap();
        let faces = place.path().join("all/faces");
        synth::synth(&faces, 2, 7, 32).unwrap();
        let tar = place.path().join("faces.tar");
        let mut packed = tar::Builder::new(File::create(&tar).unwrap());
        packed.append_dir_all("faces", &faces).unwrap();
        packed.finish().unwrap();
        let index = place.path().join("index.csv");
        let name = Source::open(&faces).unwrap().entries[0].name.clone();
        fs::write(&index, format!("file_path,age,sex,race\nall/faces/{name},20,0,0\n")).unwrap();
        let made_up = |path: &Path| Source::open(path).unwrap().made_up();
        let all = place.path().join("all");
        assert!([&faces, &all, &tar, &index].into_iter().all(|path| made_up(path)));
        fs::remove_file(faces.join(synth::MARK)).unwrap();
        assert!(![&faces, &all, &index].into_iter().any(|path| made_up(path)));
    }

    #[test]
    fn a_file_that_cannot_be_read_costs_itself() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("24_1_3_2017.jpg"), "x").unwrap();
        std::os::unix::fs::symlink("nowhere", place.path().join("25_1_3_2017.jpg")).unwrap();
        let source = Source::open(place.path()).unwrap();
        assert_eq!((source.entries.len(), &*source.malformed[0].name), (1, "25_1_3_2017.jpg"));
        assert!(source.malformed[0].reason.starts_with("cannot be read"));
    }

    #[test]
    fn what_cannot_be_used_is_said_with_the_fix() {
        let place = tempfile::tempdir().unwrap();
        let missing = Source::open(&place.path().join("nowhere")).err().unwrap().to_string();
        assert!(missing.contains("nowhere") && missing.contains("sweep-train synth"), "{missing}");
        let empty = Source::open(place.path()).err().unwrap().to_string();
        assert!(empty.contains("AGE_SEX_RACE_DATE"), "{empty}");
        let text = place.path().join("x.tar");
        fs::write(&text, "no archive at all, but long enough to look like a header ".repeat(20)).unwrap();
        assert!(Source::open(&text).err().unwrap().to_string().contains(".tar"));
    }
}
