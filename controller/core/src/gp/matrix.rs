//! Symmetric positive definite systems of a few hundred rows: the Cholesky factor, solves by it, and its inverse.
//!
//! Written here, and not a library's, because a replay must find the same proposal on another machine. The libraries
//! (faer, and nalgebra by matrixmultiply) choose their instructions when they run, and with them the order of sums and
//! whether products are fused; the order here is fixed by the text. At these sizes it is as fast as the search needs:
//! rows are taken four at a time, so that each is read once for four sums, and the compiler makes vectors of the lanes.

/// Sums that are kept side by side within a dot product.
const LANES: usize = 4;
/// Rows that share a pass over another.
const BLOCK: usize = 4;

/// The first place of a row in a packed lower triangle: row `i` has `i + 1` entries.
pub(crate) fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// A row of a packed lower triangle, its diagonal last.
pub(super) fn row(packed: &[f64], row: usize) -> &[f64] {
    &packed[start(row)..start(row + 1)]
}

/// The dot products of several vectors with the beginning of one; none is shorter.
fn dots<const N: usize>(vectors: [&[f64]; N], with: &[f64]) -> [f64; N] {
    let (chunks, rest) = with.as_chunks::<LANES>();
    let whole = chunks.len() * LANES;
    let parts = vectors.map(|vector| vector[..whole].as_chunks::<LANES>().0);
    let mut sums = [[0.0; LANES]; N];
    for (at, right) in chunks.iter().enumerate() {
        for (sum, part) in sums.iter_mut().zip(parts) {
            let left = &part[at];
            for lane in 0..LANES {
                sum[lane] += left[lane] * right[lane];
            }
        }
    }
    let mut out = [0.0; N];
    for ((out, sum), vector) in out.iter_mut().zip(sums).zip(vectors) {
        let tail: f64 = vector[whole..].iter().zip(rest).map(|(a, b)| a * b).sum();
        *out = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + tail;
    }
    out
}

/// The dot product of two vectors of one length.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (chunks, rest) = a.as_chunks::<{ 2 * LANES }>();
    let (others, others_rest) = b.as_chunks::<{ 2 * LANES }>();
    let mut sums = [0.0; 2 * LANES];
    for (left, right) in chunks.iter().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(left).zip(right) {
            *sum += a * b;
        }
    }
    let tail: f64 = rest.iter().zip(others_rest).map(|(a, b)| a * b).sum();
    let [a, b, c, d, e, f, g, h] = sums;
    (((a + b) + (c + d)) + ((e + f) + (g + h))) + tail
}

/// The lower-triangular *L* with *L Lᵀ = A*, packed by rows.
#[derive(Debug, Clone)]
pub(crate) struct Factor {
    rows: usize,
    packed: Vec<f64>,
}

impl Factor {
    /// That of the identity: the identity.
    pub(crate) fn identity(rows: usize) -> Self {
        let mut packed = vec![0.0; start(rows)];
        (0..rows).for_each(|at| packed[start(at) + at] = 1.0);
        Self { rows, packed }
    }

    /// Of a packed lower triangle; `None`: it is not positive definite, or not finite.
    pub(crate) fn of(mut packed: Vec<f64>, rows: usize) -> Option<Self> {
        for first in (0..rows).step_by(BLOCK) {
            let many = BLOCK.min(rows - first);
            let (done, rest) = packed.split_at_mut(start(first));
            if many == BLOCK {
                below(done, rest, first);
            } else {
                for at in first..first + many {
                    let begin = start(at) - start(first);
                    below_one(done, &mut rest[begin..begin + first]);
                }
            }
            corner(rest, first, many)?;
        }
        Some(Self { rows, packed })
    }

    /// As [`Self::of`], with as little added to the diagonal as it takes, beginning at the size of rounding.
    pub(super) fn of_nearly_definite(packed: &[f64], rows: usize) -> Option<Self> {
        if let Some(factor) = Self::of(packed.to_vec(), rows) {
            return Some(factor);
        }
        let mean = (0..rows).map(|at| packed[start(at) + at]).sum::<f64>() / rows.max(1) as f64;
        let mut jitter = 1e-10 * mean;
        for _ in 0..9 {
            let mut raised = packed.to_vec();
            for at in 0..rows {
                raised[start(at) + at] += jitter;
            }
            if let Some(factor) = Self::of(raised, rows) {
                return Some(factor);
            }
            jitter *= 10.0;
        }
        None
    }

    /// Half the logarithm of the determinant of *A*.
    pub(super) fn half_log_det(&self) -> f64 {
        (0..self.rows).map(|at| libm::log(self.packed[start(at) + at])).sum()
    }

