//! Commands that need no controller: they read sweep files and say what would be.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sweep_core::command::{self, Source};
use sweep_core::search::{History, Proposal, Proposer};
use sweep_core::spec::{self, Parsed, Problem, Severity, SweepSpec};
use sweep_core::value::Params;
use uuid::Uuid;

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render, say};

/// Reads a sweep file; `-` is standard input.
pub(crate) fn read_file(file: &Path) -> Result<String, Failure> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        return match std::io::stdin().read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(Failure::new(Exit::Unexpected, format!("cannot read standard input: {error}"))),
        };
    }
    std::fs::read_to_string(file).map_err(|error| {
        let exit =
            if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Unexpected };
        Failure::new(exit, format!("cannot read the sweep file {}: {error}", file.display()))
    })
}

/// Refuses a file with errors, showing them all.
pub(crate) fn check(parsed: &Parsed, file_name: &str, text: &str) -> Result<SweepSpec, Failure> {
    let errors: Vec<_> = parsed.of(Severity::Error).map(|problem| problem.render(file_name, text)).collect();
    if let (Some(spec), true) = (&parsed.spec, errors.is_empty()) {
        return Ok(spec.clone());
    }
    let count = errors.len();
    let problems = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    Err(Failure::new(Exit::Usage, format!("{file_name} has {problems}\n\n{}", errors.join("\n\n"))))
}

/// A problem of one file.
struct Found {
    file: String,
    problem: Problem,
}

/// Checks files as `create` would. Fails if any has an error.
pub(crate) fn validate(output: Format, files: &[PathBuf]) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut pages = Vec::new();
    for path in files {
        let text = read_file(path)?;
        let file = path.display().to_string();
        let parsed = spec::parse(&text);
        pages.extend(parsed.problems.iter().map(|problem| problem.render(&file, &text)));
        found.extend(parsed.problems.into_iter().map(|problem| Found { file: file.clone(), problem }));
    }
    let errors = found.iter().filter(|found| found.problem.severity == Severity::Error).count();
    if output == Format::Table {
        put(&pages.iter().map(|page| page.clone() + "\n\n").collect::<String>())?;
    } else {
        put(&render(&problems(&found), output, false)?)?;
    }
    if errors > 0 {
        let count = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
        return Err(Failure::new(
            Exit::Usage,
            format!("{count} in {} of {} files", broken(&found), files.len()),
        ));
    }
    say(&format!(
        "{} valid",
        if files.len() == 1 { "1 file is".to_owned() } else { format!("{} files are", files.len()) }
    ));
    Ok(())
}

fn broken(found: &[Found]) -> usize {
    let mut files: Vec<&str> = found
        .iter()
        .filter(|found| found.problem.severity == Severity::Error)
        .map(|found| found.file.as_str())
        .collect();
    files.sort_unstable();
    files.dedup();
    files.len()
}

fn problems(rows: &[Found]) -> Sheet<'_, Found> {
    let severity = |found: &Found| match found.problem.severity {
        Severity::Error => "error".to_owned(),
        Severity::Warning => "warning".to_owned(),
    };
    let columns = || {
        vec![
            Column::left("file", |found: &Found| found.file.clone()),
            Column::right("line", |found: &Found| found.problem.place.line.to_string()),
            Column::right("column", |found: &Found| found.problem.place.column.to_string()),
            Column::left("severity", severity),
            Column::left("message", |found: &Found| found.problem.message.clone()),
            Column::left("fix", |found: &Found| found.problem.fix.clone()),
        ]
    };
    Sheet { rows, table: columns(), csv: columns(), json: &problem_json, name: &|found| found.file.clone() }
}

fn problem_json(found: &Found) -> Value {
    let Problem { severity, place, message, fix } = &found.problem;
    let severity = if *severity == Severity::Error { "error" } else { "warning" };
    object([
        ("file", found.file.clone().into()),
        ("line", place.line.into()),
        ("column", place.column.into()),
        ("length", place.length.into()),
        ("severity", severity.into()),
        ("message", message.clone().into()),
        ("fix", if fix.is_empty() { Value::Null } else { fix.clone().into() }),
    ])
}

/// A trial that would be.
struct Planned {
    number: u64,
    params: Params,
    command: Vec<String>,
}

/// Prints what a sweep would run, without a controller: the very trials that it would propose.
pub(crate) fn plan(
    output: Format,
    file_name: &str,
    text: &str,
    count: u64,
    seed: Option<u64>,
) -> Result<(), Failure> {
    let parsed = spec::parse(text);
    let spec = check(&parsed, file_name, text)?;
    for problem in parsed.of(Severity::Warning) {
        say(&problem.render(file_name, text));
    }
    let given = seed.or(spec.seed);
    let seed = given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0 >> 32);
    if spec.method.needs_history() {
        let warm = "; with the trials of `warm_start`, which a controller has, it begins otherwise";
        let warm = if spec.warm_start.is_empty() { "" } else { warm };
        say(&format!(
            "{} learns from trials that ended: these are what it begins with{warm}",
            spec.method.word()
        ));
    }
    let mut rows = Vec::new();
    let (mut proposer, mut history) = (Proposer::default(), History::default());
    for number in 1..=count {
        let Some(Proposal { params, .. }) = proposer.propose(&spec, seed, number, &history) else { break };
        if spec.method.needs_history() {
            history.add_pending(&spec, number, &params);
        }
        let command = argv(&spec, &params)
            .map_err(|error| Failure::new(Exit::Usage, format!("{file_name}: {error}")))?;
        rows.push(Planned { number, params, command });
    }
    let total = spec
        .planned_trials()
        .map_or_else(|| "no limit on trials".to_owned(), |total| format!("{total} trials"));
    let source =
        if given.is_some() { "" } else { " (chosen now; a sweep chooses its own unless the file has one)" };
    say(&format!(
        "{file_name}: {}, {total}, seed {seed}{source}; the first {}:",
        spec.method.word(),
        rows.len()
    ));
    put(&render(&planned(&rows), output, false)?)
}

fn argv(spec: &SweepSpec, params: &Params) -> Result<Vec<String>, command::CommandError> {
    command::expand(&Source {
        program: &spec.program,
        command: &spec.command,
        params,
        params_json_path: "$SWEEP_PARAMS_JSON",
        env: &|name| std::env::var(name).ok(),
    })
}

fn planned(rows: &[Planned]) -> Sheet<'_, Planned> {
    let columns = || {
        vec![
            Column::right("trial", |planned: &Planned| planned.number.to_string()),
            Column::left("command", |planned: &Planned| shell(&planned.command)),
        ]
    };
    Sheet {
        rows,
        table: columns(),
        csv: columns(),
        json: &planned_json,
        name: &|planned| planned.number.to_string(),
    }
}

fn planned_json(planned: &Planned) -> Value {
    object([
        ("number", planned.number.into()),
        ("params", Value::Object(planned.params.clone().into_iter().collect())),
        ("command", planned.command.clone().into()),
    ])
}

/// A command line as a shell would take it.
fn shell(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(c);
    let quote = |word: &String| match word {
        word if !word.is_empty() && word.chars().all(plain) => word.clone(),
        word => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_can_be_pasted_into_a_shell() {
        let words = ["run", "--lr=1e-05", "--dims=[1, 2]", "it's", ""].map(str::to_owned);
        assert_eq!(shell(&words), r"run --lr=1e-05 '--dims=[1, 2]' 'it'\''s' ''");
    }
}
