//! Where tensors live.

use tch::Device;

use crate::error::TrainError;

/// The device of `auto`, `cpu` or `cuda:N`.
///
/// # Errors
/// [`TrainError::Config`] for another word, or a GPU that is not there.
pub fn device(name: &str) -> Result<Device, TrainError> {
    let no_cuda = || {
        TrainError::Config(format!(
            "device={name}, but this libtorch finds no such GPU\n  use --device auto, or set up the CUDA libtorch: SWEEP_TORCH=cuda ./dev setup"
        ))
    };
    match name {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(Device::cuda_if_available()),
        _ => {
            let index = match name.strip_prefix("cuda") {
                Some("") => Some(0),
                Some(rest) => rest.strip_prefix(':').and_then(|index| index.parse().ok()),
                None => None,
            };
            let index: usize = index.ok_or_else(|| {
                TrainError::Config(format!("device is `{name}`, but must be auto, cpu or cuda:N"))
            })?;
            let there = tch::Cuda::is_available() && (index as i64) < tch::Cuda::device_count();
            if there { Ok(Device::Cuda(index)) } else { Err(no_cuda()) }
        }
    }
}
