//! The best so far against device-hours, in letters.

use super::compare::{Comparison, Summary};
use crate::show::number;

const WIDTH: usize = 64;
const HEIGHT: usize = 14;
/// Marks of the variants; the ninth has the first's again.
const MARKS: [char; 8] = ['o', 'x', '+', '*', '#', '@', '%', '='];
/// Values before so much of the time are not drawn to scale: every sweep begins with bad ones.
const EARLY: f64 = 0.06;

/// The values between which medians lie once a sweep is on its way; `None`: there are none.
pub(crate) fn range(
    comparison: &Comparison,
    curve: impl Fn(&Summary) -> &[(f64, [f64; 3])],
) -> Option<(f64, f64)> {
    let values = comparison.variants.iter().flat_map(|one| {
        let curve = curve(one);
        curve.iter().skip((EARLY * curve.len() as f64).ceil() as usize).map(|(_, [_, median, _])| *median)
    });
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    // A flat line needs some room too.
    let room = if high > low { (high - low) * 0.05 } else { high.abs().max(1.0) * 0.01 };
    (low <= high).then_some((low - room, high + room))
}

/// A plot with its legend.
pub(crate) fn draw(comparison: &Comparison) -> String {
    let Some((low, high)) = range(comparison, |one| &one.hours_curve) else {
        return "no variant has a finite value\n".to_owned();
    };
    // Column by column.
    let mut field = vec![[' '; HEIGHT]; WIDTH];
    let marked: Vec<(&Summary, char)> = comparison.variants.iter().zip(MARKS.into_iter().cycle()).collect();
    // The first lies on top: the others are seen where they leave it.
    for (one, mark) in marked.iter().rev() {
        for (at, column) in field.iter_mut().enumerate() {
            let at = at * (one.hours_curve.len() - 1) / (WIDTH - 1);
            let (_, [_, median, _]) = one.hours_curve[at];
            let place = (high - median) / (high - low) * (HEIGHT - 1) as f64;
            if place.is_finite() && (-0.5..HEIGHT as f64 - 0.5).contains(&place) {
                column[place.round() as usize] = *mark;
            }
        }
    }
    let labels = [number(high), number(low)];
    let wide = labels.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for at in 0..HEIGHT {
        let label = match at {
            0 => labels[0].as_str(),
            at if at + 1 == HEIGHT => labels[1].as_str(),
            _ => "",
        };
        let line: String = field.iter().map(|column| column[at]).collect();
        out.push_str(format!("{label:>wide$} |{line}").trim_end());
        out.push('\n');
    }
    let last = comparison.hours.last().copied().unwrap_or(0.0);
    let end = format!("{} device-hours", number(last));
    let (empty, rule, room) = ("", "-".repeat(WIDTH), WIDTH - 1);
    out.push_str(&format!("{empty:>wide$} +{rule}\n{empty:>wide$}  0{end:>room$}\n"));
    let legend: Vec<String> = marked.iter().map(|(one, mark)| format!("{mark} {}", one.name)).collect();
    out + &format!("{empty:>wide$}  {}\n", legend.join("   "))
}
