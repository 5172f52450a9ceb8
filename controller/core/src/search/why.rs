//! Why a trial was proposed, as it is stored with it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Params;

/// What the search came to for one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    pub params: Params,
    pub why: Why,
}

/// Why a trial has the parameters that it has. As JSON: an object of `by` and what that method knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Why {
    /// The next cell of the grid, counted from 1.
    Grid { cell: u64 },
    /// A draw from the distributions.
    Random,
    /// Point `index`, from 0, of a scrambled Sobol' sequence; `copy`: of its further scramblings, where a constraint forbids
    /// those before.
    Sobol { index: u64, copy: u32 },
    /// Before there is enough to learn from: point `index`, from 0, of a design that fills the space; 0 is its centre.
    Start { index: u64 },
    /// Tree-structured Parzen estimator: `ratio` is the logarithm of how much likelier the point is among the `good` best
    /// trials than among the `bad` others. `auto`, here and below: why that method chose this one.
    Tpe {
        ratio: f64,
        good: u64,
        bad: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<String>,
    },
    /// Covariance matrix adaptation: drawn in generation `generation` with step size `sigma`, after so many restarts.
    Cmaes {
        generation: u64,
        sigma: f64,
        restarts: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<String>,
    },
    /// Gaussian process: its logarithm of the expected improvement, and the mean and spread that it predicts.
    Gp {
        log_ei: f64,
        mean: f64,
        spread: f64,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<String>,
    },
    /// Gaussian processes, one for each of two objectives: the logarithm of the expected growth of the area that the front
    /// dominates, and the mean and spread that they predict, in the order of the metrics.
    Front {
        log_growth: f64,
        means: Vec<f64>,
        spreads: Vec<f64>,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<String>,
    },
    /// Gaussian process of more objectives, weighed so for this trial, as shares of their extents on the front.
    Weighed {
        weights: Vec<f64>,
        log_ei: f64,
        seen: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        auto: Option<String>,
    },
    /// A draw from the distributions, because no point that the method chose was new and allowed, or because of this.
    Instead {
        of: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
}

impl Why {
    /// The same with numbers that JSON has: the logarithm of nothing is the least there is, and so is what is no number.
    pub(super) fn told(mut self) -> Self {
        let tell = |number: &mut f64| {
            *number = if number.is_nan() { f64::MIN } else { number.clamp(f64::MIN, f64::MAX) }
        };
        match &mut self {
            Self::Tpe { ratio, .. } => tell(ratio),
            Self::Cmaes { sigma, .. } => tell(sigma),
            Self::Gp { log_ei, mean, spread, .. } => [log_ei, mean, spread].into_iter().for_each(tell),
            Self::Front { log_growth, means, spreads, .. } => {
                [log_growth].into_iter().chain(means).chain(spreads).for_each(tell);
            }
            Self::Weighed { weights, log_ei, .. } => [log_ei].into_iter().chain(weights).for_each(tell),
            Self::Grid { .. }
            | Self::Random
            | Self::Sobol { .. }
            | Self::Start { .. }
            | Self::Instead { .. } => {}
        }
        self
    }

