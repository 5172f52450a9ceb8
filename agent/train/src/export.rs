//! A model for Python: `.safetensors` with torchvision's names, and the few lines that load it.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use crate::checkpoint::encode;
use crate::config::{Activation, Config};
use crate::data::{MEAN, STD};
use crate::durable::write_whole;
use crate::error::TrainError;
use crate::labels::Head;
use crate::saved::{Saved, is_head};

/// Writes the model to `out`, and beside it what this trainer wants to know of it and the Python that loads it; returns
/// where that lies.
///
/// # Errors
/// When `out` is no `.safetensors` file, or cannot be written.
pub fn export(saved: &Saved, out: &Path) -> Result<PathBuf, TrainError> {
    if out.extension().is_none_or(|extension| extension != "safetensors") {
        return Err(TrainError::Config(format!(
            "--out {}: the name must end in .safetensors",
            out.display()
        )));
    }
    // Building the model checks that nothing is missing.
    let model = saved.model(tch::Device::Cpu)?;
    let mut tensors = Vec::new();
    for (name, tensor) in model.tensors() {
        if let Some(norm) = name.strip_suffix("running_mean") {
            // Python's strict loading wants it.
            let counter = format!("{norm}num_batches_tracked");
            let count = saved.tensors.get(&counter).map_or_else(|| Tensor::from(0i64), Tensor::shallow_clone);
            tensors.push((torchvisions(&counter), count.to_kind(Kind::Int64)));
        }
        tensors.push((torchvisions(&name), tensor));
    }
    write_whole(out, &encode(tensors)?)?;
    let beside = format!("{:#}\n", serde_json::json!({"config": saved.config}));
    write_whole(&out.with_extension("json"), beside.as_bytes())?;
    let python = out.with_extension("py");
    write_whole(&python, snippet(&saved.config, out).as_bytes())?;
    Ok(python)
}

fn torchvisions(name: &str) -> String {
    if is_head(name) { name } else { name.strip_prefix("model.").unwrap_or(name) }.to_owned()
}

/// Python as it is written for this model.
fn snippet(config: &Config, weights: &Path) -> String {
    let file = weights.file_name().unwrap_or_default().to_string_lossy();
    let classes = |head: Head| format!("{:?}", head.names(config.classes(head) as usize));
    let heads: String =
        Head::ALL.iter().map(|&head| format!("    {:?}: {},\n", head.parameter(), classes(head))).collect();
    let activation = match config.activation {
        Activation::Gelu => "torch.nn.functional.gelu",
        Activation::Relu => "torch.nn.functional.relu",
    };
    include_str!("export.py")
        .replace("@FILE@", &format!("{file:?}"))
        .replace("@RESNET@", config.resnet_type.word())
        .replace("@HEADS@", &heads)
        .replace("@LAYERS@", &format!("{}, {}, {}", config.layer1, config.layer2, config.layer3))
        .replace("@ACTIVATION@", activation)
        .replace("@SIZE@", &config.image_size.to_string())
        .replace("@MEAN@", &format!("{MEAN:?}"))
        .replace("@STD@", &format!("{STD:?}"))
}
