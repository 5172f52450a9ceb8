//! Several objectives at once: who dominates whom, how crowded a front is, and how much it dominates.
//!
//! Every objective is minimised; a point is one value an objective, finite. Points of unequal length are the caller's
//! mistake and are compared over what they share.

/// Whether `a` is nowhere worse than `b` and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut better = false;
    for (a, b) in a.iter().zip(b) {
        if a > b {
            return false;
        }
        better |= a < b;
    }
    better
}

/// The points sorted into fronts (Deb et al., 2002): the first is dominated by nobody, the next only by those before.
/// Places of points, ascending within a front; equal points share theirs.
pub fn fronts(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut above = vec![0_usize; points.len()];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); points.len()];
    for (at, a) in points.iter().enumerate() {
        for (other, b) in points.iter().enumerate() {
            if dominates(a, b) {
                below[at].push(other);
                above[other] += 1;
            }
        }
    }
    let mut front: Vec<usize> = (0..points.len()).filter(|&at| above[at] == 0).collect();
    let mut fronts = Vec::new();
    while !front.is_empty() {
        let mut next = Vec::new();
        for &at in &front {
            for &other in &below[at] {
                above[other] -= 1;
                if above[other] == 0 {
                    next.push(other);
                }
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

/// The points that nobody dominates: the Pareto set, ascending.
pub fn non_dominated(points: &[Vec<f64>]) -> Vec<usize> {
    let free = |&at: &usize| !points.iter().any(|other| dominates(other, &points[at]));
    (0..points.len()).filter(free).collect()
}

/// How much room each point of a front has (Deb et al., 2002): the sides of the box between its neighbours, each as a
/// share of the front's extent, summed. Infinite at the ends of an objective. In the order of `front`.
pub fn crowding(points: &[Vec<f64>], front: &[usize]) -> Vec<f64> {
    let mut room = vec![0.0; front.len()];
    let objectives = front.first().map_or(0, |&at| points[at].len());
    (0..objectives).for_each(|objective| {
        let value = |place: usize| points[front[place]][objective];
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&a, &b| value(a).total_cmp(&value(b)).then(front[a].cmp(&front[b])));
        let (first, last) = (order[0], order[order.len() - 1]);
        let extent = value(last) - value(first);
        room[first] = f64::INFINITY;
        room[last] = f64::INFINITY;
        if extent > 0.0 {
            for three in order.windows(3) {
                room[three[1]] += (value(three[2]) - value(three[0])) / extent;
            }
        }
    });
    room
}

/// The volume between the points and `reference` that they dominate: exact, for any number of objectives.
///
/// By slices along the last objective, whose areas are volumes of one dimension less: n log n for two objectives,
/// n² log n for three, and one power of n more for each beyond.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let inside = |point: &&Vec<f64>| point.iter().zip(reference).all(|(x, bound)| x < bound);
    let mut points: Vec<&[f64]> = points.iter().filter(inside).map(Vec::as_slice).collect();
    volume(&mut points, reference)
}

fn volume(points: &mut [&[f64]], reference: &[f64]) -> f64 {
    let Some((bound, rest)) = reference.split_last().filter(|_| !points.is_empty()) else { return 0.0 };
    let depth = rest.len();
    points.sort_by(|a, b| a[depth].total_cmp(&b[depth]));
    if rest.is_empty() {
        return bound - points[0][0];
    }
    if rest.len() == 1 {
        return area(points, rest[0], *bound);
    }
    let ends: Vec<f64> = points.iter().skip(1).map(|point| point[depth]).chain([*bound]).collect();
    let mut sum = 0.0;
    for (at, end) in ends.into_iter().enumerate() {
        let thickness = end - points[at][depth];
        if thickness > 0.0 {
            // The slice is dominated by what lies below it, sorted anew along another objective.
            sum += thickness * volume(&mut points[..=at].to_vec(), rest);
        }
    }
    sum
}

/// Of points sorted by their second objective.
fn area(points: &[&[f64]], first: f64, second: f64) -> f64 {
    let (mut sum, mut best) = (0.0, first);
    for point in points {
        if point[0] < best {
            sum += (best - point[0]) * (second - point[1]);
            best = point[0];
        }
    }
    sum
}

/// The best `count` points, of which nothing is missing that one of them is better for: whole fronts, first ones first, and
/// of the front that goes in partly those that together dominate most, each next one the one that adds most (Guerreiro,
/// Fonseca and Paquete, "Greedy hypervolume subset selection in low dimensions", 2016). Places, in that order; of equal
/// ones the first. Values are finite.
pub fn best(points: &[Vec<f64>], count: usize) -> Vec<usize> {
    // In this order a point is dominated only by some before it.
    let mut left: Vec<usize> = (0..points.len()).collect();
    left.sort_by(|&a, &b| lexicographic(&points[a], &points[b]).then(a.cmp(&b)));
    let mut chosen = Vec::with_capacity(count.min(points.len()));
    while chosen.len() < count && !left.is_empty() {
        let (mut front, mut rest): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        for at in left {
            let behind = front.iter().any(|&other| dominates(&points[other], &points[at]));
            if behind { rest.push(at) } else { front.push(at) }
        }
        front.sort_unstable();
        let room = count - chosen.len();
        chosen.extend(if front.len() <= room { front } else { spread(points, &front, room) });
        left = rest;
    }
    chosen
}

/// Which of two points comes first where objectives count in their order.
pub(crate) fn lexicographic(a: &[f64], b: &[f64]) -> std::cmp::Ordering {
    let differs = a.iter().zip(b).map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne());
    differs.unwrap_or(std::cmp::Ordering::Equal)
}

