//! `.safetensors`.

use std::path::Path;

use safetensors::{Dtype, SafeTensors};
use tch::Kind;

use super::{StateDict, WeightsError, malformed, tensor};

pub(super) fn read(path: &Path) -> Result<StateDict, WeightsError> {
    from_safetensors(&std::fs::read(path)?)
}

/// The tensors of a file's bytes.
pub(crate) fn from_safetensors(bytes: &[u8]) -> Result<StateDict, WeightsError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError::Format(format!("it is no whole .safetensors file: {error}")))?;
    let mut dict = StateDict::new();
    for (name, view) in file.iter() {
        let kind = match view.dtype() {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::I64 => Kind::Int64,
            Dtype::I32 => Kind::Int,
            Dtype::I16 => Kind::Int16,
            Dtype::I8 => Kind::Int8,
            Dtype::U8 => Kind::Uint8,
            Dtype::BOOL => Kind::Bool,
            other => return malformed(format!("`{name}` has numbers of kind {other:?}, which are not read")),
        };
        let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
        dict.insert(name.to_owned(), tensor(view.data(), &shape, kind)?);
    }
    Ok(dict)
}
