//! Parameters of how a training outlives its process. Part of [`crate::Config`].

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::config::whole;
use crate::resume::Pace;

/// Longest time between two resume checkpoints, in minutes: a year.
const LONGEST: f64 = 525_600.0;

/// How a training outlives its process.
#[derive(Debug, Clone, PartialEq, Serialize, clap::Args)]
pub struct Resuming {
    /// Go on from a resume checkpoint, or from the newest whole one of a folder; SWEEP_RESUME names one as well, and
    /// wins
    #[arg(long, value_name = "FILE|DIR", help_heading = "Running")]
    pub resume: Option<PathBuf>,

    /// Steps between resume checkpoints; 0: their number is no reason for one
    #[arg(long = "checkpoint_steps", alias = "checkpoint-steps", default_value = "0", value_parser = whole, help_heading = "Running")]
    pub checkpoint_steps: i64,

    /// Minutes between resume checkpoints, a tenth of that at the end of an epoch; 0: time is no reason for one. With
    /// checkpoint_steps 0 as well: no resume checkpoints at all
    #[arg(
        long = "checkpoint_minutes",
        alias = "checkpoint-minutes",
        default_value_t = 10.0,
        help_heading = "Running"
    )]
    pub checkpoint_minutes: f64,
}

impl Resuming {
    /// What makes no sense, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.checkpoint_steps < 0 {
            wrong.push(format!("checkpoint_steps is {}, but must be at least 0", self.checkpoint_steps));
        }
        if !(0.0..=LONGEST).contains(&self.checkpoint_minutes) {
            wrong.push(format!(
                "checkpoint_minutes is {}, but must be at least 0 and at most {LONGEST}",
                self.checkpoint_minutes
            ));
        }
        wrong
    }

    /// When resume checkpoints are due; `None`: never.
    pub(crate) fn pace(&self) -> Option<Pace> {
        let time =
            (self.checkpoint_minutes > 0.0).then(|| Duration::from_secs_f64(self.checkpoint_minutes * 60.0));
        (self.checkpoint_steps > 0 || time.is_some()).then(|| Pace::new(self.checkpoint_steps, time))
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::parse;

    #[test]
    fn every_mistake_is_named() {
        let config = parse(&["--path=x", "--checkpoint_steps=-1", "--checkpoint_minutes=NaN"]).unwrap();
        let message = config.check().unwrap_err().to_string();
        for words in ["checkpoint_steps is -1", "checkpoint_minutes is NaN"] {
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn checkpoints_are_written_unless_both_reasons_are_off() {
        let paced = |more: &[&str]| {
            let args: Vec<&str> = std::iter::once("--path=x").chain(more.iter().copied()).collect();
            parse(&args).unwrap().resuming.pace().is_some()
        };
        assert!(paced(&[]) && paced(&["--checkpoint_minutes=0", "--checkpoint_steps=5"]));
        assert!(!paced(&["--checkpoint_minutes=0"]));
    }
}
