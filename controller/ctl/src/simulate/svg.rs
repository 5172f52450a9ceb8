//! The best so far against device-hours and against trials, as an SVG: medians, and the quartiles as bands.

use std::fmt::Write as _;

use super::compare::{Comparison, Quartiles, Summary};
use super::plot::range;
use crate::show::number;

/// Okabe and Ito's colours, told apart by most eyes.
const COLOURS: [&str; 8] =
    ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"];
const WIDE: f64 = 400.0;
const HIGH: f64 = 280.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 36.0;
/// From one plot to the next.
const APART: f64 = 500.0;
/// Below the plots.
const LEGEND: f64 = TOP + HIGH + 56.0;
const LINE: f64 = 18.0;

type Curve = [(f64, Quartiles)];

/// The whole page.
pub(crate) fn page(comparison: &Comparison) -> String {
    let high = LEGEND + LINE * comparison.variants.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {high}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        LEFT + APART + WIDE + 30.0
    );
    plot(&mut out, LEFT, comparison, "device-hours", |one| &one.hours_curve);
    plot(&mut out, LEFT + APART, comparison, "trials that ended", |one| &one.trials_curve);
    for (at, (one, colour)) in comparison.variants.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let y = LEGEND + LINE * at as f64;
        line(
            &mut out,
            format_args!(
                "<path d=\"M{LEFT} {y}h24\" stroke=\"{colour}\" stroke-width=\"2\"/><text x=\"{}\" y=\"{}\">{}</text>",
                LEFT + 32.0,
                y + 4.0,
                escaped(&one.name)
            ),
        );
    }
    out + "</svg>\n"
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _infallible = writeln!(out, "{text}");
}

fn plot(
    out: &mut String,
    left: f64,
    comparison: &Comparison,
    below: &str,
    curve: impl Fn(&Summary) -> &Curve,
) {
    let Some((low, high)) = range(comparison, &curve) else { return };
    let last = comparison.variants.iter().filter_map(|one| curve(one).last()).map(|(at, _)| *at);
    let last = last.fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x = |at: f64| left + at / last * WIDE;
    let y = |value: f64| TOP + (high - value.clamp(low, high)) / (high - low) * HIGH;
    let title = format!("best {} against {below}", comparison.metric);
    line(
        out,
        format_args!(
            "<text x=\"{left}\" y=\"{}\" font-size=\"14\">{}</text><rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDE}\" height=\"{HIGH}\" fill=\"none\" stroke=\"#888888\"/>",
            TOP - 12.0,
            escaped(&title)
        ),
    );
    for tick in ticks(low, high) {
        line(
            out,
            format_args!(
                "<path d=\"M{left} {0:.1}h{WIDE}\" stroke=\"#dddddd\"/><text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
                y(tick),
                left - 6.0,
                y(tick) + 4.0,
                number(tick)
            ),
        );
    }
    for tick in ticks(0.0, last) {
        line(
            out,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x(tick),
                TOP + HIGH + 18.0,
                number(tick)
            ),
        );
    }
    line(
        out,
        format_args!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{below}</text>",
            left + WIDE / 2.0,
            TOP + HIGH + 36.0
        ),
    );
    for (one, colour) in comparison.variants.iter().zip(COLOURS.iter().cycle()) {
        let there: Vec<&(f64, Quartiles)> =
            curve(one).iter().filter(|(_, [_, median, _])| median.is_finite()).collect();
        let at = |quartile: usize| there.iter().map(move |(at, found)| (x(*at), y(found[quartile])));
        let back: Vec<(f64, f64)> = at(2).collect();
        let band = points(steps(at(0)).into_iter().chain(steps(back.into_iter()).into_iter().rev()));
        line(out, format_args!("<polygon points=\"{band}\" fill=\"{colour}\" fill-opacity=\"0.12\"/>"));
        let middle = points(steps(at(1)).into_iter());
        line(
            out,
            format_args!(
                "<polyline points=\"{middle}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            ),
        );
    }
}

/// A value holds until the next one: corners of a staircase.
fn steps(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if let Some(&(_, before)) = out.last()
            && before != y
        {
            out.push((x, before));
        }
        out.push((x, y));
    }
    out
}

fn points(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

/// Some five round numbers between two.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let size = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * size).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    (first..first + 12).map(|at| at as f64 * step).take_while(|tick| *tick <= high).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_between_the_ends() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0]);
        assert_eq!(ticks(-3.0, 44.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
    }

    #[test]
    fn stairs_rise_where_the_next_value_begins() {
        let stairs = steps([(0.0, 1.0), (1.0, 1.0), (2.0, 3.0)].into_iter());
        assert_eq!(stairs, [(0.0, 1.0), (1.0, 1.0), (2.0, 1.0), (2.0, 3.0)]);
    }
}
