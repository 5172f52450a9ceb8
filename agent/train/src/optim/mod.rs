//! From gradients to better parameters: AdamW and SGD over groups, schedules of the rate, averaged weights.

mod average;
mod micro;
pub mod schedule;

use std::collections::BTreeMap;

use tch::{Kind, TchError, Tensor, no_grad};

pub use average::Average;
pub use micro::MicroBatches;
pub use schedule::Schedule;

use crate::native::{self, AdamState, AdamStep, SgdStep};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// How parameters follow their gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// "Decoupled Weight Decay Regularization" (Loshchilov and Hutter, 2017), as `torch.optim.AdamW` computes it.
    AdamW,
    /// Stochastic gradient descent with (Nesterov's) momentum and coupled weight decay, as `torch.optim.SGD`.
    Sgd { momentum: f64, nesterov: bool },
}

/// An optimiser of named parameters, in groups that differ by a factor on the rate.
///
/// A step is one call into libtorch's fused kernels for each group: what a loop over tensors and operations costs is
/// a fifth of a step of ResNet-50 on small images.
pub struct Optimizer {
    groups: Vec<Group>,
    weight_decay: f64,
}

struct Group {
    names: Vec<String>,
    parameters: Vec<Tensor>,
    /// Of the rate.
    factor: f64,
    memory: Memory,
}

enum Memory {
    AdamW(AdamState),
    Sgd { momenta: Vec<Tensor>, momentum: f64, nesterov: bool },
}

impl Optimizer {
    /// Takes the parameters that require a gradient; the others (buffers) are left out. `factor` gives each its share
    /// of the learning rate, by name.
    pub fn new(
        tensors: BTreeMap<String, Tensor>,
        rule: Rule,
        weight_decay: f64,
        factor: impl Fn(&str) -> f64,
    ) -> Self {
        let mut groups: Vec<(f64, Vec<(String, Tensor)>)> = Vec::new();
        for (name, parameter) in tensors.into_iter().filter(|(_, tensor)| tensor.requires_grad()) {
            let factor = factor(&name);
            match groups.iter_mut().find(|(other, _)| other.total_cmp(&factor).is_eq()) {
                Some((_, group)) => group.push((name, parameter)),
                None => groups.push((factor, vec![(name, parameter)])),
            }
        }
        let groups = groups.into_iter().map(|(factor, parameters)| Group::new(parameters, factor, rule));
        Self { groups: groups.collect(), weight_decay }
    }

    /// What it remembers of each parameter, under PyTorch's names: `layer.weight.exp_avg`. The tensors are its own: who
    /// writes into them makes it remember otherwise.
    pub fn memory(&self) -> BTreeMap<String, Tensor> {
        self.groups.iter().flat_map(Group::memory).collect()
    }

    /// Forgets the gradients.
    ///
    /// # Errors
    /// libtorch's, as below.
    pub fn forget_gradients(&mut self) -> Result<(), TchError> {
        self.groups.iter().try_for_each(|group| native::clear_grads(&group.parameters))
    }

    /// Multiplies every gradient.
    ///
    /// # Errors
    /// libtorch's.
    pub fn scale_gradients(&mut self, factor: f64) -> Result<(), TchError> {
        self.groups.iter().try_for_each(|group| native::scale_grads(&group.parameters, factor))
    }

    /// The length of the gradient of all parameters together.
    ///
    /// # Errors
    /// libtorch's.
    pub fn gradient_norm(&self) -> Result<f64, TchError> {
        let mut squares = 0.0;
        for group in &self.groups {
            squares += native::grad_norm(&group.parameters)?.powi(2);
        }
        Ok(squares.sqrt())
    }

    /// One step along the gradients, with learning rate `lr`. A parameter without a gradient stays as it is.
    ///
    /// # Errors
    /// libtorch's.
    pub fn step(&mut self, lr: f64) -> Result<(), TchError> {
        let weight_decay = self.weight_decay;
        self.groups.iter_mut().try_for_each(|group| group.step(lr * group.factor, weight_decay))
    }
}

impl Group {
    fn new(parameters: Vec<(String, Tensor)>, factor: f64, rule: Rule) -> Self {
        let (names, parameters): (Vec<String>, Vec<Tensor>) = parameters.into_iter().unzip();
        let zeros = || -> Vec<Tensor> { no_grad(|| parameters.iter().map(Tensor::zeros_like).collect()) };
        let memory = match rule {
            Rule::AdamW => {
                // The kernel reads the count where the parameter lies.
                let count = |parameter: &Tensor| Tensor::zeros([], (Kind::Float, parameter.device()));
                let steps = parameters.iter().map(count).collect();
                Memory::AdamW(AdamState { means: zeros(), squares: zeros(), steps })
            }
            Rule::Sgd { momentum, nesterov } => Memory::Sgd { momenta: zeros(), momentum, nesterov },
        };
        Self { names, parameters, factor, memory }
    }

    fn memory(&self) -> Vec<(String, Tensor)> {
        let lists: Vec<(&str, &[Tensor])> = match &self.memory {
            Memory::AdamW(AdamState { means, squares, steps }) => {
                vec![("exp_avg", means), ("exp_avg_sq", squares), ("step", steps)]
            }
            Memory::Sgd { momenta, .. } => vec![("momentum_buffer", momenta)],
        };
        let named = |(what, tensors): (&str, &[Tensor])| -> Vec<(String, Tensor)> {
            let each = self.names.iter().zip(tensors);
            each.map(|(name, tensor)| (format!("{name}.{what}"), tensor.shallow_clone())).collect()
        };
        lists.into_iter().flat_map(named).collect()
    }

    fn step(&mut self, lr: f64, weight_decay: f64) -> Result<(), TchError> {
        match &self.memory {
            Memory::AdamW(state) => {
                let step = AdamStep { lr, beta1: BETA1, beta2: BETA2, weight_decay, epsilon: EPSILON };
                native::adamw(&self.parameters, state, step)
            }
            &Memory::Sgd { ref momenta, momentum, nesterov } => {
                native::sgd(&self.parameters, momenta, SgdStep { lr, momentum, weight_decay, nesterov })
            }
        }
    }
}

#[cfg(test)]
mod tests;
