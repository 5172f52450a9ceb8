//! Whether a training that is to go on is the one that was cut short.

use std::path::Path;

use serde_json::Value;

use super::{Resumed, SPLIT, State};
use crate::config::Config;
use crate::data::{Dataset, Manifest};
use crate::error::TrainError;
use crate::fitting::ScheduleName;

/// Parameters that may differ: they move no number, or were of use at the start only.
const FREE: [&str; 12] = [
    "cache",
    "checkpoint_minutes",
    "checkpoint_steps",
    "device",
    "log_every",
    "out",
    "prefetch",
    "resume",
    "test_at_end",
    "threads",
    "weights",
    "weights_url",
];

/// Parameters whose work is judged by what came of it: the same images in the same places.
const OF_DATA: [&str; 5] = ["path", "limit", "split_seed", "manifest", "duplicates"];

/// # Errors
/// [`TrainError::Config`], naming every parameter that may not differ and does.
pub(crate) fn check(state: &State, config: &Config, path: &Path) -> Result<(), TrainError> {
    let named = |(name, _, _): &(String, String, String)| {
        ![&FREE[..], &OF_DATA[..], &["epochs"]].concat().contains(&&**name)
    };
    let mut wrong: Vec<String> =
        differences(state, config)?.into_iter().filter(named).map(|each| told(&each)).collect();
    let before = state.config["epochs"].as_i64().unwrap_or(config.epochs);
    let rule = match config.epochs {
        now if now < before => Some("and may only grow"),
        now if now > before && config.fitting.schedule != ScheduleName::Constant => {
            Some("and may grow only with schedule=constant")
        }
        _ => None,
    };
    if let Some(rule) = rule {
        wrong.push(format!("epochs is {}, but was {before}, {rule}", config.epochs));
    }
    if wrong.is_empty() { Ok(()) } else { Err(refusal(path, &wrong)) }
}

/// # Errors
/// [`TrainError::Config`], when the images or their places are others, with the parameters or images that are.
pub(crate) fn check_data(resumed: &Resumed, data: &Dataset, config: &Config) -> Result<(), TrainError> {
    let (state, path) = (&resumed.state, &resumed.path);
    if state.data == data.fingerprint() {
        return Ok(());
    }
    let differ = differences(state, config)?;
    let mut wrong = vec!["the images or the split are others".to_owned()];
    wrong.extend(differ.iter().filter(|(name, _, _)| OF_DATA.contains(&&**name)).map(told));
    let text = resumed.tensors.get(SPLIT).map(|split| Vec::<u8>::try_from(&split.shallow_clone().view([-1])));
    if let Some(Ok(text)) = text
        && let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(&text), path)
        && let Err(missing) = manifest.places(data.images.entries(), path)
    {
        wrong.push(missing.to_string());
    }
    Err(refusal(path, &wrong))
}

/// Parameters that differ: name, value now, value then. What is not in the state did not exist then, and was what is the
/// default now.
fn differences(state: &State, config: &Config) -> Result<Vec<(String, String, String)>, TrainError> {
    let (now, default) = (parameters(config)?, parameters(&Config::with_defaults(""))?);
    let value = |of: &Value, name: &str| of.get(name).cloned();
    let names =
        now.as_object().into_iter().chain(state.config.as_object()).flat_map(|all| all.keys().cloned());
    let names: std::collections::BTreeSet<String> = names.collect();
    let differs = |name: String| {
        let then = value(&state.config, &name).or_else(|| value(&default, &name)).unwrap_or_default();
        let now = value(&now, &name).unwrap_or_default();
        (now != then).then(|| (name, now.to_string(), then.to_string()))
    };
    Ok(names.into_iter().filter_map(differs).collect())
}

/// Written and read once, as those of the state were, so that numbers are rounded alike.
fn parameters(config: &Config) -> Result<Value, TrainError> {
    let text = serde_json::to_string(config);
    text.and_then(|text| serde_json::from_str(&text))
        .map_err(|error| TrainError::Config(format!("the parameters cannot be written down: {error}")))
}

