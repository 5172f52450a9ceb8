//! Which checkpoint of a trial becomes a model, and what a model may be called.

use thiserror::Error;

use crate::objective::Goal;
use crate::retention::{Stored, better};

/// The longest name of a model, in letters.
const LONGEST_NAME: usize = 64;

/// Why a trial gives no model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotPromoted {
    #[error("none of its checkpoints is stored with the controller")]
    NothingStored,
    #[error("what is stored of it is to go on from, and no model")]
    OnlyToResume,
    #[error("no model of step {step} is stored of it, only of {}", words(stored))]
    NoSuchStep { step: u64, stored: Vec<u64> },
}

fn words(steps: &[u64]) -> String {
    let steps: Vec<_> = steps.iter().map(u64::to_string).collect();
    steps.join(", ")
}

/// Why a model cannot be called so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{name}` is no name of a model: up to {LONGEST_NAME} letters, digits, `-`, `_` and `.`, a letter or digit first"
)]
pub struct NotAName {
    pub name: String,
}

/// Whether a model can be called so: the name is a part of addresses and of commands.
///
/// # Errors
/// [`NotAName`].
pub fn check_name(name: &str) -> Result<(), NotAName> {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
    let begins = name.bytes().next().is_some_and(|letter| letter.is_ascii_alphanumeric());
    if begins && name.len() <= LONGEST_NAME && name.bytes().all(fits) {
        Ok(())
    } else {
        Err(NotAName { name: name.to_owned() })
    }
}

/// The checkpoint that a trial's model is: the best stored one that is a model, or that of a `step`; among equals, and
/// without scores, the newest.
///
/// # Errors
/// [`NotPromoted`].
pub fn to_promote(stored: &[Stored], goal: Goal, step: Option<u64>) -> Result<Stored, NotPromoted> {
    let models: Vec<&Stored> = stored.iter().filter(|one| !one.resume).collect();
    if models.is_empty() {
        let empty = stored.is_empty();
        return Err(if empty { NotPromoted::NothingStored } else { NotPromoted::OnlyToResume });
    }
    let asked = models.iter().filter(|one| step.is_none_or(|step| one.step == step));
    let best = asked.min_by(|a, b| better(goal, a, b)).map(|one| **one);
    best.ok_or_else(|| NotPromoted::NoSuchStep {
        step: step.unwrap_or_default(),
        stored: models.iter().map(|one| one.step).collect(),
    })
}

/// What a file of a model is for, by its name, as `sweep-train` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Tensors.
    Weights,
    /// What is to be known of them: architecture, classes, how pictures are prepared.
    Description,
    /// Whatever another program keeps.
    Other,
}

impl Role {
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "safetensors")) => Self::Weights,
            Some((_, "json")) => Self::Description,
            _ => Self::Other,
        }
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Weights => "weights",
            Self::Description => "description",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(step: u64, resume: bool, score: Option<f64>) -> Stored {
        Stored { step, attempt: 1, seq: step, resume, score, size: 10 }
    }

    #[test]
    fn the_best_model_is_promoted_or_that_of_a_step() {
        let all = [
            stored(10, false, Some(0.7)),
            stored(20, false, Some(0.9)),
            stored(30, false, Some(0.8)),
            stored(40, true, None),
        ];
        let step = |goal, step| to_promote(&all, goal, step).map(|one| one.step);
        assert_eq!(step(Goal::Maximize, None), Ok(20));
        assert_eq!(step(Goal::Minimize, None), Ok(10));
        assert_eq!(step(Goal::Minimize, Some(30)), Ok(30));
        let missing = NotPromoted::NoSuchStep { step: 40, stored: vec![10, 20, 30] };
        assert_eq!(step(Goal::Maximize, Some(40)), Err(missing.clone()), "one to go on from is no model");
        assert_eq!(missing.to_string(), "no model of step 40 is stored of it, only of 10, 20, 30");
        let unscored = [stored(10, false, None), stored(20, false, None)];
        assert_eq!(to_promote(&unscored, Goal::Minimize, None).map(|one| one.step), Ok(20));
    }

    #[test]
    fn without_a_stored_model_nothing_is_promoted() {
        assert_eq!(to_promote(&[], Goal::Maximize, None), Err(NotPromoted::NothingStored));
        let resume = [stored(10, true, Some(0.5))];
        assert_eq!(to_promote(&resume, Goal::Maximize, Some(10)), Err(NotPromoted::OnlyToResume));
    }

    #[test]
    fn names_are_safe_in_addresses() {
        for good in ["faces", "k3x9q2ab-4", "v1.2_b", "7", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in
            ["", "-", ".", "..", "-x", ".x", "a/b", "a b", "größe", "a\0", "a?b", "%41", &"x".repeat(65)]
        {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_files_role_is_in_its_name() {
        for (name, role) in [
            ("12.safetensors", Role::Weights),
            ("12.json", Role::Description),
            ("model.pt", Role::Other),
            ("json", Role::Other),
        ] {
            assert_eq!(Role::of_name(name), role, "{name}");
        }
    }
}