/// So many of a front, one after the other the one that adds most to the volume of those before it.
fn spread(points: &[Vec<f64>], front: &[usize], count: usize) -> Vec<usize> {
    // Each objective as a share of the front's extent; the reference is a tenth of it beyond the worst.
    const MARGIN: f64 = 1.1;
    let extents = extents(front.iter().map(|&at| points[at].as_slice()));
    let share =
        |(x, (low, high)): (&f64, &(f64, f64))| if high > low { (x - low) / (high - low) } else { 0.0 };
    let scaled: Vec<Vec<f64>> =
        front.iter().map(|&at| points[at].iter().zip(&extents).map(share).collect()).collect();
    let reference = vec![MARGIN; extents.len()];
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    let mut volume = 0.0;
    // What one adds gets less with every other: what it added to fewer is a bound, and few need be looked at again.
    let mut bounds = vec![f64::INFINITY; front.len()];
    while chosen.len() < count {
        let mut looked = vec![false; front.len()];
        let next = loop {
            let open = (0..front.len()).filter(|at| !chosen.contains(at));
            let Some(at) = open.reduce(|best, at| if bounds[at] > bounds[best] { at } else { best }) else {
                return chosen.into_iter().map(|at| front[at]).collect();
            };
            if looked[at] {
                break at;
            }
            let with: Vec<Vec<f64>> = chosen.iter().chain([&at]).map(|&one| scaled[one].clone()).collect();
            bounds[at] = hypervolume(&with, &reference) - volume;
            looked[at] = true;
        };
        volume += bounds[next];
        chosen.push(next);
    }
    chosen.into_iter().map(|at| front[at]).collect()
}

/// The least and the greatest value of each objective.
fn extents<'p>(points: impl Iterator<Item = &'p [f64]>) -> Vec<(f64, f64)> {
    points.fold(Vec::new(), |mut extents, point| {
        extents.resize(point.len(), (f64::INFINITY, f64::NEG_INFINITY));
        for ((low, high), &x) in extents.iter_mut().zip(point) {
            (*low, *high) = (low.min(x), high.max(x));
        }
        extents
    })
}

