//! What a model is worth on a data set: its predictions, and the report they make.

mod look;
mod report;
mod svg;
mod table;

use std::path::Path;

use tch::{Device, Tensor};

pub use look::{Guess, Looker, PRECISION, Square};
pub use report::{HeadReport, Report};
pub use svg::svg;
pub use table::table;

use crate::data::{Dataset, Recipe, Split};
use crate::error::TrainError;
use crate::fitting::Fitting;
use crate::labels::{Head, Labels};
use crate::model::Model;
use crate::saved::Saved;
use crate::score::calibration::temperature;

/// Images of one forward pass.
const BATCH: usize = 64;

/// What a model says of one image of known truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub truth: Labels,
    /// As its file name says; what was trained on are groups.
    pub years: Option<f64>,
    /// One for each class of each head.
    pub logits: [Vec<f32>; 3],
}

/// Which images are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    Validation,
    Test,
    /// Everything, the images it was trained on included.
    All,
}

impl Part {
    pub fn word(self) -> &'static str {
        match self {
            Self::Validation => Split::Validation.word(),
            Self::Test => Split::Test.word(),
            Self::All => "all",
        }
    }
}

/// Judges a model by a part of `saved.config.path`. Temperatures are fitted on its validation images.
///
/// # Errors
/// When the data or the model cannot be used, or the part is empty.
pub fn evaluate(saved: &Saved, part: Part, device: Device, seed: u64) -> Result<Report, TrainError> {
    let data = Dataset::load(&saved.config)?;
    let model = saved.model(device)?;
    let judge = |splits: &[Split]| -> Result<Vec<Prediction>, TrainError> {
        let indices: Vec<usize> = splits.iter().flat_map(|&split| data.indices(split)).copied().collect();
        predictions(saved, &model, device, &data, &indices)
    };
    let validation = judge(&[Split::Validation])?;
    let temperatures = temperatures(&validation);
    let judged = match part {
        Part::Validation => validation,
        Part::Test => judge(&[Split::Test])?,
        Part::All => judge(&Split::ALL)?,
    };
    if judged.is_empty() {
        return Err(TrainError::TooFew {
            what: format!("there is nothing to judge by: the part `{}` is empty", part.word()),
            usable: data.census.used,
        });
    }
    Ok(Report::new(&saved.path, part.word(), &judged, temperatures, seed))
}

/// Of each head, see [`temperature`].
pub fn temperatures(predictions: &[Prediction]) -> [f64; 3] {
    [0, 1, 2].map(|head: usize| {
        let truth = |one: &Prediction| usize::from(one.truth.of(Head::ALL[head]));
        let images: Vec<_> = predictions.iter().map(|one| (&one.logits[head][..], truth(one))).collect();
        temperature(&images)
    })
}

fn predictions(
    saved: &Saved,
    model: &Model,
    device: Device,
    data: &Dataset,
    indices: &[usize],
) -> Result<Vec<Prediction>, TrainError> {
    let mut out = Vec::with_capacity(indices.len());
    for indices in indices.chunks(BATCH) {
        let Some(batch) = data.images.batch(indices, &Recipe::plain(), (0, 0))? else { continue };
        let rows = logits(&saved.config.fitting, model, device, &batch.pixels)?;
        // Without corrupt images each row is its index's; with some, years would be another's.
        let named = batch.truth.len() == indices.len();
        for (at, (&truth, logits)) in batch.truth.iter().zip(rows).enumerate() {
            let years = named.then(|| years(data.images.name(indices[at]))).flatten();
            out.push(Prediction { truth, years, logits });
        }
    }
    Ok(out)
}

/// The logits of each image.
fn logits(
    fitting: &Fitting,
    model: &Model,
    device: Device,
    pixels: &Tensor,
) -> Result<Vec<[Vec<f32>; 3]>, TrainError> {
    let heads = {
        let _half = fitting.precision.begin(device)?;
        model.look(&pixels.to_device(device), fitting.mirror)
    };
    let mut rows = [Vec::new(), Vec::new(), Vec::new()];
    for (rows, logits) in rows.iter_mut().zip(heads) {
        let classes = logits.size()[1] as usize;
        let flat = Vec::<f32>::try_from(&logits.to_device(Device::Cpu).contiguous().view([-1]))?;
        *rows = flat.chunks(classes).map(<[f32]>::to_vec).collect();
    }
    let [age, sex, race] = rows;
    Ok(age.into_iter().zip(sex).zip(race).map(|((age, sex), race)| [age, sex, race]).collect())
}

/// The age that begins a file's name.
fn years(name: &str) -> Option<f64> {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split('_').next()?.parse::<u32>().ok().map(f64::from)
}

/// Looks at pictures.
///
/// # Errors
/// [`TrainError::Image`] for a file that is no picture that can be looked at.
pub fn predict(saved: &Saved, device: Device, images: &[&Path]) -> Result<Vec<Guess>, TrainError> {
    let looker = Looker::new(saved, device)?;
    let look = |&path: &&Path| {
        let bytes = std::fs::read(path).map_err(TrainError::read(path))?;
        let square = Square::of(&bytes, looker.side())
            .map_err(|what| TrainError::Image { path: path.to_owned(), what })?;
        looker.look(&[&square])
    };
    Ok(images.iter().map(look).collect::<Result<Vec<_>, _>>()?.concat())
}
