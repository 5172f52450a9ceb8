//! Charts as SVG. Widths of text are guessed, as no font is at hand, so margins are wide.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{Axis, Bars, Chart, Panel, Parallel, Spans, Style, Xy};
use crate::exit::{Exit, Failure};

/// Height of a panel.
const HEIGHT: u32 = 320;
/// Height of a row of a timeline, and of what is around the rows.
const ROW: u32 = 26;
/// Panels beside each other, where there are several.
const BESIDE: u32 = 2;
const CAPTION: u32 = 40;
/// Lines with a name in the legend; more cannot be told apart.
const NAMED: usize = 10;

/// Okabe and Ito's colours, which the colour-blind tell apart.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 94, 240),
    RGBColor(90, 90, 90),
];
const GREY: RGBColor = RGBColor(150, 150, 150);
const INK: RGBColor = RGBColor(40, 40, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An SVG of so many pixels in width.
pub(super) fn draw(chart: &Chart, width: u32) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Unexpected, format!("cannot draw the picture: {error}"))
    };
    let beside = if chart.panels.len() > 1 { BESIDE } else { 1 };
    let below = (chart.panels.len() as u32).div_ceil(beside);
    let each = chart.panels.iter().map(height).max().unwrap_or(HEIGHT);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (width, CAPTION + each * below)).into_drawing_area();
        let drawn = || -> Drawn {
            root.fill(&WHITE)?;
            let (top, rest) = root.split_vertically(CAPTION);
            let style = ("sans-serif", 16).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
            top.draw(&Text::new(chart.title.clone(), (16, i32::try_from(CAPTION / 2)?), style))?;
            for (area, panel) in
                rest.split_evenly((below as usize, beside as usize)).iter().zip(&chart.panels)
            {
                match panel {
                    Panel::Xy(xy) => self::xy(area, xy)?,
                    Panel::Parallel(lines) => parallel(area, lines)?,
                    Panel::Spans(times) => spans(area, times)?,
                    Panel::Bars(shares) => bars(area, shares)?,
                }
            }
            root.present()?;
            Ok(())
        };
        drawn().map_err(|error| failed(&error))?;
    }
    Ok(text)
}

fn height(panel: &Panel) -> u32 {
    match panel {
        Panel::Spans(spans) => 60 + ROW * spans.rows.len() as u32,
        Panel::Bars(bars) => 60 + ROW * bars.bars.len() as u32,
        _ => HEIGHT,
    }
}

fn xy(area: &Area<'_>, panel: &Xy) -> Drawn {
    let all = || panel.series.iter().flat_map(|series| &series.points);
    let (left, right) = panel.x.range(all().map(|(x, _)| *x));
    let (low, high) = panel.y.range(all().map(|(_, y)| *y));
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(72)
        .build_cartesian_2d(left..right, low..high)?;
    mesh(&mut chart, &panel.x, &panel.y)?;
    for (at, series) in panel.series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let place = |(x, y): &(f64, f64)| (panel.x.place(*x), panel.y.place(*y));
        let points = series.points.iter().map(place).filter(|(x, y)| x.is_finite() && y.is_finite());
        let drawn = match series.style {
            Style::Line => chart.draw_series(LineSeries::new(points, colour.stroke_width(2)))?,
            Style::Points => {
                chart.draw_series(points.map(|at| Circle::new(at, 3, colour.mix(0.7).filled())))?
            }
        };
        if at < NAMED && panel.series.len() > 1 {
            drawn
                .label(series.name.clone())
                .legend(move |(x, y)| Rectangle::new([(x, y - 2), (x + 14, y + 2)], colour.filled()));
        }
    }
    if panel.series.len() > 1 {
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(GREY.mix(0.5))
            .label_font(("sans-serif", 11).into_font().color(&INK))
            .draw()?;
    }
    Ok(())
}

type Chart2<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn mesh(chart: &mut Chart2<'_, '_>, x: &Axis, y: &Axis) -> Drawn {
    let count = |axis: &Axis| if axis.words.is_empty() { 6 } else { axis.words.len() * 2 + 1 };
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.25))
        .axis_style(GREY)
        .label_style(("sans-serif", 11).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 12).into_font().color(&INK))
        .x_labels(count(x))
        .y_labels(count(y))
        .x_label_formatter(&|place| x.label(*place))
        .y_label_formatter(&|place| y.label(*place))
        .x_desc(x.name.clone())
        .y_desc(y.name.clone())
        .draw()?;
    Ok(())
}

