//! The trials of a sweep as packed columns, within what an answer may weigh.

use std::collections::BTreeMap;

use sweep_core::board::column::{Column, pack};
use sweep_core::board::params::{self, ParamColumn, Values, Words};
use sweep_core::objective::Summary;
use sweep_core::spec::SweepSpec;
use sweep_core::trial::TrialState;
use sweep_store::{Sweep, TrialBrief, TrialTable};

use super::Result;
use crate::app::App;

/// Most rows of one answer.
const MOST_ROWS: usize = 10_000;
/// Bytes that an answer may have, about; 2 MB is the promise.
const MOST_BYTES: usize = 1_900_000;
/// Of these, for parameters and what every row has: more of them make fewer rows.
const BYTES_OF_ROWS: usize = 1_500_000;
/// Bytes of a row beside its parameters, reasons and metrics, about.
const ROW: usize = 40;
/// Bytes for reasons: rules give one to each trial that they stop, and no two alike.
pub(super) const BYTES_OF_REASONS: usize = 200_000;
/// Bytes for tags: a person may give each trial its own.
const BYTES_OF_TAGS: usize = 200_000;
/// Letters of a reason, or of tags, that are left in any case.
const SHORTEST_REASON: usize = 20;

/// Trials by number; every column has as many rows as there are states.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) sweep: String,
    pub(crate) change: u64,
    /// How many trials the sweep has.
    pub(crate) total: u64,
    /// There are more with higher numbers.
    pub(crate) more: bool,
    pub(crate) last_number: u64,
    pub(crate) states: Vec<TrialState>,
    pub(crate) numbers: Column,
    pub(crate) objective: Column,
    pub(crate) attempts: Column,
    pub(crate) started_at: Column,
    pub(crate) finished_at: Column,
    pub(crate) steps: Column,
    pub(crate) agents: Words,
    pub(crate) reasons: Words,
    /// Joined by commas.
    pub(crate) tags: Words,
    pub(crate) params: Vec<ParamColumn>,
    pub(crate) metrics: Vec<Metric>,
    /// Metrics there was no room for.
    pub(crate) left_out: Vec<String>,
    pub(crate) objectives: Vec<Column>,
}

#[derive(Debug, Clone)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) last: Column,
    pub(crate) min: Column,
    pub(crate) max: Column,
}

/// Trials of a sweep above number `after` that changed after `since`; `metrics`: only these, unless empty.
pub(crate) async fn table(
    app: &App,
    sweep: &Sweep,
    since: u64,
    after: u64,
    metrics: &[String],
) -> Result<Table> {
    let spec = app.spec(&sweep.id).await?;
    let most = (BYTES_OF_ROWS / (8 * spec.parameters.len() + ROW)).clamp(100, MOST_ROWS);
    let stored =
        app.store.trial_table(&sweep.id, since, after, u32::try_from(most).unwrap_or(u32::MAX)).await?;
    let (sweep, metrics) = (sweep.clone(), metrics.to_owned());
    let made = move || make(&sweep, &spec, stored, &metrics);
    Ok(tokio::task::spawn_blocking(made).await?)
}

fn make(sweep: &Sweep, spec: &SweepSpec, stored: TrialTable, wanted: &[String]) -> Table {
    let TrialTable { change, total, more, trials, metrics } = stored;
    let column = |of: &dyn Fn(&TrialBrief) -> Option<f64>| {
        pack(&trials.iter().map(|trial| of(trial).unwrap_or(f64::NAN)).collect::<Vec<_>>())
    };
    let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let steps: Vec<f64> = (0..trials.len()).map(|at| last_step(&metrics, at)).collect();
    let objectives = (0..sweep.objectives.len())
        .map(|at| column(&|trial| trial.objectives.as_ref().and_then(|all| all.get(at).copied())));
    let mut table = Table {
        sweep: sweep.id.clone(),
        change,
        total,
        more,
        last_number: trials.last().map_or(0, |trial| trial.number),
        states: trials.iter().map(|trial| trial.state).collect(),
        numbers: column(&|trial| Some(trial.number as f64)),
        objective: column(&|trial| trial.objective),
        attempts: column(&|trial| Some(f64::from(trial.attempt))),
        started_at: column(&|trial| trial.started_at_ms.map(|at| at as f64)),
        finished_at: column(&|trial| trial.finished_at_ms.map(|at| at as f64)),
        steps: pack(&steps),
        agents: Words::of(trials.iter().map(|trial| word(&trial.agent))),
        reasons: shortened(Words::of(trials.iter().map(|trial| word(&trial.reason))), BYTES_OF_REASONS),
        tags: shortened(Words::of(trials.iter().map(|trial| word(&trial.tags.join(",")))), BYTES_OF_TAGS),
        params: params::columns(spec, &trials.iter().map(|trial| &trial.params).collect::<Vec<_>>()),
        metrics: Vec::new(),
        left_out: Vec::new(),
        objectives: objectives.collect(),
    };
    add_metrics(&mut table, sweep, &metrics, wanted);
    table
}

