//! What a page is shown, as messages.

use sweep_core::board::column::{Column, Encoding, pack};
use sweep_core::board::params::{ParamColumn, Values, Words};
use sweep_core::curve::Point;
use sweep_proto::v1;
use sweep_proto::v1::param_column;
use sweep_proto::v1::watch_all_response::News as Wire;

use super::convert;
use crate::board::agents::{AgentState, AgentView};
use crate::board::attempts::Attempts;
use crate::board::curves::{BandOf, CurveOf};
use crate::board::history::BestSoFar;
use crate::board::table::{Metric, Table};
use crate::board::watch::{CurveNews, LogNews, News};

fn column(column: Column) -> v1::NumberColumn {
    let encoding = match column.encoding {
        Encoding::F64 => v1::NumberEncoding::F64,
        Encoding::F32 => v1::NumberEncoding::F32,
        Encoding::U32 => v1::NumberEncoding::U32,
        Encoding::U16 => v1::NumberEncoding::U16,
        Encoding::U8 => v1::NumberEncoding::U8,
        Encoding::Constant => v1::NumberEncoding::Constant,
    };
    v1::NumberColumn { encoding: encoding.into(), offset: column.offset, data: column.data }
}

fn numbers(values: impl IntoIterator<Item = f64>) -> Option<v1::NumberColumn> {
    Some(column(pack(&values.into_iter().collect::<Vec<_>>())))
}

fn words(words: Words) -> v1::WordColumn {
    v1::WordColumn { index: numbers(words.index), words: words.words }
}

fn param(param: ParamColumn) -> v1::ParamColumn {
    let values = match param.values {
        Values::Numbers(values) => param_column::Values::Numbers(column(pack(&values))),
        Values::Words(values) => param_column::Values::Words(words(values)),
    };
    v1::ParamColumn { name: param.name, varying: param.varying, log: param.log, values: Some(values) }
}

fn metric(metric: Metric) -> v1::MetricColumn {
    v1::MetricColumn {
        name: metric.name,
        last: Some(column(metric.last)),
        min: Some(column(metric.min)),
        max: Some(column(metric.max)),
    }
}

pub(super) fn table(table: Table) -> v1::TrialTable {
    let state = |state| u8::try_from(i32::from(v1::TrialState::from(state))).unwrap_or_default();
    v1::TrialTable {
        sweep: table.sweep,
        change: table.change,
        rows: u32::try_from(table.states.len()).unwrap_or(u32::MAX),
        more: table.more,
        total: table.total,
        numbers: Some(column(table.numbers)),
        states: table.states.into_iter().map(state).collect(),
        objective: Some(column(table.objective)),
        attempts: Some(column(table.attempts)),
        started_at_ms: Some(column(table.started_at)),
        finished_at_ms: Some(column(table.finished_at)),
        steps: Some(column(table.steps)),
        agents: Some(words(table.agents)),
        reasons: Some(words(table.reasons)),
        tags: Some(words(table.tags)),
        params: table.params.into_iter().map(param).collect(),
        metrics: table.metrics.into_iter().map(metric).collect(),
        metrics_left_out: table.left_out,
        objectives: table.objectives.into_iter().map(column).collect(),
    }
}

pub(super) fn attempts(found: Attempts) -> v1::AttemptTable {
    v1::AttemptTable {
        change: found.change,
        rows: u32::try_from(found.rows).unwrap_or(u32::MAX),
        more: found.more,
        trials: Some(column(found.trials)),
        attempts: Some(column(found.attempts)),
        agents: Some(words(found.agents)),
        devices: Some(words(found.devices)),
        started_at_ms: Some(column(found.started_at)),
        ended_at_ms: Some(column(found.ended_at)),
        ends: Some(words(found.ends)),
        reasons: Some(words(found.reasons)),
    }
}

pub(super) fn band(found: BandOf, quantiles: &[f64]) -> v1::GetCurveBandResponse {
    let BandOf { metric, trials, band, change } = found;
    let one =
        |(quantile, values): (&f64, Vec<f64>)| v1::Quantile { quantile: *quantile, values: numbers(values) };
    v1::GetCurveBandResponse {
        metric,
        trials: u32::try_from(trials).unwrap_or(u32::MAX),
        at: numbers(band.at),
        counts: numbers(band.counts.into_iter().map(|count| count as f64)),
        quantiles: quantiles.iter().zip(band.quantiles).map(one).collect(),
        change,
    }
}