/// Axes beside each other; a line for each trial, better ones darker.
fn parallel(area: &Area<'_>, panel: &Parallel) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let (left, right, top, bottom) = (70, i32::try_from(width)? - 90, 34, i32::try_from(height)? - 24);
    let gaps = i32::try_from(panel.axes.len().saturating_sub(1).max(1))?;
    let x = |at: usize| left + (right - left) * i32::try_from(at).unwrap_or(i32::MAX) / gaps;
    let ranges: Vec<_> = panel
        .axes
        .iter()
        .enumerate()
        .map(|(at, axis)| axis.range(panel.lines.iter().filter_map(|line| line.values[at])))
        .collect();
    let y = |at: usize, place: f64| {
        let (low, high) = ranges[at];
        bottom - ((place - low) / (high - low) * f64::from(bottom - top)) as i32
    };
    for line in &panel.lines {
        let shade = COLOURS[5].mix(0.25 + 0.2 * line.good);
        let style =
            if line.good >= 1.0 { COLOURS[1].mix(1.0).stroke_width(2) } else { shade.stroke_width(1) };
        // A line breaks where a trial lacks a parameter.
        let mut run: Vec<(i32, i32)> = Vec::new();
        for (at, value) in line.values.iter().map(Some).chain([None]).enumerate() {
            match value.copied().flatten() {
                Some(value) => run.push((x(at), y(at, panel.axes[at].place(value)))),
                None => area.draw(&PathElement::new(std::mem::take(&mut run), style))?,
            }
        }
    }
    for (at, axis) in panel.axes.iter().enumerate() {
        area.draw(&PathElement::new([(x(at), top), (x(at), bottom)], INK.stroke_width(1)))?;
        text(area, &axis.name, (x(at), top - 16), HPos::Center)?;
        let (low, high) = ranges[at];
        let places: Vec<f64> = match axis.words.len() {
            0 => (0..=4).map(|step| low + (high - low) * f64::from(step) / 4.0).collect(),
            count => (0..count).map(|at| at as f64).collect(),
        };
        for place in places {
            let spot = (x(at) + 4, y(at, place));
            area.draw(&PathElement::new([(x(at) - 3, spot.1), (x(at) + 3, spot.1)], INK.stroke_width(1)))?;
            text(area, &axis.label(place), spot, HPos::Left)?;
        }
    }
    Ok(())
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), side: HPos) -> Drawn {
    let style = ("sans-serif", 11).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style))?;
    Ok(())
}

fn spans(area: &Area<'_>, panel: &Spans) -> Drawn {
    let axis = Axis::of("seconds since the first trial began");
    let end = panel.spans.iter().map(|span| span.to).fold(1.0, f64::max);
    let rows = panel.rows.len();
    let y = Axis { words: panel.rows.clone(), ..Axis::default() };
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(120)
        .build_cartesian_2d(0.0..end, -0.5..rows as f64 - 0.5)?;
    mesh(&mut chart, &axis, &y)?;
    chart.draw_series(panel.spans.iter().map(|span| {
        let colour = match span.state.as_str() {
            "finished" => COLOURS[2],
            "stopped_early" => COLOURS[4],
            "failed" => COLOURS[1],
            "cancelled" => GREY,
            _ => COLOURS[5],
        };
        let row = span.row as f64;
        Rectangle::new([(span.from, row - 0.32), (span.to, row + 0.32)], colour.mix(0.85).filled())
    }))?;
    Ok(())
}

fn bars(area: &Area<'_>, panel: &Bars) -> Drawn {
    let rows = panel.bars.len();
    let most = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    // The first stands at the top.
    let y =
        Axis { words: panel.bars.iter().rev().map(|(name, _)| name.clone()).collect(), ..Axis::default() };
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(160)
        .build_cartesian_2d(0.0..most * 1.04, -0.5..rows as f64 - 0.5)?;
    mesh(&mut chart, &panel.axis, &y)?;
    chart.draw_series(panel.bars.iter().rev().enumerate().map(|(row, (_, value))| {
        let row = row as f64;
        Rectangle::new([(0.0, row - 0.32), (*value, row + 0.32)], COLOURS[0].mix(0.85).filled())
    }))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::chart::Series;
    use super::*;

    #[test]
    fn words_are_escaped_and_every_panel_is_drawn() {
        let panel = |name: &str| {
            let points = vec![(1.0, 0.5), (2.0, 0.7)];
            let series = |name: &str, style| Series { name: name.to_owned(), style, points: points.clone() };
            Panel::Xy(Xy {
                x: Axis { log: true, ..Axis::of(name) },
                y: Axis::of("loss"),
                series: vec![series("a<b", Style::Line), series("c", Style::Points)],
            })
        };
        let chart =
            Chart { title: "of <all>".to_owned(), panels: vec![panel("lr"), panel("depth"), panel("k")] };
        let text = draw(&chart, 800).expect("draws");
        assert!(text.contains("of &lt;all&gt;") && text.contains("a&lt;b"), "{text}");
        for name in ["lr", "depth", "k"] {
            assert!(text.contains(&format!("\n{name}\n")), "{name} in {text}");
        }
        let png = super::super::png::of_svg(&text).expect("draws");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    }
}
