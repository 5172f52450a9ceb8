//! A report as a picture: three confusion matrices, and the subgroups' scores as bars.

use std::fmt::Write as _;

use super::report::{HeadReport, Report};

/// Pixels of a cell's side, and of the room for names.
const CELL: usize = 38;
const NAMES: usize = 86;
const GAP: usize = 40;
const TITLE: usize = 34;

/// A whole SVG file.
pub fn svg(report: &Report) -> String {
    let side = |head: &HeadReport| NAMES + CELL * head.counts.classes.len();
    let width = report.heads.iter().map(side).sum::<usize>() + GAP * (report.heads.len() + 1);
    let tallest = report.heads.iter().map(side).max().unwrap_or(0);
    let height = TITLE + tallest + GAP + (report.subgroups.len() + 2) * 20 + GAP;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let title = format!(
        "{}: {} images, total macro-F1 {:.3} ({:.3} to {:.3})",
        report.part, report.images, report.total_f1.value, report.total_f1.low, report.total_f1.high
    );
    out += &text(GAP, 22, "start", &title);
    let mut left = GAP;
    for head in &report.heads {
        out += &matrix(head, left, TITLE);
        left += side(head) + GAP;
    }
    out += &bars(report, GAP, TITLE + tallest + GAP);
    out + "</svg>\n"
}

fn matrix(head: &HeadReport, left: usize, top: usize) -> String {
    let title =
        format!("{}: macro-F1 {:.3}, ECE {:.3}", head.head, head.macro_f1.value, head.counts.calibration.ece);
    let mut out = text(left, top + 12, "start", &title);
    let (x0, y0) = (left + NAMES, top + NAMES);
    for (row, (name, counts)) in head.counts.classes.iter().zip(&head.counts.confusion).enumerate() {
        let y = y0 + row * CELL;
        out += &text(x0 - 6, y + CELL / 2 + 4, "end", name);
        let turned = format!("rotate(-60 {x} {y})", x = x0 + row * CELL + CELL / 2, y = y0 - 6);
        let _infallible = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" transform=\"{turned}\">{}</text>",
            x0 + row * CELL + CELL / 2,
            y0 - 6,
            escaped(name)
        );
        let all: u64 = counts.iter().sum();
        for (column, &count) in counts.iter().enumerate() {
            // Shades are shares of the row, so that rare classes can be seen.
            let share = if all == 0 { 0.0 } else { count as f64 / all as f64 };
            let x = x0 + column * CELL;
            let _infallible = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"#1f5fa8\" \
                 fill-opacity=\"{share:.3}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" \
                 fill=\"{}\">{count}</text>",
                x + CELL / 2,
                y + CELL / 2 + 4,
                if share > 0.55 { "#fff" } else { "#222" }
            );
        }
    }
    out
}

fn bars(report: &Report, left: usize, top: usize) -> String {
    const WIDTH: f64 = 160.0;
    let mut out = text(left, top, "start", "macro-F1 among");
    for (head, report) in report.heads.iter().enumerate() {
        out += &text(left + NAMES + 60 + head * 220, top, "start", report.head);
    }
    for (at, line) in report.subgroups.iter().enumerate() {
        let y = top + 20 * (at + 1);
        out += &text(left, y + 4, "start", &format!("{} ({})", line.class, line.images));
        for (head, f1) in line.f1.into_iter().enumerate() {
            let x = left + NAMES + 60 + head * 220;
            let _infallible = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{}\" width=\"{:.1}\" height=\"13\" fill=\"#1f5fa8\"/>",
                y - 7,
                WIDTH * f1
            );
            out += &text(x + WIDTH as usize + 6, y + 4, "start", &format!("{f1:.3}"));
        }
    }
    out
}

fn text(x: usize, y: usize, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n", escaped(words))
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::sample;
    use super::*;

    #[test]
    fn it_is_whole_and_shows_every_count() {
        let report = sample();
        let picture = svg(&report);
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        let cells = picture.matches("fill-opacity").count();
        assert_eq!(cells, 81 + 4 + 25);
        let bars = picture.matches("height=\"13\"").count();
        assert_eq!(bars, 3 * report.subgroups.len());
        assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    }

    #[test]
    fn names_cannot_break_it() {
        assert_eq!(escaped("a<b>&c"), "a&lt;b&gt;&amp;c");
    }
}
