//! From trials to charts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sweep_core::objective::Goal;
use sweep_core::spec::{self, SweepSpec};
use sweep_core::value::python_str;
use sweep_proto::convert::trial_state_word;
use sweep_proto::v1;

use super::chart::{Axis, Bars, Chart, Panel, Parallel, Series, Span, Spans, Style, Through, Xy};
use crate::exit::{Exit, Failure};
use crate::filter;
use crate::show;

/// Axes of a parallel plot besides the objective, and panels of a slice plot: more cannot be read.
const MOST_PARAMS: usize = 10;

fn title(sweep: &v1::Sweep, what: &str) -> String {
    let name = if sweep.name.is_empty() { String::new() } else { format!(" {}", sweep.name) };
    format!("{what}: sweep {}{name}", sweep.id)
}

fn nothing(sweep: &v1::Sweep, what: &str) -> Failure {
    Failure::new(
        Exit::Nothing,
        format!("no trial of sweep {} {what} yet\n  see them: sweep-ctl trials {}", sweep.id, sweep.id),
    )
}

fn goal(sweep: &v1::Sweep) -> Goal {
    sweep.goal().to_core().unwrap_or(Goal::Minimize)
}

/// Trials with a finite objective, by number.
fn measured(trials: &[v1::Trial]) -> Vec<(&v1::Trial, f64)> {
    let finite = |trial: &v1::Trial| trial.objective.filter(|value| value.is_finite());
    let mut found: Vec<_> = trials.iter().filter_map(|trial| Some((trial, finite(trial)?))).collect();
    found.sort_by_key(|(trial, _)| trial.number);
    found
}

/// Each trial's objective in the order of their numbers, and the best up to each.
pub(super) fn history(sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<Chart, Failure> {
    let found = measured(trials);
    let Some((_, first)) = found.first() else { return Err(nothing(sweep, "has an objective")) };
    let goal = goal(sweep);
    let mut best = *first;
    let mut line = Vec::new();
    for (trial, value) in &found {
        if goal.better(*value, best) {
            // A step, not a slope: it became better at this trial.
            line.push((trial.number as f64, best));
            best = *value;
        }
        line.push((trial.number as f64, best));
    }
    let of = |wanted: bool| -> Vec<(f64, f64)> {
        let is = |trial: &v1::Trial| trial_state_word(trial.state) == "stopped_early";
        found
            .iter()
            .filter(|(trial, _)| is(trial) == wanted)
            .map(|(trial, value)| (trial.number as f64, *value))
            .collect()
    };
    let mut series = vec![
        Series { name: "best so far".to_owned(), style: Style::Line, points: line },
        Series { name: "trials".to_owned(), style: Style::Points, points: of(false) },
    ];
    let early = of(true);
    if !early.is_empty() {
        series.push(Series { name: "stopped early".to_owned(), style: Style::Points, points: early });
    }
    let panel = Xy { x: Axis::of("trial"), y: Axis::of(&sweep.objective_name), series };
    Ok(Chart { title: title(sweep, "history"), panels: vec![Panel::Xy(panel)] })
}

/// The best trials by the objective; those without one, and all where there is none, by their number.
pub(super) fn best<'t>(
    sweep: &v1::Sweep,
    trials: &'t [v1::Trial],
    metric: &str,
    most: usize,
) -> Vec<&'t v1::Trial> {
    let mut with: Vec<_> =
        trials.iter().filter(|trial| trial.metrics.iter().any(|found| found.name == metric)).collect();
    let goal = goal(sweep);
    with.sort_by(|a, b| match (a.objective, b.objective) {
        (Some(x), Some(y)) if goal == Goal::Maximize => y.total_cmp(&x).then(a.number.cmp(&b.number)),
        (Some(x), Some(y)) => x.total_cmp(&y).then(a.number.cmp(&b.number)),
        (x, y) => y.is_some().cmp(&x.is_some()).then(a.number.cmp(&b.number)),
    });
    with.truncate(most);
    with
}

