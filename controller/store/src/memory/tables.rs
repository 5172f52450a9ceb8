//! Changes to the maps.

mod attempts;
mod checkpoints;
mod models;
mod stops;
mod sweeps;
mod trials;

use sweep_core::file::FileRef;
use uuid::Uuid;

use super::{Held, Key, Seq, TrialRow};
use crate::Sweep;
use crate::port::{Rows, Tables};

impl Held {
    fn update_trial(&mut self, trial: Uuid, change: impl FnOnce(&mut TrialRow)) {
        let changed = self.next_change();
        let Some(place) = self.places.get(&trial).cloned() else { return };
        self.trials.update(&place, |row| {
            change(row);
            row.changed = changed;
        });
    }

    fn update_sweep(&mut self, sweep: &str, change: impl FnOnce(&mut Sweep)) {
        self.next_change();
        self.sweeps.update(&sweep.to_owned(), |row| change(&mut row.sweep));
    }

    /// Whether an attempt left a checkpoint to go on from.
    fn left_checkpoint(&self, (trial, attempt): Key) -> bool {
        let told = self.checkpoints.range((trial, attempt, 0)..=(trial, attempt, u64::MAX));
        told.into_iter().any(|(_, checkpoint)| checkpoint.resume && checkpoint.stored)
    }

    fn is_pointed_to(&self, sha256: &str) -> bool {
        let of_models = self.models.values().flat_map(|model| &model.files);
        self.files.values().flatten().chain(of_models).any(|file| file.sha256 == sha256)
    }

    /// Contents that something pointed to are kept until then at least.
    fn spare(&mut self, files: Vec<FileRef>, keep_until_ms: i64) {
        for FileRef { sha256, .. } in files {
            let mut orphan = self.orphans.get(&sha256).copied().unwrap_or_default();
            orphan.keep_until_ms = orphan.keep_until_ms.max(keep_until_ms);
            self.orphans.set(sha256, orphan);
        }
    }

    /// Bytes of a checkpoint's files.
    fn size(&self, place: &Seq) -> u64 {
        self.files.get(place).map_or(0, |files| files.iter().map(|file| file.size).sum())
    }

    fn trial_of(&self, trial: Uuid) -> Option<&TrialRow> {
        self.places.get(&trial).and_then(|place| self.trials.get(place))
    }
}

impl Tables for Held {
    fn rows(&mut self) -> &mut dyn Rows {
        self
    }
}
