//! What becomes of a trial, and why: for the database and the screen.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rule::Resource;

/// What a rule says of a trial.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[default]
    Continue,
    /// It ends for good.
    Stop(Reason),
    /// It ends, keeps its checkpoint, and may be promoted.
    Pause(Reason),
}

impl Verdict {
    /// Why the trial is to end, if it is.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Continue => None,
            Self::Stop(reason) | Self::Pause(reason) => Some(reason),
        }
    }
}

/// Why a trial ends or goes on. A value of `None` was not finite; `others` leaves the trial itself out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reason {
    /// W&B's: worse than the threshold of its latest band.
    Hyperband {
        /// In finite values of the metric.
        band: u64,
        /// Its value at the band, or its best one so far (`strict: false`).
        value: f64,
        /// The worst value at the band with which a trial goes on.
        threshold: f64,
        /// From 1: one more than the others at the band that are better.
        rank: u64,
        others: u64,
    },
    /// At a rung of successive halving: not among those that go past it, or now among them.
    Asha(Standing),
    /// It had all that a trial gets.
    Spent { resource: Resource, max: f64, at: f64 },
    /// Its best value is worse than the median of the others' means.
    Median { resource: Resource, mark: f64, best: Option<f64>, median: f64, others: u64 },
    /// It got no better for too long. `best` counts improvements by more than `min_delta`.
    Patience { resource: Resource, best: Option<f64>, since: f64, at: f64, min_delta: f64 },
}

/// Where a trial stands at a rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// From 0.
    pub bracket: u32,
    /// From 0, within the bracket.
    pub rung: u64,
    pub resource: Resource,
    /// Where the rung is.
    pub level: f64,
    pub value: Option<f64>,
    /// From 1: one more than the others at the rung that are better.
    pub rank: u64,
    pub others: u64,
    /// How many of all at the rung go past it.
    pub keep: u64,
    /// The value of the last of these; `None` also where there are none.
    pub threshold: Option<f64>,
}

/// A number as people read it: six digits are enough.
pub(super) fn figure(number: f64) -> String {
    crate::value::figure(format!("{number:.5e}").parse().unwrap_or(number))
}

fn value(value: Option<f64>) -> String {
    value.map_or_else(|| "no finite value".to_owned(), figure)
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hyperband { band, value, threshold, rank, others } => write!(
                f,
                "hyperband: {} at value {band} is worse than {}, rank {rank} of {}",
                figure(*value),
                figure(*threshold),
                others + 1
            ),
            Self::Asha(standing) => standing.fmt(f),
            Self::Spent { resource, max, at } => write!(
                f,
                "asha: {} is past {}, all that a trial gets",
                resource.amount(*at),
                resource.amount(*max)
            ),
            Self::Median { resource, mark, best, median, others } => write!(
                f,
                "median: {} up to {} is worse than {}, the median of {others} others",
                value(*best),
                resource.amount(*mark),
                figure(*median)
            ),
            Self::Patience { resource, best, since, at, min_delta } => {
                write!(f, "patience: at {} nothing better than {}", resource.amount(*at), value(*best))?;
                if *min_delta > 0.0 {
                    write!(f, " by {}", figure(*min_delta))?;
                }
                write!(f, " since {}", resource.amount(*since))
            }
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bracket, resource, level, value: own, rank, others, keep, threshold, .. } = self;
        write!(f, "asha: {} at {}", value(*own), resource.amount(*level))?;
        if *bracket > 0 {
            write!(f, " of bracket {bracket}")?;
        }
        write!(
            f,
            " is rank {rank} of {}, of which {keep} {}",
            others + 1,
            if *keep == 1 { "goes on" } else { "go on" }
        )?;
        match threshold {
            Some(threshold) => write!(f, " (to {})", figure(*threshold)),
            None => Ok(()),
        }
    }
}
