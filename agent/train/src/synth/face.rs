//! One drawn face. Age group: hair colour and wrinkles; sex: hair length and lips; race: complexion. Position, size,
//! light and background vary, so that a model has to look.

use rand::{Rng, RngExt as _};

type Rgb = [f32; 3];

/// Complexion schemes, far enough apart to be told under any of the lights.
const SKINS: [Rgb; 5] =
    [[0.96, 0.82, 0.74], [0.36, 0.22, 0.15], [0.95, 0.85, 0.50], [0.66, 0.42, 0.22], [0.80, 0.55, 0.50]];
/// Hair by age group, from a child's straw to white.
const HAIRS: [Rgb; 9] = [
    [0.98, 0.90, 0.30],
    [0.90, 0.50, 0.10],
    [0.65, 0.10, 0.10],
    [0.10, 0.08, 0.08],
    [0.10, 0.35, 0.15],
    [0.15, 0.20, 0.60],
    [0.45, 0.25, 0.60],
    [0.55, 0.58, 0.60],
    [0.97, 0.97, 0.99],
];
const LIPS: [Rgb; 2] = [[0.45, 0.25, 0.22], [0.90, 0.10, 0.25]];

/// A face, ready to be drawn at any size. Lengths are shares of the picture's side.
#[derive(Debug, Clone)]
pub struct Face {
    group: usize,
    sex: usize,
    skin: Rgb,
    hair: Rgb,
    background: Rgb,
    centre: (f32, f32),
    scale: f32,
    light: f32,
}

impl Face {
    /// A face of these classes; everything else is random.
    pub fn new(group: usize, sex: usize, race: usize, random: &mut impl Rng) -> Self {
        let mut vary = |colour: Rgb, by: f32| colour.map(|value| value + random.random_range(-by..=by));
        let skin = vary(SKINS[race], 0.03);
        let hair = vary(HAIRS[group], 0.03);
        let background = vary([0.5, 0.5, 0.5], 0.3);
        Self {
            group,
            sex,
            skin,
            hair,
            background,
            centre: (0.5 + random.random_range(-0.05..0.05), 0.52 + random.random_range(-0.05..0.05)),
            scale: random.random_range(0.9..1.1),
            light: random.random_range(0.88..1.08),
        }
    }

    /// RGB bytes, row by row.
    pub fn draw(&self, size: usize) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(size * size * 3);
        for row in 0..size {
            for column in 0..size {
                let at = |index: usize| (index as f32 + 0.5) / size as f32;
                let x = (at(column) - self.centre.0) / self.scale;
                let y = (at(row) - self.centre.1) / self.scale;
                let colour = self.colour(x, y);
                pixels.extend(colour.map(|value| (value * self.light * 255.0).clamp(0.0, 255.0) as u8));
            }
        }
        pixels
    }

    /// The colour at a point; the face's middle is (0, 0), down is positive.
    fn colour(&self, x: f32, y: f32) -> Rgb {
        let inside =
            |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0;
        if inside(0.0, 0.0, 0.25, 0.33) {
            return self.features(x, y);
        }
        let cap = inside(0.0, -0.08, 0.31, 0.34) && y < -0.02;
        let long = self.sex == 1 && x.abs() < 0.36 && (-0.1..0.42).contains(&y) && x.abs() > 0.18;
        if cap || long { self.hair } else { self.background }
    }

    fn features(&self, x: f32, y: f32) -> Rgb {
        let inside =
            |cx: f32, cy: f32, rx: f32, ry: f32| ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2) <= 1.0;
        let shade = |colour: Rgb, by: f32| colour.map(|value| value * by);
        if y < -0.2 {
            return self.hair;
        }
        if inside(-0.1, -0.06, 0.022, 0.022) || inside(0.1, -0.06, 0.022, 0.022) {
            return [0.05, 0.05, 0.08];
        }
        if inside(-0.1, -0.06, 0.05, 0.03) || inside(0.1, -0.06, 0.05, 0.03) {
            return [0.97, 0.97, 0.97];
        }
        let lips = if self.sex == 1 { (0.1, 0.045) } else { (0.08, 0.018) };
        if inside(0.0, 0.17, lips.0, lips.1) {
            return LIPS[self.sex];
        }
        if x.abs() < 0.02 && (-0.02..0.09).contains(&y) {
            return shade(self.skin, 0.8);
        }
        // A beard on half of the chin, in the hair's colour, on grown men.
        if self.sex == 0 && self.group >= 2 && y > 0.23 {
            return self.hair;
        }
        // One more line on forehead and cheeks for every two groups.
        let lines = self.group / 2;
        let forehead =
            (0..lines).any(|line| (y + 0.185 - 0.025 * line as f32).abs() < 0.006 && x.abs() < 0.14);
        let cheeks = (0..lines).any(|line| (y - 0.05 - 0.03 * line as f32).abs() < 0.006 && x.abs() > 0.14);
        if forehead || cheeks { shade(self.skin, 0.6) } else { self.skin }
    }
}
