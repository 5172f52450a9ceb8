//! Checkpoints: the two best epochs, weights as `.safetensors` and everything else beside them as JSON.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tch::{Kind, Tensor};

use crate::config::Config;
use crate::data::Census;
use crate::error::TrainError;
use crate::labels::Head;
use crate::model::Model;
use crate::observe::Values;

/// How many epochs are kept.
const KEPT: usize = 2;

/// The best epochs of one training.
pub struct Checkpoints {
    folder: PathBuf,
    /// Score and path, best first.
    best: Vec<(f64, PathBuf)>,
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

impl Checkpoints {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, best: Vec::new() }
    }

    /// The best one so far.
    pub fn best(&self) -> Option<&Path> {
        self.best.first().map(|(_, path)| path.as_path())
    }

    /// Keeps this epoch if it is among the best, and drops the one it displaces; returns where it lies.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn offer(
        &mut self,
        model: &Model,
        config: &Config,
        moment: &Moment<'_>,
    ) -> Result<Option<PathBuf>, TrainError> {
        let place = self.best.iter().position(|(score, _)| moment.score > *score).unwrap_or(self.best.len());
        if place >= KEPT {
            return Ok(None);
        }
        fs::create_dir_all(&self.folder).map_err(TrainError::write(&self.folder))?;
        let path = self.folder.join(format!("{}.safetensors", moment.step));
        let weights = encode(counted(model, moment.step))?;
        write_whole(&path, &weights)?;
        let hash: String = Sha256::digest(&weights).iter().map(|byte| format!("{byte:02x}")).collect();
        write_whole(&path.with_extension("json"), description(config, moment, &hash).as_bytes())?;
        self.best.insert(place, (moment.score, path.clone()));
        for (_, displaced) in self.best.drain(KEPT.min(self.best.len())..) {
            for file in [displaced.with_extension("json"), displaced] {
                fs::remove_file(&file).map_err(TrainError::write(&file))?;
            }
        }
        Ok(Some(path))
    }
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
                 "validation": moment.census.validation, "test": moment.census.test},
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
            if tensor.kind() == Kind::Int64 {
                let numbers = Vec::<i64>::try_from(&tensor.f_view([-1])?)?;
                let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                return Ok((name, (shape, safetensors::Dtype::I64, bytes)));
            }
            Ok((name, (shape, safetensors::Dtype::F32, floats(&tensor)?)))
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

fn floats(tensor: &Tensor) -> Result<Vec<u8>, TrainError> {
    let dense = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    let mut values = vec![0f32; dense.numel()];
    dense.f_copy_data(&mut values, dense.numel())?;
    Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Writes a file that appears whole or not at all, and outlives a crash.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(TrainError::write(path))
}
