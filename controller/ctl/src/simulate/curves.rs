//! A table of curves: CSV, one row a point. `sweep-ctl curves` writes it, `simulate` reads it.
//!
//! Columns: `trial` (its number), `step`, `epoch` (empty: none), `seconds` (the device's, since the trial began), `value`
//! (of the metric; what is not finite as `NaN`, `Infinity`, `-Infinity`), and `params.NAME` for every parameter, nested ones
//! by their names joined by dots. Parameters are JSON, or text that is none; an empty cell: the trial does not have it. A
//! trial without points is one row without step and value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use sweep_core::simulate::Rows;
use sweep_core::spec::SweepSpec;
use sweep_core::stop::Point;
use sweep_core::trial::TrialState;
use sweep_core::value::{non_finite_word, of_non_finite_word};
use sweep_proto::v1;

use crate::client::Client;
use crate::commands::{get_sweep, list_trials};
use crate::exit::{Exit, Failure};
use crate::table::say;

/// Before the names of parameters.
const PARAMS: &str = "params.";
/// More points than a trial has: none is left out.
const ALL_POINTS: u32 = 1_000_000;

/// Trials and their curves, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Curves(pub(crate) Vec<Trial>);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trial {
    pub(crate) number: u64,
    /// By name, nested ones joined by dots.
    pub(crate) params: BTreeMap<String, Value>,
    pub(crate) points: Vec<Point>,
}

impl Curves {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::new(Exit::Unexpected, format!("cannot read {}: {error}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text).map_err(|why| {
            let form = "trial,step,epoch,seconds,value,params.NAME,...";
            Failure::new(
                Exit::Usage,
                format!(
                    "{}: {why}\n  a table of curves is as `sweep-ctl curves` writes it: {form}",
                    path.display()
                ),
            )
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let titles: Vec<String> =
            reader.headers().map_err(|error| error.to_string())?.iter().map(str::to_owned).collect();
        let column = |name: &str| {
            titles
                .iter()
                .position(|title| title == name)
                .ok_or_else(|| format!("there is no column `{name}`"))
        };
        let places =
            [column("trial")?, column("step")?, column("epoch")?, column("seconds")?, column("value")?];
        if let Some(unknown) =
            titles.iter().enumerate().find(|(at, title)| !places.contains(at) && !title.starts_with(PARAMS))
        {
            return Err(format!("there is a column `{}`", unknown.1));
        }
        let mut curves = Self::default();
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            curves.take(&titles, places, &record).map_err(|why| format!("line {line}: {why}"))?;
        }
        Ok(curves)
    }

    fn take(
        &mut self,
        titles: &[String],
        places: [usize; 5],
        record: &csv::StringRecord,
    ) -> Result<(), String> {
        let cell = |at: usize| record.get(places[at]).unwrap_or_default();
        let number: u64 = cell(0).parse().map_err(|_| format!("trial `{}` is no whole number", cell(0)))?;
        let cells = titles.iter().zip(record);
        let params: BTreeMap<String, Value> = cells
            .filter_map(|(title, cell)| Some((title.strip_prefix(PARAMS)?.to_owned(), value(cell)?)))
            .collect();
        // The points of a trial mostly follow each other.
        let at = match self.0.iter().rposition(|trial| trial.number == number) {
            Some(at) if self.0[at].params == params => at,
            Some(_) => return Err(format!("trial {number} has other parameters than before")),
            None => {
                self.0.push(Trial { number, params, points: Vec::new() });
                self.0.len() - 1
            }
        };
        if cell(1).is_empty() && cell(4).is_empty() {
            return Ok(());
        }
        let real = |at: usize, name: &str| {
            let text = cell(at);
            let found = text.parse().ok().filter(|number: &f64| number.is_finite());
            found.ok_or_else(|| format!("{name} `{text}` is no number"))
        };
        let point = Point {
            step: cell(1).parse().map_err(|_| format!("step `{}` is no whole number", cell(1)))?,
            epoch: if cell(2).is_empty() { f64::NAN } else { real(2, "epoch")? },
            seconds: real(3, "seconds")?,
            value: of_non_finite_word(cell(4)).map_or_else(|| real(4, "value"), Ok)?,
        };
        let points = &mut self.0[at].points;
        let before = points.last().map_or(0.0, |before| before.seconds);
        if point.seconds < before {
            return Err(format!("seconds go back from {before} to {}", point.seconds));
        }
        points.push(point);
        Ok(())
    }

