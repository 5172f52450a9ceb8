//! Weights from files: torchvision's and our own, `.pth` and `.safetensors`, read without running anything.

mod apply;
pub mod fetch;
mod pickle;
mod pth;
mod safe;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use tch::{Kind, Tensor};
use thiserror::Error;

pub(crate) use apply::copy_exactly;
pub use apply::{Applied, apply, apply_exactly};
pub(crate) use safe::from_safetensors;

use crate::error::TrainError;

/// What a weights file can be wrong with.
#[derive(Debug, Error)]
pub enum WeightsError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// It is no file of a kind that is read here, or a damaged one.
    #[error("{0}")]
    Format(String),
    /// A pickle asks for code to be run.
    #[error(
        "it would run `{0}` to be read, which is refused\n  save the plain state dict: torch.save(model.state_dict(), FILE)"
    )]
    Code(String),
}

pub(super) fn malformed<T>(what: impl Into<String>) -> Result<T, WeightsError> {
    Err(WeightsError::Format(what.into()))
}

/// Tensors by name, on the CPU.
pub type StateDict = BTreeMap<String, Tensor>;

/// Words and numbers by name.
pub type Hyperparameters = BTreeMap<String, String>;

/// Reads a state dict; the file's own bytes tell its kind, not its name.
///
/// # Errors
/// [`TrainError::Weights`], when the file cannot be read or is not understood.
pub fn read(path: &Path) -> Result<StateDict, TrainError> {
    read_with_hyperparameters(path).map(|(dict, _)| dict)
}

/// The same, and the hyper-parameters that Lightning writes beside it: those that are words or whole numbers.
///
/// # Errors
/// As [`read`].
pub fn read_with_hyperparameters(path: &Path) -> Result<(StateDict, Hyperparameters), TrainError> {
    let failed = |error: WeightsError| TrainError::Weights { path: path.to_owned(), what: error.to_string() };
    let mut start = [0; 9];
    let mut file = File::open(path).map_err(|error| failed(error.into()))?;
    let length = file.metadata().map_err(|error| failed(error.into()))?.len();
    let read = file.read(&mut start).map_err(|error| failed(error.into()))?;
    let start = &start[..read];
    let all = if start.starts_with(b"PK\x03\x04") {
        pth::read_zip(path)
    } else if start.first() == Some(&0x80) && start.get(8) != Some(&b'{') {
        pth::read_legacy(path).map(|dict| (dict, Hyperparameters::new()))
    } else if is_safetensors(start, length) {
        safe::read(path).map(|dict| (dict, Hyperparameters::new()))
    } else {
        malformed("it is neither a .safetensors file nor one of torch.save (.pth, .pt, .ckpt)")
    };
    let (dict, hyperparameters) = all.map_err(failed)?;
    if dict.is_empty() {
        return Err(failed(WeightsError::Format("there are no tensors in it".to_owned())));
    }
    Ok((dict, hyperparameters))
}

/// A length that fits the file, then JSON.
fn is_safetensors(start: &[u8], length: u64) -> bool {
    let header = start.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    start.len() == 9 && header.is_some_and(|header| header <= length) && start[8] == b'{'
}

/// Dense bytes as a tensor. Checks that they are as many as the shape wants, which libtorch does not.
pub(super) fn tensor(bytes: &[u8], shape: &[i64], kind: Kind) -> Result<Tensor, WeightsError> {
    let wanted = shape.iter().try_fold(kind.elt_size_in_bytes(), |size, &side| {
        usize::try_from(side).ok().and_then(|side| size.checked_mul(side))
    });
    if wanted != Some(bytes.len()) {
        return malformed(format!("{} bytes do not make a tensor of shape {shape:?}", bytes.len()));
    }
    Tensor::f_from_data_size(bytes, shape, kind).map_err(|error| WeightsError::Format(error.to_string()))
}

#[cfg(test)]
mod tests;
