//! The whole model: a ResNet backbone and three heads, with the Python project's parameter names.

use std::collections::BTreeMap;

use tch::nn::{self, VarStore};
use tch::{Device, Kind, Tensor, no_grad};

use crate::config::{Activation, Config};
use crate::labels::Head;
use crate::resnet::{ResNet, linear};

/// A model and its parameters.
pub struct Model {
    pub store: VarStore,
    backbone: ResNet,
    heads: [Layers; 3],
    activation: Activation,
    dropout: f64,
    /// Whether the backbone is left as it is, its normalisation statistics too.
    frozen: bool,
}

struct Layers {
    linear1: nn::Linear,
    linear2: nn::Linear,
    out: nn::Linear,
}

impl Model {
    /// A freshly initialised model: a function of the configuration and of libtorch's seed at this moment.
    pub fn new(config: &Config, device: Device) -> Self {
        let mut store = VarStore::new(device);
        let root = store.root();
        let backbone = ResNet::new(&(&root / "model"), config.resnet_type, config.layer1);
        let heads = Head::ALL.map(|head| {
            let name = head.parameter();
            Layers {
                linear1: linear(&(&root / format!("{name}_linear1")), config.layer1, config.layer2),
                linear2: linear(&(&root / format!("{name}_linear2")), config.layer2, config.layer3),
                out: linear(&(&root / format!("{name}_out")), config.layer3, config.classes(head)),
            }
        });
        channels_last(&mut store);
        Self {
            store,
            backbone,
            heads,
            activation: config.activation,
            dropout: config.dropout_val,
            frozen: false,
        }
    }

    /// From now on only the heads learn, or all of it. A frozen backbone computes as in evaluation.
    pub fn freeze_backbone(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Logits of the three heads for `[images, 3, size, size]`: `[images, classes]` each, in single precision.
    pub fn forward(&self, images: &Tensor, train: bool) -> [Tensor; 3] {
        let features = if self.frozen {
            no_grad(|| self.backbone.features(images, false))
        } else {
            self.backbone.features(images, train)
        };
        let shared = self.activate(&self.backbone.classify(&features));
        [0, 1, 2].map(|head: usize| {
            let layers = &self.heads[head];
            let x = self.activate(&shared.apply(&layers.linear1).dropout(self.dropout, train));
            let x = self.activate(&x.apply(&layers.linear2).dropout(self.dropout, train));
            x.apply(&layers.out).to_kind(Kind::Float)
        })
    }

    /// Logits for judging and predicting, without learning; `mirrored`: the mean of the images' and their mirror images'.
    pub fn look(&self, images: &Tensor, mirrored: bool) -> [Tensor; 3] {
        no_grad(|| {
            let straight = self.forward(images, false);
            if !mirrored {
                return straight;
            }
            let mirror = self.forward(&images.flip([3]), false);
            [0, 1, 2].map(|head: usize| (&straight[head] + &mirror[head]) * 0.5)
        })
    }

    /// Whether a parameter is the backbone's own, by its name: `fc` stands in for torchvision's and learns as heads do.
    pub fn is_backbone(name: &str) -> bool {
        name.starts_with("model.") && !name.starts_with("model.fc.")
    }

    /// Every parameter and buffer by name.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.store.variables().into_iter().collect()
    }

    fn activate(&self, x: &Tensor) -> Tensor {
        match self.activation {
            Activation::Gelu => x.gelu("none"),
            Activation::Relu => x.relu(),
        }
    }
}

/// Lays convolution weights out as their inputs are, which oneDNN and cuDNN are faster with.
fn channels_last(store: &mut VarStore) {
    no_grad(|| {
        for mut tensor in store.variables().into_values().filter(|tensor| tensor.dim() == 4) {
            let laid_out = tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
            tensor.set_data(&laid_out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    #[test]
    fn a_mirrored_look_cannot_tell_left_from_right() {
        let config = parse(&["--path=x", "--resnet_type=resnet18"]).unwrap();
        tch::manual_seed(5);
        let model = Model::new(&config, Device::Cpu);
        let images = Tensor::randn([2, 3, 32, 32], (Kind::Float, Device::Cpu));
        let far = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        let mirror_image = images.flip([3]);
        let [straight, _, _] = model.look(&images, false);
        assert!(far(&straight, &model.look(&mirror_image, false)[0]) > 1e-4);
        let (left, right) = (model.look(&images, true), model.look(&mirror_image, true));
        for head in 0..3 {
            assert!(far(&left[head], &right[head]) < 1e-5);
        }
        let mean = (straight + &model.look(&mirror_image, false)[0]) * 0.5;
        assert!(far(&left[0], &mean) < 1e-6);
    }
}