/// Steps, values, epochs and times.
fn points(points: &[Point]) -> [Option<v1::NumberColumn>; 4] {
    let of = |number: fn(&Point) -> f64| numbers(points.iter().map(number));
    [
        of(|point| point.step as f64),
        of(|point| point.value),
        of(|point| point.epoch),
        of(|point| point.at_ms as f64),
    ]
}

pub(super) fn curve(curve: &CurveOf) -> v1::TrialCurve {
    let [steps, values, epochs, at_ms] = points(&curve.points);
    v1::TrialCurve {
        number: curve.number,
        state: v1::TrialState::from(curve.state).into(),
        steps,
        values,
        epochs,
        at_ms,
        total: curve.total as u64,
        began_at_ms: curve.began_at_ms,
    }
}

pub(super) fn best_so_far(found: BestSoFar) -> v1::BestSoFar {
    let BestSoFar { sweep, reached, last_number, none } = found;
    v1::BestSoFar {
        sweep,
        numbers: numbers(reached.iter().map(|one| one.number as f64)),
        objectives: numbers(reached.iter().map(|one| one.objective)),
        finished_at_ms: numbers(
            reached.iter().map(|one| one.finished_at_ms.map_or(f64::NAN, |at| at as f64)),
        ),
        last_number,
        none: none.unwrap_or_default(),
    }
}

pub(super) fn agent(agent: AgentView) -> v1::AgentInfo {
    let AgentView { row, state, reason, until_ms, seen_ms } = agent;
    let state = match state {
        AgentState::Active => v1::AgentState::Active,
        AgentState::Drained => v1::AgentState::Drained,
        AgentState::Quarantined => v1::AgentState::Quarantined,
        AgentState::Benched => v1::AgentState::Benched,
    };
    let trials = row.trials.into_iter().map(|trial| v1::AgentTrial {
        sweep: trial.sweep,
        number: trial.number,
        attempt: trial.key.attempt,
        claimed_at_ms: trial.claimed_at_ms,
        devices: trial.devices,
    });
    v1::AgentInfo {
        id: row.agent.id.to_string(),
        name: row.agent.name,
        host: row.agent.host,
        version: row.agent.version,
        slots: row.agent.slots,
        devices: row.agent.devices,
        labels: row.agent.labels.into_iter().collect(),
        registered_at_ms: row.registered_at_ms,
        last_seen_ms: seen_ms,
        state: state.into(),
        reason,
        until_ms: until_ms.unwrap_or_default(),
        trials: trials.collect(),
    }
}

pub(super) fn news(news: News) -> v1::WatchAllResponse {
    let news = match news {
        News::Sweeps(sweeps) => {
            Wire::Sweeps(v1::SweepsNews { sweeps: sweeps.into_iter().map(convert::sweep).collect() })
        }
        News::Agents(agents) => {
            Wire::Agents(v1::AgentsNews { agents: agents.into_iter().map(agent).collect() })
        }
        News::Table { sweep, table } => Wire::Table(v1::TableNews {
            sweep: Some(convert::sweep(*sweep)),
            table: Some(self::table(*table)),
        }),
        News::Curve(CurveNews { trial, metric, replace, points, held }) => {
            let [steps, values, epochs, at_ms] = self::points(&points);
            let (total, last_step, last_at_ms) = (held.total, held.last_step, held.last_at_ms);
            Wire::Curve(v1::CurveNews {
                trial,
                metric,
                replace,
                steps,
                values,
                epochs,
                at_ms,
                total,
                last_step,
                last_at_ms,
            })
        }
        News::Log(LogNews { trial, attempt, lines, skipped, ended }) => {
            let lines = lines.into_iter().map(convert::log_entry).collect();
            Wire::Log(v1::LogNews { trial, attempt, lines, skipped, ended })
        }
        News::Quiet { change } => Wire::Quiet(v1::Quiet { change }),
        News::Refused { what, why } => Wire::Refused(v1::RefusedNews { what, why }),
    };
    v1::WatchAllResponse { news: Some(news) }
}
