//! Every step of the augmentation against torchvision's functional operations on byte tensors: against a Python that
//! has it (`SWEEP_TEST_PYTHON`) on a 64 px image, and everywhere against the committed numbers of a 12 px one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod beside;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use beside::{python, tests};
use sweep_train::augment::{Augment, Augmenter, Map, Planes, Policy, Sampling, Scratch, Step, apply};
use sweep_train::data::{MEAN, STD};

type Expected = BTreeMap<String, Vec<f64>>;

/// Largest difference of a byte. One step rounds down where torchvision does, after the same sums in another order: a
/// sum that lies on a whole number may fall to either side of it.
const ONE_STEP: u8 = 1;
/// Share of pixels that a map may take from a neighbour: those whose source lies between two pixels to within rounding.
const NEIGHBOURS: f64 = 0.001;

/// The steps behind the names of augment.py.
fn steps(name: &str, side: usize) -> Vec<Step> {
    let words: Vec<&str> = name.split(' ').collect();
    let number = |at: usize| words[at].parse::<f64>().unwrap();
    let nearest = |map| Step::Warp(map, Sampling::Nearest);
    vec![match words[0] {
        "flip" => Step::Flip,
        "rotate" => nearest(Map::rotation(number(1))),
        "brightness" => Step::Brightness(number(1) as f32),
        "hue" => Step::Hue(number(1) as f32),
        "blur" => Step::Blur(number(1) as f32),
        "greyscale" => Step::Greyscale,
        "contrast" => Step::Contrast(number(1) as f32),
        "saturation" => Step::Saturation(number(1) as f32),
        "sharpness" => Step::Sharpness(number(1) as f32),
        "posterize" => Step::Posterize(number(1) as u8),
        "solarize" => Step::Solarize(number(1) as f32),
        "autocontrast" => Step::AutoContrast,
        "equalize" => Step::Equalize,
        "shear_x" => nearest(Map::shear_x(number(1), side)),
        "shear_y" => nearest(Map::shear_y(number(1), side)),
        "translate" => nearest(Map::translation(number(1), number(2))),
        // torchvision turns with the clock here, unlike in `rotate`.
        "similarity" => Step::Warp(Map::similarity(-number(1), number(2), 0.0, 0.0), Sampling::Bilinear),
        "chain" => {
            return vec![
                Step::Flip,
                nearest(Map::rotation(11.3)),
                Step::Brightness(1.2),
                Step::Hue(0.13),
                Step::Blur(1.3),
                Step::Greyscale,
            ];
        }
        other => panic!("augment.py knows a step that this test does not: {other}"),
    }]
}

/// Rows of RGB out of planes.
fn rows(planes: &[f64], side: usize) -> Vec<u8> {
    let area = side * side;
    (0..area * 3).map(|at| planes[at % 3 * area + at / 3] as u8).collect()
}

/// Places in the result that a bilinear map reads from within the image; beyond it torchvision gives black, and we let
/// the edge go on.
fn within(Map(m): Map, side: usize, place: usize) -> bool {
    let middle = (side as f64 - 1.0) / 2.0;
    let (x, y) = ((place % side) as f64 - middle, (place / side) as f64 - middle);
    let inside = |at: f64| at.abs() <= middle;
    inside(m[0] * x + m[1] * y + m[2]) && inside(m[3] * x + m[4] * y + m[5])
}

/// Compares, and tells how far apart things are.
fn check(expected: &Expected, side: usize) -> String {
    let mut report = String::new();
    let area = side * side;
    let pixels = rows(&expected["image"], side);
    for (name, expected) in expected.iter().filter(|(name, _)| !["image", "normalised"].contains(&&***name)) {
        let steps = steps(name, side);
        let got = apply(&steps, &pixels, side);
        let warped = steps.iter().any(|step| matches!(step, Step::Warp(_, Sampling::Nearest)));
        let counted = |place: usize| match steps[0] {
            Step::Warp(map, Sampling::Bilinear) => within(map, side, place),
            _ => true,
        };
        let apart: Vec<u8> = (0..3 * area)
            .filter(|at| counted(at % area))
            .map(|at| got.bytes()[at].abs_diff(expected[at] as u8))
            .collect();
        assert!(apart.len() > area, "{name}: too few places to compare");
        let far = apart.iter().filter(|&&apart| apart > ONE_STEP).count() as f64 / apart.len() as f64;
        let largest = apart.iter().max().unwrap();
        let off = apart.iter().filter(|&&apart| apart > 0).count() as f64 / apart.len() as f64;
        report += &format!("{name:<20} largest {largest:>3}, differing {off:.5}, by more than 1 {far:.5}\n");
        let most_far = if warped { NEIGHBOURS } else { 0.0 };
        assert!(
            far <= most_far,
            "{name}: {far} of the bytes differ by more than {ONE_STEP}, up to {largest}"
        );
    }
    let mut out = vec![0f32; pixels.len()];
    Augmenter::none().image((0, 0), &pixels, side, &mut out, &mut Scratch::default());
    let largest = (0..3 * area)
        .map(|at| (f64::from(out[at]) - expected["normalised"][at % 3 * area + at / 3]).abs())
        .fold(0.0, f64::max);
    assert!(largest < 2e-6, "normalised values differ by up to {largest:.1e}");
    report + &format!("normalised           largest {largest:.1e}")
}

fn read(path: &Path) -> Expected {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn committed_numbers_of_torchvision_come_out_again() {
    let expected = read(&tests().join("fixtures/augment.json"));
    assert!(expected.len() > 25);
    eprintln!("{}", check(&expected, 12));
}

#[test]
fn steps_are_those_of_an_installed_torchvision() {
    let Some(python) = python("torch, torchvision, numpy") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("augment.json");
    let script = tests().join("augment.py");
    let made = Command::new(python).arg(script).arg("64").arg(&path).status().unwrap();
    assert!(made.success());
    eprintln!("{}", check(&read(&path), 64));
}

#[test]
fn an_image_is_a_function_of_seed_epoch_and_number() {
    let policy = Policy { augment: Augment::Seed, probability: 0.6, ops: 2, magnitude: 9.0 };
    let pixels: Vec<u8> = (0..32 * 32 * 3).map(|at| (at * 7919 % 256) as u8).collect();
    let mut scratch = Scratch::default();
    let mut image = |seed, epoch, number| {
        let mut out = vec![0f32; pixels.len()];
        Augmenter::new(policy, 0.3, seed).image((epoch, number), &pixels, 32, &mut out, &mut scratch);
        out
    };
    let all: Vec<Vec<f32>> = (0..20).map(|number| image(7, 1, number)).collect();
    for number in (0..20).rev() {
        assert_eq!(image(7, 1, number), all[number as usize]);
    }
    for moved in [(8, 1), (7, 2)] {
        assert!((0..20).any(|number| image(moved.0, moved.1, number) != all[number as usize]));
    }
    let unchanged = Planes::of(&pixels, 32);
    let first = |planes: &Planes| f32::from(planes.bytes()[0]) / (255.0 * STD[0]) - MEAN[0] / STD[0];
    let plain = all.iter().filter(|out| (out[0] - first(&unchanged)).abs() < 1e-6).count();
    assert!((2..20).contains(&plain), "{plain} of 20 begin as they were");
}
