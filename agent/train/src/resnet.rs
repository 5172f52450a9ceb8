//! ResNet, with torchvision's shapes and parameter names, so that its checkpoints load.
//!
//! Source: "Deep Residual Learning for Image Recognition" (He et al., 2015), in torchvision's variant that puts a
//! bottleneck's stride into its 3×3 convolution.

use tch::Tensor;
use tch::nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use tch::nn::{self, Init, ModuleT, Path};

use crate::config::ResnetType;

/// As torchvision starts its convolutions.
const CONV: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanOut, non_linearity: NonLinearity::ReLU };

/// A ResNet up to and including its `fc`.
#[derive(Debug)]
pub struct ResNet {
    conv1: nn::Conv2D,
    bn1: nn::BatchNorm,
    layers: Vec<Vec<Block>>,
    fc: nn::Linear,
}

#[derive(Debug)]
struct Block {
    /// Two 3×3 convolutions, or 1×1, 3×3, 1×1.
    convs: Vec<(nn::Conv2D, nn::BatchNorm)>,
    downsample: Option<(nn::Conv2D, nn::BatchNorm)>,
}

/// Blocks of the four layers, and whether they are bottlenecks.
fn plan(depth: ResnetType) -> ([usize; 4], bool) {
    match depth {
        ResnetType::Resnet18 => ([2, 2, 2, 2], false),
        ResnetType::Resnet34 => ([3, 4, 6, 3], false),
        ResnetType::Resnet50 => ([3, 4, 6, 3], true),
        ResnetType::Resnet101 => ([3, 4, 23, 3], true),
        ResnetType::Resnet152 | ResnetType::Resnet150 => ([3, 8, 36, 3], true),
    }
}

/// The ResNet whose four layers have so many blocks, bottlenecks or not; `None`: there is none.
pub fn depth(blocks: [usize; 4], bottleneck: bool) -> Option<ResnetType> {
    let all = [
        ResnetType::Resnet18,
        ResnetType::Resnet34,
        ResnetType::Resnet50,
        ResnetType::Resnet101,
        ResnetType::Resnet152,
    ];
    all.into_iter().find(|&depth| plan(depth) == (blocks, bottleneck))
}

impl ResNet {
    /// A ResNet under `path` whose `fc` has `outputs` outputs, freshly initialised as torchvision does.
    pub fn new(path: &Path<'_>, depth: ResnetType, outputs: i64) -> Self {
        let (blocks, bottleneck) = plan(depth);
        let expansion = if bottleneck { 4 } else { 1 };
        let mut inputs = 64;
        let mut layers = Vec::new();
        for (at, count) in blocks.into_iter().enumerate() {
            let layer = path / format!("layer{}", at + 1);
            let width = 64 << at;
            let mut made = Vec::new();
            for block in 0..count {
                let stride = if at > 0 && block == 0 { 2 } else { 1 };
                made.push(Block::new(&(&layer / block), inputs, width, stride, bottleneck));
                inputs = width * expansion;
            }
            layers.push(made);
        }
        Self {
            conv1: conv(&(path / "conv1"), 3, 64, 7, 2),
            bn1: norm(&(path / "bn1"), 64),
            layers,
            fc: linear(&(path / "fc"), inputs, outputs),
        }
    }
}

impl ResNet {
    /// What stands before `fc`: `[images, 3, height, width]` to `[images, features]`.
    pub fn features(&self, images: &Tensor, train: bool) -> Tensor {
        let mut x = images.apply(&self.conv1).apply_t(&self.bn1, train).relu_().max_pool2d(3, 2, 1, 1, false);
        for block in self.layers.iter().flatten() {
            x = block.forward(&x, train);
        }
        x.adaptive_avg_pool2d([1, 1]).flatten(1, -1)
    }

    /// `[images, features]` to `[images, outputs]`.
    pub fn classify(&self, features: &Tensor) -> Tensor {
        features.apply(&self.fc)
    }
}

impl ModuleT for ResNet {
    /// `[images, 3, height, width]` to `[images, outputs]`.
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        self.classify(&self.features(images, train))
    }
}

impl Block {
    fn new(path: &Path<'_>, inputs: i64, width: i64, stride: i64, bottleneck: bool) -> Self {
        // (inputs, outputs, kernel, stride)
        let shapes = if bottleneck {
            vec![(inputs, width, 1, 1), (width, width, 3, stride), (width, width * 4, 1, 1)]
        } else {
            vec![(inputs, width, 3, stride), (width, width, 3, 1)]
        };
        let outputs = shapes[shapes.len() - 1].1;
        let convs = shapes.into_iter().enumerate().map(|(at, (inputs, outputs, kernel, stride))| {
            let conv = conv(&(path / format!("conv{}", at + 1)), inputs, outputs, kernel, stride);
            (conv, norm(&(path / format!("bn{}", at + 1)), outputs))
        });
        let convs = convs.collect();
        let downsample = (stride != 1 || inputs != outputs).then(|| {
            let path = path / "downsample";
            (conv(&(&path / 0), inputs, outputs, 1, stride), norm(&(&path / 1), outputs))
        });
        Self { convs, downsample }
    }

    fn forward(&self, input: &Tensor, train: bool) -> Tensor {
        let mut x = input.shallow_clone();
        let last = self.convs.len() - 1;
        for (at, (conv, norm)) in self.convs.iter().enumerate() {
            x = x.apply(conv).apply_t(norm, train);
            if at < last {
                x = x.relu_();
            }
        }
        let shortcut = match &self.downsample {
            Some((conv, norm)) => input.apply(conv).apply_t(norm, train),
            None => input.shallow_clone(),
        };
        x.g_add_(&shortcut).relu_()
    }
}

fn conv(path: &Path<'_>, inputs: i64, outputs: i64, kernel: i64, stride: i64) -> nn::Conv2D {
    let config = nn::ConvConfig {
        stride,
        padding: kernel / 2,
        bias: false,
        ws_init: CONV,
        ..nn::ConvConfig::default()
    };
    nn::conv2d(path, inputs, outputs, kernel, config)
}

fn norm(path: &Path<'_>, channels: i64) -> nn::BatchNorm {
    let config = nn::BatchNormConfig {
        ws_init: Init::Const(1.0),
        bs_init: Init::Const(0.0),
        ..nn::BatchNormConfig::default()
    };
    nn::batch_norm2d(path, channels, config)
}

/// A linear layer that starts as PyTorch's: uniform within ±1/√inputs, weights and bias.
pub(crate) fn linear(path: &Path<'_>, inputs: i64, outputs: i64) -> nn::Linear {
    let bound = 1.0 / (inputs as f64).sqrt();
    let init = Init::Uniform { lo: -bound, up: bound };
    nn::linear(path, inputs, outputs, nn::LinearConfig { ws_init: init, bs_init: Some(init), bias: true })
}
