//! What is wrong with a sweep file, and where.

use std::fmt;

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
        Self { severity: Severity::Error, place, message: message.into(), fix: String::new() }
    }

    pub(crate) fn warning(place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, message) }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
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
        if let Some(source) = text.lines().nth(line.saturating_sub(1)) {
            let number = line.to_string();
            let room = source.chars().count().saturating_sub(column - 1).max(1);
            let marks = "^".repeat(length.clamp(1, room));
            let pad = " ".repeat(column - 1);
            out.push_str(&format!("\n{number} | {source}\n{} | {pad}{marks}", " ".repeat(number.len())));
        }
        if !self.fix.is_empty() {
            out.push_str(&format!("\n  fix: {}", self.fix));
        }
        out
    }
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
