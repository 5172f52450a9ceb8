//! What numbers a model computes with: single precision, or half of it where that is precise enough.
//!
//! Weights, gradients as the optimiser sees them, normalisation statistics and losses stay in single precision. In
//! `bf16` and `fp16` libtorch's autocast runs convolutions and matrix products in half precision, as
//! `torch.autocast` does in Python.

use std::marker::PhantomData;

use clap::ValueEnum;
use serde::Serialize;
use tch::{Device, TchError};

use crate::native;

/// As asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    Auto,
    F32,
    Bf16,
    Fp16,
}

impl Precision {
    /// What `auto` means on this device: on a CPU bf16 where the processor multiplies it, on a GPU fp16, which all of
    /// them have.
    pub fn resolve(self, device: Device) -> Self {
        match (self, device) {
            (Self::Auto, Device::Cuda(_)) => Self::Fp16,
            (Self::Auto, _) if bf16_is_fast() => Self::Bf16,
            (Self::Auto, _) => Self::F32,
            (chosen, _) => chosen,
        }
    }

    /// As the parameter is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        }
    }

    /// Whether gradients need to be scaled up: fp16 rounds small ones to nothing, bf16 has the range of f32.
    pub fn needs_scaling(self) -> bool {
        self == Self::Fp16
    }

    /// Computes in this precision until the guard is dropped.
    ///
    /// # Errors
    /// libtorch's.
    pub fn begin(self, device: Device) -> Result<Autocast, TchError> {
        let cuda = matches!(device, Device::Cuda(_));
        let bf16 = match self.resolve(device) {
            Self::Bf16 => true,
            Self::Fp16 => false,
            Self::F32 | Self::Auto => return Ok(Autocast { on: None, thread: PhantomData }),
        };
        native::autocast_begin(cuda, bf16)?;
        Ok(Autocast { on: Some(cuda), thread: PhantomData })
    }
}

/// Half precision, as long as it lives.
#[derive(Debug)]
pub struct Autocast {
    /// Whether on a GPU; `None`: nothing was begun.
    on: Option<bool>,
    /// Autocast is a property of the thread.
    thread: PhantomData<*const ()>,
}

impl Drop for Autocast {
    fn drop(&mut self) {
        if let Some(cuda) = self.on {
            // It was begun, so libtorch knows the device; there is nothing else it could refuse.
            let _ended = native::autocast_end(cuda);
        }
    }
}

/// Whether this processor multiplies bf16 itself; elsewhere it is emulated, and slower than f32.
#[cfg(target_arch = "x86_64")]
fn bf16_is_fast() -> bool {
    std::arch::is_x86_feature_detected!("avx512bf16")
}

#[cfg(target_arch = "aarch64")]
fn bf16_is_fast() -> bool {
    std::arch::is_aarch64_feature_detected!("bf16")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn bf16_is_fast() -> bool {
    false
}

/// The factor by which losses are multiplied before gradients are taken, and gradients divided after: doubled after
/// 2,000 good steps, halved at each that overflowed and was left out, as `torch.amp.GradScaler` does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossScale {
    scale: f64,
    good: u32,
}

const SCALE_AT_FIRST: f64 = 65_536.0;
const GOOD_BEFORE_GROWTH: u32 = 2_000;

impl LossScale {
    /// For this precision: 1 for ever where no scaling is needed.
    pub fn new(precision: Precision) -> Option<Self> {
        precision.needs_scaling().then_some(Self { scale: SCALE_AT_FIRST, good: 0 })
    }

    pub fn factor(&self) -> f64 {
        self.scale
    }

    /// Steps since the factor last changed.
    pub fn good(&self) -> u32 {
        self.good
    }

    /// As it was after `good` steps at this factor.
    pub fn resumed(factor: f64, good: u32) -> Self {
        Self { scale: factor, good }
    }

    /// Learns whether a step's gradients were finite; returns whether the step is to be made.
    pub fn saw(&mut self, finite: bool) -> bool {
        if !finite {
            *self = Self { scale: (self.scale / 2.0).max(1.0), good: 0 };
            return false;
        }
        self.good += 1;
        if self.good == GOOD_BEFORE_GROWTH {
            *self = Self { scale: self.scale * 2.0, good: 0 };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn products_are_in_half_precision_while_the_guard_lives_and_not_after() {
        let a = Tensor::ones([8, 8], (Kind::Float, Device::Cpu));
        let product = || a.matmul(&a).kind();
        assert_eq!(product(), Kind::Float);
        for (precision, kind) in
            [(Precision::Bf16, Kind::BFloat16), (Precision::F32, Kind::Float), (Precision::Fp16, Kind::Half)]
        {
            let guard = precision.begin(Device::Cpu).unwrap();
            assert_eq!(product(), kind);
            drop(guard);
            assert_eq!(product(), Kind::Float);
        }
        // Even when what was computed broke down.
        let broken = std::panic::catch_unwind(|| {
            let _guard = Precision::Bf16.begin(Device::Cpu).unwrap();
            panic!("broken");
        });
        assert!(broken.is_err());
        assert_eq!(product(), Kind::Float);
    }

    #[test]
    fn the_loss_scale_grows_slowly_and_falls_at_once() {
        let mut scale = LossScale::new(Precision::Fp16).unwrap();
        assert!(!scale.saw(false));
        assert_eq!(scale.factor(), 32_768.0);
        for _ in 0..1_999 {
            assert!(scale.saw(true));
        }
        assert_eq!(scale.factor(), 32_768.0);
        scale.saw(true);
        assert_eq!(scale.factor(), 65_536.0);
        for _ in 0..100 {
            scale.saw(false);
        }
        assert_eq!(scale.factor(), 1.0);
        assert_eq!(LossScale::new(Precision::Bf16), None);
    }
}
