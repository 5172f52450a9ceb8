//! How people laid out the pages of a project: a text of the page's own, within bounds.

use serde_json::{Map, Value};
use thiserror::Error;

/// Most bytes of a layout.
pub const LARGEST: usize = 64 * 1024;

/// Why a text is no layout.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotALayout {
    #[error("a layout of {size} bytes is too large: {LARGEST} are the most")]
    TooLarge { size: usize },
    #[error("a layout is a JSON object: {why}")]
    NotJson { why: String },
}

/// Whether a text can be kept as a layout.
///
/// # Errors
/// [`NotALayout`].
pub fn check(text: &str) -> Result<(), NotALayout> {
    if text.len() > LARGEST {
        return Err(NotALayout::TooLarge { size: text.len() });
    }
    serde_json::from_str::<Map<String, Value>>(text)
        .map(drop)
        .map_err(|error| NotALayout::NotJson { why: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_a_small_json_object() {
        assert_eq!(check("{\"columns\":[\"number\"]}"), Ok(()));
        let sized = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
        assert_eq!(check(&sized(LARGEST)), Ok(()));
        assert_eq!(check(&sized(LARGEST + 1)), Err(NotALayout::TooLarge { size: LARGEST + 1 }));
        for text in ["", "columns", "[]", "7", "{} {}"] {
            assert!(matches!(check(text), Err(NotALayout::NotJson { .. })), "{text}");
        }
    }
}
