use std::fs;

use super::*;
use crate::config::tests::parse;
use crate::data::order;
use crate::observe::{Level, Recorder};

fn warnings(recorder: &Recorder) -> String {
    let text = |event| match event {
        Event::Log { level: Level::Warning, text } => Some(text),
        _ => None,
    };
    recorder.events().into_iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

/// Resume checkpoints that were told of: the step, and the epoch.
fn told(recorder: &Recorder) -> Vec<(i64, f64)> {
    let place = |event| match event {
        Event::Resumable { step, epoch, .. } => Some((step, epoch)),
        _ => None,
    };
    recorder.events().into_iter().filter_map(place).collect()
}

/// Each head's classes make up each split.
fn assert_survey_adds_up(recorder: &Recorder) {
    let survey = |event| match event {
        Event::Media { name, value, .. } if name == "dataset" => Some(value),
        _ => None,
    };
    let surveys: Vec<serde_json::Value> = recorder.events().into_iter().filter_map(survey).collect();
    let [survey] = &*surveys else { panic!("told {} times", surveys.len()) };
    assert_eq!(survey["files"], 60);
    for head in ["age", "sex", "race"] {
        let spread = &survey["histograms"][head];
        for split in ["train", "validation", "test"] {
            let counts: Vec<u64> = serde_json::from_value(spread[split].clone()).unwrap();
            assert_eq!(counts.len(), spread["classes"].as_array().unwrap().len(), "{head} {split}");
            assert_eq!(
                counts.iter().sum::<u64>(),
                survey["splits"][split].as_u64().unwrap(),
                "{head} {split}"
            );
        }
    }
}

/// The images of an epoch's last batch break while it is trained on, and a stop comes at the batch before: no batch is
/// left then, though one less than all was trained on. And the checkpoint of that is of use, since it says what the
/// training set out with.
#[test]
fn an_epoch_whose_last_images_break_is_ended_and_its_checkpoint_is_of_use() {
    let (faces, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    crate::synth::synth(faces.path(), 60, 7, 48).unwrap();
    let path = format!("--path={}", faces.path().display());
    let parameters = |more: &[&str]| {
        let small = [
            &*path,
            "--resnet_type=resnet18",
            "--image_size=32",
            "--epochs=2",
            "--batch_size=8",
            "--layer1=16",
            "--layer2=16",
            "--layer3=8",
            "--cache=none",
            "--threads=1",
            "--device=cpu",
            "--checkpoint_steps=1000",
            "--checkpoint_minutes=0",
        ];
        parse(&small.iter().chain(more).copied().collect::<Vec<_>>()).unwrap()
    };
    let config = parameters(&[]);
    let data = Dataset::load(&config).unwrap().decoded_for_every_batch();
    let first = order(&data, config.sampling, config.balance_head, config.seed as u64, 1);
    let batches: Vec<&[usize]> = first.chunks(config.batch_size as usize).collect();
    let (steps, last) = (batches.len() as i64 - 1, *batches.last().unwrap());
    let files: Vec<PathBuf> = last.iter().map(|&index| faces.path().join(data.images.name(index))).collect();
    let whole: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    let (fingerprint, manifest) = (data.fingerprint(), data.manifest(config.split_seed as u64).to_text());
    for file in &files {
        fs::write(file, b"no image any more").unwrap();
    }

    let mut recorder = Recorder::stop_after(steps);
    let mut teller = Teller::new(&mut recorder);
    let summary = train(&config, out.path().to_owned(), Device::Cpu, data, None, &mut teller).unwrap();
    assert_eq!((summary.steps, summary.epochs, summary.census.corrupt.len()), (steps, 1, last.len()));
    assert_eq!(told(&recorder), [(steps, 1.0)]);
    assert_survey_adds_up(&recorder);
    let found = resume::open(out.path()).unwrap();
    assert_eq!((&found.state.data, found.state.corrupt.len()), (&fingerprint, last.len()));
    let split = Vec::<u8>::try_from(&found.tensors[resume::SPLIT]).unwrap();
    assert_eq!(String::from_utf8(split).unwrap(), manifest);

    // Where the images are still broken they are other images.
    let place = format!("--resume={}", out.path().display());
    let again = parameters(&[&place]);
    let refused = fit(&again, out.path().to_owned(), &mut Recorder::default()).unwrap_err().to_string();
    assert!(refused.contains("images are changed"), "{refused}");
    for (file, bytes) in files.iter().zip(whole) {
        fs::write(file, bytes).unwrap();
    }
    let mut recorder = Recorder::default();
    let summary = fit(&again, out.path().to_owned(), &mut recorder).unwrap();
    assert_eq!((summary.steps, summary.epochs), (steps + batches.len() as i64, 2));
    let said = warnings(&recorder);
    let words = format!("{} images were left out as corrupt before this checkpoint", last.len());
    assert!(said.contains(&words) && said.contains("are taken in again"), "{said}");
    let end = resume::open(out.path()).unwrap().state;
    assert_eq!((end.data, end.corrupt.len()), (fingerprint, 0));
}
