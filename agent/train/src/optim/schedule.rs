//! How the learning rate goes over a training: a function of the step and nothing else.

use std::f64::consts::PI;

/// The rate's course. Steps count from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    Constant,
    /// "Super-Convergence" (Smith and Topin, 2017) as `torch.optim.lr_scheduler.OneCycleLR` computes it with cosine
    /// annealing, without cycling momentum: from `lr / div_factor` up to `lr` over the share `pct_start` of the steps,
    /// then down to `lr / div_factor / final_div_factor`.
    OneCycle {
        pct_start: f64,
        div_factor: f64,
        final_div_factor: f64,
    },
    /// A straight line up over the share `warmup` of the steps, then half a cosine down towards 0: torch's `LinearLR`
    /// followed by `CosineAnnealingLR`.
    Cosine {
        warmup: f64,
    },
}

impl Schedule {
    /// The rate of step `step` of `steps`, where `lr` is the highest. Beyond the last step it stays as it was there.
    pub fn rate(self, lr: f64, step: usize, steps: usize) -> f64 {
        let (at, steps) = (step.min(steps.saturating_sub(1)) as f64, steps as f64);
        match self {
            Self::Constant => lr,
            Self::OneCycle { pct_start, div_factor, final_div_factor } => {
                let (first, last) = (lr / div_factor, lr / div_factor / final_div_factor);
                let (top, end) = (pct_start * steps - 1.0, steps - 1.0);
                // As torch: a top before the first step leaves only the way down.
                if at <= top {
                    anneal(first, lr, at / top)
                } else {
                    anneal(lr, last, (at - top) / (end - top))
                }
            }
            Self::Cosine { warmup } => {
                let rising = (warmup * steps).round();
                if at < rising {
                    lr * (at + 1.0) / rising
                } else {
                    anneal(lr, 0.0, (at - rising) / (steps - rising))
                }
            }
        }
    }
}

/// Half a cosine from one value to another, `share` of the way from 0 to 1; a way of no length is at its end.
fn anneal(from: f64, to: f64, share: f64) -> f64 {
    if share.is_finite() { to + (from - to) / 2.0 * (1.0 + (PI * share).cos()) } else { to }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, what: &str) {
        assert!((got - expected).abs() < 1e-12, "{what}: {got}, not {expected}");
    }

    #[test]
    fn rates_at_the_corners() {
        let one_cycle = Schedule::OneCycle { pct_start: 0.25, div_factor: 10.0, final_div_factor: 100.0 };
        let cosine = Schedule::Cosine { warmup: 0.2 };
        for (schedule, step, expected) in [
            (Schedule::Constant, 0, 1.0),
            (Schedule::Constant, 99, 1.0),
            (one_cycle, 0, 0.1),
            (one_cycle, 12, 0.55),
            (one_cycle, 24, 1.0),
            (one_cycle, 99, 0.001),
            (one_cycle, 1_000, 0.001),
            (cosine, 0, 0.05),
            (cosine, 19, 1.0),
            (cosine, 20, 1.0),
            (cosine, 60, 0.5),
            (Schedule::Cosine { warmup: 0.0 }, 0, 1.0),
        ] {
            close(schedule.rate(1.0, step, 100), expected, &format!("{schedule:?} at {step}"));
        }
    }

    #[test]
    fn short_trainings_have_finite_rates() {
        let one_cycle = Schedule::OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 };
        for steps in 0..8 {
            for step in 0..10 {
                for schedule in [one_cycle, Schedule::Cosine { warmup: 0.9 }, Schedule::Constant] {
                    let rate = schedule.rate(0.1, step, steps);
                    assert!((0.0..=0.1 + 1e-12).contains(&rate), "{schedule:?}, {step} of {steps}: {rate}");
                }
            }
        }
    }
}
