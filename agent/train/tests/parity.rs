//! The same numbers as torchvision: its state dicts load, and its logits come out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod beside;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use beside::{python, tests, uniform};
use sweep_train::config::{Activation, ResnetType};
use sweep_train::export::export;
use sweep_train::resnet::ResNet;
use sweep_train::saved::Saved;
use sweep_train::weights::{apply_exactly, read, read_with_hyperparameters};
use tch::nn::{ModuleT as _, VarStore};
use tch::{Device, Kind, Tensor, no_grad};

/// The bar: logits of a few units, computed in single precision by other kernels.
const TOLERANCE: f64 = 1e-4;
const MODELS: [(&str, ResnetType); 2] =
    [("resnet18", ResnetType::Resnet18), ("resnet50", ResnetType::Resnet50)];
/// torchvision's classes.
const CLASSES: i64 = 1000;

type Logits = BTreeMap<String, Vec<Vec<f64>>>;

fn image() -> Tensor {
    (Tensor::from_slice(&uniform(2 * 3 * 64 * 64, 1000)) * 2.0).view([2, 3, 64, 64])
}

fn build(depth: ResnetType) -> (VarStore, ResNet) {
    let store = VarStore::new(Device::Cpu);
    let model = ResNet::new(&store.root(), depth, CLASSES);
    (store, model)
}

fn check(model: &ResNet, expected: &[Vec<f64>], what: &str) {
    // As parity.py: sums over other numbers of threads round otherwise, by more than the bar where logits are large.
    tch::set_num_threads(1);
    let logits = no_grad(|| model.forward_t(&image(), false));
    let size = logits.abs().max().double_value(&[]);
    let mut largest = 0f64;
    for (row, expected) in expected.iter().enumerate() {
        for (column, expected) in expected.iter().enumerate() {
            largest = largest.max((logits.double_value(&[row as i64, column as i64]) - expected).abs());
        }
    }
    assert!(largest < TOLERANCE, "{what}: logits differ by up to {largest:.1e}; the largest is {size:.2}");
}