/// A reference point for [`hypervolume`] out of the points themselves: of each objective the worst value, and a tenth of
/// the points' extent beyond, so that the ends of a front count too. Where all values are one, a tenth of its size, or a
/// tenth. `None`: there are no points.
pub fn reference(points: &[Vec<f64>]) -> Option<Vec<f64>> {
    let beyond = |(low, high): (f64, f64)| {
        let size = if high > low { high - low } else { high.abs() };
        high + 0.1 * if size > 0.0 { size } else { 1.0 }
    };
    let extents = extents(points.iter().map(Vec::as_slice));
    (!points.is_empty()).then(|| extents.into_iter().map(beyond).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(of: &[&[f64]]) -> Vec<Vec<f64>> {
        of.iter().map(|point| point.to_vec()).collect()
    }

    #[test]
    fn fronts_are_peeled_one_after_the_other() {
        let points = points(&[
            &[1.0, 4.0],
            &[2.0, 2.0],
            &[4.0, 1.0],
            &[2.0, 2.0],
            &[3.0, 3.0],
            &[5.0, 5.0],
            &[2.0, 5.0],
        ]);
        assert_eq!(fronts(&points), [vec![0, 1, 2, 3], vec![4, 6], vec![5]]);
        assert_eq!(non_dominated(&points), [0, 1, 2, 3]);
        assert!(fronts(&[]).is_empty());
    }

    #[test]
    fn the_lonely_have_more_room() {
        let points = points(&[&[0.0, 10.0], &[1.0, 9.0], &[5.0, 2.0], &[10.0, 0.0]]);
        let room = crowding(&points, &[0, 1, 2, 3]);
        assert_eq!(room, [f64::INFINITY, 0.5 + 0.8, 0.9 + 0.9, f64::INFINITY]);
        assert!(crowding(&points, &[]).is_empty());
        assert_eq!(crowding(&points, &[2]), [f64::INFINITY]);
    }

    #[test]
    fn volumes_worked_by_hand() {
        let two = points(&[&[1.0, 3.0], &[2.0, 2.0], &[3.0, 1.0], &[3.5, 3.5], &[9.0, 0.0]]);
        assert_eq!(hypervolume(&two, &[4.0, 4.0]), 6.0);
        // Three boxes of 3 × 1 × 1 that share the unit cube at their far end.
        let three = points(&[&[1.0, 3.0, 3.0], &[3.0, 1.0, 3.0], &[3.0, 3.0, 1.0]]);
        assert_eq!(hypervolume(&three, &[4.0; 3]), 3.0 + 3.0 + 3.0 - 2.0);
        assert_eq!(hypervolume(&points(&[&[0.5; 4]]), &[1.0; 4]), 1.0 / 16.0);
        assert_eq!(hypervolume(&[], &[1.0, 1.0]), 0.0);
    }

    #[test]
    fn the_best_are_whole_fronts_and_the_most_spread_of_the_next() {
        let points = points(&[
            &[9.0, 9.0],
            &[0.0, 4.0],
            &[4.0, 0.0],
            &[2.0, 2.0],
            &[2.1, 1.9],
            &[5.0, 5.0],
            &[4.5, 6.0],
        ]);
        // The middle dominates most, then the ends add more than its neighbour.
        assert_eq!(best(&points, 3), [3, 1, 2]);
        assert_eq!(best(&points, 5), [1, 2, 3, 4, 5]);
        assert_eq!(best(&points, 6), [1, 2, 3, 4, 5, 6]);
        assert_eq!(best(&points, 99), [1, 2, 3, 4, 5, 6, 0]);
        assert_eq!((best(&points, 0), best(&[], 3)), (vec![], vec![]));
        let equal = vec![vec![1.0, 1.0]; 4];
        assert_eq!(best(&equal, 2), [0, 1]);
    }

    #[test]
    fn a_reference_lies_a_tenth_beyond_the_worst() {
        assert_eq!(reference(&points(&[&[0.0, 30.0], &[10.0, 20.0]])), Some(vec![11.0, 31.0]));
        assert_eq!(reference(&points(&[&[5.0, -5.0, 0.0]])), Some(vec![5.5, -4.5, 0.1]));
        assert_eq!(reference(&[]), None);
    }

    fn some_points(objectives: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
        // Few different values, so that ties are common.
        prop::collection::vec(prop::collection::vec((0..6_u8).prop_map(f64::from), objectives), 0..12)
    }

    proptest! {
        #[test]
        fn volumes_count_dominated_cells(points in some_points(3)) {
            // All coordinates are whole, so the volume is the number of unit cells with a point below them.
            let mut cells = 0;
            for cell in 0..6_u32.pow(3) {
                let corner = [cell % 6, cell / 6 % 6, cell / 36].map(f64::from);
                cells += u32::from(points.iter().any(|point| point.iter().zip(&corner).all(|(p, c)| p <= c)));
            }
            prop_assert_eq!(hypervolume(&points, &[6.0; 3]), f64::from(cells));
        }

        #[test]
        fn a_front_is_dominated_only_by_those_before(points in some_points(2)) {
            let fronts = fronts(&points);
            prop_assert_eq!(fronts.iter().map(Vec::len).sum::<usize>(), points.len());
            for (depth, front) in fronts.iter().enumerate() {
                for &at in front {
                    let by = |front: &Vec<usize>| front.iter().any(|&other| dominates(&points[other], &points[at]));
                    prop_assert!(!by(front));
                    prop_assert!(depth == 0 || by(&fronts[depth - 1]));
                }
            }
            prop_assert_eq!(fronts.first().cloned().unwrap_or_default(), non_dominated(&points));
        }

        #[test]
        fn the_best_are_never_behind_one_that_is_left_out(points in some_points(3), count in 0..13_usize) {
            let best = best(&points, count);
            prop_assert_eq!(best.len(), count.min(points.len()));
            let depths = fronts(&points);
            let depth = |at: &usize| depths.iter().position(|front| front.contains(at));
            let worst = best.iter().map(depth).max();
            prop_assert!((0..points.len()).all(|at| best.contains(&at) || Some(depth(&at)) >= worst));
        }

        #[test]
        fn the_dominated_add_nothing(points in some_points(3)) {
            let front: Vec<Vec<f64>> = non_dominated(&points).into_iter().map(|at| points[at].clone()).collect();
            prop_assert_eq!(hypervolume(&front, &[6.0; 3]), hypervolume(&points, &[6.0; 3]));
        }
    }
}
