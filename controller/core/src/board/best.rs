//! How the best got better.

use crate::objective::Goal;

/// Which of the values, in order, were better than all before; at most `most` of those, at least 2, the first and the last
/// among them.
pub fn so_far(values: impl IntoIterator<Item = f64>, goal: Goal, most: usize) -> Vec<usize> {
    let mut best = f64::NAN;
    let mut better = Vec::new();
    for (at, value) in values.into_iter().enumerate() {
        if goal.better(value, best) {
            best = value;
            better.push(at);
        }
    }
    let most = most.max(2);
    if better.len() <= most {
        return better;
    }
    (0..most).map(|at| better[at * (better.len() - 1) / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equals_and_what_is_not_finite_are_no_better() {
        let values = [f64::NAN, 2.0, 2.0, f64::NEG_INFINITY, 1.0, 3.0];
        assert_eq!(so_far(values, Goal::Minimize, 9), [1, 4]);
        assert_eq!(so_far(values, Goal::Maximize, 9), [1, 5]);
    }

    proptest! {
        #[test]
        fn the_first_and_the_best_are_kept(values in prop::collection::vec(-1e3..1e3_f64, 1..200), most in 2..20_usize) {
            let kept = so_far(values.iter().copied(), Goal::Maximize, most);
            let best = values.iter().copied().fold(f64::MIN, f64::max);
            prop_assert!(kept.len() <= most && kept[0] == 0);
            prop_assert_eq!(values[kept[kept.len() - 1]], best);
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1] && values[pair[0]] < values[pair[1]]));
        }
    }
}
