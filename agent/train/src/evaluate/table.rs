//! A report for people, as text.

use std::fmt::Write as _;

use super::report::{HeadReport, Report};
use crate::score::bootstrap::Interval;

/// The whole report.
pub fn table(report: &Report) -> String {
    let mut out = format!("{} of {} images of {}\n\n", report.part, report.images, report.model);
    out += &lines(&scores(report));
    let _infallible = write!(
        out,
        "\nage is off by {} years from group to group, middle to middle\n",
        spread(report.age_group_error, 2)
    );
    if let Some(years) = report.age_error {
        let _infallible = writeln!(out, "and by {} years from the ages in the file names", spread(years, 2));
    }
    for head in &report.heads {
        let _infallible =
            write!(out, "\n{}: rows are what faces are, columns what they were taken for\n", head.head);
        out += &lines(&matrix(head));
    }
    out += "\nmacro-F1 (accuracy) among\n";
    out += &lines(&subgroups(report));
    let gaps: Vec<String> = report.gaps.iter().map(|(name, gap)| format!("{name} {gap:.3}")).collect();
    let _infallible = write!(out, "\ngaps between the best and the worst served: {}\n", gaps.join(", "));
    let _infallible = writeln!(out, "intervals: 95 %, bootstrap, seed {}", report.seed);
    out
}

fn scores(report: &Report) -> Vec<Vec<String>> {
    let mut rows =
        vec![["head", "accuracy", "macro-F1", "ECE", "temperature", "ECE then"].map(str::to_owned).to_vec()];
    for head in &report.heads {
        rows.push(vec![
            head.head.to_owned(),
            spread(head.accuracy, 3),
            spread(head.macro_f1, 3),
            format!("{:.3}", head.counts.calibration.ece),
            format!("{:.2}", head.temperature),
            format!("{:.3}", head.ece_scaled),
        ]);
    }
    rows.push(vec!["total".to_owned(), String::new(), spread(report.total_f1, 3)]);
    rows
}

fn matrix(head: &HeadReport) -> Vec<Vec<String>> {
    let first = std::iter::once(String::new()).chain(head.counts.classes.iter().cloned()).collect();
    let row = |(name, counts): (&String, &Vec<u64>)| {
        std::iter::once(name.clone()).chain(counts.iter().map(u64::to_string)).collect()
    };
    std::iter::once(first).chain(head.counts.classes.iter().zip(&head.counts.confusion).map(row)).collect()
}

fn subgroups(report: &Report) -> Vec<Vec<String>> {
    let mut rows = vec![["", "images", "age", "sex", "race"].map(str::to_owned).to_vec()];
    for line in &report.subgroups {
        let mut row = vec![line.class.to_owned(), line.images.to_string()];
        row.extend((0..3).map(|head| format!("{:.3} ({:.3})", line.f1[head], line.accuracy[head])));
        rows.push(row);
    }
    rows
}

fn spread(interval: Interval, digits: usize) -> String {
    let Interval { value, low, high } = interval;
    format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
}

/// Columns as wide as their widest cell, two spaces apart; the first to the left, the others to the right.
fn lines(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in (0..columns).zip(row) {
            let width = width(column);
            let _infallible =
                if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::sample;
    use super::*;

    #[test]
    fn everything_is_said() {
        let text = table(&sample());
        for words in [
            "test of 20 images of a/model.safetensors",
            "head",
            "0.950 (0.850 to 1.000)",
            "temperature",
            "years from the ages",
            "age: rows are what faces are",
            "10 to 20",
            "Female",
            "Indian",
            "age-f1gap-by-sex",
            "seed 7",
        ] {
            assert!(text.contains(words), "{words} is not in\n{text}");
        }
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows =
            [vec!["a", "bb"], vec!["ccc", "d"]].map(|row| row.into_iter().map(str::to_owned).collect());
        assert_eq!(lines(&rows), "a    bb\nccc   d\n");
    }
}
