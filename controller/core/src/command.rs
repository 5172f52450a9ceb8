//! The command line of a trial: W&B's `command` list with its macros (the reference's section 1.6).

use serde_json::Value;
use thiserror::Error;

use crate::value::{Params, python_str};

/// Why a command line cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Nothing says what to run.
    #[error("the sweep file has neither `program` nor `command`: nothing says what to run")]
    NoProgram,
    /// `${program}` stands in the command, but the file has no `program`.
    #[error("`command` uses ${{program}}, but the sweep file has no `program`")]
    ProgramMissing,
    /// Everything expanded to nothing.
    #[error("`command` expands to nothing")]
    Empty,
}

/// Every macro but `envvar:NAME`.
pub const MACROS: [&str; 11] = [
    "env",
    "interpreter",
    "program",
    "args",
    "args_no_equals",
    "args_no_hyphens",
    "args_append_hydra",
    "args_override_hydra",
    "args_no_boolean_flags",
    "args_json",
    "args_json_file",
];

/// Where the parts of a command line come from.
pub struct Source<'a> {
    /// `program` of the sweep file; empty when absent.
    pub program: &'a str,
    /// `command` of the sweep file; empty: the default for the program.
    pub command: &'a [String],
    /// The trial's parameters.
    pub params: &'a Params,
    /// What `${args_json_file}` stands for.
    pub params_json_path: &'a str,
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Expands a command into an argument vector; no shell is involved.
///
/// Without a `command`, a program ending in `.py` runs by W&B's default
/// (`${env} ${interpreter} ${program} ${args}`), anything else directly as `${program} ${args}`.
///
/// A macro counts only as a whole item; `${envvar:NAME}` also inside one, and an unset variable leaves its bare name,
/// as in W&B's agent.
pub fn expand(source: &Source<'_>) -> Result<Vec<String>, CommandError> {
    let default: &[&str] = if is_python(source.program) {
        &["${env}", "${interpreter}", "${program}", "${args}"]
    } else {
        &["${program}", "${args}"]
    };
    let mut argv = Vec::new();
    if source.command.is_empty() {
        if source.program.is_empty() {
            return Err(CommandError::NoProgram);
        }
        for item in default {
            expand_item(item, source, &mut argv)?;
        }
    } else {
        for item in source.command {
            expand_item(item, source, &mut argv)?;
        }
    }
    if argv.is_empty() { Err(CommandError::Empty) } else { Ok(argv) }
}

fn is_python(program: &str) -> bool {
    program.len() > 3 && program.ends_with(".py")
}

fn inside(item: &str) -> Option<&str> {
    item.strip_prefix("${")?.strip_suffix('}')
}

/// The name in an item that is a macro as a whole, known or not.
pub(crate) fn macro_name(item: &str) -> Option<String> {
    inside(&expand_envvars(item, &|_| None)).map(str::to_owned)
}

fn expand_item(item: &str, source: &Source<'_>, argv: &mut Vec<String>) -> Result<(), CommandError> {
    let with_env = expand_envvars(item, source.env);
    let Some(name) = inside(&with_env) else {
        argv.push(with_env);
        return Ok(());
    };
    let params = source.params.iter();
    match name {
        "env" => argv.push("/usr/bin/env".to_owned()),
        "interpreter" => argv.push("python".to_owned()),
        "program" if source.program.is_empty() => return Err(CommandError::ProgramMissing),
        "program" => argv.push(source.program.to_owned()),
        "args" => argv.extend(params.map(|(key, value)| format!("--{key}={}", python_str(value)))),
        "args_no_equals" => {
            for (key, value) in params {
                argv.push(format!("--{key}"));
                argv.push(python_str(value));
            }
        }
        "args_no_hyphens" => argv.extend(params.map(|(key, value)| format!("{key}={}", python_str(value)))),
        "args_append_hydra" => {
            argv.extend(params.map(|(key, value)| format!("+{key}={}", python_str(value))));
        }
        "args_override_hydra" => {
            argv.extend(params.map(|(key, value)| format!("++{key}={}", python_str(value))));
        }
        "args_no_boolean_flags" => argv.extend(params.filter_map(|(key, value)| match value {
            Value::Bool(true) => Some(format!("--{key}")),
            Value::Bool(false) => None,
            other => Some(format!("--{key}={}", python_str(other))),
        })),
        "args_json" => {
            let object: serde_json::Map<_, _> =
                params.map(|(key, value)| (key.clone(), value.clone())).collect();
            argv.push(Value::Object(object).to_string());
        }
        "args_json_file" => argv.push(source.params_json_path.to_owned()),
        // As W&B's agent; the check of the file warns.
        _ => {}
    }
    Ok(())
}

