//! Charts in letters.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style as Look;
use ratatui::symbols::Marker;
use ratatui::widgets::{Axis as Drawn, Chart as Widget, Dataset, GraphType, Widget as _};

use super::chart::{Axis, Bars, Chart, Panel, Spans, Style, Xy};
use crate::exit::{Exit, Failure};

/// Lines of one panel.
const HEIGHT: u16 = 18;

/// The chart as lines of text.
pub(super) fn draw(chart: &Chart, width: u16) -> Result<String, Failure> {
    let mut text = format!("{}\n", chart.title);
    for panel in &chart.panels {
        text.push('\n');
        match panel {
            Panel::Xy(panel) => text.push_str(&lines(&xy(panel, width))),
            Panel::Spans(panel) => text.push_str(&spans(panel, width)),
            Panel::Bars(panel) => text.push_str(&bars(panel, width)),
            Panel::Parallel(_) => {
                return Err(Failure::new(
                    Exit::Usage,
                    "a parallel plot has no form in letters\n  write a picture: --out parallel.svg",
                ));
            }
        }
    }
    Ok(text)
}

/// A buffer as text, without spaces at the ends of lines.
pub(crate) fn lines(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    rows.map(|row| {
        row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned() + "\n"
    })
    .collect()
}

fn xy(panel: &Xy, width: u16) -> Buffer {
    let place = |(x, y): &(f64, f64)| (panel.x.place(*x), panel.y.place(*y));
    let placed: Vec<Vec<(f64, f64)>> =
        panel.series.iter().map(|series| series.points.iter().map(place).collect()).collect();
    let all = || panel.series.iter().flat_map(|series| &series.points);
    let x = panel.x.range(all().map(|(x, _)| *x));
    let y = panel.y.range(all().map(|(_, y)| *y));
    let sets: Vec<_> = panel
        .series
        .iter()
        .zip(&placed)
        .map(|(series, points)| {
            let (marker, kind) = match series.style {
                Style::Line => (Marker::Braille, GraphType::Line),
                Style::Points => (Marker::Dot, GraphType::Scatter),
            };
            Dataset::default().name(series.name.clone()).marker(marker).graph_type(kind).data(points)
        })
        .collect();
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, HEIGHT));
    let widget = Widget::new(sets).x_axis(axis(&panel.x, x, 5)).y_axis(axis(&panel.y, y, 4));
    widget.style(Look::default()).render(buffer.area, &mut buffer);
    buffer
}

fn axis(of: &Axis, (low, high): (f64, f64), steps: u32) -> Drawn<'static> {
    let labels: Vec<String> = if of.words.is_empty() {
        (0..=steps).map(|step| of.label(low + (high - low) * f64::from(step) / f64::from(steps))).collect()
    } else {
        of.words.clone()
    };
    Drawn::default().title(of.name.clone()).bounds([low, high]).labels(labels)
}

/// A row for each name; the longest bar takes what room there is.
fn bars(panel: &Bars, width: u16) -> String {
    let names = panel.bars.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let room = usize::from(width).saturating_sub(names + 10).max(10);
    let most = panel.bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut text = format!("{}\n", panel.axis.name);
    for (name, value) in &panel.bars {
        let bar = "#".repeat((value / most * room as f64).round() as usize);
        text.push_str(format!("{name:names$}  {:>6}  {bar}", panel.axis.label(*value)).trim_end());
        text.push('\n');
    }
    text
}

/// A row for each agent's slot: what ran when.
fn spans(panel: &Spans, width: u16) -> String {
    let names = panel.rows.iter().map(|row| row.chars().count()).max().unwrap_or(0);
    let room = usize::from(width).saturating_sub(names + 2).max(10);
    let end = panel.spans.iter().map(|span| span.to).fold(1.0, f64::max);
    let mut rows = vec![vec![' '; room]; panel.rows.len()];
    for span in &panel.spans {
        let place = |seconds: f64| ((seconds / end * room as f64) as usize).min(room - 1);
        let sign = match span.state.as_str() {
            "finished" => '=',
            "failed" => 'x',
            "stopped_early" => '-',
            "cancelled" => '/',
            _ => '>',
        };
        let (from, to) = (place(span.from), place(span.to));
        rows[span.row][from..=to].fill(sign);
        rows[span.row][from] = '|';
    }
    let mut text = String::new();
    for (name, row) in panel.rows.iter().zip(rows) {
        let row: String = row.into_iter().collect();
        text.push_str(format!("{name:names$}  {row}").trim_end());
        text.push('\n');
    }
    let length = crate::show::duration((end * 1000.0) as i64);
    text.push_str(&format!(
        "{:names$}  0 to {length}   = finished  - stopped early  x failed  / cancelled  > running\n",
        ""
    ));
    text
}
