//! A training's state, out of it and into it again.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;
use tch::{Device, Tensor};

use super::training::{Pass, Training};
use crate::checkpoint::Checkpoints;
use crate::data::{Dataset, Manifest};
use crate::error::TrainError;
use crate::observe::Event;
use crate::resume::{Bits, Resumed, SPLIT, State, Unfinished, VERSION};
use crate::tally::Tally;
use crate::teller::Teller;
use crate::weights::{StateDict, copy_exactly};

/// What a training set out with. Images that turn out to be corrupt later do not move it: whoever resumes sets out with
/// the same.
pub(super) struct Origin {
    /// [`Dataset::fingerprint`]
    data: String,
    /// Bytes of the split's manifest.
    split: Tensor,
    /// How many images were left out as corrupt.
    corrupt: usize,
}

impl Origin {
    pub(super) fn of(data: &Dataset, manifest: &Manifest) -> Self {
        Self {
            data: data.fingerprint(),
            split: Tensor::from_slice(manifest.to_text().as_bytes()),
            corrupt: data.census.corrupt.len(),
        }
    }
}

impl Training<'_> {
    /// Whether a resume checkpoint is to be written within an epoch.
    pub(super) fn is_due(&mut self, now: Instant, stopped: bool) -> bool {
        let step = self.step;
        self.pace.as_mut().is_some_and(|pace| pace.due(step, now) || stopped)
    }

    /// Whether a resume checkpoint is to be written at the end of an epoch.
    pub(super) fn is_due_at_end(&mut self, now: Instant, stopped: bool) -> bool {
        let step = self.step;
        self.pace.as_mut().is_some_and(|pace| pace.due_at_end(step, now) || stopped)
    }

    /// Writes a resume checkpoint and tells of it; `pass` is how far the epoch after [`Training::epochs`] is. What
    /// cannot be written is said, and the one before stays.
    ///
    /// # Errors
    /// When nobody listens any more, and libtorch's.
    pub(super) fn save(&mut self, pass: Option<&Pass>, teller: &mut Teller<'_>) -> Result<(), TrainError> {
        match self.resumable.write(&self.state(pass), &self.tensors()) {
            Ok(written) => {
                let share = pass.map_or(0.0, |pass| pass.batches as f64 / pass.of as f64);
                teller.tell(&Event::Resumable {
                    step: self.step,
                    epoch: self.epochs as f64 + share,
                    path: written.path,
                    files: written.files,
                    sha256: written.sha256,
                })?;
                if let Err(error) = self.resumable.prune() {
                    teller.warn(format!("an old resume checkpoint stays: {error}"))?;
                }
            }
            Err(error @ TrainError::Write { .. }) => {
                let before = match self.resumable.newest() {
                    Some(path) => format!("{} stays the newest", path.display()),
                    None => "there is none yet".to_owned(),
                };
                let step = self.step;
                teller.warn(format!(
                    "no resume checkpoint at step {step}: {error}\n  the training goes on; {before}"
                ))?;
            }
            Err(error) => return Err(error),
        }
        self.pace.iter_mut().for_each(|pace| pace.tried(Instant::now()));
        Ok(())
    }

    fn state(&self, pass: Option<&Pass>) -> State {
        let device = self.model.store.device();
        State {
            version: VERSION,
            config: json!(self.config),
            data: self.origin.data.clone(),
            corrupt: self.data.census.corrupt[self.origin.corrupt..].to_vec(),
            precision: self.config.fitting.precision.resolve(device),
            threads: tch::get_num_threads(),
            step: self.step,
            epochs: self.epochs,
            unfinished: pass.map(|pass| Unfinished {
                batches: pass.batches,
                tally: pass.tally.state(),
                waits: pass.waits,
            }),
            best: self.best.map(|(score, epoch)| (score.into(), epoch)),
            kept: self.checkpoints.kept().iter().map(|&(score, step)| (score.into(), step)).collect(),
            warned: self.warned,
            stepper: self.stepper.state(),
            waits: self.waits,
        }
    }

    fn tensors(&self) -> StateDict {
        let mut tensors = self.live();
        tensors.insert(SPLIT.to_owned(), self.origin.split.shallow_clone());
        tensors
    }

    /// All tensors that a step changes, the training's own.
    fn live(&self) -> StateDict {
        self.model.tensors().into_iter().chain(self.stepper.memory()).collect()
    }

    /// Puts a state into a training that has not begun.
    ///
    /// # Errors
    /// [`TrainError::Resume`], when the tensors are not this training's.
    pub(super) fn go_on_from(
        &mut self,
        resumed: Resumed,
        folder: PathBuf,
        device: Device,
        teller: &mut Teller<'_>,
    ) -> Result<(), TrainError> {
        let Resumed { path, state, mut tensors, .. } = resumed;
        let refused = |what: String| TrainError::Resume { path: path.clone(), what };
        tensors.remove(SPLIT);
        if let Some(what) = copy_exactly(self.live(), &tensors)? {
            return Err(refused(what));
        }
        self.stepper.resume(&state.stepper);
        let precision = self.config.fitting.precision.resolve(device);
        let threads = tch::get_num_threads();
        for (what, then, now) in [
            ("precision", state.precision.word().to_owned(), precision.word().to_owned()),
            ("threads", state.threads.to_string(), threads.to_string()),
        ] {
            if then != now {
                teller.warn(format!(
                    "{what}: {now} here, but {then} before; the curves will not be those of the uninterrupted training to the last digit"
                ))?;
            }
        }
        teller.left_out(
            "images were left out as corrupt before this checkpoint and are taken in again; the curves will not be those of the uninterrupted training to the last digit",
            &state.corrupt,
        )?;
        self.step = state.step;
        self.epochs = state.epochs;
        self.best = state.best.map(|(score, epoch)| (score.number(), epoch));
        self.warned = state.warned;
        self.waits = state.waits;
        let kept: Vec<(f64, i64)> =
            state.kept.iter().map(|&(score, step)| (Bits::number(score), step)).collect();
        self.checkpoints = Checkpoints::resumed(folder, &kept);
        let mut place = format!("step {}, {} epochs done", state.step, state.epochs);
        if let Some(Unfinished { batches, tally, waits }) = state.unfinished {
            let tally = Tally::resumed(self.config, tally)
                .ok_or_else(|| refused("its counts are of other heads".to_owned()))?;
            place += &format!(", {batches} batches of the next");
            self.unfinished = Some(Pass { batches, of: 0, tally, waits });
        }
        teller.log(format!("going on from {}: {place}", path.display()))
    }
}
