//! Checkpoints: the two best epochs, weights as `.safetensors` and everything else beside them as JSON.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tch::{Device, Kind, TchError, Tensor};

use crate::config::Config;
use crate::data::Census;
use crate::durable::write_whole;
use crate::error::TrainError;
use crate::hex::hex;
use crate::labels::Head;
use crate::model::Model;
use crate::observe::Values;

/// How many epochs are kept.
const KEPT: usize = 2;

/// The best epochs of one training.
pub struct Checkpoints {
    folder: PathBuf,
    /// Score and step, best first.
    best: Vec<(f64, i64)>,
}

/// What a checkpoint is of.
pub struct Moment<'a> {
    pub epoch: i64,
    /// Optimizer steps done, which PyTorch counts beside every normalisation.
    pub step: i64,
    /// `total-f1score` on validation.
    pub score: f64,
    pub values: &'a Values,
    pub census: &'a Census,
}

/// A model that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The `.safetensors`.
    pub path: PathBuf,
    /// Names of all its files.
    pub files: Vec<String>,
}

impl Checkpoints {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, best: Vec::new() }
    }

    /// As it was when these were kept, best first: scores, and the steps that name the files. The files themselves may
    /// be elsewhere; what was good enough to be kept stays the measure all the same.
    pub fn resumed(folder: PathBuf, kept: &[(f64, i64)]) -> Self {
        Self { folder, best: kept.to_vec() }
    }

    /// Score and step of each, best first.
    pub fn kept(&self) -> &[(f64, i64)] {
        &self.best
    }

    /// The best one so far, if it lies here.
    pub fn best(&self) -> Option<PathBuf> {
        self.best.first().map(|&(_, step)| self.path(step)).filter(|path| path.exists())
    }

    fn path(&self, step: i64) -> PathBuf {
        self.folder.join(format!("{step}.safetensors"))
    }

    /// Keeps this epoch if it is among the best, and drops the one it displaces; `None`: it is not.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn offer(
        &mut self,
        model: &Model,
        config: &Config,
        moment: &Moment<'_>,
    ) -> Result<Option<Stored>, TrainError> {
        let place = self.best.iter().position(|(score, _)| moment.score > *score).unwrap_or(self.best.len());
        if place >= KEPT {
            return Ok(None);
        }
        fs::create_dir_all(&self.folder).map_err(TrainError::write(&self.folder))?;
        let path = self.path(moment.step);
        let weights = encode(counted(model, moment.step))?;
        write_whole(&path, &weights)?;
        let hash = hex(&Sha256::digest(&weights));
        write_whole(&path.with_extension("json"), description(config, moment, &hash).as_bytes())?;
        self.best.insert(place, (moment.score, moment.step));
        for (_, displaced) in self.best.split_off(KEPT.min(self.best.len())) {
            let displaced = self.path(displaced);
            for file in [displaced.with_extension("json"), displaced] {
                match fs::remove_file(&file) {
                    // It stayed where this training was cut short.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    other => other.map_err(TrainError::write(&file))?,
                }
            }
        }
        Ok(Some(Stored { files: names(&path), path }))
    }
}

/// Names of a checkpoint's files in their folder: of the tensors at `path`, and of the description beside them.
pub(crate) fn names(path: &Path) -> Vec<String> {
    [path, &path.with_extension("json")]
        .map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned())
        .into()
}

fn description(config: &Config, moment: &Moment<'_>, hash: &str) -> String {
    let labels: serde_json::Map<_, _> =
        Head::ALL.iter().map(|head| (head.word().to_owned(), json!(head.classes()))).collect();
    let text = json!({
        "epoch": moment.epoch,
        "step": moment.step,
        "total-f1score": moment.score,
        "metrics": moment.values,
        "config": config,
        "labels": labels,
        "normalisation": {"mean": crate::data::MEAN, "std": crate::data::STD},
        "data": {"files": moment.census.files, "train": moment.census.train,
                 "validation": moment.census.validation, "test": moment.census.test, "made_up": moment.census.made_up},
        "sha256": hash,
        "versions": versions(),
    });
    format!("{text:#}\n")
}

/// Program to version.
pub fn versions() -> std::collections::BTreeMap<String, String> {
    [("sweep-train", env!("CARGO_PKG_VERSION")), ("libtorch", "2.13.0"), ("tch", "0.26.0")]
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .into()
}

/// The model's tensors, with the counters that Python's strict loading wants.
fn counted(model: &Model, steps: i64) -> Vec<(String, Tensor)> {
    let mut tensors = Vec::new();
    for (name, tensor) in model.tensors() {
        if let Some(norm) = name.strip_suffix("running_mean") {
            tensors.push((format!("{norm}num_batches_tracked"), Tensor::from(steps)));
        }
        tensors.push((name, tensor));
    }
    tensors
}

/// Tensors in the bytes of a `.safetensors` file: whole numbers as such, all others in single precision.
pub(crate) fn encode(tensors: Vec<(String, Tensor)>) -> Result<Vec<u8>, TrainError> {
    let tensors = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let shape: Vec<usize> = tensor.size().iter().map(|&side| side as usize).collect();
            let (tensor, kind) = match tensor.kind() {
                Kind::Int64 => (tensor, safetensors::Dtype::I64),
                _ => (tensor.f_to_kind(Kind::Float)?, safetensors::Dtype::F32),
            };
            Ok((name, (shape, kind, bytes(&tensor)?)))
        })
        .collect::<Result<Vec<(_, (_, _, Vec<u8>))>, TrainError>>()?;
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, (shape, kind, bytes))| {
            safetensors::tensor::TensorView::new(*kind, shape.clone(), bytes).map(|view| (name, view))
        })
        .collect();
    views
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(|error| TrainError::Config(format!("the model cannot be written down: {error}")))
}

/// A tensor's numbers, in the order of its indices whatever its layout in memory.
pub(crate) fn bytes(tensor: &Tensor) -> Result<Vec<u8>, TchError> {
    let dense = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = vec![0; dense.numel() * dense.kind().elt_size_in_bytes()];
    dense.f_copy_data_u8(&mut bytes, dense.numel())?;
    Ok(bytes)
}
