//! From a configuration to a trained model: what is set up before the first step.

mod resumable;
#[cfg(test)]
mod tests;
mod told;
mod training;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tch::Device;

use crate::checkpoint::{Checkpoints, versions};
use crate::config::{Config, Start};
use crate::data::{Census, Dataset, Split, Waits, Workers, loader_threads};
use crate::device::device;
use crate::error::TrainError;
use crate::labels::Head;
use crate::losses::Losses;
use crate::model::Model;
use crate::observe::{Event, Observer};
use crate::resume::{self, Resumed};
use crate::step::Stepper;
use crate::teller::Teller;
use crate::weights::{self, fetch};
use resumable::Origin;
use training::Training;

/// How a training went.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Epochs that were validated.
    pub epochs: i64,
    pub steps: i64,
    /// Best `total-f1score`, and the epoch that reached it.
    pub best_score: Option<f64>,
    pub best_epoch: i64,
    /// Where the best model lies; `None` as well where it was kept before the training moved to another folder.
    pub best_checkpoint: Option<PathBuf>,
    /// The newest checkpoint that the training can go on from.
    pub resume_checkpoint: Option<PathBuf>,
    pub census: Census,
    /// Share of the training steps' time that they waited for images.
    pub data_wait_share: Option<f64>,
    /// Why it ended before its last epoch.
    pub stopped: Option<String>,
}

/// Trains to the end; `folder` is where checkpoints go.
///
/// The result is a function of the configuration (its `seed` and `split_seed` included), the data, the number of
/// threads and the device; not of where the training was cut short and resumed.
///
/// # Errors
/// When the configuration, the data, the starting weights or the resume checkpoint are unusable, or a kept model cannot
/// be written.
pub fn fit(config: &Config, folder: PathBuf, observer: &mut dyn Observer) -> Result<Summary, TrainError> {
    config.check()?;
    let device = device(&config.device)?;
    let mut teller = Teller::new(observer);
    teller.tell(&Event::Versions(versions()))?;
    if config.resnet_type != config.resnet_type.effective() {
        teller.warn(
            "resnet150 is no ResNet; training resnet152, as the Python project did under that name"
                .to_owned(),
        )?;
    }
    let resumed = resumed(config, &mut teller)?;
    let data = Dataset::load(config)?;
    train(config, folder, device, data, resumed, &mut teller)
}

/// The same with what was loaded.
fn train(
    config: &Config,
    folder: PathBuf,
    device: Device,
    data: Dataset,
    resumed: Option<Resumed>,
    teller: &mut Teller<'_>,
) -> Result<Summary, TrainError> {
    tch::manual_seed(config.seed);
    let model = Model::new(config, device);
    match &resumed {
        Some(resumed) => resume::check_data(resumed, &data, config)?,
        None => {
            start(config, &model, teller)?;
            warn_of_others(config, &folder, teller)?;
        }
    }
    teller.log(format!("precision: {}", config.fitting.precision.resolve(device).word()))?;
    let losses = Losses::new(config, Head::ALL.map(|head| &*data.counts[head.word()]), device);
    let stepper = Stepper::new(config, &model, device);
    let steps = data.indices(Split::Train).len().div_ceil(config.batch_size as usize);
    let manifest = data.manifest(config.split_seed as u64);
    manifest.write(&folder)?;
    let workers = Workers::new(loader_threads(rayon::current_num_threads(), device == Device::Cpu))?;
    let from = resumed.as_ref().map(|resumed| &*resumed.path);
    let mut training = Training {
        config,
        steps: steps * config.epochs as usize,
        origin: Origin::of(&data, &manifest),
        workers,
        waits: Waits::default(),
        data,
        model,
        stepper,
        losses,
        checkpoints: Checkpoints::new(folder.clone()),
        resumable: resume::Kept::new(folder.clone(), from),
        pace: config.resuming.pace(),
        step: 0,
        epochs: 0,
        best: None,
        unfinished: None,
        warned: false,
    };
    training.describe(resumed.is_none(), teller)?;
    if let Some(resumed) = resumed {
        training.go_on_from(resumed, folder, device, teller)?;
    }
    training.run(teller)
}

/// What this training is to go on from, if it is to.
fn resumed(config: &Config, teller: &mut Teller<'_>) -> Result<Option<Resumed>, TrainError> {
    let Some(place) = &config.resuming.resume else { return Ok(None) };
    let resumed = resume::open(place)?;
    for refused in &resumed.refused {
        teller.warn(refused.clone())?;
    }
    resume::check(&resumed.state, config, &resumed.path)?;
    Ok(Some(resumed))
}

/// Says whose checkpoints those of a training that begins here will replace.
fn warn_of_others(config: &Config, folder: &Path, teller: &mut Teller<'_>) -> Result<(), TrainError> {
    if config.resuming.pace().is_none() || !resume::others(folder) {
        return Ok(());
    }
    teller.warn(format!(
        "{0} holds resume checkpoints of another training, which the first one of this training replaces\n  to go on from them: --resume {0}",
        folder.display()
    ))
}

/// Puts the first weights into a fresh model.
fn start(config: &Config, model: &Model, teller: &mut Teller<'_>) -> Result<(), TrainError> {
    let file = match config.start() {
        Start::Fresh => return Ok(()),
        Start::File(file) => file,
        Start::Imagenet => {
            let name = fetch::imagenet(config.resnet_type);
            let tell = &mut |line| teller.log(line);
            fetch::fetch(name, &config.weights_url, &fetch::cache()?, tell)?
        }
    };
    let applied = weights::apply(&model.store, &weights::read(&file)?, &file)?;
    teller.log(format!(
        "weights: {} tensors from {}; fresh: {}",
        applied.taken,
        file.display(),
        applied.fresh.join(", ")
    ))
}
