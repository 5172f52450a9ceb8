//! From a state dict into a model: names are matched, differences are said.

use std::collections::BTreeMap;
use std::path::Path;

use tch::nn::VarStore;
use tch::{TchError, Tensor, no_grad};

use super::StateDict;
use crate::error::TrainError;

/// Written beside weights by Python, and of no use for computing.
const COUNTER: &str = "num_batches_tracked";
/// How many names a message lists.
const SHOWN: usize = 5;

/// What was taken from a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    pub taken: usize,
    /// Parameters that keep their fresh values, with the reason.
    pub fresh: Vec<String>,
}

/// Puts a torchvision ResNet (`conv1.weight`), a model of this trainer (`model.conv1.weight`) or of its Python
/// ancestor (`model.model.conv1.weight`) into a model. A torchvision `fc` and heads of another shape are left fresh.
///
/// # Errors
/// [`TrainError::Weights`], when any parameter of the backbone is missing or has another shape.
pub fn apply(store: &VarStore, dict: &StateDict, path: &Path) -> Result<Applied, TrainError> {
    let prefix = ["model.model.", "model.", ""]
        .into_iter()
        .find(|prefix| dict.contains_key(&format!("{prefix}conv1.weight")));
    let Some(prefix) = prefix else {
        return Err(refused(
            path,
            "there is no `conv1.weight` in it, so it is no ResNet of torchvision's names".to_owned(),
        ));
    };
    let mut applied = Applied::default();
    let mut wrong = Vec::new();
    for (name, mut parameter) in store.variables() {
        let (inner, backbone) = match name.strip_prefix("model.") {
            Some(inner) => (format!("{prefix}{inner}"), !inner.starts_with("fc.")),
            // Heads stand one step above the backbone.
            None => (format!("{}{name}", prefix.strip_suffix("model.").unwrap_or("")), false),
        };
        let found = dict.get(&inner);
        match found {
            Some(value) if value.size() == parameter.size() => {
                no_grad(|| parameter.f_copy_(value))?;
                applied.taken += 1;
            }
            Some(value) if backbone => {
                wrong.push(format!("`{inner}` is {:?}, wanted {:?}", value.size(), parameter.size()));
            }
            None if backbone => wrong.push(format!("`{inner}` is missing")),
            Some(value) => applied.fresh.push(format!("{name} ({:?} in the file)", value.size())),
            None => applied.fresh.push(name),
        }
    }
    if !wrong.is_empty() {
        wrong.sort();
        return Err(refused(path, format!("it does not fit resnet_type: {}", listed(&wrong))));
    }
    applied.fresh.sort();
    Ok(applied)
}

/// Puts exactly these tensors into a store of the same names.
///
/// # Errors
/// [`TrainError::Weights`], naming every difference.
pub fn apply_exactly(store: &VarStore, dict: &StateDict, path: &Path) -> Result<(), TrainError> {
    let wrong = copy_exactly(store.variables().into_iter().collect(), dict)?;
    wrong.map_or(Ok(()), |what| Err(refused(path, what)))
}

/// Copies each tensor into the one of its name, whatever the layouts; returns what does not fit, if anything does not.
pub(crate) fn copy_exactly(
    mut into: BTreeMap<String, Tensor>,
    dict: &StateDict,
) -> Result<Option<String>, TchError> {
    let mut wrong = Vec::new();
    for (name, value) in dict.iter().filter(|(name, _)| !name.ends_with(COUNTER)) {
        match into.get_mut(name) {
            Some(parameter) if parameter.size() == value.size() => {
                no_grad(|| parameter.f_copy_(value))?;
            }
            Some(parameter) => {
                wrong.push(format!("`{name}` is {:?}, wanted {:?}", value.size(), parameter.size()));
            }
            None => wrong.push(format!("`{name}` is unknown")),
        }
    }
    wrong.extend(
        into.keys().filter(|name| !dict.contains_key(*name)).map(|name| format!("`{name}` is missing")),
    );
    wrong.sort();
    Ok((!wrong.is_empty()).then(|| format!("it does not fit: {}", listed(&wrong))))
}

fn refused(path: &Path, what: String) -> TrainError {
    TrainError::Weights { path: path.to_owned(), what }
}

fn listed(wrong: &[String]) -> String {
    let shown = wrong[..wrong.len().min(SHOWN)].join(", ");
    if wrong.len() > SHOWN { format!("{shown}, and {} more", wrong.len() - SHOWN) } else { shown }
}
