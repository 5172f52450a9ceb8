//! What other libraries came to on the same objectives, as recorded.

use std::path::Path;

use anyhow::Context as _;

use super::{BUDGETS, Mode};

/// One recorded sweep: the best value after each of [`BUDGETS`] trials, where it got so far.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    pub(crate) objective: String,
    pub(crate) mode: Mode,
    pub(crate) bests: [Option<f64>; BUDGETS.len()],
}

/// Reads a file of runs: method, objective, mode, seed, trials, best25, best50, best100, and what else.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Recorded>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let line = |(at, line): (usize, &str)| {
        parse(line).with_context(|| format!("{}:{}: no run: {line}", path.display(), at + 1))
    };
    text.lines().enumerate().skip(1).map(line).collect()
}

fn parse(line: &str) -> Option<Recorded> {
    let cells: Vec<&str> = line.split(',').collect();
    let best = |at: usize| cells.get(5 + at).and_then(|cell| cell.parse().ok());
    Some(Recorded {
        method: (*cells.first()?).to_owned(),
        objective: (*cells.get(1)?).to_owned(),
        mode: Mode::of(cells.get(2)?)?,
        bests: std::array::from_fn(best),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_may_have_ended_before_the_last_budget() {
        let run = parse("optuna-tpe,branin,par8,3,50,0.75,0.5,,1.9").expect("is a run");
        assert_eq!(
            (run.method.as_str(), run.objective.as_str(), run.mode),
            ("optuna-tpe", "branin", Mode::Par8)
        );
        assert_eq!(run.bests, [Some(0.75), Some(0.5), None]);
        assert!(parse("optuna-tpe,branin,par9,3,50,0.75,0.5,,1.9").is_none());
    }
}
