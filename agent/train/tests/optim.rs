//! The same steps and rates as torch's optimisers and schedulers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod beside;

use std::process::Command;

use beside::{python, tests, uniform};
use serde_json::Value;
use sweep_train::optim::{Optimizer, Rule, Schedule};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

/// The bar: weights of about one, after a hundred steps in single precision.
const TOLERANCE: f64 = 1e-6;

fn matrix(rows: i64, columns: i64, stream: u64) -> Tensor {
    Tensor::from_slice(&uniform((rows * columns) as usize, stream)).view([rows, columns])
}

/// The walk of optim.py; the largest difference from it at each of its marks.
fn apart(rule: Rule, lr: f64, clip: Option<f64>, marks: &[Value]) -> Vec<(u64, f64)> {
    tch::set_num_threads(1);
    let (inputs, targets) = (matrix(32, 16, 1), matrix(32, 8, 2));
    let store = VarStore::new(Device::Cpu);
    let weight = store.root().var_copy("w", &matrix(16, 8, 3));
    let mut optimizer = Optimizer::new(store.variables().into_iter().collect(), rule, 0.01, |_| 1.0);
    let mut out = Vec::new();
    for step in 1..=100u64 {
        optimizer.forget_gradients().unwrap();
        (inputs.matmul(&weight).tanh() - &targets).square().mean(Kind::Float).backward();
        if let Some(longest) = clip {
            let norm = optimizer.gradient_norm().unwrap();
            optimizer.scale_gradients((longest / (norm + 1e-6)).min(1.0)).unwrap();
        }
        optimizer.step(lr).unwrap();
        for mark in marks.iter().filter(|mark| mark[0] == step) {
            let theirs: Vec<f64> = serde_json::from_value(mark[1].clone()).unwrap();
            let ours = Vec::<f64>::try_from(&weight.detach().to_kind(Kind::Double).view([-1])).unwrap();
            out.push((step, ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)));
        }
    }
    out
}

fn check(expected: &Value) {
    for (name, rule, lr, clip) in [
        ("adamw", Rule::AdamW, 0.01, None),
        ("adamw clipped", Rule::AdamW, 0.01, Some(0.05)),
        ("sgd", Rule::Sgd { momentum: 0.9, nesterov: false }, 0.1, None),
        ("sgd nesterov", Rule::Sgd { momentum: 0.9, nesterov: true }, 0.1, None),
    ] {
        let differences = apart(rule, lr, clip, expected["walks"][name].as_array().unwrap());
        assert_eq!(differences.len(), 3);
        for (step, difference) in differences {
            assert!(difference < TOLERANCE, "{name}, step {step}: {difference:.1e}");
        }
    }
    let number = |case: &Value, name: &str| case[name].as_f64().unwrap();
    for case in expected["one_cycle"].as_array().unwrap() {
        let schedule = Schedule::OneCycle {
            pct_start: number(case, "pct_start"),
            div_factor: number(case, "div_factor"),
            final_div_factor: number(case, "final_div_factor"),
        };
        check_rates(schedule, case);
    }
    for case in expected["cosine"].as_array().unwrap() {
        check_rates(Schedule::Cosine { warmup: number(case, "warmup") }, case);
    }
}

fn check_rates(schedule: Schedule, case: &Value) {
    let theirs = case["rates"].as_array().unwrap();
    for (step, rate) in theirs.iter().enumerate() {
        let ours = schedule.rate(0.01, step, theirs.len());
        let difference = (ours - rate.as_f64().unwrap()).abs();
        assert!(difference < 1e-12, "{schedule:?}, step {step}: {ours} against {rate}");
    }
}

#[test]
fn torch_walks_and_anneals_the_same() {
    let Some(python) = python("torch, torchvision, numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("optim.json");
    let mut make = Command::new(python);
    make.arg(tests().join("optim.py")).arg(&file).env("PYTHONDONTWRITEBYTECODE", "1");
    let made = make.status().unwrap();
    assert!(made.success());
    check(&serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap());
}

#[test]
fn committed_walks_and_rates_come_out_again() {
    let text = std::fs::read(tests().join("fixtures/optim.json")).unwrap();
    check(&serde_json::from_slice(&text).unwrap());
}
