//! Minimising a smooth function in a box: limited-memory BFGS on the variables that no bound holds, with steps that are
//! bent into the box (Bertsekas, 1982) and taken by Armijo's rule.

use super::matrix::dot;

/// Pairs of steps and changes of slope that the curvature is told from.
const MEMORY: usize = 10;
/// The share of the promised decrease that a step must bring.
const DECREASE: f64 = 1e-4;
/// Most halvings of a step.
const HALVINGS: u32 = 20;

/// When to end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most evaluations of the function.
    pub(super) evaluations: u32,
    /// A decrease in one step, relative to the value, that is not worth another.
    pub(super) decrease: f64,
    /// A slope, along every variable that is free, that counts as none.
    pub(super) slope: f64,
}

/// Where a search ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Minimum {
    pub(super) at: Vec<f64>,
    pub(super) value: f64,
}

/// Minimises from `start`, which is moved into `bounds`. `function` gives its value at a place and writes its slope; a
/// value that is not finite bars the place. `None`: the start is barred.
pub(super) fn minimise(
    start: &[f64],
    bounds: &[(f64, f64)],
    limits: Limits,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Minimum> {
    let mut at: Vec<f64> = start.iter().zip(bounds).map(|(x, (low, high))| x.clamp(*low, *high)).collect();
    let mut slope = vec![0.0; at.len()];
    let mut value = function(&at, &mut slope);
    if !value.is_finite() {
        return None;
    }
    let mut left = limits.evaluations.saturating_sub(1);
    let mut memory = Memory::default();
    while left > 0 {
        let free = free(&at, &slope, bounds);
        let steepest =
            free.iter().zip(&slope).filter(|(free, _)| **free).map(|(_, s)| s.abs()).fold(0.0, f64::max);
        if steepest <= limits.slope {
            break;
        }
        let mut direction = memory.direction(&slope, &free);
        if dot(&direction, &slope) >= 0.0 {
            memory = Memory::default();
            direction = memory.direction(&slope, &free);
        }
        // The first step has no curvature to go by: as long as the slope says, at most 1.
        let length = if memory.pairs.is_empty() { (1.0 / steepest).min(1.0) } else { 1.0 };
        let Some(next) = step(&at, value, &slope, &direction, length, bounds, &mut left, &mut function)
        else {
            if memory.pairs.is_empty() {
                break;
            }
            // What was learnt misleads here: once more, straight down.
            memory = Memory::default();
            continue;
        };
        let decrease = value - next.value;
        memory.learn(&at, &next.at, &slope, &next.slope);
        (at, value, slope) = (next.at, next.value, next.slope);
        if decrease <= limits.decrease * (1.0 + value.abs()) {
            break;
        }
    }
    Some(Minimum { at, value })
}

/// Variables that may move: not at a bound that the slope presses them against.
fn free(at: &[f64], slope: &[f64], bounds: &[(f64, f64)]) -> Vec<bool> {
    let held =
        |x: f64, slope: f64, (low, high): (f64, f64)| (x <= low && slope > 0.0) || (x >= high && slope < 0.0);
    at.iter().zip(slope).zip(bounds).map(|((x, slope), bounds)| !held(*x, *slope, *bounds)).collect()
}

struct Place {
    at: Vec<f64>,
    value: f64,
    slope: Vec<f64>,
}

/// The first of ever shorter steps that decreases the value enough.
#[expect(clippy::too_many_arguments, reason = "the state of one search, which nobody else holds")]
fn step(
    from: &[f64],
    value: f64,
    slope: &[f64],
    direction: &[f64],
    mut length: f64,
    bounds: &[(f64, f64)],
    left: &mut u32,
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Option<Place> {
    for _ in 0..HALVINGS {
        if *left == 0 {
            return None;
        }
        let moved = from.iter().zip(direction).zip(bounds);
        let at: Vec<f64> = moved.map(|((x, d), (low, high))| (x + length * d).clamp(*low, *high)).collect();
        let promised: f64 =
            at.iter().zip(from).zip(slope).map(|((new, old), slope)| (new - old) * slope).sum();
        if promised >= 0.0 {
            return None;
        }
        let mut next = vec![0.0; from.len()];
        *left -= 1;
        let found = function(&at, &mut next);
        if found.is_finite() && found <= value + DECREASE * promised {
            return Some(Place { at, value: found, slope: next });
        }
        // The parabola through what is known, unless it says nothing.
        let parabola = -0.5 * promised / (found - value - promised);
        length *= if parabola.is_finite() { parabola.clamp(0.1, 0.5) } else { 0.25 };
    }
    None
}

/// The last steps, from which curvature is told.
#[derive(Default)]
struct Memory {
    /// (step, change of slope, 1 / their product), the oldest first.
    pairs: Vec<(Vec<f64>, Vec<f64>, f64)>,
}

impl Memory {
    fn learn(&mut self, from: &[f64], to: &[f64], slope: &[f64], next: &[f64]) {
        let moved: Vec<f64> = to.iter().zip(from).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next.iter().zip(slope).map(|(a, b)| a - b).collect();
        let product = dot(&moved, &change);
        // Only convex pairs keep the direction a descent.
        if product > 1e-10 * dot(&change, &change).sqrt() * dot(&moved, &moved).sqrt() {
            if self.pairs.len() == MEMORY {
                self.pairs.remove(0);
            }
            self.pairs.push((moved, change, 1.0 / product));
        }
    }

    /// The quasi-Newton direction among the free variables (Nocedal's two loops).
    fn direction(&self, slope: &[f64], free: &[bool]) -> Vec<f64> {
        let only_free = |values: &mut [f64]| {
            for (value, free) in values.iter_mut().zip(free) {
                if !free {
                    *value = 0.0;
                }
            }
        };
        let mut direction: Vec<f64> = slope.iter().map(|s| -s).collect();
        only_free(&mut direction);
        let mut shares = vec![0.0; self.pairs.len()];
        for ((step, change, scale), share) in self.pairs.iter().zip(&mut shares).rev() {
            *share = scale * dot(step, &direction);
            add(&mut direction, -*share, change);
        }
        if let Some((_, change, scale)) = self.pairs.last() {
            let curvature = 1.0 / (scale * dot(change, change));
            direction.iter_mut().for_each(|d| *d *= curvature);
        }
        for ((step, change, scale), share) in self.pairs.iter().zip(&shares) {
            let correction = share - scale * dot(change, &direction);
            add(&mut direction, correction, step);
        }
        only_free(&mut direction);
        direction
    }
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += times * what;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { evaluations: 400, decrease: 0.0, slope: 1e-9 };

    fn rosenbrock(x: &[f64], slope: &mut [f64]) -> f64 {
        slope.fill(0.0);
        let mut sum = 0.0;
        for at in 0..x.len() - 1 {
            let (a, b) = (x[at + 1] - x[at] * x[at], 1.0 - x[at]);
            sum += 100.0 * a * a + b * b;
            slope[at] += -400.0 * a * x[at] - 2.0 * b;
            slope[at + 1] += 200.0 * a;
        }
        sum
    }

    #[test]
    fn a_curved_valley_is_followed_to_its_end() {
        let found = minimise(&[-1.2, 1.0, -1.0, 0.5], &[(-5.0, 5.0); 4], LIMITS, rosenbrock).unwrap();
        assert!(found.value < 1e-12, "{found:?}");
        assert!(found.at.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
    }

    #[test]
    fn bounds_hold_and_the_rest_goes_on() {
        // With x₀ ≤ 0.5 the best x₁ is 0.25.
        let found = minimise(&[-1.0, 2.0], &[(-5.0, 0.5), (-5.0, 5.0)], LIMITS, rosenbrock).unwrap();
        assert!((found.at[0] - 0.5).abs() < 1e-12 && (found.at[1] - 0.25).abs() < 1e-6, "{found:?}");
        let outside = minimise(&[9.0, 9.0], &[(-1.0, 0.5), (0.25, 0.25)], LIMITS, rosenbrock).unwrap();
        assert_eq!(outside.at, [0.5, 0.25]);
    }

    #[test]
    fn what_is_not_finite_is_never_entered() {
        let barred = |x: &[f64], slope: &mut [f64]| {
            slope[0] = 1.0;
            if x[0] < 0.25 { f64::NAN } else { x[0] }
        };
        let found = minimise(&[0.9], &[(0.0, 1.0)], LIMITS, barred).unwrap();
        assert!((0.25..0.3).contains(&found.value), "{found:?}");
        assert_eq!(minimise(&[0.1], &[(0.0, 1.0)], LIMITS, barred), None);
    }

    #[test]
    fn evaluations_are_counted() {
        let mut count = 0;
        let limits = Limits { evaluations: 7, ..LIMITS };
        minimise(&[-1.2, 1.0], &[(-5.0, 5.0); 2], limits, |x, slope| {
            count += 1;
            rosenbrock(x, slope)
        });
        assert_eq!(count, 7);
    }
}