    /// Adds a row to *A*. `solved` is *L⁻¹* of its off-diagonal part, `rest` what remains of its diagonal: the
    /// variance that the rows before leave, positive.
    pub(super) fn extend(&mut self, solved: &[f64], rest: f64) {
        debug_assert!(solved.len() == self.rows && rest > 0.0);
        self.packed.extend_from_slice(solved);
        self.packed.push(rest.sqrt());
        self.rows += 1;
    }

    /// A row of *L*, its diagonal last.
    pub(crate) fn row(&self, at: usize) -> &[f64] {
        row(&self.packed, at)
    }

    /// *L b*.
    pub(crate) fn times(&self, b: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|at| dot(self.row(at), &b[..=at])).collect()
    }

    /// Solves *L x = b* in place.
    pub(crate) fn forward(&self, b: &mut [f64]) {
        for first in (0..self.rows).step_by(BLOCK) {
            let many = BLOCK.min(self.rows - first);
            let (known, rest) = b.split_at_mut(first);
            let row = |at: usize| row(&self.packed, first + at);
            if many == BLOCK {
                let sums = dots([row(0), row(1), row(2), row(3)], known);
                for (b, sum) in rest.iter_mut().zip(sums) {
                    *b -= sum;
                }
            } else {
                for (at, b) in rest.iter_mut().enumerate() {
                    *b -= dot(&row(at)[..first], known);
                }
            }
            for at in 0..many {
                let inner = &row(at)[first..];
                let sum: f64 = inner.iter().zip(&rest[..at]).map(|(a, b)| a * b).sum();
                rest[at] = (rest[at] - sum) / inner[at];
            }
        }
    }

    /// Solves *L x = b* in place for four right sides, whose entries before `from` are zero.
    pub(super) fn forward_four(&self, b: &mut [Vec<f64>; BLOCK], from: usize) {
        for at in from..self.rows {
            let row = row(&self.packed, at);
            let [b0, b1, b2, b3] = &*b;
            let sums = dots([&b0[from..], &b1[from..], &b2[from..], &b3[from..]], &row[from..at]);
            for (b, sum) in b.iter_mut().zip(sums) {
                b[at] = (b[at] - sum) / row[at];
            }
        }
    }

    /// Solves *Lᵀ x = b* in place.
    pub(super) fn backward(&self, b: &mut [f64]) {
        let mut end = self.rows;
        while end > 0 {
            let first = end - BLOCK.min(end);
            for at in (first..end).rev() {
                let row = row(&self.packed, at);
                b[at] /= row[at];
                let x = b[at];
                for (b, l) in b[first..at].iter_mut().zip(&row[first..at]) {
                    *b -= x * l;
                }
            }
            let (rest, solved) = b.split_at_mut(first);
            let row = |at: usize| &row(&self.packed, at)[..first];
            if let [x0, x1, x2, x3, ..] = solved[..end - first] {
                let rows = row(first).iter().zip(row(first + 1)).zip(row(first + 2)).zip(row(first + 3));
                for (b, (((l0, l1), l2), l3)) in rest.iter_mut().zip(rows) {
                    *b -= (x0 * l0 + x1 * l1) + (x2 * l2 + x3 * l3);
                }
            }
            end = first;
        }
    }

    /// The inverse of *A*, packed.
    pub(super) fn inverse(&self) -> Vec<f64> {
        // Columns of L⁻¹, which begin at their own number.
        let mut columns: Vec<Vec<f64>> = Vec::with_capacity(self.rows + BLOCK);
        for first in (0..self.rows).step_by(BLOCK) {
            let mut four: [Vec<f64>; BLOCK] = std::array::from_fn(|at| {
                let mut unit = vec![0.0; self.rows];
                if let Some(one) = unit.get_mut(first + at) {
                    *one = 1.0;
                }
                unit
            });
            self.forward_four(&mut four, first);
            columns.extend(four);
        }
        let mut inverse = vec![0.0; start(self.rows)];
        for at in 0..self.rows {
            let out = &mut inverse[start(at)..start(at + 1)];
            let own = &columns[at][at..];
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                let four = std::array::from_fn(|k| &columns[block * BLOCK + k][at..]);
                let sums: [f64; BLOCK] = dots(four, own);
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
        inverse
    }
}

