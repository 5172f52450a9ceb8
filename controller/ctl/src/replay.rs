//! Whether a sweep's trials are those that its search proposes, and whether its stop rule says what it said.

use serde_json::Value;
use sweep_core::search::{self, Different, Prior, Replayed};
use sweep_core::spec;
use sweep_core::stop::{self, Judgement, Said};
use sweep_proto::{convert, v1};

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render, say};

/// Something that is not as it was.
enum Row {
    Trial(Different),
    Judgement(Judgement, Said),
}

/// Proposes every trial and judges every report again, and compares. Fails when one differs.
pub(crate) fn replay(
    output: Format,
    sweep: &v1::Sweep,
    trials: &[v1::Trial],
    judgements: &[v1::Judgement],
    prior_json: &str,
) -> Result<(), Failure> {
    let parsed = spec::parse(&sweep.text);
    let unreadable = |what: &str| Failure::new(Exit::Unexpected, format!("sweep {}: {what}", sweep.id));
    let spec = parsed.spec.ok_or_else(|| unreadable("its file is no longer understood"))?;
    let spec = spec.planned(sweep.planned_trials);
    let recorded: Result<Vec<_>, _> = trials.iter().map(|trial| convert::recorded(sweep, trial)).collect();
    let mut recorded = recorded.map_err(|error| unreadable(&format!("a trial cannot be read: {error}")))?;
    recorded.sort_by_key(|(trial, _)| trial.number);
    let prior: Vec<Prior> = if prior_json.is_empty() {
        Vec::new()
    } else {
        let known = serde_json::from_str(prior_json);
        known.map_err(|error| unreadable(&format!("what it began with cannot be read: {error}")))?
    };
    let Replayed { equal, different, unknown } = search::replay(&spec, sweep.seed, &recorded, &prior);
    let mut said = vec![format!("{equal} of {} trials are proposed again as they were", recorded.len())];
    let mut rows: Vec<Row> = different.into_iter().map(Row::Trial).collect();
    if let Some(judge) = spec.judge() {
        let judged: Result<Vec<_>, _> = judgements.iter().map(convert::judgement).collect();
        let judged = judged.map_err(|error| unreadable(&format!("a judgement cannot be read: {error}")))?;
        let again = stop::replay(&judge, &judged);
        said.push(format!("{} of {} judgements are made again as they were", again.equal, judged.len()));
        rows.extend(again.different.into_iter().map(|(then, now)| Row::Judgement(then, now)));
    }
    if output == Format::Table {
        said.iter().for_each(|line| say(line));
    } else {
        put(&render(&sheet(&rows), output, false)?)?;
    }
    if !unknown.is_empty() {
        say(&format!(
            "of {} it is not recorded what the search had seen (an earlier version)",
            list(&unknown)
        ));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let mut numbers: Vec<u64> = rows.iter().map(Row::trial).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Err(Failure::new(
        Exit::Conflict,
        format!(
            "sweep {} would have other trials or verdicts now: {}\n  a trial before them that was run again since may be why; \
             see what is proposed and said: sweep-ctl replay {} -o yaml",
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

impl Row {
    fn trial(&self) -> u64 {
        match self {
            Self::Trial(different) => different.number,
            Self::Judgement(judgement, _) => judgement.trial,
        }
    }

    fn now(&self) -> String {
        match self {
            Self::Trial(Different { again: None, .. }) => "the end".to_owned(),
            Self::Trial(Different { again: Some(again), .. }) => again.why.to_string(),
            Self::Judgement(_, Said::Verdict(verdict)) => {
                verdict.reason().map_or_else(|| "it goes on".to_owned(), ToString::to_string)
            }
            Self::Judgement(_, Said::Standing(None)) => "it stays held back".to_owned(),
            Self::Judgement(_, Said::Standing(Some(standing))) => standing.to_string(),
        }
    }

    fn json(&self) -> Value {
        let (params, judgement) = match self {
            Self::Trial(different) => {
                (different.again.as_ref().map(|again| serde_json::json!(again.params)), None)
            }
            Self::Judgement(judgement, _) => (None, Some(judgement.number)),
        };
        object([
            ("trial", self.trial().into()),
            ("judgement", judgement.into()),
            ("params", params.unwrap_or(Value::Null)),
            ("why", self.now().into()),
        ])
    }
}

fn sheet(rows: &[Row]) -> Sheet<'_, Row> {
    let columns =
        || vec![Column::right("trial", |row: &Row| row.trial().to_string()), Column::left("now", Row::now)];
    Sheet { rows, table: columns(), csv: columns(), json: &Row::json, name: &|row| row.trial().to_string() }
}
