//! A model that was saved, ready to be used: by this trainer, exported from it, or by its Python ancestor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use serde_json::Value;
use tch::Device;

use crate::config::{Activation, Config};
use crate::data::Duplicates;
use crate::error::TrainError;
use crate::model::Model;
use crate::precision::Precision;
use crate::resnet;
use crate::weights::{self, StateDict};

/// A model's tensors and what is known of how it was trained.
pub struct Saved {
    pub path: PathBuf,
    /// Under this trainer's names.
    pub tensors: StateDict,
    /// Shapes as the tensors have them; the rest as the file beside says, or the defaults.
    pub config: Config,
    /// What a person should hear of before the model is used.
    pub warning: Option<String>,
}

impl Saved {
    /// Reads a model. Its shape is that of its tensors; `activation`, `image_size` and the split come from the `.json`
    /// beside it or the hyper-parameters within.
    ///
    /// # Errors
    /// [`TrainError::Weights`], when it cannot be read or is no whole model with heads.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let (dict, within) = weights::read_with_hyperparameters(path)?;
        // Exports have torchvision's names.
        let ours = path.extension().is_some_and(|ending| ending == "safetensors")
            && dict.contains_key("model.conv1.weight");
        let tensors = own_names(dict);
        let mut config = Config::with_defaults("");
        shapes(&tensors, &mut config).map_err(|what| TrainError::Weights { path: path.to_owned(), what })?;
        let beside = beside(path)?;
        let warning = (ours && beside.is_none()).then(|| alone(path));
        let beside = beside.unwrap_or_default();
        let text = |name: &str| {
            let beside =
                beside.get(name).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
            beside.or_else(|| within.get(name).cloned())
        };
        let number = |name: &str| text(name).and_then(|text| text.parse::<i64>().ok());
        if let Some(word) = text("activation") {
            config.activation = Activation::from_str(&word, true).map_err(|_| TrainError::Weights {
                path: path.to_owned(),
                what: format!("it was trained with activation={word}, which is not known here"),
            })?;
        }
        config.image_size = number("image_size").unwrap_or(config.image_size);
        config.split_seed = number("split_seed").unwrap_or(config.split_seed);
        config.limit = number("limit");
        // They move the split as well.
        if let Some(policy) = text("duplicates").and_then(|word| Duplicates::from_str(&word, true).ok()) {
            config.duplicates = policy;
        }
        config.manifest = text("manifest").filter(|file| file != "null").map(PathBuf::from);
        config.fitting.mirror = text("mirror").is_some_and(|word| word == "true");
        if let Some(precision) = text("precision").and_then(|word| Precision::from_str(&word, true).ok()) {
            config.fitting.precision = precision;
        }
        Ok(Self { path: path.to_owned(), tensors, config, warning })
    }

    /// The model itself.
    ///
    /// # Errors
    /// [`TrainError::Weights`], naming what does not fit.
    pub fn model(&self, device: Device) -> Result<Model, TrainError> {
        let model = Model::new(&self.config, device);
        let known = model.tensors();
        let wanted: StateDict = self
            .tensors
            .iter()
            .filter(|(name, _)| known.contains_key(*name))
            .map(|(name, tensor)| (name.clone(), tensor.shallow_clone()))
            .collect();
        weights::apply_exactly(&model.store, &wanted, &self.path)?;
        Ok(model)
    }
}

/// Lightning's names stand behind one more `model.`; an exported backbone's stand alone, as torchvision's.
fn own_names(dict: StateDict) -> StateDict {
    let lightning = dict.contains_key("model.model.conv1.weight");
    let exported = dict.contains_key("conv1.weight");
    let rename = |name: String| match name.strip_prefix("model.") {
        Some(inner) if lightning => inner.to_owned(),
        None if exported && !is_head(&name) => format!("model.{name}"),
        _ => name,
    };
    dict.into_iter().map(|(name, tensor)| (rename(name), tensor)).collect()
}

/// Whether a name is a head's own: `age_linear1.weight`.
pub(crate) fn is_head(name: &str) -> bool {
    ["age_", "gender_", "race_"].iter().any(|head| name.starts_with(head))
}

/// Reads the model's shape off its tensors.
fn shapes(tensors: &StateDict, config: &mut Config) -> Result<(), String> {
    let rows = |name: &str| {
        let tensor = tensors.get(&format!("{name}.weight"));
        tensor.and_then(|tensor| tensor.size().first().copied()).ok_or_else(|| {
            format!(
                "there is no `{name}.weight` in it; a whole model with heads is wanted, as sweep-train keeps"
            )
        })
    };
    let blocks = [1, 2, 3, 4].map(|layer| {
        (0..)
            .take_while(|block| tensors.contains_key(&format!("model.layer{layer}.{block}.conv1.weight")))
            .count()
    });
    let bottleneck = tensors.contains_key("model.layer1.0.conv3.weight");
    config.resnet_type = resnet::depth(blocks, bottleneck)
        .ok_or_else(|| format!("its layers of {blocks:?} blocks are none of ResNet-18, 34, 50, 101, 152"))?;
    config.layer1 = rows("model.fc")?;
    config.layer2 = rows("age_linear1")?;
    config.layer3 = rows("age_linear2")?;
    config.age_num_targets = rows("age_out")?;
    config.gender_num = rows("gender_out")?;
    config.race_num = rows("race_out")?;
    Ok(())
}

/// What is to be said of a checkpoint without the `.json` that was kept with it.
fn alone(path: &Path) -> String {
    format!(
        "{} is missing, so activation, image_size, precision and split are taken to be the defaults, whatever the model was trained with\n  copy it from where the model was kept",
        path.with_extension("json").display()
    )
}

/// The configuration in the `.json` beside, if there is one.
fn beside(path: &Path) -> Result<Option<BTreeMap<String, Value>>, TrainError> {
    let path = path.with_extension("json");
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(TrainError::read(&path))?,
    };
    let refused = |what: String| TrainError::Weights { path: path.clone(), what };
    let mut value: Value = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let config = value.get_mut("config").map(Value::take).unwrap_or_default();
    let Value::Object(config) = config else {
        return Err(refused(
            "there is no `config` in it, as sweep-train writes beside a checkpoint".to_owned(),
        ));
    };
    Ok(Some(config.into_iter().filter(|(_, value)| !value.is_null()).collect()))
}
