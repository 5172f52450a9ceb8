//! The unit cube as the process sees it: what each coordinate of a row means, and how far two rows are apart.
//!
//! Every axis is laid out in a Euclidean space of its own, so that any weighted sum of squared distances is one too, and
//! a Matérn function of it is positive definite, whatever the kinds and whatever is absent:
//! - a place on a continuous or ordered axis is itself;
//! - the classes of a categorical axis are the corners of a simplex: 0 apart or 1 (Hamming's distance, no false order);
//! - an absent coordinate (NaN, of an axis that exists only under a condition) lies beside the axis, half its length
//!   away from its middle in a direction of its own: absent rows are together, and about as far from every present one.
//!   Of a categorical axis it is one more class.

use super::Fault;

/// What one coordinate of a row means.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Any number in [0, 1].
    Continuous,
    /// One of some values in order: their coordinates, ascending.
    Ordered { centres: Vec<f64> },
    /// One of so many values without order; class `j` at `(j + 0.5) / classes`.
    Categorical { classes: usize },
}

impl Kind {
    /// So many ordered values at even distances: value `j` at `(j + 0.5) / cells`.
    pub fn even(cells: usize) -> Self {
        Self::Ordered { centres: (0..cells).map(|cell| (cell as f64 + 0.5) / cells as f64).collect() }
    }

    /// How many values there are; `None`: a continuum.
    pub(super) fn levels(&self) -> Option<usize> {
        match self {
            Self::Continuous => None,
            Self::Ordered { centres } => Some(centres.len()),
            Self::Categorical { classes } => Some(*classes),
        }
    }

    /// The coordinate of a value, `level < levels()`.
    pub(super) fn centre(&self, level: usize) -> f64 {
        match self {
            Self::Continuous => 0.5,
            Self::Ordered { centres } => centres[level],
            Self::Categorical { classes } => (level as f64 + 0.5) / *classes as f64,
        }
    }

    /// The value nearest to a coordinate.
    pub(super) fn level(&self, coordinate: f64) -> usize {
        match self {
            Self::Continuous => 0,
            Self::Ordered { centres } => {
                let above = centres.partition_point(|centre| *centre < coordinate);
                let nearer = |&at: &usize| (centres[at] - coordinate).abs();
                let beside = [above.saturating_sub(1), above.min(centres.len() - 1)];
                beside.into_iter().min_by(|a, b| nearer(a).total_cmp(&nearer(b))).unwrap_or(0)
            }
            Self::Categorical { classes } => ((coordinate * *classes as f64) as usize).min(classes - 1),
        }
    }

    /// The nearest coordinate that means something.
    pub(super) fn snap(&self, coordinate: f64) -> f64 {
        let coordinate = coordinate.clamp(0.0, 1.0);
        if *self == Self::Continuous { coordinate } else { self.centre(self.level(coordinate)) }
    }

    /// Whether it has values, and those lie in order on the axis.
    fn is_sound(&self) -> bool {
        match self {
            Self::Continuous => true,
            Self::Ordered { centres } => {
                !centres.is_empty()
                    && centres.iter().all(|centre| (0.0..=1.0).contains(centre))
                    && centres.is_sorted_by(|a, b| a < b)
            }
            Self::Categorical { classes } => *classes > 0,
        }
    }
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub kind: Kind,
    /// Whether its coordinate may be absent (NaN).
    pub conditional: bool,
}

impl From<Kind> for Axis {
    fn from(kind: Kind) -> Self {
        Self { kind, conditional: false }
    }
}

/// All axes of the cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Axes {
    axes: Vec<Axis>,
    layout: Vec<(usize, Feature)>,
}

/// A Euclidean direction, or a simplex, that an axis is laid out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feature {
    Place,
    /// Beside the axis.
    Absence,
    Class,
}

