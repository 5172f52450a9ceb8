//! Medians and quartiles as tables, and whether `auto` is as good as the best that was recorded.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use comfy_table::Table;
use sweep_core::simulate::quantile;

use super::recorded::Recorded;
use super::{BUDGETS, Mode, Run};

/// Rows recorded with fewer seeds are not compared with.
const FEWEST: usize = 5;
/// The method that is to be as good as any.
const JUDGED: &str = "auto";
/// As good as the optimum, in parts of its size.
const OPTIMAL: f64 = 1e-4;

/// Values were recorded to so many parts of their size.
const RECORDED: f64 = 1e-7;

/// Best values of one method on one objective, sorted, for each budget.
#[derive(Default)]
struct Bests {
    ours: bool,
    at: [Vec<f64>; BUDGETS.len()],
}

impl Bests {
    fn median(&self, budget: usize) -> Option<f64> {
        quantile(&self.at[budget], 0.5)
    }

    /// `median [lower, upper quartile] n`.
    fn cell(&self, budget: usize) -> String {
        let at = &self.at[budget];
        match (quantile(at, 0.25), quantile(at, 0.5), quantile(at, 0.75)) {
            (Some(low), Some(middle), Some(high)) => {
                format!("{} [{}, {}]", figure(middle), figure(low), figure(high))
            }
            _ => String::new(),
        }
    }
}

fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

type Grouped<'r> = BTreeMap<(Mode, &'r str), BTreeMap<&'r str, Bests>>;

fn grouped<'r>(runs: &'r [Run], recorded: &'r [Recorded]) -> Grouped<'r> {
    let mut groups: Grouped = BTreeMap::new();
    for run in runs {
        let group = groups.entry((run.job.mode, &run.job.objective.name)).or_default();
        let bests = group.entry(run.job.method).or_default();
        bests.ours = true;
        for (at, budget) in bests.at.iter_mut().zip(BUDGETS) {
            at.push(run.played.best(budget));
        }
    }
    for run in recorded {
        // Only what was played is compared.
        let Some(group) = groups.get_mut(&(run.mode, run.objective.as_str())) else { continue };
        let bests = group.entry(&run.method).or_default();
        for (at, best) in bests.at.iter_mut().zip(run.bests) {
            at.extend(best);
        }
    }
    for bests in groups.values_mut().flat_map(BTreeMap::values_mut) {
        bests.at.iter_mut().for_each(|at| at.sort_by(f64::total_cmp));
    }
    groups
}

/// All tables, and the verdict.
pub(crate) fn tables(runs: &[Run], recorded: &[Recorded]) -> String {
    let groups = grouped(runs, recorded);
    let mut out = String::new();
    for ((mode, objective), methods) in &groups {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        let budgets = BUDGETS.map(|budget| format!("{budget} trials: median [quartiles]"));
        table.set_header(["method".to_owned(), "n".to_owned()].into_iter().chain(budgets));
        let mut order: Vec<_> = methods.iter().collect();
        order.sort_by_key(|(_, bests)| !bests.ours);
        for (method, bests) in order {
            let name = if bests.ours { format!("**{method}**") } else { (*method).to_owned() };
            let cells = (0..BUDGETS.len()).map(|budget| bests.cell(budget));
            table.add_row([name, bests.at[0].len().to_string()].into_iter().chain(cells));
        }
        let _infallible = writeln!(out, "### {objective}, {}\n\n{table}\n", mode.word());
    }
    let least: BTreeMap<&str, f64> =
        runs.iter().map(|run| (run.job.objective.name.as_str(), run.job.objective.least)).collect();
    out + &verdict(&groups, &least)
}

/// How `auto` stands in each row: objective, mode and budget.
fn verdict(groups: &Grouped, least: &BTreeMap<&str, f64>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["row", JUDGED, "best recorded", "by", ""]);
    let (mut rows, mut no_worse, mut better, mut behind_random) = (0, 0, 0, 0);
    for ((mode, objective), methods) in groups {
        let Some(judged) = methods.get(JUDGED) else { continue };
        for (at, budget) in BUDGETS.iter().enumerate() {
            let others = methods.iter().filter(|(method, bests)| {
                !bests.ours && bests.at[at].len() >= FEWEST && !method.starts_with("rs-")
            });
            let medians = others.filter_map(|(method, bests)| Some((bests.median(at)?, *method)));
            let Some((rival, by)) = medians.min_by(|a, b| a.0.total_cmp(&b.0)) else { continue };
            let Some(own) = judged.median(at) else { continue };
            rows += 1;
            let optimum = least.get(objective).copied().unwrap_or(f64::NEG_INFINITY);
            let is_optimal = |value: f64| value <= optimum + OPTIMAL * optimum.abs().max(1.0);
            let same = (own - rival).abs() <= RECORDED * rival.abs();
            let tie = same || is_optimal(own) && is_optimal(rival);
            let word = if tie {
                "equal"
            } else if own < rival {
                "better"
            } else {
                "worse"
            };
            no_worse += usize::from(word != "worse");
            better += usize::from(word == "better");
            let random = methods.get("random").and_then(|random| random.median(at));
            behind_random += usize::from(random.is_some_and(|random| own > random));
            let row = format!("{objective} {} {budget}", mode.word());
            table.add_row([row, figure(own), figure(rival), by.to_owned(), word.to_owned()]);
        }
    }
    if rows == 0 {
        return String::new();
    }
    format!(
        "### {JUDGED} beside the best recorded\n\n{table}\n\nOf {rows} rows {no_worse} are no worse ({:.0} %), {better} better; {behind_random} are behind random.\n",
        100.0 * f64::from(u32::try_from(no_worse).unwrap_or(u32::MAX)) / f64::from(rows)
    )
}

/// Every sweep as a line, in the form of the recorded ones.
pub(crate) fn csv(runs: &[Run]) -> String {
    let mut out = "method,objective,mode,seed,trials,best25,best50,best100,ask_ms_median\n".to_owned();
    for run in runs {
        let mut asks = run.played.asks.clone();
        asks.sort();
        let median = asks.get(asks.len() / 2).map_or(0.0, |ask| ask.as_secs_f64() * 1e3);
        let bests: Vec<String> = BUDGETS.iter().map(|&budget| run.played.best(budget).to_string()).collect();
        let job = &run.job;
        let _infallible = writeln!(
            out,
            "{},{},{},{},{},{},{median:.4}",
            job.method,
            job.objective.name,
            job.mode.word(),
            job.seed,
            run.played.bests.len(),
            bests.join(",")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_judged_by_medians_of_enough_seeds() {
        let bests = |ours: bool, values: [f64; 3]| Bests { ours, at: values.map(|value| vec![value; 5]) };
        let few = Bests { ours: false, at: [vec![0.0], vec![0.0], vec![0.0]] };
        let methods = BTreeMap::from([
            ("auto", bests(true, [3.000_000_1, 2.0, 1.0])),
            ("random", bests(true, [2.5, 2.5, 2.5])),
            ("rival", bests(false, [3.0, 1.0, 1.5])),
            ("rs-left-out", bests(false, [0.0; 3])),
            ("seldom", few),
        ]);
        let groups = BTreeMap::from([((Mode::Seq, "f"), methods)]);
        let page = verdict(&groups, &BTreeMap::from([("f", 0.0)]));
        assert!(page.contains("Of 3 rows 2 are no worse (67 %), 1 better; 1 are behind random."), "{page}");
    }
}
