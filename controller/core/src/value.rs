//! Parameter values and how they are written on a command line.

use std::collections::BTreeMap;

use serde_json::Value;

/// A number in the words of a message: as Python writes it, whole ones without a point.
pub(crate) fn figure(number: f64) -> String {
    let text = python_str(&Value::from(number));
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// How a number that is not finite is written where JSON has none; `None`: it is finite.
pub fn non_finite_word(number: f64) -> Option<&'static str> {
    match number {
        _ if number.is_finite() => None,
        _ if number.is_nan() => Some("NaN"),
        _ if number > 0.0 => Some("Infinity"),
        _ => Some("-Infinity"),
    }
}

/// The number of such a word.
pub fn of_non_finite_word(word: &str) -> Option<f64> {
    match word {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A trial's parameters by name, in alphabetical order: the order W&B puts them on the command line.
pub type Params = BTreeMap<String, Value>;

/// Writes a value as Python's `str()` does, which is how W&B's agent puts it on a command line:
/// `True`, `None`, `1e-05`, `[1, 'a']`. A string at the top stands without quotes.
pub fn python_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => python_repr(other),
    }
}

fn python_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => python_float(float),
            _ => number.to_string(),
        },
        Value::String(text) => python_quoted(text),
        Value::Array(items) => {
            let inner: Vec<_> = items.iter().map(python_repr).collect();
            format!("[{}]", inner.join(", "))
        }
        Value::Object(map) => {
            let inner: Vec<_> = map
                .iter()
                .map(|(key, item)| format!("{}: {}", python_quoted(key), python_repr(item)))
                .collect();
            format!("{{{}}}", inner.join(", "))
        }
    }
}

/// Single quotes, unless the text has some and no double quotes: Python's choice.
fn python_quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Python's `repr` of a float: the shortest digits that read back the same, with an exponent of at least two digits
/// below 1e-4 and from 1e16 on.
fn python_float(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if float != 0.0 && !(1e-4..1e16).contains(&float.abs()) {
        let scientific = format!("{float:e}");
        if let Some((digits, exponent)) = scientific.split_once('e') {
            let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            return format!("{digits}e{sign}{size:0>2}");
        }
    }
    let plain = float.to_string();
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_print_as_python_prints_them() {
        // Right-hand sides were printed by CPython 3.11.
        for (value, expected) in [
            (json!(true), "True"),
            (json!(null), "None"),
            (json!(3), "3"),
            (json!(3.0), "3.0"),
            (json!(0.1), "0.1"),
            (json!(0.0001), "0.0001"),
            (json!(0.00001), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(1e16), "1e+16"),
            (json!(123_456_789_012_345.0), "123456789012345.0"),
            (json!(-0.0), "-0.0"),
            (json!("plain"), "plain"),
            (json!(["a", 1, [false]]), "['a', 1, [False]]"),
            (json!({"lr": 0.1, "it's": null}), "{\"it's\": None, 'lr': 0.1}"),
        ] {
            assert_eq!(python_str(&value), expected);
        }
    }
}
