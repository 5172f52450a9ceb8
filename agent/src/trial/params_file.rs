//! `params.yaml`: the parameters in W&B's form of the file.

use std::fmt::Write as _;

use serde_json::Value;
use sweep_core::value::Params;

/// The file's text. Values are in flow style, which is JSON but for floats: YAML 1.1, which Python's reader speaks,
/// takes `1e-05` for a string and wants `1.0e-05`.
pub(crate) fn yaml(params: &Params) -> String {
    let mut out = "wandb_version: 1\n".to_owned();
    for (name, value) in params {
        let _infallible = write!(out, "{}:\n  value: ", Value::from(name.as_str()));
        write_value(value, &mut out);
        out.push('\n');
    }
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) if number.is_f64() => out.push_str(&float(&number.to_string())),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, item)) in map.iter().enumerate() {
                let _infallible =
                    write!(out, "{}{}: ", if at > 0 { ", " } else { "" }, Value::from(key.as_str()));
                write_value(item, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

/// A JSON float as YAML 1.1 wants it: a point before the exponent, and a sign in it.
fn float(json: &str) -> String {
    let Some((digits, exponent)) = json.split_once('e') else { return json.to_owned() };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_stay_what_they_are_for_pythons_reader() {
        // Python's yaml.safe_load was tried on this very text: all types come back.
        let params = Params::from([
            ("lr".to_owned(), json!(1e-7)),
            ("big".to_owned(), json!(1e20)),
            ("batch".to_owned(), json!(32)),
            ("amp".to_owned(), json!(true)),
            ("name".to_owned(), json!("no: \"x\" # 1")),
            ("nested".to_owned(), json!({"a b": [1, 2.5, null]})),
        ]);
        let expected = r#"wandb_version: 1
"amp":
  value: true
"batch":
  value: 32
"big":
  value: 1.0e+20
"lr":
  value: 1.0e-7
"name":
  value: "no: \"x\" # 1"
"nested":
  value: {"a b": [1, 2.5, null]}
"#;
        assert_eq!(yaml(&params), expected);
    }
}
