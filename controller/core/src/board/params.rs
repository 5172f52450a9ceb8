//! The parameters of trials as columns, one for each parameter of the sweep file.

use std::collections::HashMap;

use serde_json::Value;

use crate::space::{Domain, Scale};
use crate::spec::SweepSpec;
use crate::value::Params;

/// One parameter over all trials.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamColumn {
    /// Nested names joined by dots.
    pub name: String,
    /// The sweep file gives it more than one value.
    pub varying: bool,
    /// Its scale is logarithmic.
    pub log: bool,
    pub values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// NaN: the trial does not have it.
    Numbers(Vec<f64>),
    Words(Words),
}

/// A column of words.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Words {
    /// Each different one once, in the order they came.
    pub words: Vec<String>,
    /// Places in `words`; NaN: no word.
    pub index: Vec<f64>,
}

impl Words {
    /// A column by dictionary.
    pub fn of(words: impl IntoIterator<Item = Option<String>>) -> Self {
        let mut places = HashMap::new();
        let mut column = Self::default();
        for word in words {
            column.index.push(word.map_or(f64::NAN, |word| {
                *places.entry(word).or_insert_with_key(|word| {
                    column.words.push(word.clone());
                    (column.words.len() - 1) as f64
                })
            }));
        }
        column
    }
}

/// The columns of a sweep's trials, in the order of its file.
pub fn columns(spec: &SweepSpec, trials: &[&Params]) -> Vec<ParamColumn> {
    let mut by_parameter: Vec<Vec<Option<Value>>> =
        spec.parameters.iter().map(|_| Vec::with_capacity(trials.len())).collect();
    for params in trials {
        for (column, value) in by_parameter.iter_mut().zip(spec.values_of(params)) {
            column.push(value);
        }
    }
    let column = |(parameter, values): (&crate::spec::Parameter, Vec<Option<Value>>)| ParamColumn {
        name: parameter.path.join("."),
        varying: parameter.domain.support(1).is_none_or(|values| values.len() > 1),
        log: is_log(&parameter.domain),
        values: values_of(values),
    };
    spec.parameters.iter().zip(by_parameter).map(column).collect()
}

fn is_log(domain: &Domain) -> bool {
    matches!(domain, Domain::Real { scale: Scale::Log, .. } | Domain::Normal { scale: Scale::Log, .. })
}

fn values_of(values: Vec<Option<Value>>) -> Values {
    if values.iter().flatten().all(Value::is_number) {
        let number = |value: Option<Value>| value.and_then(|value| value.as_f64()).unwrap_or(f64::NAN);
        return Values::Numbers(values.into_iter().map(number).collect());
    }
    let word = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Values::Words(Words::of(values.into_iter().map(|value| value.map(word))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_numbers_or_words_and_know_whether_they_vary() {
        let text = "program: t\nmethod: random\nparameters:\n  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}\n  \
                    net: {values: [small, large]}\n  size: {values: [32, 64]}\n  fixed: {value: 3}\n";
        let spec = crate::spec::parse(text).spec.expect("is a sweep file");
        let params = |lr: f64, net: &str, size: u32| -> Params {
            serde_json::from_value(json!({"lr": lr, "net": net, "size": size, "fixed": 3}))
                .expect("is an object")
        };
        let trials = [params(0.5, "large", 32), params(0.25, "small", 64), params(0.125, "large", 32)];
        let columns = columns(&spec, &trials.iter().collect::<Vec<_>>());
        let told: Vec<_> = columns.iter().map(|one| (one.name.as_str(), one.varying, one.log)).collect();
        assert_eq!(
            told,
            [("fixed", false, false), ("lr", true, true), ("net", true, false), ("size", true, false)]
        );
        assert_eq!(columns[1].values, Values::Numbers(vec![0.5, 0.25, 0.125]));
        let words = Words { words: vec!["large".to_owned(), "small".to_owned()], index: vec![0.0, 1.0, 0.0] };
        assert_eq!(columns[2].values, Values::Words(words));
        assert_eq!(columns[3].values, Values::Numbers(vec![32.0, 64.0, 32.0]));
        assert_eq!(columns[0].values, Values::Numbers(vec![3.0; 3]));
    }
}
