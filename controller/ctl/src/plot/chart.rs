//! What a plot shows, before it is drawn.

use serde_json::Value;

use crate::show::real_or_word;
use crate::table::object;

/// One picture of one or more panels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Panel {
    Xy(Xy),
    Parallel(Parallel),
    Spans(Spans),
    Bars(Bars),
}

/// Points and lines over two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Xy {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) log: bool,
    /// Words at 0, 1, 2, ... instead of numbers.
    pub(super) words: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Line,
    Points,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) style: Style,
    /// Finite ones only.
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines through several axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parallel {
    pub(super) axes: Vec<Axis>,
    pub(super) lines: Vec<Through>,
}

/// One line: a value on each axis (`None`: it has none there), and how good it is, 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Through {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
    pub(super) good: f64,
}

/// Bars in rows, from and to a time in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spans {
    pub(super) rows: Vec<String>,
    /// The row, from, to, the words, the state.
    pub(super) spans: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) row: usize,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) name: String,
    pub(super) state: String,
}

/// Bars from 0, one for each name, in the order they are shown from the top.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bars {
    pub(super) axis: Axis,
    /// Finite ones, of at least 0.
    pub(super) bars: Vec<(String, f64)>,
}

impl Axis {
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Where a value is drawn.
    pub(super) fn place(&self, value: f64) -> f64 {
        if self.log { value.log10() } else { value }
    }

    /// What stands at a place.
    pub(super) fn label(&self, place: f64) -> String {
        if self.words.is_empty() {
            return crate::show::number(if self.log { 10_f64.powf(place) } else { place });
        }
        let at = place.round();
        let word = if (place - at).abs() < 0.01 && at >= 0.0 { self.words.get(at as usize) } else { None };
        word.cloned().unwrap_or_default()
    }

    /// The places of values from the least to the greatest, with some room; never empty.
    pub(super) fn range(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        if !self.words.is_empty() {
            return (-0.5, self.words.len() as f64 - 0.5);
        }
        let (low, high) = values
            .map(|value| self.place(value))
            .filter(|place| place.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), place| (low.min(place), high.max(place)));
        if low > high {
            return (0.0, 1.0);
        }
        let room = if high > low { (high - low) * 0.04 } else { (low.abs() * 0.1).max(0.5) };
        (low - room, high + room)
    }

    fn json(&self) -> Value {
        object([
            ("name", self.name.clone().into()),
            ("scale", if self.log { "log" } else { "linear" }.into()),
            ("words", if self.words.is_empty() { Value::Null } else { self.words.clone().into() }),
        ])
    }
}

impl Chart {
    /// Its data.
    pub(crate) fn json(&self) -> Value {
        let panels = self.panels.iter().map(Panel::json).collect::<Vec<_>>();
        object([("title", self.title.clone().into()), ("panels", panels.into())])
    }
}

impl Panel {
    fn json(&self) -> Value {
        match self {
            Self::Xy(Xy { x, y, series }) => {
                let one = |series: &Series| {
                    let points: Vec<Value> = series
                        .points
                        .iter()
                        .map(|&(x, y)| vec![real_or_word(x), real_or_word(y)].into())
                        .collect();
                    let style = if series.style == Style::Line { "line" } else { "points" };
                    object([
                        ("name", series.name.clone().into()),
                        ("style", style.into()),
                        ("points", points.into()),
                    ])
                };
                let series: Vec<_> = series.iter().map(one).collect();
                object([("x", x.json()), ("y", y.json()), ("series", series.into())])
            }
            Self::Parallel(Parallel { axes, lines }) => {
                let line = |line: &Through| {
                    let values: Vec<Value> =
                        line.values.iter().map(|value| value.map_or(Value::Null, real_or_word)).collect();
                    object([("name", line.name.clone().into()), ("values", values.into())])
                };
                let axes: Vec<_> = axes.iter().map(Axis::json).collect();
                let lines: Vec<_> = lines.iter().map(line).collect();
                object([("axes", axes.into()), ("lines", lines.into())])
            }
            Self::Spans(Spans { rows, spans }) => {
                let span = |span: &Span| {
                    object([
                        ("row", rows[span.row].clone().into()),
                        ("name", span.name.clone().into()),
                        ("state", span.state.clone().into()),
                        ("from", real_or_word(span.from)),
                        ("to", real_or_word(span.to)),
                    ])
                };
                let spans: Vec<_> = spans.iter().map(span).collect();
                object([("spans", spans.into())])
            }
            Self::Bars(Bars { axis, bars }) => {
                let bar = |(name, value): &(String, f64)| {
                    object([("name", name.clone().into()), ("value", real_or_word(*value))])
                };
                let bars: Vec<_> = bars.iter().map(bar).collect();
                object([("axis", axis.json()), ("bars", bars.into())])
            }
        }
    }
}
