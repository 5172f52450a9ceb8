//! What may be said in a line.

use serde_json::{Map, Value};
use sweep_core::trial::TrialState;
use sweep_core::value::of_non_finite_word;

/// Most trials of one question: nobody runs more at once, and a slip of the finger is no session's end.
const MOST: u64 = 10_000;
const FORMS: &str = r#"write {"ask": 1}, or {"tell": {"trial": 3, "value": 0.12}}"#;

/// One line.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Ask(u64),
    Tell(Tell),
}

/// Something of a trial.
#[derive(Debug, PartialEq)]
pub(super) struct Tell {
    pub(super) trial: u64,
    pub(super) value: Option<f64>,
    pub(super) step: Option<u64>,
    pub(super) epoch: Option<f64>,
    pub(super) seconds: Option<f64>,
    /// How it ended; `None`: it goes on.
    pub(super) end: Option<TrialState>,
}

impl Line {
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(line).map_err(|error| format!("no JSON: {error}; {FORMS}"))?;
        let Value::Object(map) = value else { return Err(format!("no object; {FORMS}")) };
        let mut entries = map.into_iter();
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) if key == "ask" => match value.as_u64() {
                Some(count @ 1..=MOST) => Ok(Self::Ask(count)),
                _ => Err(format!("`ask` is how many trials, 1 to {MOST}, and not {value}")),
            },
            (Some((key, Value::Object(map))), None) if key == "tell" => Tell::parse(&map).map(Self::Tell),
            _ => Err(format!("one of `ask` and `tell`; {FORMS}")),
        }
    }
}

impl Tell {
    fn parse(map: &Map<String, Value>) -> Result<Self, String> {
        const KEYS: [&str; 6] = ["trial", "value", "step", "epoch", "seconds", "state"];
        if let Some(other) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!("`tell` has no `{other}`; it has {}", KEYS.join(", ")));
        }
        let whole = |key: &str| {
            let wrong = |value: &Value| format!("`{key}` is a whole number, and not {value}");
            map.get(key).map(|value| value.as_u64().ok_or_else(|| wrong(value))).transpose()
        };
        let amount = |key: &str| {
            let wrong = |value: &Value| format!("`{key}` is a number from 0 on, and not {value}");
            let number = |value: &Value| value.as_f64().filter(|number| *number >= 0.0);
            map.get(key).map(|value| number(value).ok_or_else(|| wrong(value))).transpose()
        };
        let value = map.get("value").map(|value| {
            let word = || value.as_str().and_then(of_non_finite_word);
            value.as_f64().or_else(word).ok_or_else(|| {
                format!("`value` is a number, \"NaN\", \"Infinity\" or \"-Infinity\", and not {value}")
            })
        });
        let (value, step) = (value.transpose()?, whole("step")?);
        let (epoch, seconds) = (amount("epoch")?, amount("seconds")?);
        let end = match map.get("state").map(|state| state.as_str().unwrap_or_default()) {
            Some("finished") => Some(TrialState::Finished),
            Some("failed") => Some(TrialState::Failed),
            Some("running") => None,
            Some(_) => {
                return Err("`state` is finished, failed or running (which is meant with `step`, `epoch` or `seconds`)".to_owned());
            }
            // A value that has a place on a curve is one of several; without, it is the trial's.
            None if step.is_some() || epoch.is_some() || seconds.is_some() => None,
            None => Some(TrialState::Finished),
        };
        if value.is_none() && end.is_none_or(|_| !map.contains_key("state")) {
            return Err("`tell` has no `value`, and no `state` that the trial ended with".to_owned());
        }
        let trial = whole("trial")?.ok_or("`tell` has no `trial`")?;
        Ok(Self { trial, value, step, epoch, seconds, end })
    }
}
