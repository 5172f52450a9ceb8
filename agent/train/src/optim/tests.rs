use tch::nn::{self, OptimizerConfig as _};
use tch::{Device, Kind};

use super::*;

/// A small regression.
fn loss(weight: &Tensor) -> Tensor {
    let input = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([4, 3]) / 7.0;
    let target = Tensor::from_slice(&[1f32, -2.0, 0.5, 3.0]).view([4, 1]);
    (input.matmul(weight) - target).square().mean(Kind::Float)
}

fn start() -> Tensor {
    Tensor::from_slice(&[0.3f32, -0.8, 1.1]).view([3, 1])
}

fn ours(rule: Rule) -> (Tensor, Optimizer) {
    let store = nn::VarStore::new(Device::Cpu);
    let weight = store.root().var_copy("w", &start());
    let optimizer = Optimizer::new(store.variables().into_iter().collect(), rule, 0.01, |_| 1.0);
    (weight, optimizer)
}

fn step(weight: &Tensor, optimizer: &mut Optimizer, lr: f64) {
    optimizer.forget_gradients().unwrap();
    loss(weight).backward();
    optimizer.step(lr).unwrap();
}

#[test]
fn it_walks_as_libtorchs_own_optimisers() {
    let adamw = nn::AdamW { beta1: BETA1, beta2: BETA2, wd: 0.01, eps: EPSILON, amsgrad: false };
    let sgd = |nesterov| nn::Sgd { momentum: 0.9, dampening: 0.0, wd: 0.01, nesterov };
    let store = nn::VarStore::new(Device::Cpu);
    let theirs = store.root().var_copy("w", &start());
    for (rule, lr, mut reference) in [
        (Rule::AdamW, 0.05, adamw.build(&store, 0.05).unwrap()),
        (Rule::Sgd { momentum: 0.9, nesterov: false }, 0.02, sgd(false).build(&store, 0.02).unwrap()),
        (Rule::Sgd { momentum: 0.9, nesterov: true }, 0.02, sgd(true).build(&store, 0.02).unwrap()),
    ] {
        no_grad(|| theirs.shallow_clone().copy_(&start()));
        let (weight, mut own) = ours(rule);
        for at in 0..50 {
            reference.backward_step(&loss(&theirs));
            step(&weight, &mut own, lr);
            let apart = (&weight - &theirs).abs().max().double_value(&[]);
            assert!(apart < 2e-6, "{rule:?}, step {at}: {apart}");
        }
        let moved = (&weight - start()).abs().max().double_value(&[]);
        assert!(moved > 0.1, "{rule:?} moved by {moved}");
    }
}

#[test]
fn groups_go_at_their_own_rates_and_what_has_no_gradient_stays() {
    let store = nn::VarStore::new(Device::Cpu);
    let root = store.root();
    let [slow, fast, idle] = ["slow", "fast", "idle"].map(|name| root.var_copy(name, &start()));
    let buffer = root.ones_no_train("running_mean", &[2]);
    let rule = Rule::Sgd { momentum: 0.0, nesterov: false };
    let factor = |name: &str| if name == "slow" { 0.1 } else { 1.0 };
    let mut optimizer = Optimizer::new(store.variables().into_iter().collect(), rule, 0.0, factor);
    (loss(&slow) + loss(&fast)).backward();
    optimizer.step(0.01).unwrap();
    let moved = |weight: &Tensor| (weight - start()).abs().max().double_value(&[]);
    assert!(moved(&fast) > 1e-4);
    assert!((moved(&slow) * 10.0 / moved(&fast) - 1.0).abs() < 1e-3);
    assert_eq!(moved(&idle), 0.0);
    assert_eq!(Vec::<f32>::try_from(&buffer).unwrap(), [1.0, 1.0]);
}

#[test]
fn gradients_are_measured_scaled_and_forgotten() {
    let (weight, mut optimizer) = ours(Rule::AdamW);
    assert_eq!(optimizer.gradient_norm().unwrap(), 0.0);
    loss(&weight).backward();
    let norm = weight.grad().norm().double_value(&[]);
    assert!((optimizer.gradient_norm().unwrap() - norm).abs() < 1e-6 * norm);
    optimizer.scale_gradients(0.5).unwrap();
    assert!((optimizer.gradient_norm().unwrap() - norm / 2.0).abs() < 1e-6 * norm);
    optimizer.forget_gradients().unwrap();
    assert!(!weight.grad().defined());
}

#[test]
fn a_gradient_laid_out_otherwise_than_its_parameter_is_understood() {
    let store = nn::VarStore::new(Device::Cpu);
    let first = Tensor::arange(24, (Kind::Float, Device::Cpu)).view([2, 3, 2, 2]);
    let weight = store.root().var_copy("w", &first);
    let laid_out = no_grad(|| weight.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]));
    weight.shallow_clone().set_data(&laid_out);
    let rule = Rule::Sgd { momentum: 0.9, nesterov: false };
    let mut optimizer = Optimizer::new(store.variables().into_iter().collect(), rule, 0.0, |_| 1.0);
    (weight.square() / 2.0).sum(Kind::Float).backward();
    optimizer.step(0.5).unwrap();
    let apart = (&weight - first * 0.5).abs().max().double_value(&[]);
    assert_eq!(apart, 0.0);
}