impl Axes {
    /// # Errors
    /// [`Fault::Levels`]: an axis without a value, or with ordered ones that are not in order in [0, 1].
    pub fn new(axes: Vec<Axis>) -> Result<Self, Fault> {
        let mut layout = Vec::new();
        for (at, axis) in axes.iter().enumerate() {
            if !axis.kind.is_sound() {
                return Err(Fault::Levels { axis: at });
            }
            match axis.kind {
                Kind::Categorical { .. } => layout.push((at, Feature::Class)),
                Kind::Continuous | Kind::Ordered { .. } => {
                    layout.push((at, Feature::Place));
                    if axis.conditional {
                        layout.push((at, Feature::Absence));
                    }
                }
            }
        }
        Ok(Self { axes, layout })
    }

    pub fn len(&self) -> usize {
        self.axes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.axes.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Axis> {
        self.axes.iter()
    }

    /// Whether a row has a meaning here; `number` is its place, for the message.
    pub(super) fn check(&self, number: usize, row: &[f64]) -> Result<(), Fault> {
        if row.len() != self.axes.len() {
            return Err(Fault::Width { row: number, found: row.len(), axes: self.axes.len() });
        }
        let wrong = |(x, axis): (&f64, &Axis)| !((0.0..=1.0).contains(x) || (axis.conditional && x.is_nan()));
        match row.iter().zip(&self.axes).position(wrong) {
            Some(axis) => Err(Fault::Coordinate { row: number, axis, found: row[axis] }),
            None => Ok(()),
        }
    }

    /// A row in the layout.
    pub(super) fn lay_out(&self, row: &[f64]) -> Vec<f64> {
        let one = |&(axis, feature): &(usize, Feature)| {
            let x = row[axis];
            match (feature, x.is_nan()) {
                (Feature::Place, false) => x,
                (Feature::Place, true) | (Feature::Absence, true) => 0.5,
                (Feature::Absence, false) => 0.0,
                (Feature::Class, false) => self.axes[axis].kind.level(x) as f64,
                (Feature::Class, true) => -1.0,
            }
        };
        self.layout.iter().map(one).collect()
    }
}

/// Rows in the layout, column by column: what the kernel works on.
#[derive(Debug, Clone)]
pub(super) struct Columns {
    layout: Vec<(usize, Feature)>,
    columns: Vec<Vec<f64>>,
    rows: usize,
}

impl Columns {
    pub(super) fn of<'r>(axes: &Axes, rows: impl IntoIterator<Item = &'r [f64]>) -> Self {
        let columns = vec![Vec::new(); axes.layout.len()];
        let mut all = Self { layout: axes.layout.clone(), columns, rows: 0 };
        for row in rows {
            all.push(&axes.lay_out(row));
        }
        all
    }

    pub(super) fn push(&mut self, laid_out: &[f64]) {
        for (column, x) in self.columns.iter_mut().zip(laid_out) {
            column.push(*x);
        }
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The row at a place, as it was pushed.
    pub(super) fn row(&self, at: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[at]).collect()
    }

    /// Weighted squared distances of a row to the first `out.len()` rows; one weight an axis.
    pub(super) fn distances(&self, laid_out: &[f64], weights: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for ((&(axis, feature), column), &x) in self.layout.iter().zip(&self.columns).zip(laid_out) {
            let weight = weights[axis];
            if feature == Feature::Class {
                for (out, other) in out.iter_mut().zip(column) {
                    *out += if *other == x { 0.0 } else { weight };
                }
            } else {
                for (out, other) in out.iter_mut().zip(column) {
                    *out += weight * (x - other) * (x - other);
                }
            }
        }
    }

    /// Squared distances of all pairs, axis by axis, each packed as [`super::matrix`] packs.
    pub(super) fn pairs(&self, axes: usize) -> Vec<Vec<f64>> {
        let mut pairs = vec![vec![0.0; self.rows * (self.rows + 1) / 2]; axes];
        for (&(axis, feature), column) in self.layout.iter().zip(&self.columns) {
            let mut out = pairs[axis].iter_mut();
            for (at, x) in column.iter().enumerate() {
                for (other, out) in column[..=at].iter().zip(&mut out) {
                    *out += match feature {
                        Feature::Class => f64::from(u8::from(x != other)),
                        Feature::Place | Feature::Absence => (x - other) * (x - other),
                    };
                }
            }
        }
        pairs
    }

