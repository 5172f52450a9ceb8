//! The best row near a row: gradient steps along continuous axes and a look at every other value of the rest, in turns.

use super::axes::{Axes, Kind};
use super::improvement::Score;
use super::lbfgs::{self, Limits};

/// An ordered axis of more cells is climbed as a continuum, and then looked at around the cell it ends in.
const FEW_CELLS: usize = 16;
/// Most turns.
const TURNS: u32 = 6;
/// A rise of the logarithm that is not worth another turn.
const RISE: f64 = 1e-4;
/// One climb along the continuous axes.
const CLIMB: Limits = Limits { evaluations: 24, decrease: 1e-6, slope: 1e-4 };

/// A row that may be proposed.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// A coordinate on every axis, also those that are absent: they may come back.
    whole: Vec<f64>,
    /// As it would be proposed.
    pub(super) row: Vec<f64>,
    pub(super) score: f64,
}

/// What a search moves in.
pub(super) struct Field<'a> {
    pub(super) axes: &'a Axes,
    pub(super) score: &'a dyn Score,
    /// See [`super::Ask::permits`].
    pub(super) permits: &'a dyn Fn(&mut [f64]) -> bool,
}

impl Field<'_> {
    /// A row as it would be proposed, without its score; `None`: it may not be.
    pub(super) fn settle(&self, whole: &[f64]) -> Option<Vec<f64>> {
        let snapped = whole.iter().zip(self.axes.iter()).map(|(x, axis)| axis.kind.snap(*x));
        let mut row: Vec<f64> = snapped.collect();
        ((self.permits)(&mut row) && self.axes.check(0, &row).is_ok()).then_some(row)
    }

    pub(super) fn spot(&self, mut whole: Vec<f64>) -> Option<Spot> {
        let row = self.settle(&whole)?;
        let score = self.score.at(&row);
        if score.is_nan() {
            return None;
        }
        for (whole, settled) in whole.iter_mut().zip(&row) {
            if !settled.is_nan() {
                *whole = *settled;
            }
        }
        Some(Spot { whole, row, score })
    }

    /// The best found from a spot on.
    pub(super) fn ascend(&self, mut spot: Spot) -> Spot {
        for _ in 0..TURNS {
            let before = spot.score;
            spot = self.climb(spot);
            spot = self.step(spot);
            if spot.score - before <= RISE {
                break;
            }
        }
        spot
    }

    /// Along the axes that have a slope.
    fn climb(&self, spot: Spot) -> Spot {
        let smooth = |kind: &Kind| match kind {
            Kind::Continuous => true,
            Kind::Ordered { centres } => centres.len() > FEW_CELLS,
            Kind::Categorical { .. } => false,
        };
        let present = self.axes.iter().zip(&spot.row).enumerate();
        let free: Vec<usize> =
            present.filter(|(_, (axis, x))| smooth(&axis.kind) && !x.is_nan()).map(|(at, _)| at).collect();
        if free.is_empty() {
            return spot;
        }
        let start: Vec<f64> = free.iter().map(|&at| spot.whole[at]).collect();
        let mut slope_of_all = vec![0.0; spot.row.len()];
        let found = lbfgs::minimise(&start, &vec![(0.0, 1.0); free.len()], CLIMB, |place, slope| {
            let mut whole = spot.whole.clone();
            let mut row = spot.row.clone();
            for (&at, x) in free.iter().zip(place) {
                (whole[at], row[at]) = (*x, *x);
            }
            if self.settle(&whole).is_none() {
                return f64::INFINITY;
            }
            let score = self.score.slope(&row, &mut slope_of_all);
            for (slope, &at) in slope.iter_mut().zip(&free) {
                *slope = -slope_of_all[at];
            }
            -score
        });
        let Some(found) = found else { return spot };
        let mut whole = spot.whole.clone();
        for (&at, x) in free.iter().zip(&found.at) {
            whole[at] = *x;
        }
        self.better(spot, whole)
    }

    /// To the best other value of one axis after another.
    fn step(&self, mut spot: Spot) -> Spot {
        for (at, axis) in self.axes.iter().enumerate() {
            let Some(levels) = axis.kind.levels() else { continue };
            if spot.row[at].is_nan() {
                continue;
            }
            let own = axis.kind.level(spot.row[at]);
            for level in others(&axis.kind, levels, own) {
                let mut whole = spot.whole.clone();
                whole[at] = axis.kind.centre(level);
                spot = self.better(spot, whole);
            }
        }
        spot
    }

    fn better(&self, spot: Spot, whole: Vec<f64>) -> Spot {
        match self.spot(whole) {
            Some(other) if other.score > spot.score => other,
            _ => spot,
        }
    }
}

