//! Pictures to try a model with.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sweep_core::file::is_plain_name;
use thiserror::Error;

use crate::predict::LARGEST_PICTURE;

/// Most samples that are shown of a folder.
const MOST: usize = 60;

/// The folder for samples cannot be used.
#[derive(Debug, Error)]
#[error("--samples {}: {cause}\n  name a folder of JPEG or PNG files", folder.display())]
pub struct SamplesError {
    folder: PathBuf,
    cause: String,
}

/// Where samples come from.
#[derive(Debug, Clone, Default)]
pub enum Samples {
    /// Those that come with the controller.
    #[default]
    MadeUp,
    Folder(PathBuf),
}

impl Samples {
    /// A folder's, or those that come with the controller.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(folder: Option<&Path>) -> Result<Self, SamplesError> {
        let Some(folder) = folder else { return Ok(Self::MadeUp) };
        let unusable =
            |error: io::Error| SamplesError { folder: folder.to_owned(), cause: error.to_string() };
        std::fs::read_dir(folder).map_err(unusable)?;
        Ok(Self::Folder(folder.to_owned()))
    }

    /// Whether they are known to show nobody.
    pub(crate) fn are_made_up(&self) -> bool {
        matches!(self, Self::MadeUp)
    }

    /// Their names, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        match self {
            Self::MadeUp => Ok(sweep_web::SAMPLES.iter().map(|(name, _)| (*name).to_owned()).collect()),
            Self::Folder(folder) => {
                let mut names = Vec::new();
                for entry in std::fs::read_dir(folder)? {
                    let entry = entry?;
                    let Ok(name) = entry.file_name().into_string() else { continue };
                    if kind(&name).is_some() && is_plain_name(&name) && entry.path().is_file() {
                        names.push(name);
                    }
                }
                names.sort();
                names.truncate(MOST);
                Ok(names)
            }
        }
    }

    /// A sample; `None`: there is none of that name. Only what is listed is read, so a name leads nowhere else.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Bytes>> {
        if !self.names()?.iter().any(|listed| listed == name) {
            return Ok(None);
        }
        match self {
            Self::MadeUp => {
                let found = sweep_web::SAMPLES.iter().find(|(listed, _)| *listed == name);
                Ok(found.map(|(_, bytes)| Bytes::from_static(bytes)))
            }
            Self::Folder(folder) => {
                let path = folder.join(name);
                if std::fs::metadata(&path)?.len() > LARGEST_PICTURE as u64 {
                    return Ok(None);
                }
                std::fs::read(path).map(|bytes| Some(bytes.into()))
            }
        }
    }
}

/// The media type of a picture, by the end of its name; `None`: it is none.
pub(crate) fn kind(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some("image/jpeg"),
        "png" => Some("image/png"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_shows_its_pictures_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("faces");
        std::fs::create_dir_all(folder.join("inner.jpg")).unwrap();
        std::fs::write(place.path().join("secret.jpg"), b"secret").unwrap();
        for name in ["b.JPG", "a.jpeg", "c.png", "notes.txt", ".hidden.jpg"] {
            std::fs::write(folder.join(name), name).unwrap();
        }
        let samples = Samples::open(Some(&folder)).unwrap();
        assert_eq!(samples.names().unwrap(), ["a.jpeg", "b.JPG", "c.png"]);
        assert!(!samples.are_made_up());
        assert_eq!(samples.read("c.png").unwrap().as_deref(), Some(&b"c.png"[..]));
        let outside = place.path().join("secret.jpg");
        for name in [
            "../secret.jpg",
            "./c.png",
            "inner.jpg",
            "notes.txt",
            ".hidden.jpg",
            "c.png/",
            "",
            ".",
            "..",
            "..\\secret.jpg",
            outside.to_str().unwrap(),
        ] {
            assert_eq!(samples.read(name).unwrap(), None, "{name}");
        }
        for number in 0..100 {
            std::fs::write(folder.join(format!("{number:03}.jpg")), b"x").unwrap();
        }
        let many = samples.names().unwrap();
        assert_eq!((many.len(), many[59].as_str()), (60, "059.jpg"));
    }

    #[test]
    fn without_a_folder_there_are_made_up_faces() {
        let samples = Samples::open(None).unwrap();
        let names = samples.names().unwrap();
        assert!(samples.are_made_up() && names.len() == 12);
        for name in names {
            assert_eq!(kind(&name), Some("image/jpeg"));
            assert!(samples.read(&name).unwrap().is_some_and(|bytes| bytes.starts_with(&[0xff, 0xd8])));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = Samples::open(Some(Path::new("/nowhere/faces"))).unwrap_err().to_string();
        assert!(
            error.starts_with("--samples /nowhere/faces: ") && error.contains("name a folder"),
            "{error}"
        );
    }
}