/// The last step of any metric of a row; NaN: there is none.
fn last_step(metrics: &BTreeMap<String, Vec<Option<Summary>>>, at: usize) -> f64 {
    let told = metrics.values().filter_map(|rows| rows[at]).filter(|summary| summary.count > 0);
    told.map(|summary| summary.last_step).max().map_or(f64::NAN, |step| step as f64)
}

/// Puts metrics in, what the sweep is after first, as long as there is room.
fn add_metrics(
    table: &mut Table,
    sweep: &Sweep,
    metrics: &BTreeMap<String, Vec<Option<Summary>>>,
    wanted: &[String],
) {
    let aims: Vec<&str> =
        sweep.objective.iter().chain(&sweep.objectives).map(|objective| objective.name.as_str()).collect();
    let mut names: Vec<&String> =
        metrics.keys().filter(|name| wanted.is_empty() || wanted.contains(name)).collect();
    names.sort_by_key(|name| (aims.iter().position(|aim| aim == name).unwrap_or(usize::MAX), *name));
    let mut size = table.size();
    for name in names {
        let column = |of: fn(&Summary) -> f64| {
            let one = |summary: &Option<Summary>| {
                summary.as_ref().filter(|summary| summary.count > 0).map_or(f64::NAN, of)
            };
            pack(&metrics[name].iter().map(one).collect::<Vec<_>>())
        };
        let metric = Metric {
            name: name.clone(),
            last: column(|summary| summary.last),
            min: column(|summary| summary.min),
            max: column(|summary| summary.max),
        };
        let more = metric.last.size() + metric.min.size() + metric.max.size() + name.len();
        if size + more > MOST_BYTES {
            table.left_out.push(name.clone());
            continue;
        }
        size += more;
        table.metrics.push(metric);
    }
}

impl Table {
    /// Bytes on the wire without metrics, about.
    fn size(&self) -> usize {
        let words = |words: &Words| {
            let texts: usize = words.words.iter().map(|word| word.len() + 3).sum();
            texts + pack(&words.index).size()
        };
        let params = self.params.iter().map(|param| match &param.values {
            Values::Numbers(numbers) => pack(numbers).size(),
            Values::Words(column) => words(column),
        });
        let columns = [
            &self.numbers,
            &self.objective,
            &self.attempts,
            &self.started_at,
            &self.finished_at,
            &self.steps,
        ];
        let columns = columns.into_iter().chain(&self.objectives).map(Column::size);
        let sizes = columns.chain(params).chain([
            words(&self.agents),
            words(&self.reasons),
            words(&self.tags),
            self.states.len(),
        ]);
        sizes.sum()
    }
}

/// Words cut so that all of them have at most so many bytes, about; the whole ones are with each trial.
pub(super) fn shortened(mut words: Words, most: usize) -> Words {
    let whole: usize = words.words.iter().map(String::len).sum();
    if whole <= most {
        return words;
    }
    let letters = (most / words.words.len()).max(SHORTEST_REASON);
    for word in &mut words.words {
        if let Some((end, _)) = word.char_indices().nth(letters) {
            word.truncate(end);
            word.push('…');
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_without_end_are_cut_and_a_few_are_not() {
        let reason =
            |at: usize| Some(format!("rung {at}: what was reached is not among the best third of all"));
        let few = Words::of((0..10).map(reason));
        assert_eq!(shortened(few.clone(), 10_000), few);
        let many = shortened(Words::of((0..10_000).map(reason)), 300_000);
        let bytes: usize = many.words.iter().map(String::len).sum();
        assert!(bytes < 350_000, "{bytes}");
        assert!(many.words[7].starts_with("rung 7: what") && many.words[7].ends_with('…'));
        assert_eq!(many.index.len(), 10_000);
    }
}