fn told((name, now, then): &(String, String, String)) -> String {
    format!("{name} is {now}, but was {then}")
}

fn refusal(path: &Path, wrong: &[String]) -> TrainError {
    TrainError::Config(format!(
        "{} is of another training:\n  {}\n  give the same parameters and data, or begin anew without --resume and SWEEP_RESUME",
        path.display(),
        wrong.join("\n  ")
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::state;
    use super::*;
    use crate::config::tests::parse;

    /// What is said when the state's training is resumed with these parameters more; empty: it may.
    fn said(state: &State, more: &[&str]) -> String {
        let args: Vec<&str> = ["--path=faces", "--lr=0.1"].iter().chain(more).copied().collect();
        let fits = check(state, &parse(&args).unwrap(), Path::new("a/resume-2-23.safetensors"));
        fits.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_moves_numbers_must_be_the_same_and_is_named() {
        for (argument, words) in [
            ("--resnet_type=resnet18", r#"resnet_type is "resnet18", but was "resnet50""#),
            ("--batch_size=16", "batch_size is 16, but was 32"),
            ("--lr=0.2", "lr is 0.2, but was 0.1"),
            ("--lr=0.10000000000000002", "lr is 0.10000000000000002, but was 0.1"),
            ("--image_size=64", "image_size is 64"),
            ("--seed=8", "seed is 8, but was 7"),
            ("--optimizer=sgd", "optimizer is"),
            ("--ema=0.9", "ema is 0.9"),
            ("--mixup=0.2", "mixup is 0.2"),
            ("--precision=f32", r#"precision is "f32", but was "auto""#),
            ("--early_stop_patience=2", "early_stop_patience is 2"),
            ("--epochs=24", "epochs is 24, but was 25, and may only grow"),
        ] {
            let said = said(&state(23), &[argument]);
            assert!(said.starts_with("a/resume-2-23.safetensors is of another training"), "{said}");
            assert!(said.contains(words) && said.contains("begin anew"), "{said}");
        }
        let both = said(&state(23), &["--seed=8", "--batch_size=2"]);
        assert!(both.contains("seed is 8") && both.contains("batch_size is 2"), "{both}");
    }

    #[test]
    fn what_moves_no_number_may_differ() {
        let free = [
            "--threads=3",
            "--device=cpu",
            "--out=elsewhere",
            "--cache=none",
            "--prefetch=0",
            "--log_every=1",
            "--checkpoint_steps=4",
            "--checkpoint_minutes=1",
            "--resume=x",
            "--test_at_end=false",
            "--weights=imagenet",
            "--weights_url=http://mirror",
            "--path=moved",
        ];
        assert_eq!(said(&state(23), &free), "");
    }

    #[test]
    fn epochs_grow_with_the_constant_schedule_only() {
        assert_eq!(said(&state(23), &["--epochs=30"]), "");
        let mut cosine = state(23);
        cosine.config["schedule"] = "cosine".into();
        assert_eq!(said(&cosine, &["--schedule=cosine"]), "");
        let said = said(&cosine, &["--schedule=cosine", "--epochs=30"]);
        assert!(
            said.contains("epochs is 30, but was 25, and may grow only with schedule=constant"),
            "{said}"
        );
    }

    #[test]
    fn parameters_of_other_versions_are_at_their_defaults() {
        let mut older = state(23);
        older.config.as_object_mut().unwrap().remove("mixup");
        assert_eq!(said(&older, &[]), "");
        assert!(said(&older, &["--mixup=0.2"]).contains("mixup is 0.2, but was 0"));
        let mut newer = state(23);
        newer.config["sharpness"] = 3.into();
        assert!(said(&newer, &[]).contains("sharpness is null, but was 3"));
    }
}
