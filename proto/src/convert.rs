//! Between wire enums and core's types.

use sweep_core::objective::Goal;
use sweep_core::search::{Origin, Recorded};
use sweep_core::stop::{Judgement, Verdict};
use sweep_core::sweep::SweepState;
use sweep_core::trial::{Outcome, TrialState};
use thiserror::Error;

use crate::v1;

/// Pairs a wire enum with a core enum, both ways. Unspecified has no counterpart.
macro_rules! pair {
    ($wire:ident, $core:ident, $($variant:ident),*) => {
        impl From<$core> for v1::$wire {
            fn from(state: $core) -> Self {
                match state {
                    $($core::$variant => Self::$variant,)*
                }
            }
        }

        impl v1::$wire {
            /// The core value; `None` for unspecified.
            pub fn to_core(self) -> Option<$core> {
                match self {
                    Self::Unspecified => None,
                    $(Self::$variant => Some($core::$variant),)*
                }
            }
        }
    };
}

pair!(SweepState, SweepState, Pending, Running, Paused, Finished, Cancelled);
pair!(TrialState, TrialState, Queued, Leased, Running, Paused, Finished, StoppedEarly, Failed, Cancelled);
pair!(Goal, Goal, Minimize, Maximize);
pair!(Outcome, Outcome, Succeeded, Failed, Stopped, Cancelled, HandedBack, Infrastructure);

/// The word for a state number from the wire; `unknown` for one from the future.
pub fn trial_state_word(state: i32) -> &'static str {
    v1::TrialState::try_from(state).ok().and_then(v1::TrialState::to_core).map_or("unknown", TrialState::word)
}

/// As [`trial_state_word`], for sweeps.
pub fn sweep_state_word(state: i32) -> &'static str {
    v1::SweepState::try_from(state).ok().and_then(v1::SweepState::to_core).map_or("unknown", SweepState::word)
}

/// Why a trial cannot be looked at as a search does.
#[derive(Debug, Error)]
pub enum Unreadable {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("its state is unknown to this version")]
    State,
}

/// A trial of a sweep as a search looks at it, and what it was proposed by, if that is known.
///
/// # Errors
/// When its parameters, its origin or its state cannot be read.
pub fn recorded(sweep: &v1::Sweep, trial: &v1::Trial) -> Result<(Recorded, Option<Origin>), Unreadable> {
    let latest = trial.metrics.iter().find(|metric| metric.name == sweep.objective_name && metric.count > 0);
    let origin = if trial.origin_json.is_empty() { None } else { serde_json::from_str(&trial.origin_json)? };
    let state = v1::TrialState::try_from(trial.state).ok().and_then(v1::TrialState::to_core);
    let recorded = Recorded {
        number: trial.number,
        params: serde_json::from_str(&trial.params_json)?,
        state: state.ok_or(Unreadable::State)?,
        objective: trial.objective,
        latest: latest.map(|metric| metric.last),
        objectives: (!trial.objectives.is_empty()).then(|| trial.objectives.clone()),
    };
    Ok((recorded, origin))
}

/// A judgement of a stop rule.
///
/// # Errors
/// When it cannot be read.
pub fn judgement(one: &v1::Judgement) -> Result<Judgement, serde_json::Error> {
    let verdict = match &*one.verdict_json {
        "" => Verdict::Continue,
        text => serde_json::from_str(text)?,
    };
    let events = serde_json::from_str(&one.events_json)?;
    Ok(Judgement { number: one.number, trial: one.trial, events, verdict })
}