fn expand_envvars(item: &str, env: &dyn Fn(&str) -> Option<String>) -> String {
    const OPEN: &str = "${envvar:";
    let mut out = String::new();
    let mut rest = item;
    while let Some(at) = rest.find(OPEN) {
        let after = &rest[at + OPEN.len()..];
        let length = after
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
            .unwrap_or(after.len());
        out.push_str(&rest[..at]);
        if after[length..].starts_with('}') {
            let name = &after[..length];
            out.push_str(&env(name).unwrap_or_else(|| name.to_owned()));
            rest = &after[length + 1..];
        } else {
            out.push_str(OPEN);
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(program: &str, command: &[&str], expected: &[&str]) {
        let command: Vec<_> = command.iter().map(|&item| item.to_owned()).collect();
        assert_eq!(run(program, &command).expect("expands"), expected);
    }

    fn run(program: &str, command: &[String]) -> Result<Vec<String>, CommandError> {
        let params = Params::from([
            ("lr".to_owned(), json!(1e-5)),
            ("amp".to_owned(), json!(true)),
            ("deep".to_owned(), json!(false)),
        ]);
        let env = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
        expand(&Source { program, command, params: &params, params_json_path: "/p.json", env: &env })
    }

    #[test]
    fn python_programs_run_by_the_default_command_of_wandb() {
        check(
            "train.py",
            &[],
            &["/usr/bin/env", "python", "train.py", "--amp=True", "--deep=False", "--lr=1e-05"],
        );
    }

    #[test]
    fn other_programs_run_directly() {
        check("/bin/true", &[], &["/bin/true", "--amp=True", "--deep=False", "--lr=1e-05"]);
    }

    #[test]
    fn each_macro_expands_by_its_rule() {
        check(
            "p",
            &["${program}", "x", "${args_no_hyphens}"],
            &["p", "x", "amp=True", "deep=False", "lr=1e-05"],
        );
        check("p", &["${args_no_equals}"], &["--amp", "True", "--deep", "False", "--lr", "1e-05"]);
        check("p", &["${args_no_boolean_flags}"], &["--amp", "--lr=1e-05"]);
        check("p", &["${args_append_hydra}"], &["+amp=True", "+deep=False", "+lr=1e-05"]);
        check("p", &["${args_override_hydra}"], &["++amp=True", "++deep=False", "++lr=1e-05"]);
        check("p", &["${args_json}"], &[r#"{"amp":true,"deep":false,"lr":0.00001}"#]);
        check("p", &["run", "${args_json_file}"], &["run", "/p.json"]);
        check("p", &["${envvar:HOME}/bin/${envvar:NOT_SET}"], &["/home/me/bin/NOT_SET"]);
        check("p", &["--cfg=${args_json}"], &["--cfg=${args_json}"]);
    }

    #[test]
    fn what_cannot_run_is_an_error() {
        assert_eq!(run("", &[]), Err(CommandError::NoProgram));
        assert_eq!(run("", &["${program}".to_owned()]), Err(CommandError::ProgramMissing));
        assert_eq!(run("p", &["${progam}".to_owned()]), Err(CommandError::Empty));
    }
}
