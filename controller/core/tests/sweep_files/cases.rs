//! The corpus of sweep files: a file a section of W&B's reference, cut into cases at lines such as
//! `=== error: min above max`. The word before the colon is the case's verdict:
//!
//! - `valid`: accepted without a word,
//! - `warning`: accepted, with warnings,
//! - `error`: refused.
//!
//! Words in brackets before the colon change the text: `[crlf]` ends its lines as Windows does, `[bom]` starts it with
//! a byte order mark, `[open]` takes the last end of line away.

/// A file of the corpus.
pub(crate) struct Section {
    pub(crate) name: &'static str,
    text: &'static str,
}

/// A sweep file, and what is expected of it.
pub(crate) struct Case {
    pub(crate) verdict: &'static str,
    pub(crate) title: &'static str,
    pub(crate) text: String,
}

macro_rules! sections {
    ($($name:literal),* $(,)?) => {
        [$(Section { name: $name, text: include_str!(concat!($name, ".yaml.txt")) }),*]
    };
}

pub(crate) const SECTIONS: &[Section] = &sections![
    "1.1-top-level",
    "1.2-metric",
    "1.3-which-distribution",
    "1.4-distributions",
    "1.5-nested",
    "1.6-command",
    "1.7-early-terminate",
    "1.8-validator",
    "1.9-scheduler",
    "7-real-files",
    "ours",
    "stopping",
    "fuzz-findings",
];

/// The cases of a section, in the order of the file.
pub(crate) fn cases(section: &Section) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut options = "";
    for line in section.text.lines() {
        if let Some(heading) = line.strip_prefix("=== ") {
            let (left, title) = heading.split_once(": ").unwrap_or((heading, ""));
            let (verdict, rest) = left.split_once(' ').unwrap_or((left, ""));
            finish(cases.last_mut(), options);
            options = rest;
            cases.push(Case { verdict, title, text: String::new() });
        } else if let Some(case) = cases.last_mut() {
            case.text.push_str(line);
            case.text.push('\n');
        }
    }
    finish(cases.last_mut(), options);
    cases
}

fn finish(case: Option<&mut Case>, options: &str) {
    let Some(case) = case else { return };
    // Blank lines before the next heading are for the reader of the corpus.
    case.text.truncate(case.text.trim_end_matches('\n').len());
    if !options.contains("[open]") && !case.text.is_empty() {
        case.text.push('\n');
    }
    if options.contains("[crlf]") {
        case.text = case.text.replace('\n', "\r\n");
    }
    if options.contains("[bom]") {
        case.text.insert(0, '\u{feff}');
    }
}
