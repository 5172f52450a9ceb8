//! What a reader of YAML 1.1 (PyYAML's safe loader, by which W&B reads) makes of a plain scalar, where that differs
//! from the reading here.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// A pattern that is tested, or that never matches.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static INTEGER: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern("^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"));
static FLOAT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$")
});
static SIXTIETHS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$"));
static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}.*)?$")
});

fn fits(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    pattern.as_ref().is_some_and(|pattern| pattern.is_match(text))
}

/// The two readings of a scalar, and how to write it so that both are one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Otherwise {
    pub(super) message: String,
    pub(super) fix: String,
}

/// `None`: both read the same.
pub(super) fn otherwise(text: &str, here: &Value) -> Option<Otherwise> {
    let quoted = format!("write \"{text}\" for text");
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Value::String(_) = here {
        if let Some(there) = special(text) {
            return Some(Otherwise {
                message: format!("`{text}` is text here, but {there} to W&B"),
                fix: match there {
                    "a date" => quoted,
                    word => format!("{quoted}, or {word}"),
                },
            });
        }
        if let Some(there) = integer(text) {
            return Some(Otherwise {
                message: format!("`{text}` is text here, but the number {there} to W&B"),
                fix: format!("{quoted}, or {there}"),
            });
        }
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        return (leading_zero && digits.bytes().all(|b| b.is_ascii_digit())).then(|| Otherwise {
            message: format!("`{text}` is text, here and to W&B: a number has no leading zero"),
            fix: format!("{quoted}, or {}", digits.trim_start_matches('0')),
        });
    }
    // Whole numbers may be of any size to W&B.
    let there = [&INTEGER, &SIXTIETHS, &FLOAT].into_iter().any(|pattern| fits(pattern, text));
    if here.is_number() && !there {
        return Some(Otherwise {
            message: format!("`{text}` is a number here, but text to W&B"),
            fix: format!("write {}", rewritten(text, here)),
        });
    }
    None
}

/// Booleans, dates and numbers to the base of sixty.
fn special(text: &str) -> Option<&'static str> {
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some("true"),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some("false"),
        _ if fits(&DATE, text) => Some("a date"),
        _ => None,
    }
}

/// The integer that YAML 1.1 sees: `010` is 8, `1_000` is 1000, `1:30` is 90.
fn integer(text: &str) -> Option<i64> {
    let bare: String = text.chars().filter(|&c| c != '_').collect();
    let (negative, digits) = match bare.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, bare.strip_prefix('+').unwrap_or(&bare)),
    };
    let size = if fits(&SIXTIETHS, text) && !text.contains('.') {
        digits.split(':').try_fold(0_i64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))?
    } else if fits(&INTEGER, text) {
        let radix =
            |prefix: &str, radix| digits.strip_prefix(prefix).map(|rest| i64::from_str_radix(rest, radix));
        let found = radix("0b", 2).or_else(|| radix("0x", 16));
        match found {
            Some(found) => found.ok()?,
            None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
            None => digits.parse().ok()?,
        }
    } else {
        return None;
    };
    Some(if negative { -size } else { size })
}

/// A number written so that both read it.
fn rewritten(text: &str, here: &Value) -> String {
    let Some(at) = text.find(['e', 'E']).filter(|_| !text.contains('x')) else { return here.to_string() };
    let (mantissa, power) = (&text[..at], &text[at + 1..]);
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if power.starts_with(['+', '-']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{power}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_patterns_are_patterns() {
        for pattern in [&INTEGER, &FLOAT, &SIXTIETHS, &DATE] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn other_readings_are_named() {
        // Right-hand sides by PyYAML 6's yaml.safe_load.
        for (text, here, message, fix) in [
            ("1e-4", json!(1e-4), "`1e-4` is a number here, but text to W&B", "write 1.0e-4"),
            ("3e6", json!(3e6), "`3e6` is a number here, but text to W&B", "write 3.0e+6"),
            ("-.5", json!(-0.5), "`-.5` is a number here, but text to W&B", "write -0.5"),
            ("0o17", json!(15), "`0o17` is a number here, but text to W&B", "write 15"),
            ("on", json!("on"), "`on` is text here, but true to W&B", "write \"on\" for text, or true"),
            ("No", json!("No"), "`No` is text here, but false to W&B", "write \"No\" for text, or false"),
            (
                "010",
                json!("010"),
                "`010` is text here, but the number 8 to W&B",
                "write \"010\" for text, or 8",
            ),
            (
                "08",
                json!("08"),
                "`08` is text, here and to W&B: a number has no leading zero",
                "write \"08\" for text, or 8",
            ),
            (
                "1_000",
                json!("1_000"),
                "`1_000` is text here, but the number 1000 to W&B",
                "write \"1_000\" for text, or 1000",
            ),
            (
                "1:30",
                json!("1:30"),
                "`1:30` is text here, but the number 90 to W&B",
                "write \"1:30\" for text, or 90",
            ),
            (
                "2024-01-31",
                json!("2024-01-31"),
                "`2024-01-31` is text here, but a date to W&B",
                "write \"2024-01-31\" for text",
            ),
        ] {
            let found = otherwise(text, &here);
            assert_eq!(found, Some(Otherwise { message: message.to_owned(), fix: fix.to_owned() }), "{text}");
        }
    }

    #[test]
    fn most_scalars_are_read_alike() {
        for (text, here) in [
            ("1", json!(1)),
            ("-7", json!(-7)),
            ("0x10", json!(16)),
            ("0.5", json!(0.5)),
            (".5", json!(0.5)),
            ("2.", json!(2.0)),
            ("1.0e-4", json!(1e-4)),
            ("1.5E+3", json!(1500.0)),
            ("~", json!(null)),
            ("True", json!(true)),
            ("yEs", json!("yEs")),
            ("sgd", json!("sgd")),
            ("1.2.3", json!("1.2.3")),
            ("y", json!("y")),
            ("0", json!(0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        ] {
            assert_eq!(otherwise(text, &here), None, "{text}");
        }
    }
}
