//! Which rows of a long history a model keeps: the best, the newest, and such that fill the space.

use super::axes::Columns;

/// Of `limit` rows: a fifth the best, two fifths the newest, the rest each as far as can be from all kept before it.
/// Ascending; all, if they are no more than `limit`.
pub(super) fn keep(columns: &Columns, axes: usize, values: &[f64], limit: usize) -> Vec<usize> {
    if values.len() <= limit {
        return (0..values.len()).collect();
    }
    let mut by_value: Vec<usize> = (0..values.len()).collect();
    by_value.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let mut kept = vec![false; values.len()];
    let newest = (0..values.len()).rev().take(2 * limit / 5);
    for at in by_value.into_iter().take(limit / 5).chain(newest) {
        kept[at] = true;
    }
    let weights = vec![1.0; axes];
    let mut nearest = vec![f64::INFINITY; values.len()];
    let mut distances = vec![0.0; values.len()];
    let mut approach = |at: usize, nearest: &mut [f64]| {
        columns.distances(&columns.row(at), &weights, &mut distances);
        for (nearest, distance) in nearest.iter_mut().zip(&distances) {
            *nearest = nearest.min(*distance);
        }
    };
    for at in (0..values.len()).filter(|&at| kept[at]) {
        approach(at, &mut nearest);
    }
    for _ in kept.iter().filter(|kept| **kept).count()..limit {
        // The newer one of equally far ones.
        let farthest =
            (0..values.len()).filter(|&at| !kept[at]).max_by(|&a, &b| nearest[a].total_cmp(&nearest[b]));
        let Some(farthest) = farthest else { break };
        kept[farthest] = true;
        approach(farthest, &mut nearest);
    }
    (0..values.len()).filter(|&at| kept[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::axes::{Axes, Kind};

    #[test]
    fn the_best_the_newest_and_the_lonely_are_kept() {
        let axes = Axes::new(vec![Kind::Continuous.into()]).unwrap();
        // All in one corner but one, which is neither good nor new.
        let rows: Vec<[f64; 1]> =
            (0..100).map(|at| [if at == 30 { 1.0 } else { f64::from(at) / 1000.0 }]).collect();
        let values: Vec<f64> = (0..100).map(|at| if at == 7 { -1.0 } else { f64::from(100 - at) }).collect();
        let columns = Columns::of(&axes, rows.iter().map(<[f64; 1]>::as_slice));
        let kept = keep(&columns, 1, &values, 20);
        assert_eq!(kept.len(), 20);
        assert!(kept.is_sorted());
        assert!(kept.contains(&7) && kept.contains(&30) && kept.contains(&0));
        assert!((92..100).all(|at| kept.contains(&at)));
        assert_eq!(keep(&columns, 1, &values, 100).len(), 100);
    }
}
