//! Changes of place: mirror images and affine maps, as torchvision 0.28 computes them on tensors (`affine_grid` and
//! `grid_sample`, corners not aligned).

use super::colour::nearest;
use super::planes::Planes;

/// An affine map from a place in the result to the place it is read from, both in pixels from the image's centre:
/// `x' = m[0]·x + m[1]·y + m[2]`, `y' = m[3]·x + m[4]·y + m[5]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map(pub [f64; 6]);

/// What is read between pixels and beyond the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The nearest pixel; black beyond the edge: torchvision's default.
    Nearest,
    /// The weighted four around; beyond the edge the edge goes on.
    Bilinear,
}

impl Map {
    /// Turns the image by `degrees` against the clock about its centre.
    pub fn rotation(degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self([cos, -sin, 0.0, sin, cos, 0.0])
    }

    /// Moves the image by pixels, right and down.
    pub fn translation(right: f64, down: f64) -> Self {
        Self([1.0, 0.0, -right, 0.0, 1.0, -down])
    }

    /// Shears rows by `factor` of their distance from the top, as torchvision's RandAugment does.
    pub fn shear_x(factor: f64, side: usize) -> Self {
        Self([1.0, factor, factor * side as f64 / 2.0, 0.0, 1.0, 0.0])
    }

    /// Shears columns by `factor` of their distance from the left.
    pub fn shear_y(factor: f64, side: usize) -> Self {
        Self([1.0, 0.0, 0.0, factor, 1.0, factor * side as f64 / 2.0])
    }

    /// Makes the image `factor` times as large about its centre, turns it, then moves it.
    pub fn similarity(degrees: f64, factor: f64, right: f64, down: f64) -> Self {
        let Self([a, b, _, c, d, _]) = Self::rotation(degrees);
        let back = |x: f64, y: f64| x * -right + y * -down;
        let [a, b, c, d] = [a, b, c, d].map(|value| value / factor);
        Self([a, b, back(a, b), c, d, back(c, d)])
    }
}

/// Left becomes right.
#[inline(always)]
pub(super) fn flip(planes: &mut Planes) {
    let side = planes.side();
    for row in planes.bytes.chunks_exact_mut(side) {
        row.reverse();
    }
}

/// Reads every pixel from where `map` says; `copy` is room to work in.
#[inline(always)]
pub(super) fn warp(planes: &mut Planes, map: Map, sampling: Sampling, copy: &mut Vec<u8>) {
    copy.clear();
    copy.extend_from_slice(&planes.bytes);
    match sampling {
        Sampling::Nearest => warp_nearest(planes, map, copy),
        Sampling::Bilinear => warp_bilinear(planes, map, copy),
    }
}

/// The place from which the first pixel of a row is read, in pixels, its centre being a whole number.
#[inline(always)]
fn row_begins(Map(m): Map, side: usize, y: usize) -> (f64, f64) {
    let middle = (side as f64 - 1.0) / 2.0;
    let (left, down) = (-middle, y as f64 - middle);
    (m[0] * left + m[1] * down + m[2] + middle, m[3] * left + m[4] * down + m[5] + middle)
}

/// Places are numbers of 32 bits before and 32 after the point, so that a step is one addition.
const ONE: f64 = 4_294_967_296.0;

#[inline(always)]
fn warp_nearest(planes: &mut Planes, map: Map, from: &[u8]) {
    let side = planes.side();
    let area = side * side;
    let (from_red, rest) = from.split_at(area);
    let (from_green, from_blue) = rest.split_at(area);
    let [red, green, blue] = planes.channels();
    let (step_x, step_y) = ((map.0[0] * ONE) as i64, (map.0[3] * ONE) as i64);
    for y in 0..side {
        let (x_begins, y_begins) = row_begins(map, side, y);
        // Half a pixel on, rounding down finds the nearest.
        let (mut at_x, mut at_y) = (((x_begins + 0.5) * ONE) as i64, ((y_begins + 0.5) * ONE) as i64);
        let row = y * side..(y + 1) * side;
        let targets = red[row.clone()].iter_mut().zip(&mut green[row.clone()]).zip(&mut blue[row]);
        for ((red, green), blue) in targets {
            // What lies before the first pixel is negative, and huge as an unsigned number.
            let (x, y) = ((at_x >> 32) as usize, (at_y >> 32) as usize);
            (*red, *green, *blue) = if x < side && y < side {
                let at = y * side + x;
                (from_red[at], from_green[at], from_blue[at])
            } else {
                (0, 0, 0)
            };
            at_x += step_x;
            at_y += step_y;
        }
    }
}

#[inline(always)]
fn warp_bilinear(planes: &mut Planes, map: Map, from: &[u8]) {
    let side = planes.side();
    let area = side * side;
    let last = side as f32 - 1.0;
    let planes = planes.channels();
    for y in 0..side {
        let (x_begins, y_begins) = row_begins(map, side, y);
        for x in 0..side {
            let at_x = ((x_begins + map.0[0] * x as f64) as f32).clamp(0.0, last);
            let at_y = ((y_begins + map.0[3] * x as f64) as f32).clamp(0.0, last);
            let (left, top) = (at_x as usize, at_y as usize);
            let (right, bottom) = ((left + 1).min(side - 1), (top + 1).min(side - 1));
            let (part_x, part_y) = (at_x - left as f32, at_y - top as f32);
            for channel in 0..3 {
                let from = &from[channel * area..(channel + 1) * area];
                let value = |row: usize, column: usize| f32::from(from[row * side + column]);
                let above = value(top, left) + (value(top, right) - value(top, left)) * part_x;
                let below = value(bottom, left) + (value(bottom, right) - value(bottom, left)) * part_x;
                planes[channel][y * side + x] = nearest(above + (below - above) * part_y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(side: usize) -> Planes {
        let pixels: Vec<u8> = (0..side * side * 3).map(|at| (at * 7 % 251) as u8).collect();
        Planes::of(&pixels, side)
    }

    #[test]
    fn nothing_moves_by_a_map_of_nothing() {
        for sampling in [Sampling::Nearest, Sampling::Bilinear] {
            let mut planes = numbered(9);
            warp(&mut planes, Map::similarity(0.0, 1.0, 0.0, 0.0), sampling, &mut Vec::new());
            assert_eq!(planes, numbered(9), "{sampling:?}");
        }
    }

    #[test]
    fn translations_move_whole_pixels_right_and_down() {
        let mut planes = numbered(5);
        warp(&mut planes, Map::translation(1.0, 2.0), Sampling::Nearest, &mut Vec::new());
        let before = numbered(5);
        for (y, x) in (0..5).flat_map(|y| (0..5).map(move |x| (y, x))) {
            let expected = if x < 1 || y < 2 { 0 } else { before.bytes()[(y - 2) * 5 + x - 1] };
            assert_eq!(planes.bytes()[y * 5 + x], expected);
        }
    }

    #[test]
    fn flipping_twice_is_nothing() {
        let mut planes = numbered(6);
        flip(&mut planes);
        assert_eq!(planes.bytes()[0], numbered(6).bytes()[5]);
        flip(&mut planes);
        assert_eq!(planes, numbered(6));
    }
}
