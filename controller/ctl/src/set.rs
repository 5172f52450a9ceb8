//! `--set KEY.PATH=VALUE`: a sweep file changed before it is read.

use serde_yaml::{Mapping, Value};

use crate::exit::{Exit, Failure};

/// The text with every setting made. Without settings it is the text as it stands; with some it is written anew, and
/// loses its comments.
pub(crate) fn apply(text: String, settings: &[String]) -> Result<String, Failure> {
    if settings.is_empty() {
        return Ok(text);
    }
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let mut root: Value = serde_yaml::from_str(&text)
        .map_err(|error| usage(format!("--set cannot change a file that is not understood: {error}")))?;
    for setting in settings {
        let Some((path, value)) = setting.split_once('=') else {
            return Err(usage(format!("--set {setting}: write KEY.PATH=VALUE, for example run_cap=20")));
        };
        let value: Value = serde_yaml::from_str(value)
            .map_err(|error| usage(format!("--set {setting}: the value is not YAML: {error}")))?;
        let names: Vec<&str> = path.split('.').collect();
        if names.iter().any(|name| name.is_empty()) {
            return Err(usage(format!("--set {setting}: `{path}` is no path of keys")));
        }
        set(&mut root, &names, value).map_err(|why| usage(format!("--set {setting}: {why}")))?;
    }
    let changed = serde_yaml::to_string(&root)
        .map_err(|error| Failure::new(Exit::Unexpected, format!("cannot write the changed file: {error}")))?;
    Ok(format!("# changed by --set {}\n{changed}", settings.join(" --set ").replace('\n', " ")))
}

fn set(at: &mut Value, names: &[&str], value: Value) -> Result<(), String> {
    if names.is_empty() {
        *at = value;
        return Ok(());
    }
    if at.is_null() {
        *at = Value::Mapping(Mapping::new());
    }
    let Value::Mapping(map) = at else {
        return Err(format!("there is no mapping that could hold `{}`", names.join(".")));
    };
    // A name may have dots itself: the longest one that is there is meant.
    let known = (1..=names.len()).rev().find(|&count| map.contains_key(names[..count].join(".")));
    let count = known.unwrap_or(1);
    let slot = map.entry(names[..count].join(".").into()).or_insert(Value::Null);
    set(slot, &names[count..], value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str, settings: &[&str]) -> Result<String, String> {
        let settings: Vec<_> = settings.iter().map(|&setting| setting.to_owned()).collect();
        apply(text.to_owned(), &settings).map_err(|failure| failure.message)
    }

    #[test]
    fn settings_reach_their_keys() {
        let text =
            "method: grid # walk\nparameters:\n  model.lr: {min: 0.1, max: 1.0}\n  a: {values: [1, 2]}\n";
        let changed = applied(
            text,
            &[
                "run_cap=20",
                "parameters.model.lr.max=2e-1",
                "parameters.a.values=[x, 'y=z']",
                "metric.name=loss",
            ],
        );
        assert_eq!(
            changed.as_deref(),
            Ok(
                "# changed by --set run_cap=20 --set parameters.model.lr.max=2e-1 --set parameters.a.values=[x, 'y=z'] --set metric.name=loss\n\
                method: grid\nparameters:\n  model.lr:\n    min: 0.1\n    max: 0.2\n  a:\n    values:\n    - x\n    - y=z\n\
                run_cap: 20\nmetric:\n  name: loss\n"
            )
        );
        assert_eq!(applied(text, &[]).as_deref(), Ok(text));
    }

    #[test]
    fn settings_that_fit_nowhere_are_refused() {
        for (setting, words) in [
            ("run_cap", "KEY.PATH=VALUE"),
            ("a..b=1", "no path"),
            ("method.x=1", "no mapping"),
            ("a=[", "not YAML"),
        ] {
            let error = applied("method: grid\n", &[setting]).expect_err(setting);
            assert!(error.contains(words), "{setting}: {error}");
        }
        assert!(applied("a: [", &["b=1"]).is_err_and(|error| error.contains("not understood")));
    }
}
