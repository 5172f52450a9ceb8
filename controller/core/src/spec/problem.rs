//! What is wrong with a sweep file, and where.

use std::fmt;

/// What some editors put at the beginning of a file. It has no width and says nothing.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Whether a problem forbids the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The sweep cannot be created.
    Error,
    /// It can, but this is probably not what was meant.
    Warning,
}

/// A place in the file: line and column from 1, and how many characters are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    pub length: usize,
}

impl Place {
    /// The beginning of the file.
    pub const START: Self = Self { line: 1, column: 1, length: 1 };
}

/// One problem: what, where, and how to mend it where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub place: Place,
    pub message: String,
    /// What to write instead; empty where nobody can know.
    pub fix: String,
}

impl Problem {
    pub(crate) fn error(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place, message: short(message.into()), fix: String::new() }
    }

    pub(crate) fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = short(fix.into());
        self
    }

    /// The problem as people read it: place, message, the line with the text underlined, the fix.
    pub fn render(&self, file: &str, text: &str) -> String {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Place { line, column, length } = self.place;
        let mut out = format!("{word}: {}\n  --> {file}:{line}:{column}", self.message);
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        if let Some(source) = text.lines().nth(line.saturating_sub(1)) {
            let number = line.to_string();
            let (shown, before) = window(source, column - 1);
            let room = shown.chars().count().saturating_sub(before).max(1);
            let marks = "^".repeat(length.clamp(1, room));
            // A tab is as wide above as below.
            let mut pad: String =
                shown.chars().take(before).map(|c| if c == '\t' { c } else { ' ' }).collect();
            pad.push_str(&" ".repeat(before - pad.chars().count()));
            out.push_str(&format!("\n{number} | {shown}\n{} | {pad}{marks}", " ".repeat(number.len())));
        }
        if !self.fix.is_empty() {
            out.push_str(&format!("\n  fix: {}", self.fix));
        }
        out
    }
}

/// Longest message and fix: they may quote a name or a value of any length.
const LONGEST: usize = 600;

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Longest part of a line that is shown.
const WINDOW: usize = 200;
/// As much of a longer line is shown before the place.
const BEFORE: usize = 60;

/// The part of a line to show around a place, and how many characters of it stand before the place.
fn window(source: &str, before: usize) -> (String, usize) {
    // The place may be just behind the line, not further.
    let before = before.min(source.chars().count());
    if source.chars().take(WINDOW + 1).count() <= WINDOW {
        return (source.to_owned(), before);
    }
    let from = before.saturating_sub(BEFORE);
    let start = if from > 0 { "..." } else { "" };
    let part: String = source.chars().skip(from).take(WINDOW).collect();
    let end = if source.chars().count() > from + WINDOW { "..." } else { "" };
    (format!("{start}{part}{end}"), before - from + start.len())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.place.line, self.place.column, self.message)?;
        if !self.fix.is_empty() {
            write!(f, " ({})", self.fix)?;
        }
        Ok(())
    }
}
