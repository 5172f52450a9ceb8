//! The JSON Schema of sweep files: the form of each key, and what it means.

/// The JSON Schema of sweep files (draft 7), for editors and for people who ask what a key means. It says the form of
/// each key; [`super::parse`] checks what a form cannot say.
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::{Impute, Method, distribution, early_terminate, metric, parameter, stop, top};
    use super::SCHEMA;

    fn keys(pointer: &str) -> BTreeSet<String> {
        let schema: Value = serde_json::from_str(SCHEMA).expect("is JSON");
        let properties = schema.pointer(pointer).and_then(Value::as_object).expect("is there").clone();
        properties.into_iter().map(|(key, _)| key).collect()
    }

    fn set<'k>(keys: impl IntoIterator<Item = &'k str>) -> BTreeSet<String> {
        keys.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        assert_eq!(keys("/properties"), set(top::KNOWN.into_iter().chain(top::IGNORED)));
        assert_eq!(keys("/properties/metric/properties"), set(metric::METRIC));
        assert_eq!(
            keys("/properties/metrics/items/properties"),
            set(metric::METRIC.into_iter().filter(|key| *key != "target"))
        );
        assert_eq!(keys("/properties/early_terminate/properties"), set(early_terminate::KEYS));
        assert_eq!(keys("/properties/stop/properties"), set(stop::KEYS));
        assert_eq!(keys("/definitions/parameter/properties"), set(parameter::KEYS));
    }

    #[test]
    fn the_schema_has_the_words_that_are_read() {
        let schema: Value = serde_json::from_str(SCHEMA).expect("is JSON");
        let words = |pointer: &str| -> Vec<&str> {
            let one_of = schema.pointer(pointer).and_then(Value::as_array).expect("is a list").iter();
            one_of.map(|one| one["const"].as_str().expect("is text")).collect()
        };
        let distributions: Vec<_> = distribution::names().collect();
        assert_eq!(words("/definitions/parameter/properties/distribution/oneOf"), distributions);
        assert_eq!(words("/properties/method/oneOf"), Method::ALL.map(Method::word));
        assert_eq!(words("/properties/metric/properties/impute/oneOf"), Impute::ALL.map(Impute::word));
    }
}
