//! The grammar of the event channel: `docs/trial-protocol.md`, version 1.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::Value;
use sweep_core::value::of_non_finite_word;

/// How much of a malformed line is repeated in the log, in characters.
const SHOWN: usize = 200;

/// What a program told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Metrics {
        step: u64,
        epoch: Option<f64>,
        values: BTreeMap<String, f64>,
    },
    Log {
        text: String,
    },
    Checkpoint {
        step: u64,
        epoch: Option<f64>,
        path: String,
        metrics: BTreeMap<String, f64>,
        resume: bool,
        /// Names of the files beside the main one.
        files: Vec<String>,
    },
    /// `value` is JSON text; no step: the step of the last point.
    Media {
        name: String,
        step: Option<u64>,
        value: String,
    },
    Info {
        versions: BTreeMap<String, String>,
    },
}

#[derive(Deserialize)]
struct Type {
    r#type: String,
}

#[derive(Deserialize)]
struct Metrics {
    step: u64,
    epoch: Option<Number>,
    values: BTreeMap<String, Number>,
}

#[derive(Deserialize)]
struct Log {
    text: String,
    level: Option<String>,
}

#[derive(Deserialize)]
struct Checkpoint {
    step: u64,
    epoch: Option<Number>,
    path: String,
    #[serde(default)]
    metrics: BTreeMap<String, Number>,
    #[serde(default)]
    resume: bool,
    #[serde(default)]
    files: Vec<String>,
}

#[derive(Deserialize)]
struct Media {
    name: String,
    step: Option<u64>,
    value: Value,
}

#[derive(Deserialize)]
struct Info {
    versions: BTreeMap<String, String>,
}

/// What a line says; the error is a warning for the trial's log.
pub(crate) fn parse(line: &str) -> Result<Told, String> {
    let malformed = |error: &serde_json::Error| {
        let start: String = line.chars().take(SHOWN).collect();
        format!("warning: a line of the event channel was not understood ({error}): {start}")
    };
    let of_type: Type = serde_json::from_str(line).map_err(|error| malformed(&error))?;
    let told = match of_type.r#type.as_str() {
        "metrics" => serde_json::from_str(line).map(Metrics::told),
        "log" => serde_json::from_str(line).map(Log::told),
        "checkpoint" => serde_json::from_str(line).map(Checkpoint::told),
        "media" => serde_json::from_str(line).map(Media::told),
        "info" => serde_json::from_str(line).map(|Info { versions }| Told::Info { versions }),
        other => Err(de::Error::custom(format_args!(
            "unknown type `{other}`; known are metrics, log, checkpoint, media, info"
        ))),
    };
    told.map_err(|error| malformed(&error))
}

impl Metrics {
    fn told(self) -> Told {
        Told::Metrics { step: self.step, epoch: self.epoch.map(|epoch| epoch.0), values: floats(self.values) }
    }
}

impl Log {
    fn told(self) -> Told {
        let text = match self.level.as_deref() {
            None | Some("info") => self.text,
            Some(level) => format!("{level}: {}", self.text),
        };
        Told::Log { text }
    }
}

impl Checkpoint {
    fn told(self) -> Told {
        let Self { step, epoch, path, metrics, resume, files } = self;
        let (epoch, metrics) = (epoch.map(|epoch| epoch.0), floats(metrics));
        Told::Checkpoint { step, epoch, path, metrics, resume, files }
    }
}

impl Media {
    fn told(self) -> Told {
        Told::Media { name: self.name, step: self.step, value: self.value.to_string() }
    }
}

fn floats(numbers: BTreeMap<String, Number>) -> BTreeMap<String, f64> {
    numbers.into_iter().map(|(name, number)| (name, number.0)).collect()
}

/// A JSON number, or one of the strings `NaN`, `Infinity`, `-Infinity`.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor).map(Number)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
        Ok(value)
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are floats; counts beyond 2^53 are rounded")]
    fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are floats; counts beyond 2^53 are rounded")]
    fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<f64, E> {
        of_non_finite_word(value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_understood() {
        let metrics = parse(r#"{"type":"metrics","step":120,"epoch":3,"values":{"f1":0.61,"n":7},"new":1}"#);
        let values = BTreeMap::from([("f1".to_owned(), 0.61), ("n".to_owned(), 7.0)]);
        assert_eq!(metrics, Ok(Told::Metrics { step: 120, epoch: Some(3.0), values }));

        assert_eq!(parse(r#"{"type":"log","text":"a"}"#), Ok(Told::Log { text: "a".to_owned() }));
        let warning = parse(r#"{"type":"log","text":"a","level":"warning"}"#);
        assert_eq!(warning, Ok(Told::Log { text: "warning: a".to_owned() }));

        let checkpoint = |resume, files: &[&str]| Told::Checkpoint {
            step: 1,
            epoch: None,
            path: "a/b".to_owned(),
            metrics: BTreeMap::new(),
            resume,
            files: files.iter().map(|&name| name.to_owned()).collect(),
        };
        let told = parse(r#"{"type":"checkpoint","step":1,"path":"a/b"}"#);
        assert_eq!(told, Ok(checkpoint(false, &[])));
        let told = parse(r#"{"type":"checkpoint","step":1,"path":"a/b","resume":true,"files":["b","c"]}"#);
        assert_eq!(told, Ok(checkpoint(true, &["b", "c"])));

        let media = parse(r#"{"type":"media","name":"m","value":[[1,2],[3,4]]}"#);
        let (name, value) = ("m".to_owned(), "[[1,2],[3,4]]".to_owned());
        assert_eq!(media, Ok(Told::Media { name, step: None, value }));

        let info = parse(r#"{"type":"info","versions":{"torch":"2.13"}}"#);
        let versions = BTreeMap::from([("torch".to_owned(), "2.13".to_owned())]);
        assert_eq!(info, Ok(Told::Info { versions }));
    }

    #[test]
    fn numbers_that_are_not_finite_come_as_strings() {
        let line = r#"{"type":"metrics","step":1,"values":{"a":"NaN","b":"Infinity","c":"-Infinity"}}"#;
        let Ok(Told::Metrics { values, .. }) = parse(line) else { panic!("understood") };
        assert!(values["a"].is_nan());
        assert_eq!((values["b"], values["c"]), (f64::INFINITY, f64::NEG_INFINITY));
    }

    #[test]
    fn malformed_lines_are_warnings_that_name_the_cause() {
        for (line, cause) in [
            ("{", "EOF"),
            ("[]", "invalid length 0"),
            (r#"{"type":"metric","step":1}"#, "unknown type `metric`"),
            (r#"{"type":"metrics","values":{}}"#, "missing field `step`"),
            (r#"{"type":"metrics","step":-1,"values":{}}"#, "invalid value"),
            (r#"{"type":"metrics","step":1,"values":{"a":"big"}}"#, "expected a number"),
            (r#"{"type":"metrics","step":1,"values":{"a":NaN}}"#, "expected value"),
        ] {
            let warning = parse(line).unwrap_err();
            assert!(warning.starts_with("warning: ") && warning.contains(cause), "{line}: {warning}");
        }
    }

    proptest::proptest! {
        /// What a program tells is what it gets back after a resume: no digit may be lost on the way.
        #[test]
        fn numbers_are_read_to_the_last_bit(value in proptest::num::f64::NORMAL) {
            let line = format!(r#"{{"type":"metrics","step":1,"values":{{"a":{value:e}}}}}"#);
            let Ok(Told::Metrics { values, .. }) = parse(&line) else { panic!("understood") };
            proptest::prop_assert_eq!(values["a"].to_bits(), value.to_bits());
        }
    }
}
