//! What can go wrong, in words that name the place and the fix.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::data::Unusable;

#[derive(Debug, Error)]
pub enum TrainError {
    /// A parameter that parses but makes no sense.
    #[error("{0}")]
    Config(String),
    /// `path` does not exist.
    #[error(
        "there is no data at {}\n  give a folder of UTKFace files or a .tar of them: --path DIR\n  or make some faces up: sweep-train synth --out {} --count 1500 --seed 7",
        .0.display(), .0.display()
    )]
    NoSuchPath(PathBuf),
    /// Nothing under `path` has a usable name.
    #[error(
        "{} holds no image whose name gives its labels ({found} .jpg files, {malformed} of them with other names)\n  UTKFace names are AGE_SEX_RACE_DATE.jpg, for example 24_1_2_20170116.jpg\n  make some faces up: sweep-train synth --out DIR --count 1500 --seed 7",
        path.display()
    )]
    NoImages { path: PathBuf, found: usize, malformed: usize },
    /// Every image is corrupt, or a split came out empty.
    #[error("{what}\n  {usable} usable images are too few; give more data or a larger --limit")]
    TooFew { what: String, usable: usize },
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}\n  is there room, and may this user write there?", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// `weights` is not usable.
    #[error("cannot use the weights in {}: {what}", path.display())]
    Weights { path: PathBuf, what: String },
    /// There is nothing to go on from.
    #[error("cannot go on from {}: {what}\n  to begin anew, leave --resume and SWEEP_RESUME out", path.display())]
    Resume { path: PathBuf, what: String },
    /// Published weights that cannot be had.
    #[error(
        "cannot fetch {url}: {what}\n  offline? put the file at {} yourself, name a mirror by --weights_url URL or SWEEP_WEIGHTS_URL, or start fresh: --weights none",
        place.display()
    )]
    Fetch { url: String, what: String, place: PathBuf },
    /// A picture that is none.
    #[error("cannot look at {}: {what}", path.display())]
    Image { path: PathBuf, what: Unusable },
    /// libtorch's own refusal: out of memory, a missing device.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// Not even one image's step fits.
    #[error("out of memory: {0}\n  a smaller image_size or resnet_type takes less")]
    OutOfMemory(String),
    /// The observer is gone, so nobody would hear of the rest.
    #[error("{0}")]
    Observer(String),
}

impl TrainError {
    pub(crate) fn read(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }

    pub(crate) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }
}
