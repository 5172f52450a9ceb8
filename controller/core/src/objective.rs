//! The objective: which of two values is better, and what a curve comes to.

use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    Minimize,
    Maximize,
}

impl Goal {
    /// The word in the sweep file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Minimize => "minimize",
            Self::Maximize => "maximize",
        }
    }

    /// Whether `a` is strictly better than `b`; a value that is not finite is never better.
    pub fn better(self, a: f64, b: f64) -> bool {
        a.is_finite()
            && (!b.is_finite()
                || match self {
                    Self::Minimize => a < b,
                    Self::Maximize => a > b,
                })
    }

    /// Whether `a` is better than `b` by more than `delta`, which is at least 0.
    pub fn better_by(self, a: f64, b: f64, delta: f64) -> bool {
        match self {
            Self::Minimize => self.better(a, b - delta),
            Self::Maximize => self.better(a, b + delta),
        }
    }
}

/// One metric over a curve. Values that are not finite are counted and otherwise ignored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Finite values seen.
    pub count: u64,
    /// Values that were NaN or infinite.
    pub non_finite: u64,
    pub last: f64,
    pub last_step: u64,
    pub min: f64,
    pub max: f64,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            count: 0,
            non_finite: 0,
            last: f64::NAN,
            last_step: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }
}

impl Summary {
    /// Takes one more point in, in the order the points were made.
    pub fn add(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            self.non_finite += 1;
            return;
        }
        self.count += 1;
        self.last = value;
        self.last_step = step;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// The best value by a goal; `None` when none was finite.
    pub fn best(&self, goal: Goal) -> Option<f64> {
        (self.count > 0).then_some(match goal {
            Goal::Minimize => self.min,
            Goal::Maximize => self.max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_finite_values_never_count() {
        let mut summary = Summary::default();
        for (step, value) in [(1, f64::NAN), (2, 0.5), (3, f64::INFINITY), (4, 0.25), (5, f64::NEG_INFINITY)]
        {
            summary.add(step, value);
        }
        assert_eq!((summary.count, summary.non_finite, summary.last, summary.last_step), (2, 3, 0.25, 4));
        assert_eq!(summary.best(Goal::Maximize), Some(0.5));
        assert_eq!(summary.best(Goal::Minimize), Some(0.25));
        assert_eq!(Summary::default().best(Goal::Minimize), None);
    }

    #[test]
    fn better_is_strict_and_finite() {
        assert!(Goal::Minimize.better(1.0, 2.0) && !Goal::Minimize.better(2.0, 2.0));
        assert!(Goal::Minimize.better_by(1.0, 2.0, 0.5) && !Goal::Minimize.better_by(1.5, 2.0, 0.5));
        assert!(Goal::Maximize.better_by(3.0, 2.0, 0.5) && !Goal::Maximize.better_by(2.5, 2.0, 0.5));
        assert!(Goal::Maximize.better(2.0, f64::NAN) && !Goal::Maximize.better(f64::INFINITY, 0.0));
    }
}
