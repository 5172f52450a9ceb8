//! Weights averaged over the steps: a model that is often better than its last step's.

use std::collections::BTreeMap;

use tch::{Kind, TchError, Tensor, no_grad};

use crate::native;

/// An exponential moving average of parameters and buffers, as timm's `ModelEmaV2` keeps.
pub struct Average {
    names: Vec<String>,
    /// What is averaged, and its averages, in the same order.
    live: Vec<Tensor>,
    averages: Vec<Tensor>,
    decay: f64,
    updates: u32,
    /// Whether the averages stand in the model's place.
    swapped: bool,
}

impl Average {
    /// Starts from the model as it is.
    pub fn new(tensors: BTreeMap<String, Tensor>, decay: f64) -> Self {
        let floats = tensors.into_iter().filter(|(_, tensor)| tensor.kind() == Kind::Float);
        let (names, live): (Vec<String>, Vec<Tensor>) = floats.unzip();
        // `empty_like` lies in memory as the tensor does.
        let copy = |tensor: &Tensor| {
            no_grad(|| {
                let mut copy = tensor.detach().empty_like();
                copy.copy_(tensor);
                copy
            })
        };
        let averages = live.iter().map(copy).collect();
        Self { names, live, averages, decay, updates: 0, swapped: false }
    }

    /// Takes a step's result in. Early on the average forgets faster, by TensorFlow's rule `(1 + n) / (10 + n)`, or
    /// it would long consist of the random start.
    ///
    /// # Errors
    /// libtorch's.
    pub fn update(&mut self) -> Result<(), TchError> {
        self.updates += 1;
        let n = f64::from(self.updates);
        let decay = self.decay.min((1.0 + n) / (10.0 + n));
        native::lerp(&self.averages, &self.live, 1.0 - decay)
    }

    /// Steps taken in.
    pub fn updates(&self) -> u32 {
        self.updates
    }

    /// The averages by name. The tensors are its own: who writes into them, and says how many steps they are of, makes
    /// it go on from there.
    pub fn memory(&self) -> BTreeMap<String, Tensor> {
        let each = self.names.iter().zip(&self.averages);
        each.map(|(name, average)| (name.clone(), average.shallow_clone())).collect()
    }

    /// See [`Average::memory`].
    pub fn resume(&mut self, updates: u32) {
        self.updates = updates;
    }

    /// Puts the averages into the model, or the model's own values back: every second call undoes the one before.
    pub fn swap(&mut self) {
        no_grad(|| {
            for (live, average) in self.live.iter_mut().zip(&mut self.averages) {
                let held = live.detach();
                live.set_data(average);
                *average = held;
            }
        });
        self.swapped = !self.swapped;
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;

    #[test]
    fn averages_follow_slowly_and_are_swapped_in_and_out() {
        let store = nn::VarStore::new(Device::Cpu);
        let w = store.root().zeros("w", &[2, 3, 4, 4]);
        no_grad(|| {
            let laid_out = w.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
            w.shallow_clone().set_data(&laid_out);
        });
        let mut average = Average::new(store.variables().into_iter().collect(), 0.9);
        let set = |value: f64| no_grad(|| drop(w.shallow_clone().fill_(value)));
        let value = || w.double_value(&[1, 2, 3, 3]);
        let mut expected = 0.0;
        for (step, value) in [1.0, 1.0, 2.0, 5.0].into_iter().enumerate() {
            set(value);
            average.update().unwrap();
            let n = step as f64 + 1.0;
            let decay = 0.9f64.min((1.0 + n) / (10.0 + n));
            expected += (1.0 - decay) * (value - expected);
        }
        average.swap();
        assert!((value() - expected).abs() < 1e-6, "{} against {expected}", value());
        average.swap();
        assert_eq!(value(), 5.0);
        assert!(w.requires_grad() && !w.is_contiguous());
    }
}