/// One metric's curves.
pub(super) fn curves(
    sweep: &v1::Sweep,
    metric: &str,
    found: &[(u64, Vec<v1::Curve>)],
) -> Result<Chart, Failure> {
    let mut series = Vec::new();
    for (number, curves) in found {
        for curve in curves {
            let points: Vec<_> = curve
                .steps
                .iter()
                .zip(&curve.values)
                .filter(|(_, value)| value.is_finite())
                .map(|(step, value)| (*step as f64, *value))
                .collect();
            if !points.is_empty() {
                series.push(Series { name: format!("trial {number}"), style: Style::Line, points });
            }
        }
    }
    if series.is_empty() {
        return Err(nothing(sweep, &format!("has reported `{metric}`")));
    }
    let panel = Xy { x: Axis::of("step"), y: Axis::of(metric), series };
    Ok(Chart { title: title(sweep, "curves of the best trials"), panels: vec![Panel::Xy(panel)] })
}

/// A parameter that varies: its axis, and each trial's place on it.
struct Varying {
    axis: Axis,
    values: Vec<Option<f64>>,
}

/// The parameters in which trials differ, by name.
fn varying(sweep: &v1::Sweep, trials: &[&v1::Trial]) -> Vec<Varying> {
    let spec = spec::parse(&sweep.text).spec;
    let params: Vec<_> = trials.iter().map(|trial| show::flat(trial)).collect();
    let names: BTreeSet<&String> = params.iter().flat_map(|params| params.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let column: Vec<Option<&Value>> = params.iter().map(|params| params.get(name)).collect();
        let distinct: BTreeSet<String> = column.iter().flatten().map(ToString::to_string).collect();
        if distinct.len() > 1 || column.iter().any(Option::is_none) {
            found.push(one(name, &column, spec.as_ref()));
        }
    }
    found
}

fn one(name: &str, column: &[Option<&Value>], spec: Option<&SweepSpec>) -> Varying {
    let mut axis = Axis::of(name);
    if column.iter().flatten().all(|value| value.is_number()) {
        let values: Vec<_> = column.iter().map(|value| value.and_then(Value::as_f64)).collect();
        let positive = values.iter().flatten().all(|value| *value > 0.0);
        axis.log = positive && spec.is_some_and(|spec| is_log(spec, name));
        return Varying { axis, values };
    }
    let words: BTreeSet<String> = column.iter().flatten().map(|value| python_str(value)).collect();
    axis.words = words.into_iter().collect();
    let place =
        |value: &Value| axis.words.iter().position(|word| *word == python_str(value)).map(|at| at as f64);
    let values = column.iter().map(|value| value.and_then(place)).collect();
    Varying { axis, values }
}

/// Whether the sweep file searches a parameter on a log scale.
fn is_log(spec: &SweepSpec, name: &str) -> bool {
    let parameter = spec.parameters.iter().find(|parameter| parameter.path.join(".") == name);
    parameter.is_some_and(|parameter| parameter.domain.is_log())
}

