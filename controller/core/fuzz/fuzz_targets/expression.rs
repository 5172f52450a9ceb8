//! Any text as a constraint: it is parsed, its mistake is inside it, and its parts together mean what it means.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use sweep_core::expr::Expr;

fuzz_target!(|text: &str| {
    let values = json!({"a": 3, "b": 2.5, "c": "x", "d": true, "e": null, "f": [1, 2], "m.depth": 4});
    let lookup = |name: &str| values.get(name);
    match Expr::parse(text) {
        Err(error) => assert!(error.at <= text.chars().count() && error.length > 0, "{error:?}"),
        Ok(expr) => {
            for name in expr.names() {
                assert!(text.contains(name), "{name}");
            }
            let whole = expr.holds(&lookup);
            let _nothing = expr.holds(&|_| None::<&Value>);
            let parts: Result<Vec<bool>, _> = expr.conjuncts().iter().map(|part| part.holds(&lookup)).collect();
            // `and` stops at the first false one, so the parts may be undecided where the whole is not.
            if let (Ok(whole), Ok(parts)) = (whole, parts) {
                assert_eq!(whole, parts.into_iter().all(|part| part));
            }
        }
    }
});