    /// As a file.
    pub(crate) fn print(&self) -> Result<String, Failure> {
        let failed = |error: String| Failure::new(Exit::Unexpected, format!("cannot print CSV: {error}"));
        let names: BTreeSet<&String> = self.0.iter().flat_map(|trial| trial.params.keys()).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write =
            |cells: Vec<String>| writer.write_record(cells).map_err(|error| failed(error.to_string()));
        let titles = ["trial", "step", "epoch", "seconds", "value"].map(str::to_owned);
        write(titles.into_iter().chain(names.iter().map(|name| format!("{PARAMS}{name}"))).collect())?;
        for trial in &self.0 {
            let params: Vec<String> =
                names.iter().map(|name| trial.params.get(*name).map(text).unwrap_or_default()).collect();
            let row = |cells: [String; 4]| {
                std::iter::once(trial.number.to_string()).chain(cells).chain(params.iter().cloned()).collect()
            };
            if trial.points.is_empty() {
                write(row([const { String::new() }; 4]))?;
            }
            for point in &trial.points {
                let epoch = if point.epoch.is_finite() { point.epoch.to_string() } else { String::new() };
                let value =
                    non_finite_word(point.value).map_or_else(|| point.value.to_string(), str::to_owned);
                write(row([point.step.to_string(), epoch, point.seconds.to_string(), value]))?;
            }
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }

    /// The trials as rows that a sweep of this file can be played on. Parameters that never vary in the file are the file's:
    /// where the data lies is no part of the search.
    pub(crate) fn rows(&self, spec: &SweepSpec, file: &str) -> Result<Rows, Failure> {
        let names: Vec<String> = spec.parameters.iter().map(|parameter| parameter.path.join(".")).collect();
        let fixed: Vec<Option<Value>> =
            spec.parameters.iter().map(|parameter| only(&parameter.domain)).collect();
        self.check_names(&names, file)?;
        for (name, own) in names.iter().zip(&fixed) {
            let differs = |trial: &&Trial| {
                own.is_some() && trial.params.get(name).is_some_and(|value| Some(value) != own.as_ref())
            };
            if let (Some(own), Some(trial)) = (own, self.0.iter().find(differs)) {
                say(&format!(
                    "`{name}` is {own} in {file} and {} in the table: taken for the same",
                    trial.params[name]
                ));
            }
        }
        let values = |trial: &Trial| {
            let value = |((name, own), parameter): (
                (&String, &Option<Value>),
                &sweep_core::spec::Parameter,
            )| match (trial.params.get(name), own) {
                (Some(_), Some(own)) => Some(own.clone()),
                (None, Some(own)) if parameter.when.is_empty() => Some(own.clone()),
                (found, _) => found.cloned(),
            };
            names.iter().zip(&fixed).zip(&spec.parameters).map(value).collect::<Vec<_>>()
        };
        let rows = self.0.iter().map(|trial| (values(trial), trial.points.clone())).collect();
        Rows::new(spec, rows).map_err(|(at, foreign)| {
            let message = format!(
                "trial {} of the table is no trial of {file}: {foreign}\n  give the file that the table was made with, or widen its parameters",
                self.0[at].number
            );
            Failure::new(Exit::Usage, message)
        })
    }

    /// A parameter that the file does not know may not vary.
    fn check_names(&self, names: &[String], file: &str) -> Result<(), Failure> {
        let mut seen: BTreeMap<&String, Option<&Value>> = BTreeMap::new();
        for trial in &self.0 {
            for name in trial.params.keys().filter(|name| !names.contains(name)) {
                let value = trial.params.get(name);
                if *seen.entry(name).or_insert(value) != value {
                    let message =
                        format!("the table's trials differ in `{name}`, which {file} does not have");
                    return Err(Failure::new(
                        Exit::Usage,
                        format!("{message}\n  add it to the file's parameters"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The value of a parameter that has one only.
fn only(domain: &sweep_core::space::Domain) -> Option<Value> {
    domain.support(1)?.pop().map(|(value, _)| value)
}

/// A cell as a value; `None`: it is empty.
fn value(cell: &str) -> Option<Value> {
    (!cell.is_empty()).then(|| serde_json::from_str(cell).unwrap_or_else(|_| cell.into()))
}

/// A value as a cell: a text as it stands, unless it would be read as something else.
fn text(of: &Value) -> String {
    match of {
        Value::String(plain) if value(plain).as_ref() == Some(of) => plain.clone(),
        other => other.to_string(),
    }
}

/// The curves of a sweep's trials that are over, of its metric or another.
pub(crate) async fn record(
    client: &mut Client,
    sweep: String,
    metric: Option<&str>,
) -> Result<Curves, Failure> {
    let sweep = get_sweep(client, sweep).await?;
    let metric = metric.unwrap_or(&sweep.objective_name).to_owned();
    if metric.is_empty() {
        let message = format!("sweep {} has no `metric`", sweep.id);
        return Err(Failure::new(
            Exit::Usage,
            format!("{message}\n  name one: sweep-ctl curves {} --metric NAME", sweep.id),
        ));
    }
    let request = v1::ListTrialsRequest { sweep: sweep.id.clone(), ..Default::default() };
    let mut trials = list_trials(client, request).await?;
    trials.sort_by_key(|trial| trial.number);
    let (mut curves, mut cut, mut left_out, mut untimed) = (Curves::default(), 0, 0, 0);
    for trial in trials {
        match v1::TrialState::try_from(trial.state).ok().and_then(v1::TrialState::to_core) {
            Some(TrialState::Finished | TrialState::Failed) => {}
            Some(TrialState::StoppedEarly) => cut += 1,
            _ => {
                left_out += 1;
                continue;
            }
        }
        let name = crate::show::trial_id(&trial);
        let asked = v1::GetTrialRequest { trial: name.clone() };
        let whole =
            client.sweeps.get_trial(asked).await.map_err(|status| client.failed(&status))?.into_inner();
        let asked =
            v1::GetMetricsRequest { trial: name, names: vec![metric.clone()], max_points: ALL_POINTS };
        let found =
            client.sweeps.get_metrics(asked).await.map_err(|status| client.failed(&status))?.into_inner();
        let curve = found.curves.into_iter().next().unwrap_or_default();
        untimed += usize::from(!is_timed(&curve));
        let points = points(&curve, &worked(&whole.attempts, &trial));
        curves.0.push(Trial { number: trial.number, params: flat(&crate::show::params(&trial)), points });
    }
    for (count, what) in [
        (left_out, "are not over or were cancelled, and left out"),
        (cut, "were stopped early: their curves end there"),
        (untimed, "have points whose time is not known: their trials' is divided evenly by steps"),
    ] {
        if count > 0 {
            say(&format!("sweep {}: {count} trials {what}", sweep.id));
        }
    }
    Ok(curves)
}

/// Parameters by name, nested ones joined by dots.
fn flat(params: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for (name, value) in params {
        match value {
            Value::Object(inner) => {
                let inner = flat(&inner.clone().into_iter().collect());
                out.extend(inner.into_iter().map(|(rest, value)| (format!("{name}.{rest}"), value)));
            }
            value => {
                out.insert(name.clone(), value.clone());
            }
        }
    }
    out
}

/// When attempts worked on a trial: from and to, in milliseconds.
fn worked(attempts: &[v1::Attempt], trial: &v1::Trial) -> Vec<(i64, i64)> {
    let end = |attempt: &v1::Attempt| {
        if attempt.ended_at_ms > 0 { attempt.ended_at_ms } else { trial.finished_at_ms }
    };
    attempts.iter().map(|attempt| (attempt.claimed_at_ms, end(attempt))).collect()
}

/// Whether it is known when each point was told: an older controller does not say.
fn is_timed(curve: &v1::Curve) -> bool {
    curve.at_ms.len() == curve.steps.len() && curve.at_ms.iter().all(|at| *at > 0)
}

/// The points of a curve, with the seconds that attempts had worked by then: waiting between them is left out.
fn points(curve: &v1::Curve, worked: &[(i64, i64)]) -> Vec<Point> {
    let until = |at: i64| -> f64 {
        worked.iter().map(|(from, to)| (at.min(*to) - from).max(0) as f64 / 1000.0).sum()
    };
    let last = curve.steps.last().copied().unwrap_or(0).max(1) as f64;
    let timed = is_timed(curve);
    let mut before = 0.0;
    let point = |(at, (&step, &value)): (usize, (&u64, &f64))| {
        let seconds = if timed { until(curve.at_ms[at]) } else { until(i64::MAX) * step as f64 / last };
        // Clocks of two machines may go back.
        before = f64::max(before, seconds);
        Point { step, epoch: curve.epochs.get(at).copied().unwrap_or(f64::NAN), seconds: before, value }
    };
    curve.steps.iter().zip(&curve.values).enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn curves() -> Curves {
        let point = |step: u64, value: f64| Point {
            step,
            epoch: step as f64 / 2.0,
            seconds: step as f64 * 1.5,
            value,
        };
        let params = |pairs: &[(&str, Value)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        Curves(vec![
            Trial {
                number: 1,
                params: params(&[("lr", json!(1e-5)), ("opt", json!("sgd")), ("layers", json!([8, 16]))]),
                points: vec![point(1, 0.5), point(2, f64::NAN), point(3, f64::NEG_INFINITY)],
            },
            Trial {
                number: 4,
                params: params(&[("lr", json!(1)), ("opt", json!("7")), ("m.a", json!(""))]),
                points: vec![],
            },
        ])
    }

    #[test]
    fn tables_are_read_back_as_they_were_written() {
        let text = curves().print().expect("prints");
        insta::assert_snapshot!("curves_csv", text);
        let again = Curves::parse(&text).expect("reads");
        // NaN is not equal to itself; its text is.
        assert_eq!(again.print().expect("prints"), text);
        assert_eq!(again.0[1], curves().0[1]);
        assert_eq!((again.0[0].params.clone(), again.0[0].points.len()), (curves().0[0].params.clone(), 3));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_line() {
        for (text, words) in [
            ("trial,step,epoch,seconds\n", "no column `value`"),
            ("trial,step,epoch,seconds,value,lr\n", "a column `lr`"),
            ("trial,step,epoch,seconds,value\n1,1,,x,2\n", "line 2: seconds `x` is no number"),
            (
                "trial,step,epoch,seconds,value\n1,1,,1,2\n1,2,,0.5,2\n",
                "line 3: seconds go back from 1 to 0.5",
            ),
            (
                "trial,step,epoch,seconds,value,params.a\n1,1,,1,2,3\n1,2,,2,2,4\n",
                "line 3: trial 1 has other parameters",
            ),
            ("trial,step,epoch,seconds,value\n1,1,,1\n", "line: 2"),
        ] {
            let why = Curves::parse(text).expect_err(text);
            assert!(why.contains(words), "{text}: {why}");
        }
    }

    #[test]
    fn time_between_attempts_is_no_time_of_the_trial() {
        let curve = v1::Curve {
            steps: vec![1, 2, 3],
            values: vec![0.1, 0.2, 0.3],
            epochs: vec![1.0, 2.0, 3.0],
            at_ms: vec![11_000, 24_000, 36_000],
            ..v1::Curve::default()
        };
        let worked = [(10_000, 20_000), (30_000, 40_000)];
        let seconds =
            |curve: &v1::Curve| points(curve, &worked).iter().map(|point| point.seconds).collect::<Vec<_>>();
        // What was told late, after its attempt had ended, counts as told at its end.
        assert_eq!(seconds(&curve), [1.0, 10.0, 16.0]);
        assert_eq!(seconds(&v1::Curve { at_ms: vec![], ..curve }), [20.0 / 3.0, 40.0 / 3.0, 20.0]);
    }
}
