//! From SVG to pixels, with a font of our own: pictures are the same on every machine.

use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::exit::{Exit, Failure};

/// DejaVu Sans, cut down to Latin, Greek and a few signs.
const FONT: &[u8] = include_bytes!("../../font/DejaVuSans-subset.ttf");
/// Pixels a unit, for sharp text.
const SCALE: f32 = 2.0;

/// A PNG of an SVG.
pub(super) fn of_svg(svg: &str) -> Result<Vec<u8>, Failure> {
    let failed = |what: String| Failure::new(Exit::Unexpected, format!("cannot draw the picture: {what}"));
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options { fontdb: Arc::new(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let size = tree.size();
    let (width, height) = ((size.width() * SCALE).ceil() as u32, (size.height() * SCALE).ceil() as u32);
    let mut pixels = Pixmap::new(width, height).ok_or_else(|| failed("it would be too large".to_owned()))?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}
