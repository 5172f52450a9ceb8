//! The five functions of the baselines, minimised: the sweep file's parameters, and the value of a trial.

use anyhow::Context as _;
use serde_json::Value;
use sweep_core::value::Params;

use super::Objective;

/// All five.
pub(crate) fn all() -> Vec<Objective> {
    vec![
        Objective::new("branin", "x0: {min: -5.0, max: 10.0}\nx1: {min: 0.0, max: 15.0}", 0.397_887, branin),
        Objective::new("hartmann6", &axes(6, "0.0", "1.0"), -3.322_37, hartmann6),
        Objective::new("rosenbrock8", &axes(8, "-5.0", "10.0"), 0.0, rosenbrock8),
        Objective::new("ackley5", &axes(5, "-15.0", "30.0"), 0.0, ackley5),
        Objective::new("mixed10", MIXED10, f64::NEG_INFINITY, mixed10),
    ]
}

fn axes(count: usize, min: &str, max: &str) -> String {
    (0..count).map(|at| format!("x{at}: {{min: {min}, max: {max}}}\n")).collect()
}

fn number(params: &Params, name: &str) -> anyhow::Result<f64> {
    params.get(name).and_then(Value::as_f64).with_context(|| format!("no number {name} in {params:?}"))
}

fn numbers(params: &Params) -> anyhow::Result<Vec<f64>> {
    (0..params.len()).map(|at| number(params, &format!("x{at}"))).collect()
}

fn branin(params: &Params) -> anyhow::Result<f64> {
    use std::f64::consts::PI;
    let (x, y) = (number(params, "x0")?, number(params, "x1")?);
    let bend = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    Ok(bend * bend + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0)
}

const HARTMANN: [(f64, [f64; 6], [f64; 6]); 4] = [
    (1.0, [10.0, 3.0, 17.0, 3.5, 1.7, 8.0], [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886]),
    (1.2, [0.05, 10.0, 17.0, 0.1, 8.0, 14.0], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991]),
    (3.0, [3.0, 3.5, 1.7, 10.0, 17.0, 8.0], [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650]),
    (3.2, [17.0, 8.0, 0.05, 10.0, 0.1, 14.0], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]),
];

fn hartmann6(params: &Params) -> anyhow::Result<f64> {
    let x = numbers(params)?;
    let hill = |(height, steep, place): &(f64, [f64; 6], [f64; 6])| {
        let far: f64 = (0..6).map(|at| steep[at] * (x[at] - place[at]).powi(2)).sum();
        height * (-far).exp()
    };
    Ok(-HARTMANN.iter().map(hill).sum::<f64>())
}

fn rosenbrock8(params: &Params) -> anyhow::Result<f64> {
    let x = numbers(params)?;
    Ok(x.windows(2).map(|pair| 100.0 * (pair[1] - pair[0].powi(2)).powi(2) + (1.0 - pair[0]).powi(2)).sum())
}

fn ackley5(params: &Params) -> anyhow::Result<f64> {
    let x = numbers(params)?;
    let count = x.len() as f64;
    let squares = x.iter().map(|x| x * x).sum::<f64>() / count;
    let waves = x.iter().map(|x| (2.0 * std::f64::consts::PI * x).cos()).sum::<f64>() / count;
    Ok(-20.0 * (-0.2 * squares.sqrt()).exp() - waves.exp() + 20.0 + std::f64::consts::E)
}

const MIXED10: &str = "lr: {distribution: log_uniform_values, min: 1e-5, max: 1.0}
weight_decay: {distribution: log_uniform_values, min: 1e-6, max: 0.1}
momentum: {min: 0.5, max: 0.999}
dropout: {min: 0.0, max: 0.6}
label_smoothing: {min: 0.0, max: 0.3}
batch_size: {values: [16, 32, 64, 128, 256, 512]}
n_layers: {min: 1, max: 8}
width: {distribution: q_log_uniform_values, min: 16, max: 1024, q: 1}
optimizer: {values: [sgd, adam, adamw, rmsprop]}
activation: {values: [relu, gelu, tanh, silu]}
";

