//! AdamW: "Decoupled Weight Decay Regularization" (Loshchilov and Hutter, 2017), as PyTorch computes it. Our own, so
//! that its state has names and can be kept with a checkpoint.

use std::collections::BTreeMap;

use tch::{Tensor, no_grad};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The optimiser of named parameters.
pub struct AdamW {
    parameters: BTreeMap<String, Slot>,
    steps: i32,
    weight_decay: f64,
}

struct Slot {
    parameter: Tensor,
    mean: Tensor,
    square: Tensor,
}

impl AdamW {
    /// Takes the parameters that require a gradient; the others (buffers) are left out.
    pub fn new(tensors: BTreeMap<String, Tensor>, weight_decay: f64) -> Self {
        let slot = |parameter: Tensor| Slot {
            mean: no_grad(|| parameter.zeros_like()),
            square: no_grad(|| parameter.zeros_like()),
            parameter,
        };
        let trained = tensors.into_iter().filter(|(_, tensor)| tensor.requires_grad());
        Self {
            parameters: trained.map(|(name, tensor)| (name, slot(tensor))).collect(),
            steps: 0,
            weight_decay,
        }
    }

    /// Forgets the gradients.
    pub fn zero_grad(&mut self) {
        for slot in self.parameters.values_mut() {
            slot.parameter.zero_grad();
        }
    }

    /// One step along the gradients, with learning rate `lr`.
    pub fn step(&mut self, lr: f64) {
        self.steps += 1;
        let correction1 = 1.0 - BETA1.powi(self.steps);
        let correction2 = 1.0 - BETA2.powi(self.steps);
        let decay = 1.0 - lr * self.weight_decay;
        no_grad(|| {
            for slot in self.parameters.values_mut() {
                let grad = slot.parameter.grad();
                if !grad.defined() {
                    continue;
                }
                let _ = slot.parameter.g_mul_scalar_(decay);
                let _ = slot.mean.lerp_(&grad, 1.0 - BETA1);
                let _ = slot.square.g_mul_scalar_(BETA2);
                let _ = slot.square.g_add_(&((&grad * &grad) * (1.0 - BETA2)));
                let scale = (slot.square.sqrt() / correction2.sqrt()).g_add_scalar_(EPSILON);
                let _ = slot.parameter.g_sub_(&((&slot.mean / scale) * (lr / correction1)));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, OptimizerConfig as _};
    use tch::{Device, Kind};

    use super::*;

    /// A small regression, the same for both optimisers.
    fn loss(weight: &Tensor) -> Tensor {
        let input = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([4, 3]) / 7.0;
        let target = Tensor::from_slice(&[1f32, -2.0, 0.5, 3.0]).view([4, 1]);
        (input.matmul(weight) - target).square().mean(Kind::Float)
    }

    #[test]
    fn it_walks_as_libtorchs_own_adamw() {
        let start = Tensor::from_slice(&[0.3f32, -0.8, 1.1]).view([3, 1]);
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().var_copy("w", &start);
        let config = nn::AdamW { beta1: BETA1, beta2: BETA2, wd: 0.01, eps: EPSILON, amsgrad: false };
        let mut reference = config.build(&store, 0.05).unwrap();
        let own_store = nn::VarStore::new(Device::Cpu);
        let ours = own_store.root().var_copy("w", &start);
        let mut own = AdamW::new(own_store.variables().into_iter().collect(), 0.01);
        for step in 0..50 {
            reference.backward_step(&loss(&theirs));
            own.zero_grad();
            loss(&ours).backward();
            own.step(0.05);
            let apart = (&ours - &theirs).abs().max().double_value(&[]);
            assert!(apart < 1e-5, "step {step}: {apart}");
        }
        let moved = (&ours - &start).abs().max().double_value(&[]);
        assert!(moved > 0.1, "it moved by {moved}");
    }

    #[test]
    fn buffers_are_left_alone() {
        let store = nn::VarStore::new(Device::Cpu);
        let buffer = store.root().ones_no_train("running_mean", &[2]);
        let mut own = AdamW::new(store.variables().into_iter().collect(), 0.1);
        own.step(1.0);
        assert_eq!(Vec::<f32>::try_from(&buffer).unwrap(), [1.0, 1.0]);
    }
}
