//! Columns with one type each, and how they are written as text.

use serde_json::{Map, Value};
use sweep_core::value::python_str;

use crate::exit::{Exit, Failure};
use crate::show;

/// A column's values; `None` where there is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Int(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Flag(Vec<Option<bool>>),
    Text(Vec<Option<String>>),
    /// Milliseconds since the Unix epoch.
    Time(Vec<Option<i64>>),
}

impl Data {
    /// The narrowest type that holds all of these; what is mixed becomes text. Null is no value.
    pub(super) fn of_json(values: &[Option<&Value>]) -> Self {
        let values: Vec<_> = values.iter().map(|value| value.filter(|value| !value.is_null())).collect();
        let all = |fits: fn(&Value) -> bool| values.iter().flatten().all(|value| fits(value));
        if all(Value::is_i64) {
            Self::Int(values.iter().map(|value| value.and_then(Value::as_i64)).collect())
        } else if all(Value::is_number) {
            Self::Real(values.iter().map(|value| value.and_then(Value::as_f64)).collect())
        } else if all(Value::is_boolean) {
            Self::Flag(values.iter().map(|value| value.and_then(Value::as_bool)).collect())
        } else {
            Self::Text(values.iter().map(|value| value.map(python_str)).collect())
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Int(values) | Self::Time(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// A value as CSV has it; empty where there is none.
    fn cell(&self, at: usize) -> String {
        match self {
            Self::Int(values) => values[at].map(|value| value.to_string()).unwrap_or_default(),
            Self::Real(values) => values[at].map(|value| value.to_string()).unwrap_or_default(),
            Self::Flag(values) => values[at].map(|value| value.to_string()).unwrap_or_default(),
            Self::Text(values) => values[at].clone().unwrap_or_default(),
            Self::Time(values) => values[at].and_then(show::time).unwrap_or_default(),
        }
    }

    fn json(&self, at: usize) -> Value {
        match self {
            Self::Int(values) => values[at].into(),
            Self::Real(values) => values[at].map_or(Value::Null, show::real_or_word),
            Self::Flag(values) => values[at].into(),
            Self::Text(values) => values[at].clone().into(),
            Self::Time(values) => values[at].and_then(show::time).into(),
        }
    }
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    rows: usize,
    pub(super) columns: Vec<(String, Data)>,
}

impl Frame {
    /// Of so many rows, without columns so far.
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, columns: Vec::new() }
    }

    pub(super) fn push(&mut self, name: &str, data: Data) {
        debug_assert_eq!(data.len(), self.rows, "{name}");
        self.columns.push((name.to_owned(), data));
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn csv(&self) -> Result<Vec<u8>, Failure> {
        let failed = |error: String| Failure::new(Exit::Unexpected, format!("cannot write CSV: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .write_record(self.columns.iter().map(|(name, _)| name))
            .map_err(|error| failed(error.to_string()))?;
        for at in 0..self.rows {
            writer
                .write_record(self.columns.iter().map(|(_, data)| data.cell(at)))
                .map_err(|error| failed(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| failed(error.to_string()))
    }

    pub(super) fn jsonl(&self) -> Vec<u8> {
        let mut text = String::new();
        for at in 0..self.rows {
            let row: Map<_, _> =
                self.columns.iter().map(|(name, data)| (name.clone(), data.json(at))).collect();
            text.push_str(&Value::Object(row).to_string());
            text.push('\n');
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_have_the_narrowest_type_that_fits() {
        let of = |values: &[Value]| Data::of_json(&values.iter().map(Some).collect::<Vec<_>>());
        assert_eq!(of(&[json!(1), Value::Null]), Data::Int(vec![Some(1), None]));
        assert_eq!(of(&[json!(1), json!(0.5)]), Data::Real(vec![Some(1.0), Some(0.5)]));
        assert_eq!(of(&[json!(true), json!(false)]), Data::Flag(vec![Some(true), Some(false)]));
        assert_eq!(of(&[json!("a"), json!(1)]), Data::Text(vec![Some("a".to_owned()), Some("1".to_owned())]));
    }

    #[test]
    fn tables_are_written_as_text() {
        let mut frame = Frame::new(2);
        frame.push("number", Data::Int(vec![Some(1), None]));
        frame.push("value", Data::Real(vec![Some(0.1), Some(f64::NAN)]));
        frame.push("text", Data::Text(vec![Some("a, \"b\"".to_owned()), None]));
        frame.push("at", Data::Time(vec![Some(1_700_000_000_000), None]));
        let csv = String::from_utf8(frame.csv().expect("writes")).expect("is UTF-8");
        assert_eq!(csv, "number,value,text,at\n1,0.1,\"a, \"\"b\"\"\",2023-11-14T22:13:20Z\n,NaN,,\n");
        let jsonl = String::from_utf8(frame.jsonl()).expect("is UTF-8");
        let rows: Vec<Value> =
            jsonl.lines().map(|line| serde_json::from_str(line).expect("is JSON")).collect();
        assert_eq!(
            rows[0],
            json!({"number": 1, "value": 0.1, "text": "a, \"b\"", "at": "2023-11-14T22:13:20Z"})
        );
        assert_eq!(rows[1], json!({"number": null, "value": "NaN", "text": null, "at": null}));
    }
}
