//! Small symmetric matrices: a Cholesky factor, and products with it.

/// A square matrix, row after row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Matrix {
    pub(super) size: usize,
    pub(super) cells: Vec<f64>,
}

impl Matrix {
    pub(super) fn identity(size: usize) -> Self {
        let mut cells = vec![0.0; size * size];
        (0..size).for_each(|at| cells[at * size + at] = 1.0);
        Self { size, cells }
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    /// The lower triangular factor of a positive definite matrix; `None`: it is none.
    pub(super) fn cholesky(&self) -> Option<Self> {
        let size = self.size;
        let mut factor = Self { size, cells: vec![0.0; size * size] };
        for row in 0..size {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|at| factor.at(row, at) * factor.at(column, at)).sum();
                let rest = self.at(row, column) - dot;
                factor.cells[row * size + column] = if row == column {
                    if rest <= 0.0 || !rest.is_finite() {
                        return None;
                    }
                    rest.sqrt()
                } else {
                    rest / factor.at(column, column)
                };
            }
        }
        Some(factor)
    }

    /// A lower triangular matrix times a vector.
    pub(super) fn times(&self, vector: &[f64]) -> Vec<f64> {
        (0..self.size).map(|row| (0..=row).map(|at| self.at(row, at) * vector[at]).sum()).collect()
    }

    /// The vector that a lower triangular matrix takes to this one.
    pub(super) fn solve(&self, vector: &[f64]) -> Vec<f64> {
        let mut out: Vec<f64> = Vec::with_capacity(self.size);
        for (row, value) in vector.iter().enumerate().take(self.size) {
            let dot: f64 = (0..row).map(|at| self.at(row, at) * out[at]).sum();
            out.push((value - dot) / self.at(row, row));
        }
        out
    }

    pub(super) fn scale(&mut self, keep: f64) {
        self.cells.iter_mut().for_each(|cell| *cell *= keep);
    }

    /// Adds `weight` times the outer product of a vector with itself.
    pub(super) fn add_outer(&mut self, weight: f64, vector: &[f64]) {
        for row in 0..self.size {
            for column in 0..self.size {
                self.cells[row * self.size + column] += weight * vector[row] * vector[column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_gives_its_matrix_and_solves_what_it_multiplies() {
        let mut matrix = Matrix::identity(3);
        matrix.scale(0.5);
        matrix.add_outer(2.0, &[1.0, -2.0, 0.5]);
        matrix.add_outer(1.0, &[0.0, 3.0, 1.0]);
        let factor = matrix.cholesky().expect("is positive definite");
        for row in 0..3 {
            for column in 0..3 {
                let product: f64 = (0..3).map(|at| factor.at(row, at) * factor.at(column, at)).sum();
                assert!((product - matrix.at(row, column)).abs() < 1e-12);
            }
        }
        let vector = [0.3, -1.0, 2.0];
        let again = factor.solve(&factor.times(&vector));
        assert!(again.iter().zip(vector).all(|(a, b)| (a - b).abs() < 1e-12));
        matrix.add_outer(-9.0, &[1.0, 0.0, 0.0]);
        assert_eq!(matrix.cholesky(), None);
    }
}