/// The part of four new rows of the factor below the `first` that are `done`.
fn below(done: &[f64], rest: &mut [f64], first: usize) {
    let (a, rest) = rest.split_at_mut(first + 1);
    let (b, rest) = rest.split_at_mut(first + 2);
    let (c, rest) = rest.split_at_mut(first + 3);
    let d = &mut rest[..first + 4];
    for at in 0..first {
        let row = row(done, at);
        let sums = dots([&*a, &*b, &*c, &*d], &row[..at]);
        for (new, sum) in [&mut *a, &mut *b, &mut *c, &mut *d].into_iter().zip(sums) {
            new[at] = (new[at] - sum) / row[at];
        }
    }
}

/// As [`below`] of one row.
fn below_one(done: &[f64], new: &mut [f64]) {
    for at in 0..new.len() {
        let row = row(done, at);
        new[at] = (new[at] - dot(&new[..at], &row[..at])) / row[at];
    }
}

/// The corner of `many` new rows beside the diagonal, whose parts below `first` are known.
fn corner(rest: &mut [f64], first: usize, many: usize) -> Option<()> {
    for at in 0..many {
        let (before, own) = rest.split_at_mut(start(first + at) - start(first));
        let own = &mut own[..=first + at];
        for column in 0..at {
            let begin = start(first + column) - start(first);
            let other = &before[begin..=begin + first + column];
            let sum = dot(&own[..first + column], &other[..first + column]);
            own[first + column] = (own[first + column] - sum) / other[first + column];
        }
        let (known, diagonal) = own.split_at_mut(first + at);
        let pivot = diagonal[0] - dot(known, known);
        // A NaN is refused with what is not positive.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        diagonal[0] = pivot.sqrt();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A symmetric positive definite matrix of random entries, packed: B Bᵀ + I.
    fn definite(rows: usize, entries: &[f64]) -> Vec<f64> {
        let b = |i: usize, j: usize| entries[(i * rows + j) % entries.len()];
        let mut packed = Vec::new();
        for i in 0..rows {
            for j in 0..=i {
                let sum: f64 = (0..rows).map(|k| b(i, k) * b(j, k)).sum();
                packed.push(sum + f64::from(u8::from(i == j)));
            }
        }
        packed
    }

    fn times(packed: &[f64], rows: usize, x: &[f64]) -> Vec<f64> {
        let entry = |i: usize, j: usize| packed[start(i.max(j)) + i.min(j)];
        (0..rows).map(|i| (0..rows).map(|j| entry(i, j) * x[j]).sum()).collect()
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7 * (1.0 + a.abs()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn solves_undo_products(rows in 1_usize..23, entries in prop::collection::vec(-1.0..1.0_f64, 101)) {
            let a = definite(rows, &entries);
            let factor = Factor::of(a.clone(), rows).unwrap();
            let x: Vec<f64> = (0..rows).map(|i| entries[i] * 3.0).collect();
            let mut solved = times(&a, rows, &x);
            factor.forward(&mut solved);
            factor.backward(&mut solved);
            prop_assert!(close(&solved, &x), "{solved:?} {x:?}");
        }

        #[test]
        fn the_inverse_is_one(rows in 1_usize..23, entries in prop::collection::vec(-1.0..1.0_f64, 101)) {
            let a = definite(rows, &entries);
            let inverse = Factor::of(a.clone(), rows).unwrap().inverse();
            for i in 0..rows {
                let unit: Vec<f64> = (0..rows).map(|j| f64::from(u8::from(i == j))).collect();
                prop_assert!(close(&times(&a, rows, &times(&inverse, rows, &unit)), &unit));
            }
        }

        #[test]
        fn an_extended_factor_is_that_of_the_whole(rows in 2_usize..23, entries in prop::collection::vec(-1.0..1.0_f64, 101)) {
            let a = definite(rows, &entries);
            let whole = Factor::of(a.clone(), rows).unwrap();
            let mut grown = Factor::of(a[..1].to_vec(), 1).unwrap();
            for at in 1..rows {
                let new = row(&a, at);
                let mut solved = new[..at].to_vec();
                grown.forward(&mut solved);
                let rest = new[at] - dot(&solved, &solved);
                grown.extend(&solved, rest);
            }
            prop_assert!(close(&grown.packed, &whole.packed));
            prop_assert!((grown.half_log_det() - whole.half_log_det()).abs() < 1e-8);
        }
    }

    #[test]
    fn a_singular_matrix_gets_what_it_needs_and_a_broken_one_is_refused() {
        let ones = vec![1.0; start(9)];
        assert!(Factor::of(ones.clone(), 9).is_none());
        let factor = Factor::of_nearly_definite(&ones, 9).unwrap();
        assert!((factor.packed[0] - 1.0).abs() < 1e-6);
        assert!(Factor::of_nearly_definite(&[f64::NAN], 1).is_none());
    }
}
