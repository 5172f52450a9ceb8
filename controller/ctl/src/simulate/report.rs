//! A comparison as tables and a plot for people, or as rows and objects for programs.

use serde_json::Value;

use super::compare::{Comparison, Quartiles, Summary};
use super::plot;
use crate::args::Format;
use crate::exit::Failure;
use crate::show::{number, real};
use crate::table::{Column, Sheet, json, object, render as sheet, yaml};

pub(crate) fn render(comparison: &Comparison, output: Format) -> Result<String, Failure> {
    match output {
        Format::Table => people(comparison),
        Format::Json => json(&whole(comparison)),
        Format::Yaml => yaml(&whole(comparison)),
        Format::Csv => {
            let cells = cells(comparison);
            sheet(&csv(&cells), Format::Csv, false)
        }
        Format::Name => Ok(comparison.variants.iter().map(|variant| variant.name.clone() + "\n").collect()),
    }
}

/// `0.5123 [0.4987, 0.5301]`.
fn spread([lower, median, upper]: Quartiles) -> String {
    match median.is_finite() {
        true => format!("{} [{}, {}]", number(median), shown(lower), shown(upper)),
        false => "-".to_owned(),
    }
}

fn shown(value: f64) -> String {
    if value.is_finite() { number(value) } else { "-".to_owned() }
}

fn people(comparison: &Comparison) -> Result<String, Failure> {
    let Comparison { metric, goal, hours, trials, variants, .. } = comparison;
    let name = || Column::left("", |summary: &Summary| summary.name.clone());
    let mut by_hours = vec![name()];
    for (at, hours) in hours.iter().enumerate() {
        by_hours.push(Column::left(&format!("{} h", number(*hours)), move |one: &Summary| {
            spread(one.by_hours[at])
        }));
    }
    let mut by_trials = vec![name()];
    for (at, trials) in trials.iter().enumerate() {
        by_trials
            .push(Column::left(&format!("{trials} trials"), move |one: &Summary| spread(one.by_trials[at])));
    }
    let first = variants.first().map_or("", |first| first.name.as_str());
    let whose = match comparison.target {
        Some(target) => number(target),
        None => format!("{first}'s best"),
    };
    let target = vec![
        name(),
        Column::left("reached", |one: &Summary| format!("{} of {}", one.reached, comparison.seeds)),
        Column::right("hours", |one: &Summary| never(one.hours_to_target)),
        Column::left("ratio", |one: &Summary| {
            one.ratio.map_or("-".to_owned(), |ratio| {
                format!("{} [{}, {}]", never(ratio.ratio), never(ratio.lower), never(ratio.upper))
            })
        }),
        Column::right("used", |one: &Summary| number(one.used)),
        Column::right("trials", |one: &Summary| number(one.ended)),
        Column::right("stopped", |one: &Summary| number(one.stopped)),
    ];
    let table = |columns: Vec<Column<'_, Summary>>| {
        let page = Sheet {
            rows: variants,
            table: columns,
            csv: Vec::new(),
            json: &|_| Value::Null,
            name: &|_| String::new(),
        };
        sheet(&page, Format::Table, false)
    };
    let direction = goal.word();
    Ok(format!(
        "best {metric} ({direction}) after device-hours: median [quartiles]\n{}\nafter trials\n{}\ndevice-hours to {whose}: median, ratio to {first} [95 %]; and of whole sweeps\n{}\n{}",
        table(by_hours)?,
        table(by_trials)?,
        table(target)?,
        plot::draw(comparison),
    ))
}

fn never(value: f64) -> String {
    if value.is_finite() { number(value) } else { "never".to_owned() }
}

fn spread_json([lower, median, upper]: Quartiles) -> [(&'static str, Value); 3] {
    [("median", real(median)), ("lower", real(lower)), ("upper", real(upper))]
}

fn whole(comparison: &Comparison) -> Value {
    let at = |key: &'static str, at: Value, quartiles: Quartiles| {
        let [median, lower, upper] = spread_json(quartiles);
        object([(key, at), median, lower, upper])
    };
    let variant = |one: &Summary| {
        let by_hours = comparison.hours.iter().zip(&one.by_hours);
        let by_trials = comparison.trials.iter().zip(&one.by_trials);
        object([
            ("name", one.name.clone().into()),
            ("method", one.method.into()),
            ("stop", one.rule.clone().map_or(Value::Null, Value::String)),
            (
                "by_device_hours",
                by_hours.map(|(hours, found)| at("device_hours", real(*hours), *found)).collect(),
            ),
            ("by_trials", by_trials.map(|(trials, found)| at("trials", (*trials).into(), *found)).collect()),
            ("reached", one.reached.into()),
            ("device_hours_to_target", real(one.hours_to_target)),
            (
                "ratio",
                one.ratio.map_or(Value::Null, |ratio| {
                    object([
                        ("ratio", real(ratio.ratio)),
                        ("lower", real(ratio.lower)),
                        ("upper", real(ratio.upper)),
                    ])
                }),
            ),
            ("device_hours", real(one.used)),
            ("trials", real(one.ended)),
            ("stopped_early", real(one.stopped)),
        ])
    };
    object([
        ("metric", comparison.metric.clone().into()),
        ("goal", comparison.goal.word().into()),
        ("workers", comparison.workers.into()),
        ("seeds", comparison.seeds.into()),
        ("table_trials", comparison.rows.into()),
        ("target", comparison.target.map_or(Value::Null, real)),
        ("variants", comparison.variants.iter().map(variant).collect()),
    ])
}

/// One number of one variant.
struct Cell<'c> {
    variant: &'c str,
    against: &'static str,
    at: f64,
    found: Quartiles,
}

/// What is drawn, point by point.
fn cells(comparison: &Comparison) -> Vec<Cell<'_>> {
    let mut cells = Vec::new();
    for one in &comparison.variants {
        for (against, curve) in [("device_hours", &one.hours_curve), ("trials", &one.trials_curve)] {
            cells.extend(curve.iter().map(|(at, found)| Cell {
                variant: &one.name,
                against,
                at: *at,
                found: *found,
            }));
        }
    }
    cells
}

fn csv<'c>(cells: &'c [Cell<'c>]) -> Sheet<'c, Cell<'c>> {
    let quartile = |at: usize| {
        move |cell: &Cell| if cell.found[at].is_finite() { cell.found[at].to_string() } else { String::new() }
    };
    let csv = vec![
        Column::left("variant", |cell: &Cell| cell.variant.to_owned()),
        Column::left("against", |cell: &Cell| cell.against.to_owned()),
        Column::left("at", |cell: &Cell| cell.at.to_string()),
        Column::left("median", quartile(1)),
        Column::left("lower", quartile(0)),
        Column::left("upper", quartile(2)),
    ];
    Sheet { rows: cells, table: Vec::new(), csv, json: &|_| Value::Null, name: &|_| String::new() }
}