/// The objective against each parameter.
pub(super) fn slice(sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<Chart, Failure> {
    let found = measured(trials);
    if found.is_empty() {
        return Err(nothing(sweep, "has an objective"));
    }
    let of: Vec<_> = found.iter().map(|(trial, _)| *trial).collect();
    let panel = |Varying { axis, values }: Varying| {
        let points = values.into_iter().zip(&found).filter_map(|(x, (_, y))| Some((x?, *y))).collect();
        let series = vec![Series { name: "trials".to_owned(), style: Style::Points, points }];
        Panel::Xy(Xy { x: axis, y: Axis::of(&sweep.objective_name), series })
    };
    let panels: Vec<_> = varying(sweep, &of).into_iter().take(MOST_PARAMS).map(panel).collect();
    if panels.is_empty() {
        return Err(Failure::new(
            Exit::Nothing,
            format!("no parameter varies among the trials of sweep {}", sweep.id),
        ));
    }
    Ok(Chart { title: title(sweep, "objective against each parameter"), panels })
}

/// Each trial as a line through its parameters to its objective.
pub(super) fn parallel(sweep: &v1::Sweep, trials: &[v1::Trial], most: usize) -> Result<Chart, Failure> {
    let goal = goal(sweep);
    let mut found = measured(trials);
    if found.is_empty() {
        return Err(nothing(sweep, "has an objective"));
    }
    found.sort_by(|(_, a), (_, b)| if goal == Goal::Maximize { b.total_cmp(a) } else { a.total_cmp(b) });
    found.truncate(most);
    // The best last, so that it lies on top.
    found.reverse();
    let of: Vec<_> = found.iter().map(|(trial, _)| *trial).collect();
    let mut columns: Vec<_> = varying(sweep, &of).into_iter().take(MOST_PARAMS).collect();
    let objective = found.iter().map(|(_, value)| Some(*value)).collect();
    columns.push(Varying { axis: Axis::of(&sweep.objective_name), values: objective });
    let last = (found.len() - 1).max(1) as f64;
    let line = |(at, (trial, _)): (usize, &(&v1::Trial, f64))| Through {
        name: format!("trial {}", trial.number),
        values: columns.iter().map(|column| column.values[at]).collect(),
        good: at as f64 / last,
    };
    let lines = found.iter().enumerate().map(line).collect();
    let axes = columns.iter().map(|column| column.axis.clone()).collect();
    Ok(Chart {
        title: title(sweep, "parameters of trials"),
        panels: vec![Panel::Parallel(Parallel { axes, lines })],
    })
}

/// What the parameters decide, the most important first.
pub(super) fn importance(sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<Chart, Failure> {
    let (found, metric) = crate::importance::find(sweep, trials)?;
    let what = format!("share of {metric} that each parameter decides ({})", sweep_core::importance::METHOD);
    Ok(Chart {
        title: title(sweep, "importance"),
        panels: vec![Panel::Bars(Bars { axis: Axis::of(&what), bars: found.parameters })],
    })
}

/// The last attempts of trials by agent, in seconds since the first began.
pub(super) fn timeline(sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<Chart, Failure> {
    let began = trials.iter().map(|trial| trial.started_at_ms).filter(|ms| *ms > 0).min();
    let Some(began) = began else { return Err(nothing(sweep, "was started")) };
    let last =
        trials.iter().map(|trial| trial.finished_at_ms.max(trial.started_at_ms)).max().unwrap_or(began);
    let mut by_agent: BTreeMap<String, Vec<&v1::Trial>> = BTreeMap::new();
    for trial in trials.iter().filter(|trial| trial.started_at_ms > 0) {
        by_agent.entry(trial.agent.clone()).or_default().push(trial);
    }
    let since = |ms: i64| (ms - began) as f64 / 1000.0;
    let (mut rows, mut spans) = (Vec::new(), Vec::new());
    for (agent, mut of) in by_agent {
        of.sort_by_key(|trial| trial.started_at_ms);
        // One row for each trial it ran at one time.
        let mut free: Vec<(usize, i64)> = Vec::new();
        for trial in of {
            let end = if trial.finished_at_ms > 0 { trial.finished_at_ms } else { last };
            let lane =
                free.iter().position(|(_, until)| *until <= trial.started_at_ms).unwrap_or_else(|| {
                    free.push((rows.len(), 0));
                    rows.push(if free.len() == 1 {
                        agent.clone()
                    } else {
                        format!("{agent} ({})", free.len())
                    });
                    free.len() - 1
                });
            free[lane].1 = end;
            let state = filter::value(trial, "state").map(|word| python_str(&word)).unwrap_or_default();
            let (from, to) = (since(trial.started_at_ms), since(end));
            spans.push(Span { row: free[lane].0, from, to, name: format!("trial {}", trial.number), state });
        }
    }
    Ok(Chart { title: title(sweep, "timeline"), panels: vec![Panel::Spans(Spans { rows, spans })] })
}