    /// Adds to `out` the slope, along the coordinates of a row, of Σ `shares`ⱼ q(row, rowⱼ), where q is the weighted squared distance.
    /// Only along places: there is no slope between classes.
    pub(super) fn add_slope(&self, laid_out: &[f64], weights: &[f64], shares: &[f64], out: &mut [f64]) {
        let sum: f64 = shares.iter().sum();
        for ((&(axis, feature), column), &x) in self.layout.iter().zip(&self.columns).zip(laid_out) {
            if feature == Feature::Place {
                let others = super::matrix::dot(&column[..shares.len()], shares);
                out[axis] += 2.0 * weights[axis] * (x * sum - others);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes::new(vec![
            Kind::Continuous.into(),
            Axis { kind: Kind::even(4), conditional: true },
            Axis { kind: Kind::Categorical { classes: 3 }, conditional: true },
        ])
        .unwrap()
    }

    #[test]
    fn distances_are_those_of_the_layout() {
        let axes = axes();
        let rows = [[0.25, 0.125, 0.5], [0.75, f64::NAN, f64::NAN], [0.25, f64::NAN, 0.1]];
        let columns = Columns::of(&axes, rows.iter().map(<[f64; 3]>::as_slice));
        let mut out = [0.0; 3];
        columns.distances(&axes.lay_out(&rows[0]), &[1.0, 10.0, 100.0], &mut out);
        // Absent: (0.125 - 0.5)² + 0.5² along the second axis.
        let absent = 10.0 * (0.140_625 + 0.25);
        assert_eq!(out, [0.0, 0.25 + absent + 100.0, absent + 100.0]);
        columns.distances(&axes.lay_out(&rows[1]), &[1.0, 10.0, 100.0], &mut out);
        assert_eq!(out[2], 0.25 + 100.0, "two absent places are one; absent is a class");
        let pairs = columns.pairs(3);
        assert_eq!(pairs[1], [0.0, 0.390_625, 0.0, 0.390_625, 0.0, 0.0]);
        assert_eq!(pairs[2], [0.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_row_without_meaning_is_refused_with_its_place() {
        let axes = axes();
        assert_eq!(axes.check(4, &[0.0, 1.0]), Err(Fault::Width { row: 4, found: 2, axes: 3 }));
        assert!(matches!(
            axes.check(1, &[f64::NAN, 0.5, 0.5]),
            Err(Fault::Coordinate { row: 1, axis: 0, .. })
        ));
        let disorder = Kind::Ordered { centres: vec![0.5, 0.25] };
        assert_eq!(Axes::new(vec![Kind::Continuous.into(), disorder.into()]), Err(Fault::Levels { axis: 1 }));
        assert!(matches!(axes.check(1, &[0.5, 1.5, 0.5]), Err(Fault::Coordinate { axis: 1, .. })));
        assert_eq!(axes.check(1, &[0.5, f64::NAN, f64::NAN]), Ok(()));
        assert_eq!(Axes::new(vec![Kind::even(0).into()]), Err(Fault::Levels { axis: 0 }));
    }

    #[test]
    fn coordinates_snap_to_the_nearest_value() {
        let ordered = Kind::even(4);
        assert_eq!([0.0, 0.3, 0.6, 1.0].map(|x| ordered.snap(x)), [0.125, 0.375, 0.625, 0.875]);
        let uneven = Kind::Ordered { centres: vec![0.1, 0.2, 0.9] };
        assert_eq!([0.0, 0.16, 0.5, 0.6, 1.0].map(|x| uneven.snap(x)), [0.1, 0.2, 0.2, 0.9, 0.9]);
        let classes = Kind::Categorical { classes: 2 };
        assert_eq!([0.0, 0.49, 0.5, 1.0].map(|x| classes.snap(x)), [0.25, 0.25, 0.75, 0.75]);
        assert_eq!([-1.0, 0.3, 2.0].map(|x| Kind::Continuous.snap(x)), [0.0, 0.3, 1.0]);
    }
}
