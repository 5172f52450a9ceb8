//! The same scores as scikit-learn's. Without it the table tests beside the scores stand alone.

mod beside;

use std::io::Write as _;
use std::process::{Command, Stdio};

use beside::python;
use serde_json::{Value, json};
use sweep_train::score::{Confusion, class_weights};

const PYTHON: &str = "
import json, sys
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.utils.class_weight import compute_class_weight
import numpy
out = []
for case in json.load(sys.stdin):
    truth, predicted = case['truth'], case['predicted']
    classes = numpy.unique(truth)
    out.append({
        'f1': f1_score(truth, predicted, average='macro'),
        'accuracy': accuracy_score(truth, predicted),
        'confusion': confusion_matrix(truth, predicted, labels=range(case['classes'])).tolist(),
        'weights': compute_class_weight('balanced', classes=classes, y=truth).tolist(),
    })
print(json.dumps(out))
";

/// Images of `classes` classes, taken for one another by a rule that leaves some classes rare or unseen.
fn case(classes: usize, images: usize, every: usize) -> Value {
    let truth: Vec<usize> = (0..images).map(|at| (at * at + at / 3) % classes).collect();
    let taken =
        |(at, &class): (usize, &usize)| if at % every == 0 { (class * 2 + 1) % classes } else { class };
    let predicted: Vec<usize> = truth.iter().enumerate().map(taken).collect();
    json!({"classes": classes, "truth": truth, "predicted": predicted})
}

#[test]
fn scikit_learn_scores_the_same() {
    let Some(python) = python("sklearn") else { return };
    let cases = [case(9, 500, 3), case(2, 101, 7), case(5, 64, 2), case(9, 11, 2)];
    let mut child = Command::new(&python)
        .args(["-c", PYTHON])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(cases).to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let expected: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(expected.len(), cases.len());
    for (case, expected) in cases.iter().zip(&expected) {
        let numbers = |name: &str| serde_json::from_value::<Vec<usize>>(case[name].clone()).unwrap();
        let classes = case["classes"].as_u64().unwrap() as usize;
        let mut confusion = Confusion::new(classes);
        for (truth, predicted) in numbers("truth").into_iter().zip(numbers("predicted")) {
            confusion.add(truth, predicted);
        }
        assert!((confusion.macro_f1() - expected["f1"].as_f64().unwrap()).abs() < 1e-12);
        assert!((confusion.accuracy() - expected["accuracy"].as_f64().unwrap()).abs() < 1e-12);
        assert_eq!(json!(confusion.rows().collect::<Vec<_>>()), expected["confusion"]);
        // scikit-learn knows only classes that occur; so compared where all do.
        let counts: Vec<u64> = confusion.rows().map(|row| row.iter().sum()).collect();
        if counts.iter().all(|&count| count > 0) {
            let theirs: Vec<f64> = serde_json::from_value(expected["weights"].clone()).unwrap();
            for (ours, theirs) in class_weights(&counts).iter().zip(theirs) {
                assert!((ours - theirs).abs() < 1e-12);
            }
        }
    }
}
