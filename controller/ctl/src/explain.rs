//! `explain` and `schema`: what the keys of a sweep file mean, out of the JSON Schema.

use serde_json::Value;
use sweep_core::spec::SCHEMA;

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::table::put;

/// Width of the text.
const WIDTH: usize = 100;

pub(crate) fn schema() -> Result<(), Failure> {
    put(SCHEMA)
}

/// Prints what a key means.
pub(crate) fn explain(output: Format, path: Option<&str>) -> Result<(), Failure> {
    let schema = schema_value()?;
    let path = path.unwrap_or_default();
    let key = find(&schema, path)?;
    match output {
        Format::Json | Format::Yaml => {
            let printed = if output == Format::Json {
                serde_json::to_string_pretty(&key).map_err(|error| error.to_string())
            } else {
                serde_yaml::to_string(&key).map_err(|error| error.to_string())
            };
            put(&(printed.map_err(|error| Failure::new(Exit::Unexpected, error))?.trim_end().to_owned()
                + "\n"))
        }
        Format::Name => put(&names(&schema, &key).iter().map(|name| format!("{name}\n")).collect::<String>()),
        Format::Csv | Format::Table => put(&page(&schema, path, &key)),
    }
}

fn schema_value() -> Result<Value, Failure> {
    serde_json::from_str(SCHEMA)
        .map_err(|error| Failure::new(Exit::Unexpected, format!("the schema: {error}")))
}

/// The schema of a key, by its dotted path; any name will do for a parameter's.
fn find(schema: &Value, path: &str) -> Result<Value, Failure> {
    let mut at = schema.clone();
    let mut walked = String::new();
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let next = at["properties"]
            .get(name)
            .or_else(|| at.get("additionalProperties").filter(|any| any.is_object()));
        let Some(next) = next else {
            // A parameter's key, without saying of which parameter.
            let key = &schema["definitions"]["parameter"]["properties"][name];
            if walked.is_empty() && !key.is_null() {
                at = resolve(schema, key);
                walked.push_str(name);
                continue;
            }
            return Err(unknown(&walked, name, &names(schema, &at)));
        };
        at = resolve(schema, next);
        walked.push_str(if walked.is_empty() { "" } else { "." });
        walked.push_str(name);
    }
    Ok(at)
}

fn unknown(walked: &str, name: &str, known: &[String]) -> Failure {
    let place = if walked.is_empty() { "a sweep file".to_owned() } else { format!("`{walked}`") };
    let fix = if known.is_empty() {
        format!("nothing stands below {place}")
    } else {
        format!("keys of {place}: {}", known.join(", "))
    };
    Failure::new(Exit::NotFound, format!("{place} has no key `{name}`\n  {fix}"))
}

