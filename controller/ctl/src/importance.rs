//! Which parameters of a sweep decide whether a trial is good.

use serde_json::Value;
use sweep_core::importance::{self, Importance, METHOD, Unknown};
use sweep_core::search::Recorded;
use sweep_core::spec;
use sweep_core::sweep::SweepState;
use sweep_proto::{convert, v1};

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::show::real;
use crate::table::{Column, Sheet, json, object, put, render, say, yaml};

/// Letters of a share of 1.
const BAR: f64 = 30.0;

/// Prints the shares of all parameters that vary.
pub(crate) fn importance(output: Format, sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<(), Failure> {
    let (found, metric) = find(sweep, trials)?;
    if output == Format::Table {
        say(&format!(
            "{METHOD}: what sets the best {} of {} trials apart from all, by {metric}; single parameters, not what two decide together",
            found.best, found.trials
        ));
    }
    put(&match output {
        Format::Json => json(&whole(&found, &metric))?,
        Format::Yaml => yaml(&whole(&found, &metric))?,
        _ => render(&sheet(&found), output, false)?,
    })
}

/// The shares, and the metric that they decide.
pub(crate) fn find(sweep: &v1::Sweep, trials: &[v1::Trial]) -> Result<(Importance, String), Failure> {
    let unreadable = |what: String| Failure::new(Exit::Unexpected, format!("sweep {}: {what}", sweep.id));
    let parsed = spec::parse(&sweep.text);
    let spec = parsed.spec.ok_or_else(|| unreadable("its file is no longer understood".to_owned()))?;
    let Some(metric) = &spec.metric else {
        let message = format!(
            "sweep {} has no `metric`, so nothing is important to it\n  give the next one a metric: sweep-ctl explain metric",
            sweep.id
        );
        return Err(Failure::new(Exit::Nothing, message));
    };
    let trials: Result<Vec<Recorded>, convert::Unreadable> =
        trials.iter().map(|trial| Ok(convert::recorded(sweep, trial)?.0)).collect();
    let trials = trials.map_err(|error| unreadable(format!("a trial cannot be read: {error}")))?;
    let found = importance::of_sweep(&spec, metric.goal, &trials)
        .map_err(|unknown| Failure::new(Exit::Nothing, why_not(sweep, unknown)))?;
    Ok((found, metric.name.clone()))
}

/// Why nothing is said, and what to do about it.
fn why_not(sweep: &v1::Sweep, unknown: Unknown) -> String {
    let id = &sweep.id;
    let is_over = sweep.state().to_core().is_some_and(SweepState::is_over);
    let next = match unknown {
        Unknown::TooFew(count) if is_over => {
            format!(
                "more of them:  sweep-ctl extend {id} --trials +{}",
                importance::FEWEST.saturating_sub(count)
            )
        }
        Unknown::TooFew(_) => {
            format!("run its trials: sweep-agent {id}\n  watch it:       sweep-ctl watch {id}")
        }
        Unknown::AllAlike => format!("see them: sweep-ctl trials {id}"),
    };
    format!("sweep {id}: {unknown}\n  {next}")
}

type Share = (String, f64);

fn sheet(found: &Importance) -> Sheet<'_, Share> {
    Sheet {
        rows: &found.parameters,
        table: vec![
            Column::left("parameter", |(name, _): &Share| name.clone()),
            Column::right("importance", |(_, share): &Share| format!("{share:.3}")),
            Column::left("", |(_, share): &Share| "#".repeat((share * BAR).round() as usize)),
        ],
        csv: vec![
            Column::left("parameter", |(name, _): &Share| name.clone()),
            Column::left("importance", |(_, share): &Share| share.to_string()),
        ],
        json: &share_json,
        name: &|(name, _)| name.clone(),
    }
}

fn share_json((name, share): &Share) -> Value {
    object([("parameter", name.clone().into()), ("importance", real(*share))])
}

fn whole(found: &Importance, metric: &str) -> Value {
    object([
        ("method", METHOD.into()),
        ("metric", metric.into()),
        ("trials", found.trials.into()),
        ("best", found.best.into()),
        ("parameters", found.parameters.iter().map(share_json).collect()),
    ])
}
