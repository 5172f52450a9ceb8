//! `command`: its words, and what is probably not meant in them.

use serde_json::Value;

use super::SweepSpec;
use super::names::nearest;
use super::problem::Problem;
use super::yaml::{Entry, Kind, Node};
use crate::command::{MACROS, macro_name};

/// Longest line that is taken apart for a fix.
const LINE: usize = 200;

pub(super) fn command(entry: &Entry, problems: &mut Vec<Problem>) -> Vec<String> {
    let Kind::Sequence(items) = &entry.node.kind else {
        let example = match &entry.node.kind {
            Kind::Scalar(Value::String(line)) if line.len() < LINE => words_of(line),
            _ => "python, train.py, \"${args}\"".to_owned(),
        };
        problems.push(
            Problem::error(entry.node.place, format!("`command` is a list, this is {}", entry.node.noun()))
                .fix(format!("one item per word: command: [{example}]")),
        );
        return Vec::new();
    };
    let mut out = Vec::new();
    for item in items {
        match &item.kind {
            Kind::Scalar(Value::Null) | Kind::Sequence(_) | Kind::Mapping(_) => {
                problems.push(
                    Problem::error(item.place, format!("a word of the command cannot be {}", item.noun()))
                        .fix("put it in quotes if it is one word"),
                );
            }
            Kind::Scalar(value) => out.push(crate::value::python_str(value)),
        }
    }
    if items.is_empty() {
        problems.push(
            Problem::error(entry.node.place, "`command` is empty")
                .fix("leave it out for the default command"),
        );
    }
    out
}

/// A line's words as items of a list.
fn words_of(line: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-=".contains(c);
    let item = |word: &str| {
        if word.chars().all(plain) { word.to_owned() } else { format!("{word:?}") }
    };
    line.split_whitespace().map(item).collect::<Vec<_>>().join(", ")
}

/// Looks at the words of a command that is a list.
pub(super) fn check(entry: &Entry, spec: &SweepSpec, problems: &mut Vec<Problem>) {
    let Kind::Sequence(items) = &entry.node.kind else { return };
    let before = problems.len();
    for item in items {
        macros(item, spec, problems);
        several_words(item, problems);
    }
    let text = |item: &Node| match &item.kind {
        Kind::Scalar(value) => crate::value::python_str(value),
        _ => String::new(),
    };
    let stays = |item: &&Node| macro_name(&text(item)).is_none_or(|name| MACROS.contains(&name.as_str()));
    let Some(first) = items.iter().find(stays) else {
        problems.push(Problem::error(
            entry.node.place,
            "nothing is left of this command: it is all macros that vanish",
        ));
        return;
    };
    let first_text = text(first);
    if macro_name(&first_text).is_some_and(|name| name.starts_with("args")) {
        problems.push(
            Problem::error(
                first.place,
                "the command begins with arguments, and has no program to give them to",
            )
            .fix("begin with \"${env}\", \"${interpreter}\", \"${program}\""),
        );
    } else if first_text.contains(' ') && problems.len() == before {
        problems.push(
            Problem::warning(
                first.place,
                format!("`{first_text}` is one word: the name of a program, spaces and all"),
            )
            .fix(format!("one item per word: {}", words_of(&first_text))),
        );
    }
}

/// W&B's rule for names of variables.
fn is_variable(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// `--epochs 10` in one item.
fn several_words(item: &Node, problems: &mut Vec<Problem>) {
    let Kind::Scalar(Value::String(text)) = &item.kind else { return };
    let Some((first, _)) = text.split_once(' ') else { return };
    if text.starts_with('-')
        && text.len() < LINE
        && (!first.contains('=') || text.contains(" --"))
        && !text.contains("${")
    {
        problems.push(
            Problem::warning(item.place, format!("`{text}` is one argument, spaces and all"))
                .fix(format!("one item per word: {}", words_of(text))),
        );
    }
}

fn macros(item: &Node, spec: &SweepSpec, problems: &mut Vec<Problem>) {
    let Kind::Scalar(Value::String(text)) = &item.kind else { return };
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| from + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at + 1) else { return };
        from = end;
        let found = &text[start..end];
        let name = &found[2..found.len() - 1];
        if name.strip_prefix("envvar:").is_some_and(is_variable) {
            continue;
        }
        let known = MACROS.contains(&name);
        let problem = match (known, found == text) {
            (true, true) if name == "program" && spec.program.is_empty() => Problem::error(
                item.place,
                "`${program}` stands in the command, but the file has no `program`",
            )
            .fix("name it: program: train.py"),
            (true, true) => continue,
            (true, false) => Problem::warning(
                item.place,
                format!("`{found}` counts only as a whole word: here it is passed as it stands"),
            )
            .fix("make it an item of its own"),
            (false, true) => {
                Problem::warning(item.place, format!("`{found}` is no macro: it vanishes, as with W&B"))
                    .fix(instead(name, spec))
            }
            (false, false) => {
                Problem::warning(item.place, format!("`{found}` is no macro: it is passed as it stands"))
                    .fix(instead(name, spec))
            }
        };
        problems.push(problem);
    }
}

/// What to write for a macro that there is not.
fn instead(name: &str, spec: &SweepSpec) -> String {
    if name.starts_with("envvar:") {
        return "the name of a variable has capital letters, digits and `_`".to_owned();
    }
    if !name.is_empty() && is_variable(name) {
        return format!("for a variable of the environment write ${{envvar:{name}}}");
    }
    if spec.parameters.iter().any(|parameter| parameter.path.join(".") == name) {
        return "parameters come together, by ${args} or its kin".to_owned();
    }
    match nearest(MACROS.into_iter(), name) {
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => format!("macros: {}", MACROS.join(", ")),
    }
}