#[test]
fn state_dicts_written_by_python_give_its_logits() {
    let Some(python) = python("torch, torchvision, safetensors, numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(python).arg(tests().join("parity.py")).arg(folder.path()).status().unwrap();
    assert!(made.success());
    let expected: Logits =
        serde_json::from_slice(&std::fs::read(folder.path().join("logits.json")).unwrap()).unwrap();
    for (name, depth) in MODELS {
        for kind in ["pth", "legacy.pth", "nested.pth", "safetensors"] {
            let path = folder.path().join(format!("{name}.{kind}"));
            // A new model each time: what was loaded before proves nothing.
            let (store, model) = build(depth);
            apply_exactly(&store, &read(&path).unwrap(), &path).unwrap();
            check(&model, &expected[name], &format!("{name}.{kind}"));
        }
    }
}

/// Weights by the formula of parity.py, in the state dict's order.
fn by_formula(store: &VarStore) {
    let mut names: Vec<String> = store.variables().into_keys().collect();
    let counters: Vec<String> = names
        .iter()
        .filter_map(|name| Some(format!("{}num_batches_tracked", name.strip_suffix("running_mean")?)))
        .collect();
    names.extend(counters);
    names.sort();
    let variables = store.variables();
    for (stream, name) in names.iter().enumerate() {
        let Some(tensor) = variables.get(name) else { continue };
        let size = tensor.size();
        let noise = Tensor::from_slice(&uniform(tensor.numel(), stream as u64)).view(&size[..]);
        let value = if name.ends_with("running_var") {
            noise * 0.25 + 1.0
        } else if name.ends_with("running_mean") || name.ends_with("bias") {
            noise * 0.1
        } else if size.len() == 1 {
            noise * 0.1 + 1.0
        } else {
            let fan_in: i64 = size[1..].iter().product();
            noise * f64::from((3.0 / fan_in as f64).sqrt() as f32)
        };
        no_grad(|| tensor.shallow_clone().copy_(&value.to_kind(Kind::Float)));
    }
}

#[test]
fn committed_logits_come_out_again() {
    let expected: Logits =
        serde_json::from_slice(&std::fs::read(tests().join("fixtures/logits.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, depth) in MODELS {
        let (written, _) = build(depth);
        by_formula(&written);
        let path = folder.path().join(format!("{name}.safetensors"));
        written.save(&path).unwrap();
        let (store, model) = build(depth);
        apply_exactly(&store, &read(&path).unwrap(), &path).unwrap();
        check(&model, &expected[name], &format!("{name} by formula"));
    }
}

type Heads = BTreeMap<String, Vec<Vec<f64>>>;

/// The largest difference of a model's logits from Python's.
fn apart(logits: &[Tensor; 3], python: &Path) -> f64 {
    let expected: Heads = serde_json::from_slice(&std::fs::read(python).unwrap()).unwrap();
    let mut largest = 0f64;
    for (logits, head) in logits.iter().zip(["age", "gender", "race"]) {
        for (row, expected) in expected[head].iter().enumerate() {
            assert_eq!(expected.len() as i64, logits.size()[1]);
            for (column, expected) in expected.iter().enumerate() {
                let ours = logits.double_value(&[row as i64, column as i64]);
                largest = largest.max((ours - expected).abs());
            }
        }
    }
    largest
}

#[test]
fn a_lightning_checkpoint_gives_its_logits_and_goes_back_to_python() {
    let Some(python) = python("torch, torchvision, safetensors, numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |arguments: &[&Path]| {
        let script = tests().join("parity.py");
        assert!(Command::new(&python).arg(script).args(arguments).status().unwrap().success());
    };
    run(&[Path::new("--lightning"), folder.path()]);
    tch::set_num_threads(1);
    let saved = Saved::open(&at("faces.ckpt")).unwrap();
    assert_eq!((saved.config.resnet_type, saved.config.activation), (ResnetType::Resnet18, Activation::Relu));
    assert_eq!((saved.config.layer1, saved.config.layer2, saved.config.layer3), (32, 16, 8));
    let model = saved.model(Device::Cpu).unwrap();
    let logits = no_grad(|| model.forward(&image(), false));
    let far = apart(&logits, &at("heads.json"));
    assert!(far < TOLERANCE, "logits of the checkpoint differ by up to {far:.1e}");

    let written = export(&saved, &at("faces.safetensors")).unwrap();
    run(&[Path::new("--load"), &written, &at("loaded.json")]);
    let far = apart(&logits, &at("loaded.json"));
    assert!(far < TOLERANCE, "logits of the export differ by up to {far:.1e}");
    // And it is a model of ours again.
    let again = Saved::open(&at("faces.safetensors")).unwrap();
    let tensor = |saved: &Saved| saved.tensors["race_out.weight"].copy();
    assert_eq!((tensor(&again) - tensor(&saved)).abs().max().double_value(&[]), 0.0);
    assert_eq!(again.config.layer1, 32);
}

#[test]
fn a_lightning_checkpoint_is_read_with_its_hyperparameters() {
    let path = tests().join("fixtures/small.ckpt");
    let (dict, words) = read_with_hyperparameters(&path).unwrap();
    assert_eq!(dict.keys().collect::<Vec<_>>(), ["model.age_out.bias", "model.model.conv1.weight"]);
    assert_eq!((&*words["activation"], &*words["layer1"]), ("ReLU", "32"));
    let said = Saved::open(&path).err().unwrap().to_string();
    assert!(said.contains("small.ckpt"), "{said}");
}

#[test]
fn both_forms_of_torch_save_are_read() {
    for name in ["small.pth", "small.legacy.pth"] {
        let dict = read(&tests().join("fixtures").join(name)).unwrap();
        assert_eq!(dict.keys().collect::<Vec<_>>(), ["a", "b", "c", "count", "half"], "{name}");
        let numbers = |key: &str| Vec::<f64>::try_from(&dict[key].to_kind(Kind::Double).view([-1])).unwrap();
        let whole: Vec<f64> = (0..24).map(f64::from).collect();
        assert_eq!(numbers("a"), whole);
        assert_eq!(numbers("c"), whole);
        assert_eq!(dict["b"].size(), [2, 4]);
        assert_eq!(numbers("b"), [1.0, 7.0, 13.0, 19.0, 2.0, 8.0, 14.0, 20.0]);
        assert_eq!(numbers("count"), [7.0]);
        assert_eq!(numbers("half"), [1.5, -2.0]);
    }
}