/// The levels worth a look from one: all of few, of many ordered ones those at distances 1, 2, 4 and so on.
fn others(kind: &Kind, levels: usize, own: usize) -> Vec<usize> {
    if matches!(kind, Kind::Categorical { .. }) || levels <= FEW_CELLS {
        return (0..levels).filter(|level| *level != own).collect();
    }
    let strides = (0..usize::BITS).map(|power| 1_usize << power).take_while(|stride| *stride < levels);
    strides
        .flat_map(|stride| [own.checked_sub(stride), own.checked_add(stride).filter(|level| *level < levels)])
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// −Σ (x − place)² over the coordinates that are there.
    struct Bowl(Vec<f64>);

    impl Score for Bowl {
        fn at(&self, row: &[f64]) -> f64 {
            self.slope(row, &mut vec![0.0; row.len()])
        }

        fn slope(&self, row: &[f64], slope: &mut [f64]) -> f64 {
            let mut sum = 0.0;
            for ((x, place), slope) in row.iter().zip(&self.0).zip(slope) {
                if !x.is_nan() {
                    sum -= (x - place) * (x - place);
                    *slope = -2.0 * (x - place);
                }
            }
            sum
        }
    }

    fn axes() -> Axes {
        Axes::new(vec![
            Kind::Continuous.into(),
            Kind::even(100).into(),
            Kind::even(5).into(),
            Kind::Categorical { classes: 4 }.into(),
        ])
        .unwrap()
    }

    #[test]
    fn every_kind_of_axis_is_searched() {
        let (axes, bowl) = (axes(), Bowl(vec![0.3, 0.611, 0.5, 0.9]));
        let field = Field { axes: &axes, score: &bowl, permits: &|_| true };
        let found = field.ascend(field.spot(vec![0.9, 0.1, 0.1, 0.1]).unwrap());
        assert!((found.row[0] - 0.3).abs() < 1e-6, "{found:?}");
        assert_eq!(found.row[1..], [0.615, 0.5, 0.875]);
    }

    #[test]
    fn what_is_not_permitted_is_not_found() {
        let (axes, bowl) = (axes(), Bowl(vec![0.3, 0.611, 0.5, 0.9]));
        let permits = |row: &mut [f64]| row[0] >= 0.4 && row[3] != 0.875;
        let field = Field { axes: &axes, score: &bowl, permits: &permits };
        assert!(field.spot(vec![0.1; 4]).is_none());
        let found = field.ascend(field.spot(vec![0.9, 0.1, 0.1, 0.1]).unwrap());
        assert!((0.4..0.45).contains(&found.row[0]), "{found:?}");
        assert_eq!(found.row[3], 0.625);
    }

    #[test]
    fn an_axis_that_a_class_brings_back_is_climbed() {
        let axes = Axes::new(vec![
            super::super::Axis { kind: Kind::Continuous, conditional: true },
            Kind::Categorical { classes: 2 }.into(),
        ])
        .unwrap();
        // The first axis exists only beside class 1, which is the better one.
        let permits = |row: &mut [f64]| {
            if row[1] < 0.5 {
                row[0] = f64::NAN;
            }
            true
        };
        let bowl = Bowl(vec![0.8, 5.0]);
        let field = Field { axes: &axes, score: &bowl, permits: &permits };
        let found = field.ascend(field.spot(vec![0.7, 0.25]).unwrap());
        assert!(found.row[1] == 0.75 && (found.row[0] - 0.8).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn many_cells_are_looked_at_by_powers_of_two() {
        let ordered = Kind::even(40);
        assert_eq!(others(&ordered, 40, 3), [2, 4, 1, 5, 7, 11, 19, 35]);
        assert_eq!(others(&Kind::Categorical { classes: 3 }, 3, 1), [0, 2]);
    }
}