/// A definition, with what stands beside the reference going before it.
fn resolve(schema: &Value, node: &Value) -> Value {
    let Some(reference) = node["$ref"].as_str() else { return node.clone() };
    let mut target = schema.pointer(reference.trim_start_matches('#')).cloned().unwrap_or_default();
    if let (Value::Object(target), Value::Object(beside)) = (&mut target, node) {
        target.extend(
            beside.iter().filter(|(key, _)| *key != "$ref").map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    target
}

fn names(schema: &Value, key: &Value) -> Vec<String> {
    let mut out: Vec<String> =
        key["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    out.sort_by_key(|name| (!is_required(key, name), name.clone()));
    if out.is_empty() && key["additionalProperties"].is_object() {
        out = names(schema, &resolve(schema, &key["additionalProperties"]));
    }
    out
}

fn is_required(key: &Value, name: &str) -> bool {
    key["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name))
}

/// A key as people read of it.
fn page(schema: &Value, path: &str, key: &Value) -> String {
    let mut text = String::new();
    if !path.is_empty() {
        text.push_str(&format!("KEY      {path}\nTYPE     {}\n", kind(key)));
        if let Some(default) = key.get("default") {
            text.push_str(&format!("DEFAULT  {}\n", sweep_core::value::python_str(default).to_lowercase()));
        }
        text.push('\n');
    }
    text.push_str(&wrapped(key["description"].as_str().unwrap_or_default(), 0));
    let title = if key["additionalProperties"].is_object() { "KEYS OF EACH" } else { "KEYS" };
    for (title, rows) in [("VALUES", values(key)), (title, keys(schema, key))] {
        if rows.is_empty() {
            continue;
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        text.push_str(&format!("\n{title}\n"));
        for (name, words) in rows {
            let said = wrapped(&words, width + 4);
            text.push_str(&format!("  {name:width$}  {}", said.trim_start()));
        }
    }
    for example in key["examples"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text.push_str(&format!("\nEXAMPLE\n  {example}\n"));
    }
    text
}

fn kind(key: &Value) -> String {
    let word = |word: &str| match word {
        "string" => "text".to_owned(),
        "array" => "list".to_owned(),
        "object" => "mapping".to_owned(),
        "integer" => "whole number".to_owned(),
        other => other.to_owned(),
    };
    match (&key["type"], key.get("oneOf"), key.get("anyOf")) {
        (Value::String(kind), _, _) => {
            let least = key.get("minimum").map(|least| format!(", at least {least}"));
            let above = key.get("exclusiveMinimum").map(|least| format!(", above {least}"));
            word(kind) + &least.or(above).unwrap_or_default()
        }
        (_, Some(_), _) => "one of the values below".to_owned(),
        (_, _, Some(_)) => "duration: seconds, or 90s, 45m, 1h30m, 2d".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn values(key: &Value) -> Vec<(String, String)> {
    let words = |one: &Value| {
        Some((
            sweep_core::value::python_str(one.get("const")?).to_lowercase(),
            one["description"].as_str()?.to_owned(),
        ))
    };
    let mut rows: Vec<_> = key["oneOf"].as_array().into_iter().flatten().filter_map(words).collect();
    // The text "false" and the boolean look alike here.
    rows.dedup();
    rows
}

fn keys(schema: &Value, key: &Value) -> Vec<(String, String)> {
    let inner = if key["properties"].is_object() {
        key.clone()
    } else {
        resolve(schema, &key["additionalProperties"])
    };
    let row = |name: String| {
        let words = resolve(schema, &inner["properties"][&name])["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let first = words.split_inclusive(". ").next().unwrap_or_default().trim().to_owned();
        let needed = if is_required(&inner, &name) { "Required. " } else { "" };
        (name, format!("{needed}{first}"))
    };
    names(schema, &inner).into_iter().map(row).collect()
}

/// Broken into lines, all but the first indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        if column > indent && column + 1 + word.len() > WIDTH {
            out.push_str(&format!("\n{}", " ".repeat(indent)));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(path: &str) -> String {
        let schema = schema_value().unwrap();
        page(&schema, path, &find(&schema, path).unwrap_or_else(|failure| panic!("{failure}")))
    }

    #[test]
    fn keys_are_explained() {
        insta::assert_snapshot!(explained(""));
        insta::assert_snapshot!(explained("metric.goal"));
        insta::assert_snapshot!(explained("parameters.model.parameters.lr.distribution"));
        insta::assert_snapshot!(explained("trial_timeout"));
        insta::assert_snapshot!(explained("parameters"));
        assert_eq!(explained("q").lines().next(), Some("KEY      q"));
    }

    #[test]
    fn unknown_keys_name_the_known_ones() {
        let schema = schema_value().unwrap();
        let failure = find(&schema, "metric.gaol").unwrap_err();
        assert_eq!(failure.exit, Exit::NotFound);
        assert!(failure.message.contains("name, goal, impute"), "{failure}");
        assert!(find(&schema, "run_cap.x").unwrap_err().message.contains("nothing stands below"));
    }
}
