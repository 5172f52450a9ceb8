//! Names that are not known: which known one was probably meant.

use super::problem::{Place, Problem};
use super::yaml::Entry;

/// How alike two names must be for one to be a suggestion for the other.
const ALIKE: f64 = 0.8;
/// Names that other tools have for keys here.
const SYNONYMS: [(&str, &str); 77] = [
    ("algorithm", "method"),
    ("search", "method"),
    ("strategy", "method"),
    ("hyperparameters", "parameters"),
    ("hyperparams", "parameters"),
    ("params", "parameters"),
    ("search_space", "parameters"),
    ("space", "parameters"),
    ("objective", "metric"),
    ("entrypoint", "program"),
    ("main", "program"),
    ("script", "program"),
    ("args", "command"),
    ("arguments", "command"),
    ("cmd", "command"),
    ("run", "command"),
    ("count", "run_cap"),
    ("max_runs", "run_cap"),
    ("max_trials", "run_cap"),
    ("num_runs", "run_cap"),
    ("num_samples", "run_cap"),
    ("num_trials", "run_cap"),
    ("runs", "run_cap"),
    ("trials", "run_cap"),
    ("early_stop", "early_terminate"),
    ("early_stopping", "early_terminate"),
    ("earlystopping", "early_terminate"),
    ("pruner", "early_terminate"),
    ("stopping", "stop"),
    ("budget", "stop"),
    ("random_seed", "seed"),
    ("constraint", "constraints"),
    ("max_retries", "retries"),
    ("timeout", "trial_timeout"),
    ("concurrency", "max_parallel"),
    ("max_concurrent", "max_parallel"),
    ("parallel", "max_parallel"),
    ("grace", "stop_grace"),
    ("title", "name"),
    ("dist", "distribution"),
    ("type", "distribution"),
    ("choice", "values"),
    ("choices", "values"),
    ("options", "values"),
    ("default", "value"),
    ("probs", "probabilities"),
    ("weights", "probabilities"),
    ("low", "min"),
    ("lower", "min"),
    ("minimum", "min"),
    ("high", "max"),
    ("upper", "max"),
    ("maximum", "max"),
    ("mean", "mu"),
    ("loc", "mu"),
    ("std", "sigma"),
    ("stddev", "sigma"),
    ("scale", "sigma"),
    ("step", "q"),
    ("condition", "when"),
    ("direction", "goal"),
    ("mode", "goal"),
    ("reduction_factor", "eta"),
    ("grace_period", "min"),
    ("min_resource", "min"),
    ("min_t", "min"),
    ("max_resource", "max"),
    ("max_t", "max"),
    ("time_attr", "resource"),
    ("unit", "resource"),
    ("warmup", "grace"),
    ("interval_steps", "interval"),
    ("min_samples_required", "min_trials"),
    ("n_startup_trials", "min_trials"),
    ("hours", "time"),
    ("device_hours", "device_time"),
    ("gpu_hours", "device_time"),
];

/// The known name that somebody probably meant.
pub(super) fn nearest<'k>(known: impl Iterator<Item = &'k str>, wanted: &str) -> Option<&'k str> {
    let wanted = plain(wanted);
    known
        .map(|name| (name, strsim::jaro_winkler(name, &wanted)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, score)| *score > ALIKE)
        .map(|(name, _)| name)
}

/// As [`nearest`], with what other tools call it.
pub(super) fn meant<'k>(known: impl Iterator<Item = &'k str> + Clone, wanted: &str) -> Option<&'k str> {
    let name = plain(wanted);
    let mut synonyms = SYNONYMS.iter().filter(|(synonym, _)| *synonym == name);
    let synonym = synonyms.find_map(|(_, key)| known.clone().find(|known| known == key));
    synonym.or_else(|| nearest(known, wanted))
}

fn plain(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

/// Unknown names that are told as such without a search for what was meant, once so many problems are found: nobody
/// reads on, and a search takes its time.
const MANY: usize = 200;

/// Unknown keys, each with the one that was probably meant as the fix.
pub(super) fn unknown_keys<'e>(
    unknown: impl Iterator<Item = &'e Entry>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) {
    for entry in unknown {
        let problem = Problem::error(entry.key_place, format!("`{}` is not a known key here", entry.key));
        if problems.len() >= MANY {
            problems.push(problem);
            continue;
        }
        problems.push(match meant(known.iter().copied(), &entry.key) {
            Some(key) => problem.fix(format!("did you mean `{key}`?")),
            None => problem.fix(format!("known keys: {}", known.join(", "))),
        });
    }
}

/// An unknown parameter.
pub(super) fn unknown_parameter(name: &str, place: Place, known: &[String], problems: &mut Vec<Problem>) {
    let problem = Problem::error(place, format!("there is no parameter `{name}`"));
    if problems.len() >= MANY {
        problems.push(problem);
        return;
    }
    let known = || known.iter().take(MANY).map(String::as_str);
    // A hyphen is a minus in a constraint, and may be part of a name.
    let longer = known().find(|other| other.contains('-') && other.split('-').any(|part| part == name));
    problems.push(match (longer, nearest(known(), name)) {
        (Some(longer), _) => problem.fix(format!(
            "`-` is a minus here: `{longer}` can stand in a constraint once it has another name"
        )),
        (None, Some(near)) => problem.fix(format!("did you mean `{near}`?")),
        (None, None) => {
            problem.fix(format!("parameters here: {}", known().take(20).collect::<Vec<_>>().join(", ")))
        }
    });
}
