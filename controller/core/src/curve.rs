//! Curves: what is visible after restarts, and what is left after thinning.

/// A point of one curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub step: u64,
    /// NaN where the program named none.
    pub epoch: f64,
    /// When it was told, in milliseconds since the Unix epoch, by the agent's clock.
    pub at_ms: i64,
    pub value: f64,
}

/// Up to which step an attempt's points stay visible, given where later attempts resumed.
///
/// `resumes` are the steps that the attempts after it started from, in order; `None` is a start from the beginning,
/// which hides everything before. The visible curve is one curve: what a later attempt does again is hidden.
pub fn visible_until(resumes: &[Option<u64>]) -> Option<u64> {
    resumes.iter().map(|resume| resume.unwrap_or(0)).min()
}

/// Whether a point of an attempt is visible, given [`visible_until`] of it. A resume at step *s* keeps *s* itself.
pub fn is_visible(step: u64, until: Option<u64>) -> bool {
    until.is_none_or(|until| step <= until && until > 0)
}

/// At most `most` points of a curve: each bucket keeps its first, lowest, highest and last, so no spike is lost.
/// Points keep their order; a curve short enough is returned as it is.
pub fn thin(points: &[Point], most: usize) -> Vec<Point> {
    let most = most.max(4);
    if points.len() <= most {
        return points.to_vec();
    }
    let buckets = most / 4;
    let mut out = Vec::with_capacity(most);
    for bucket in 0..buckets {
        let range = bucket * points.len() / buckets..(bucket + 1) * points.len() / buckets;
        let Some(last) = range.end.checked_sub(1) else { continue };
        let finite = || range.clone().filter(|&at| points[at].value.is_finite());
        let lowest = finite().min_by(|&a, &b| points[a].value.total_cmp(&points[b].value));
        let highest = finite().max_by(|&a, &b| points[a].value.total_cmp(&points[b].value));
        let mut kept = vec![range.start, last];
        kept.extend(lowest);
        kept.extend(highest);
        kept.sort_unstable();
        kept.dedup();
        out.extend(kept.into_iter().map(|at| points[at]));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_resume_hides_what_it_does_again() {
        let until = visible_until(&[Some(100)]);
        assert!(is_visible(100, until) && !is_visible(101, until));
        let until = visible_until(&[Some(100), Some(50)]);
        assert!(is_visible(50, until) && !is_visible(51, until));
    }

    #[test]
    fn a_fresh_start_hides_all_before() {
        let until = visible_until(&[Some(100), None]);
        assert!(!is_visible(0, until) && !is_visible(1, until));
        assert!(is_visible(7, visible_until(&[])));
    }

    proptest! {
        #[test]
        fn thinning_keeps_ends_and_extremes(values in prop::collection::vec(-1e6..1e6_f64, 1..3000), most in 4_usize..200) {
            let points: Vec<_> = values.iter().zip(0..).map(|(&value, step)| Point { step, epoch: f64::NAN, at_ms: 0, value }).collect();
            let thinned = thin(&points, most);
            prop_assert!(thinned.len() <= most.max(4));
            prop_assert_eq!(thinned[0].step, 0);
            prop_assert_eq!(thinned[thinned.len() - 1].step as usize, points.len() - 1);
            let extremes = |points: &[Point]| points.iter().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p.value), h.max(p.value)));
            prop_assert_eq!(extremes(&points), extremes(&thinned));
            prop_assert!(thinned.windows(2).all(|pair| pair[0].step < pair[1].step));
        }
    }
}