    /// As `auto` chose it, for a reason.
    pub(super) fn chosen(mut self, because: String) -> Self {
        if let Self::Tpe { auto, .. }
        | Self::Cmaes { auto, .. }
        | Self::Gp { auto, .. }
        | Self::Front { auto, .. }
        | Self::Weighed { auto, .. } = &mut self
        {
            *auto = Some(because);
        }
        self
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let auto = match self {
            Self::Grid { cell } => return write!(f, "grid: cell {cell}"),
            Self::Random => return write!(f, "random: a draw"),
            Self::Sobol { index, copy: 0 } => return write!(f, "sobol: point {index}"),
            Self::Sobol { index, copy } => return write!(f, "sobol: point {index}, scrambling {copy}"),
            Self::Start { index: 0 } => return write!(f, "start: the centre"),
            Self::Start { index } => return write!(f, "start: point {index}"),
            Self::Instead { of, because: None } => return write!(f, "a draw: {of} had nothing new"),
            Self::Instead { of, because: Some(because) } => return write!(f, "a draw: {of} has {because}"),
            Self::Tpe { ratio, good, bad, auto } => {
                let times = ratio.exp();
                write!(f, "tpe: {times:.3} times likelier among the best {good} than among {bad} others")?;
                auto
            }
            Self::Cmaes { generation, sigma, restarts, auto } => {
                write!(f, "cmaes: generation {generation}, step {sigma:.3}")?;
                if *restarts > 0 {
                    write!(f, ", after {restarts} restarts")?;
                }
                auto
            }
            Self::Gp { log_ei, mean, spread, seen, auto } => {
                write!(
                    f,
                    "gp: {mean:.4} ± {spread:.4} predicted from {seen}, log expected improvement {log_ei:.2}"
                )?;
                auto
            }
            Self::Front { log_growth, means, spreads, seen, auto } => {
                let each = means.iter().zip(spreads).map(|(mean, spread)| format!("{mean:.4} ± {spread:.4}"));
                let each = each.collect::<Vec<_>>().join(" and ");
                write!(
                    f,
                    "gp: {each} predicted from {seen}, log expected growth of the front {log_growth:.2}"
                )?;
                auto
            }
            Self::Weighed { weights, log_ei, seen, auto } => {
                let each =
                    weights.iter().map(|weight| format!("{weight:.2}")).collect::<Vec<_>>().join(" : ");
                write!(
                    f,
                    "gp: objectives weighed {each}, from {seen}, log expected improvement {log_ei:.2}"
                )?;
                auto
            }
        };
        match auto {
            Some(because) => write!(f, " (auto: {because})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_and_read_back() {
        for (why, json, line) in [
            (Why::Grid { cell: 4 }, r#"{"by":"grid","cell":4}"#, "grid: cell 4"),
            (Why::Random, r#"{"by":"random"}"#, "random: a draw"),
            (Why::Start { index: 0 }, r#"{"by":"start","index":0}"#, "start: the centre"),
            (
                Why::Tpe { ratio: 1.5, good: 3, bad: 27, auto: None },
                r#"{"by":"tpe","ratio":1.5,"good":3,"bad":27}"#,
                "tpe: 4.482 times likelier among the best 3 than among 27 others",
            ),
            (
                Why::Cmaes { generation: 2, sigma: 0.125, restarts: 0, auto: None }
                    .chosen("many trials".to_owned()),
                r#"{"by":"cmaes","generation":2,"sigma":0.125,"restarts":0,"auto":"many trials"}"#,
                "cmaes: generation 2, step 0.125 (auto: many trials)",
            ),
            (
                Why::Front {
                    log_growth: -3.125,
                    means: vec![0.5, 12.0],
                    spreads: vec![0.25, 1.0],
                    seen: 37,
                    auto: None,
                },
                r#"{"by":"front","log_growth":-3.125,"means":[0.5,12.0],"spreads":[0.25,1.0],"seen":37}"#,
                "gp: 0.5000 ± 0.2500 and 12.0000 ± 1.0000 predicted from 37, log expected growth of the front -3.12",
            ),
            (
                Why::Weighed { weights: vec![0.25, 0.25, 0.5], log_ei: -1.0, seen: 9, auto: None },
                r#"{"by":"weighed","weights":[0.25,0.25,0.5],"log_ei":-1.0,"seen":9}"#,
                "gp: objectives weighed 0.25 : 0.25 : 0.50, from 9, log expected improvement -1.00",
            ),
            (
                Why::Instead { of: "tpe".to_owned(), because: None },
                r#"{"by":"instead","of":"tpe"}"#,
                "a draw: tpe had nothing new",
            ),
            (
                Why::Instead { of: "bayes".to_owned(), because: Some("no model".to_owned()) },
                r#"{"by":"instead","of":"bayes","because":"no model"}"#,
                "a draw: bayes has no model",
            ),
        ] {
            assert_eq!(serde_json::to_string(&why).expect("is JSON"), json);
            assert_eq!(serde_json::from_str::<Why>(json).expect("is a reason"), why);
            assert_eq!(why.to_string(), line);
        }
    }
}
