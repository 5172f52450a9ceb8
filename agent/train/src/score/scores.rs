//! What a model scores on some images, in the form in which trainings tell it and `eval` reports it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Confusion;
use super::calibration::{Bin, Calibration};
use crate::labels::Head;

/// The scores of the three heads: a training's media `validation-scores` and `test-scores`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// `validation` or `test`.
    pub split: &'static str,
    pub images: u64,
    /// Mean of the heads' macro-F1, 0 to 1.
    #[serde(rename = "total-f1score")]
    pub total_f1: f64,
    /// By the head's word.
    pub heads: BTreeMap<&'static str, HeadScores>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeadScores {
    #[serde(flatten)]
    pub counts: Counts,
    /// 0 to 1.
    pub macro_f1: f64,
    /// 0 to 1.
    pub accuracy: f64,
}

/// What a head got right and wrong, by class and by confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counts {
    pub classes: Vec<String>,
    /// Rows are true classes, columns what they were taken for.
    pub confusion: Vec<Vec<u64>>,
    pub per_class: Vec<ClassScores>,
    pub calibration: Reliability,
}

/// One class's scores, 0 to 1; `None` where nothing says: no image of it (recall), none taken for it (precision),
/// neither of both (F1).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScores {
    pub class: String,
    /// Images of it.
    pub support: u64,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
}

/// Whether a head is as often right as it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reliability {
    /// Expected calibration error, 0 to 1.
    pub ece: f64,
    /// All of them, from the least confident on.
    pub bins: Vec<Bin>,
}

impl Scores {
    /// Of counts over the images of a split, head by head.
    pub fn new(split: &'static str, confusions: &[Confusion; 3], calibrations: &[Calibration; 3]) -> Self {
        let each = Head::ALL.iter().zip(confusions).zip(calibrations);
        let heads = each.map(|((&head, confusion), calibration)| {
            let counts = Counts::new(head, confusion, calibration);
            let (macro_f1, accuracy) = (confusion.macro_f1(), confusion.accuracy());
            (head.word(), HeadScores { counts, macro_f1, accuracy })
        });
        Self {
            split,
            images: confusions[0].total(),
            total_f1: confusions.iter().map(Confusion::macro_f1).sum::<f64>() / 3.0,
            heads: heads.collect(),
        }
    }
}

impl Counts {
    pub fn new(head: Head, confusion: &Confusion, calibration: &Calibration) -> Self {
        let rows: Vec<Vec<u64>> = confusion.rows().map(<[u64]>::to_vec).collect();
        let classes = head.names(rows.len());
        let per_class = classes.iter().enumerate().map(|(at, class)| ClassScores {
            class: class.clone(),
            support: rows[at].iter().sum(),
            precision: confusion.precision(at),
            recall: confusion.recall(at),
            f1: confusion.f1(at),
        });
        Self {
            per_class: per_class.collect(),
            confusion: rows,
            calibration: Reliability { ece: calibration.error(), bins: calibration.bins() },
            classes,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Four images: three right, a woman taken for a man; nobody of the last two races but one, who is taken for White.
    fn told() -> Value {
        let mut confusions = [9, 2, 5].map(Confusion::new);
        let mut calibrations: [Calibration; 3] = Default::default();
        for (age, sex, race) in [
            ((0, 0), (0, 0), (0, 0)),
            ((1, 1), (1, 1), (1, 1)),
            ((2, 2), (1, 0), (3, 0)),
            ((2, 2), (0, 0), (0, 0)),
        ] {
            for (at, (truth, taken)) in [age, sex, race].into_iter().enumerate() {
                confusions[at].add(truth, taken);
                calibrations[at].add(0.9, truth == taken);
            }
        }
        json!(Scores::new("test", &confusions, &calibrations))
    }

    #[test]
    fn scores_are_told_in_the_agreed_form() {
        let told = told();
        assert_eq!((&told["split"], &told["images"]), (&json!("test"), &json!(4)));
        let sex = &told["heads"]["sex"];
        assert_eq!(sex["classes"], json!(["Male", "Female"]));
        assert_eq!(sex["confusion"], json!([[2, 0], [1, 1]]));
        let close = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-12;
        let man = &sex["per_class"][0];
        assert_eq!((&man["class"], &man["support"]), (&json!("Male"), &json!(2)));
        assert!(close(&man["precision"], 2.0 / 3.0) && close(&man["recall"], 1.0) && close(&man["f1"], 0.8));
        assert!(close(&sex["macro_f1"], (0.8 + 2.0 / 3.0) / 2.0) && close(&sex["accuracy"], 0.75));
        let bins = sex["calibration"]["bins"].as_array().unwrap();
        assert_eq!(bins.len(), 15);
        assert_eq!(
            (&bins[0]["from"], &bins[14]["to"], &bins[0]["confidence"]),
            (&json!(0.0), &json!(1.0), &Value::Null)
        );
        // Of 0.9 three in four are right.
        assert!(close(&sex["calibration"]["ece"], 0.15));
        assert!(
            bins[13]["count"] == 4
                && close(&bins[13]["accuracy"], 0.75)
                && close(&bins[13]["confidence"], 0.9)
        );
        let mean = ["age", "sex", "race"].map(|head| told["heads"][head]["macro_f1"].as_f64().unwrap());
        assert!(close(&told["total-f1score"], mean.iter().sum::<f64>() / 3.0));
    }

    #[test]
    fn what_nothing_says_is_null() {
        let told = told();
        let of = |class: usize| told["heads"]["race"]["per_class"][class].clone();
        // Neither there nor guessed; there, but never guessed.
        assert_eq!(
            of(4),
            json!({"class": "Others", "support": 0, "precision": null, "recall": null, "f1": null})
        );
        assert_eq!(
            of(3),
            json!({"class": "Indian", "support": 1, "precision": null, "recall": 0.0, "f1": 0.0})
        );
    }
}
