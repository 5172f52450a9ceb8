//! How much work it is to look at one point of a space, in units of some ten nanoseconds: what is tried at create time
//! is bounded by it, so that no file keeps the controller busy.

use serde_json::Value;

use crate::space::Domain;
use crate::spec::SweepSpec;

/// What may be spent on trying a space out: some tenths of a second.
pub(super) const BUDGET: u64 = 4_000_000;

/// How often something of so much work may be done.
pub(super) fn affordable(work: u64) -> u32 {
    u32::try_from(BUDGET / work.max(1)).unwrap_or(u32::MAX)
}

/// One draw of all parameters.
pub(super) fn of_draw(spec: &SweepSpec) -> u64 {
    (0..spec.parameters.len()).map(|at| of_parameter(spec, at)).sum()
}

/// Whether parameter `at` exists, its value, and the constraints that it completes.
pub(super) fn of_parameter(spec: &SweepSpec, at: usize) -> u64 {
    let parameter = &spec.parameters[at];
    let conditions: u64 = parameter.when.iter().map(|when| when.values.len() as u64).sum();
    let constraints: u64 = spec.due(at).iter().map(|constraint| constraint.expr.size()).sum();
    1 + conditions + constraints + of_value(&parameter.domain)
}

fn of_value(domain: &Domain) -> u64 {
    match domain {
        Domain::Constant(value) => size(value),
        Domain::Categorical { values, .. } => values.iter().map(size).max().unwrap_or(0),
        Domain::Integer { .. } | Domain::Real { step: None, .. } => 1,
        // Rounding goes through decimals; the quantile of a beta distribution is searched for.
        Domain::Real { .. } | Domain::Normal { .. } => 10,
        Domain::Beta { .. } => 100,
    }
}

/// Parts of a value; long texts count as several.
fn size(value: &Value) -> u64 {
    1 + match value {
        Value::String(text) => 2 + text.len() as u64 / 64,
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