/// An error as of a training: a valley whose place depends on the optimiser, a cliff beside it, capacity and regularisation.
fn mixed10(params: &Params) -> anyhow::Result<f64> {
    let get = |name: &str| number(params, name);
    let word = |name: &str| params.get(name).and_then(Value::as_str).with_context(|| format!("no {name}"));
    let (lr, momentum, smoothing) = (get("lr")?, get("momentum")?, get("label_smoothing")?);
    let (batch, layers, width) = (get("batch_size")?, get("n_layers")?, get("width")?);
    let (optimizer, activation) = (word("optimizer")?, word("activation")?);
    let (b, w) = ((batch / 128.0).log2(), width.log2() - 7.0);
    let best_lr = match optimizer {
        "sgd" => -1.0 + 0.30 * b - 0.125 * w - ((1.0 / (1.0 - momentum)).log10() - 1.0),
        "adam" => -3.0 + 0.15 * b - 0.25 * w,
        "adamw" => -2.8 + 0.15 * b - 0.25 * w,
        _ => -3.2 + 0.15 * b - 0.25 * w,
    };
    let d = lr.log10() - best_lr;
    if d > 1.2 {
        return Ok(0.90 + 0.01 * (d - 1.2).min(5.0));
    }
    let capacity = (layers * width * width).log10();
    let mut error = 0.05 + if d <= 0.0 { 0.06 * d * d } else { 0.10 * d * d };
    error += 0.25 * (-0.9 * (capacity - 2.5)).exp();
    let decay = if matches!(optimizer, "sgd" | "adamw") { 1.0 } else { 0.5 };
    let regular =
        2.0 * get("dropout")? + (get("weight_decay")?.log10() + 6.0) / 5.0 * decay + 1.5 * smoothing;
    let room = f64::max(0.0, capacity - 4.0);
    error += 0.03 * f64::max(0.0, room - 0.8 * regular).powi(2);
    error += 0.03 * f64::max(0.0, regular - 1.2 - 0.5 * room).powi(2);
    error += 0.004 * (layers - if activation == "tanh" { 2.0 } else { 4.0 }).powi(2);
    error += 0.004 * (batch / 64.0).log2().powi(2);
    if optimizer != "sgd" {
        error += 0.02 * ((momentum - 0.9) / 0.2).powi(2);
    }
    error += 0.02 * ((smoothing - 0.1) / 0.2).powi(2);
    error += match optimizer {
        "adam" => 0.006,
        "rmsprop" => 0.012,
        _ => 0.0,
    };
    error += match activation {
        "relu" => 0.004,
        "tanh" => 0.02,
        "silu" => 0.001,
        _ => 0.0,
    };
    Ok(error.min(0.9))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn params(values: Value) -> Params {
        serde_json::from_value(values).expect("is an object")
    }

    #[test]
    fn functions_have_the_values_that_the_baselines_were_checked_by() {
        let x = |values: &[f64]| -> Params {
            values.iter().enumerate().map(|(at, value)| (format!("x{at}"), json!(value))).collect()
        };
        let close = |found: anyhow::Result<f64>, expected: f64| {
            let found = found.expect("has a value");
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found}, not {expected}");
        };
        close(branin(&x(&[std::f64::consts::PI, 2.275])), 0.397_887_357_729_738_16);
        close(
            hartmann6(&x(&[0.20169, 0.150_011, 0.476_874, 0.275_332, 0.311_652, 0.6573])),
            -3.322_368_011_415_515,
        );
        close(rosenbrock8(&x(&[1.0; 8])), 0.0);
        close(rosenbrock8(&x(&[2.0; 8])), 7.0 * 401.0);
        close(ackley5(&x(&[0.0; 5])), 0.0);
        let one = json!({"lr": 1e-3, "weight_decay": 1e-4, "momentum": 0.9, "dropout": 0.1, "label_smoothing": 0.05,
            "batch_size": 64, "n_layers": 4, "width": 256, "optimizer": "adam", "activation": "relu"});
        close(mixed10(&params(one)), 0.127_686_387_981);
        let two = json!({"lr": 0.1, "weight_decay": 5e-4, "momentum": 0.9, "dropout": 0.0, "label_smoothing": 0.0,
            "batch_size": 128, "n_layers": 3, "width": 512, "optimizer": "sgd", "activation": "gelu"});
        close(mixed10(&params(two)), 0.145_301_381_352);
        let three = json!({"lr": 0.5, "weight_decay": 1e-6, "momentum": 0.99, "dropout": 0.5, "label_smoothing": 0.3,
            "batch_size": 512, "n_layers": 8, "width": 1024, "optimizer": "adamw", "activation": "tanh"});
        close(mixed10(&params(three)), 0.917_489_700_043);
    }

    #[test]
    fn every_function_has_a_value_at_any_trial() {
        for objective in all() {
            for number in 1..=50 {
                let spec = objective.spec("random").expect("is a sweep file");
                let params = sweep_core::search::propose(&spec, 7, number).expect("is proposed");
                let value = (objective.value)(&params).expect("has a value");
                assert!(value.is_finite() && value >= objective.least - 1e-5, "{}: {value}", objective.name);
            }
        }
    }
}
