//! What a training says of itself in words, before its first step and after its last.

use serde_json::json;

use super::Summary;
use super::training::Training;
use crate::data::Split;
use crate::error::TrainError;
use crate::labels::Head;
use crate::observe::{Event, Values};
use crate::score::majority;
use crate::teller::Teller;

/// Most names of files in what is told of the data set.
const MOST_NAMES: usize = 100;

impl Training<'_> {
    /// Says what there is to train on, and, the first time, what a guesser would score.
    pub(super) fn describe(&self, first: bool, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        let census = &self.data.census;
        for warning in &self.data.warnings {
            teller.warn(warning.clone())?;
        }
        teller.left_out("files whose names do not give all labels are left out", &census.malformed)?;
        teller.left_out("corrupt images are left out", &census.corrupt)?;
        if let Some(text) = census.duplicates.told() {
            teller.log(text)?;
        }
        if census.not_in_manifest > 0 {
            teller.warn(format!(
                "{} images are not in the manifest and are left out",
                census.not_in_manifest
            ))?;
        }
        teller.log(format!(
            "{} of {} images: {} to train, {} to validate, {} to test",
            census.used, census.files, census.train, census.validation, census.test
        ))?;
        if census.made_up {
            teller.log("the images are made up: sweep-train synth drew them, or some of them".to_owned())?;
        }
        if !first {
            return Ok(());
        }
        teller.tell(&Event::Media { name: "dataset".to_owned(), step: 0, value: self.survey() })?;
        let mut values = Values::new();
        for head in Head::ALL {
            let [training, held_out] =
                [Split::Train, Split::Validation].map(|split| self.data.class_counts(head, split));
            let (accuracy, f1) = majority(&training, &held_out);
            values.insert(format!("majority-{}-acc", head.word()), accuracy);
            values.insert(format!("majority-{}-f1score", head.word()), f1);
        }
        teller.tell(&Event::Metrics { step: 0, epoch: 0.0, values })
    }

    /// What the images are, for people: counts, names of those left out, and how the classes of each head are spread over
    /// the splits.
    fn survey(&self) -> serde_json::Value {
        let census = &self.data.census;
        let counts = |head: Head, split: Split| self.data.class_counts(head, split);
        let histogram = |head: Head| {
            let spread = json!({
                "classes": head.names(counts(head, Split::Train).len()),
                "train": counts(head, Split::Train),
                "validation": counts(head, Split::Validation),
                "test": counts(head, Split::Test),
            });
            (head.word().to_owned(), spread)
        };
        let histograms: serde_json::Map<_, _> = Head::ALL.into_iter().map(histogram).collect();
        json!({
            "files": census.files,
            "malformed": census.malformed.iter().take(MOST_NAMES).collect::<Vec<_>>(),
            "malformed_total": census.malformed.len(),
            "duplicates": {
                "groups": census.duplicates.exact_groups,
                "contradicting": census.duplicates.contradicting_groups,
            },
            "splits": {"train": census.train, "validation": census.validation, "test": census.test},
            "histograms": histograms,
        })
    }
}

pub(super) fn closing(summary: &Summary) -> String {
    let best = summary.best_score.map_or_else(
        || "no epoch was completed".to_owned(),
        |score| format!("best total-f1score {score:.4} in epoch {}", summary.best_epoch),
    );
    format!(
        "{best}; {} epochs, {} steps; left out: {} corrupt, {} with malformed names, {} contradicting duplicates",
        summary.epochs,
        summary.steps,
        summary.census.corrupt.len(),
        summary.census.malformed.len(),
        summary.census.duplicates.left_out
    )
}
