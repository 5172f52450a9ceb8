//! Whether a sweep's trials are those that its search proposes.

use serde_json::Value;
use sweep_core::search::{self, Different, Prior, Recorded, Replayed};
use sweep_core::spec;
use sweep_proto::v1;

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render, say};

/// Proposes every trial again and compares. Fails when one differs.
pub(crate) fn replay(
    output: Format,
    sweep: &v1::Sweep,
    trials: &[v1::Trial],
    prior_json: &str,
) -> Result<(), Failure> {
    let parsed = spec::parse(&sweep.text);
    let unreadable = |what: &str| Failure::new(Exit::Unexpected, format!("sweep {}: {what}", sweep.id));
    let spec = parsed.spec.ok_or_else(|| unreadable("its file is no longer understood"))?;
    let recorded: Result<Vec<_>, _> = trials.iter().map(|trial| recorded(sweep, trial)).collect();
    let mut recorded = recorded.map_err(|error| unreadable(&format!("a trial cannot be read: {error}")))?;
    recorded.sort_by_key(|(trial, _)| trial.number);
    let prior: Vec<Prior> = if prior_json.is_empty() {
        Vec::new()
    } else {
        let known = serde_json::from_str(prior_json);
        known.map_err(|error| unreadable(&format!("what it began with cannot be read: {error}")))?
    };
    let Replayed { equal, different, unknown } = search::replay(&spec, sweep.seed, &recorded, &prior);
    if output == Format::Table {
        say(&format!("{equal} of {} trials are proposed again as they were", recorded.len()));
    } else {
        put(&render(&sheet(&different), output, false)?)?;
    }
    if !unknown.is_empty() {
        say(&format!(
            "of {} it is not recorded what the search had seen (an earlier version)",
            list(&unknown)
        ));
    }
    if different.is_empty() {
        return Ok(());
    }
    let numbers: Vec<u64> = different.iter().map(|one| one.number).collect();
    Err(Failure::new(
        Exit::Conflict,
        format!(
            "sweep {} would have other trials now: {}\n  a trial before them that was run again since may be why; see what \
             is proposed: sweep-ctl replay {} -o yaml",
            sweep.id,
            list(&numbers),
            sweep.id
        ),
    ))
}

fn list(numbers: &[u64]) -> String {
    let shown: Vec<String> = numbers.iter().take(10).map(u64::to_string).collect();
    let more = if numbers.len() > 10 { format!(" and {} more", numbers.len() - 10) } else { String::new() };
    format!("trial {}{more}", shown.join(", "))
}

fn recorded(sweep: &v1::Sweep, trial: &v1::Trial) -> Result<(Recorded, Option<search::Origin>), String> {
    let latest = trial.metrics.iter().find(|metric| metric.name == sweep.objective_name && metric.count > 0);
    let unreadable = |error: serde_json::Error| error.to_string();
    let origin = match &*trial.origin_json {
        "" => None,
        text => serde_json::from_str(text).map_err(unreadable)?,
    };
    let state = v1::TrialState::try_from(trial.state).ok().and_then(v1::TrialState::to_core);
    let recorded = Recorded {
        number: trial.number,
        params: serde_json::from_str(&trial.params_json).map_err(unreadable)?,
        state: state.ok_or("its state is unknown to this sweep-ctl")?,
        objective: trial.objective,
        latest: latest.map(|metric| metric.last),
        objectives: (!trial.objectives.is_empty()).then(|| trial.objectives.clone()),
    };
    Ok((recorded, origin))
}

fn sheet(different: &[Different]) -> Sheet<'_, Different> {
    let columns = || {
        vec![
            Column::right("trial", |one: &Different| one.number.to_string()),
            Column::left("now", |one: &Different| {
                one.again.as_ref().map_or_else(|| "the end".to_owned(), |again| again.why.to_string())
            }),
        ]
    };
    Sheet {
        rows: different,
        table: columns(),
        csv: columns(),
        json: &different_json,
        name: &|one| one.number.to_string(),
    }
}

fn different_json(one: &Different) -> Value {
    let again = one.again.as_ref();
    object([
        ("trial", one.number.into()),
        ("params", again.map_or(Value::Null, |again| serde_json::json!(again.params))),
        ("why", again.map_or(Value::Null, |again| again.why.to_string().into())),
    ])
}
